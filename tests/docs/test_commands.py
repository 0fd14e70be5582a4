"""What pages tell readers to run does what they say, on small simulated traffic."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.commands import Block, blocks, fits, follow, run

DOCS = Path(__file__).resolve().parents[2] / "docs"

FIRST = "get-started.md"
"""The page whose folder others go on in."""


def pages() -> dict[str, list[Block]]:
    """Every page with blocks to run, by its path."""
    found = {str(path.relative_to(DOCS)): blocks(path.read_text(encoding="utf-8")) for path in DOCS.glob("**/*.md")}
    return {name: marked for name, marked in sorted(found.items()) if marked}


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a reader has followed the first page."""
    folder = tmp_path_factory.mktemp("started")
    follow(pages()[FIRST], folder)
    return folder


@pytest.mark.slow
@pytest.mark.timeout(1_200)  # trains as a reader does
@pytest.mark.parametrize("name", pages())
def test_the_commands_of_a_page_do_what_it_says(name: str, tmp_path: Path, started: Path) -> None:
    """Run in order, each succeeds and prints what the page shows."""
    if name == FIRST:
        assert (started / "incidents.jsonl").stat().st_size > 0
        return
    marked = pages()[name]
    assert {block.page for block in marked} <= {None, FIRST}
    follow([block for block in marked if block.page], started)
    follow([block for block in marked if not block.page], tmp_path)


def test_the_pages_that_must_have_commands_have_them() -> None:
    """Marks are found: the first page and the chief guides have blocks to run."""
    assert {FIRST, "guides/read-an-alert.md", "guides/read-incidents.md", "guides/hunt.md"} <= pages().keys()
    assert len(pages()[FIRST]) >= 5
    assert all(block.printed for block in pages()[FIRST][:2])


@pytest.mark.parametrize(
    ("shown", "printed", "expected"),
    [
        ("read 17: alerts 2", "read 1,234: alerts 5", True),
        ("read 17: alerts 2", "read 1,234: incidents 5", False),
        ("first\n…\nlast", "first\nsecond\nthird\nlast", True),
        ("first\n…\nlast", "first\nlast", True),
        ("first\n…", "second\nfirst", False),
        ("a   b  2c0d8178", "a b ff8f170d", True),
        ("high  scan", "low  scan", False),
        ("56 alerts …", "7 alerts, and more", True),
    ],
)
def test_output_is_compared_but_for_numbers_and_gaps(shown: str, printed: str, *, expected: bool) -> None:
    """Words and their order count."""
    assert fits(shown, printed) is expected


def test_a_command_that_fails_is_told(tmp_path: Path) -> None:
    """A script that ends with an error is no success, wherever in it that is."""
    with pytest.raises(AssertionError, match="no such"):
        run("echo no such file | cat\nfalse\necho fine", tmp_path)


def test_ids_that_are_shown_stand_for_those_that_are_printed(tmp_path: Path) -> None:
    """A script that shows an incident by the page's id gets the id that was printed where the page has it."""
    (tmp_path / "oddflow").write_text('#!/bin/sh\necho "got $3"\n', encoding="utf-8")
    follow(
        [
            Block("echo scan 0ddf1000\n", "scan 1a2b3c4d", None),
            Block("sh ./oddflow incidents show 1a2b\n", "got 0ddf1000", None),
        ],
        tmp_path,
    )
