"""Each kind of incident has its page, made from its declaration."""

from __future__ import annotations

from pathlib import Path

import pytest

from detector.incidents.kinds import KINDS, Kind
from detector.reference.incidents import OUTSIDE, incidents_page, kind_pages, slug, title
from detector.reference.pages import KINDS as FOLDER
from detector.reference.pages import main, pages, stale


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_kind_s_page_says_what_it_declares(kind: Kind) -> None:
    """Meaning, rule, innocent causes, what to look at and its technique; the headline has no place left open."""
    page = kind_pages()[slug(kind)]
    assert page.startswith(f"# {title(kind)}\n")
    assert kind.meaning in page
    assert all(f"* {each}\n" in page for each in kind.innocent)
    assert all(f"1. {each}\n" in page for each in kind.checks_in_general())
    assert all(f"[{each.id}](https://attack.mitre.org/techniques/" in page for each in kind.techniques)
    headline = page.partition("| its headline | ")[2].partition(" |\n")[0]
    assert headline
    assert not set("{}…") & set(headline)


@pytest.mark.parametrize("name", OUTSIDE)
def test_what_goes_out_is_shown_with_a_destination_outside(name: str) -> None:
    """A tunnel or beacon from inside to inside would be none, by the rule on the same page."""
    assert f" 198.51.100.7 port {OUTSIDE[name]} |" in kind_pages()[name.replace(" ", "-")]


def test_the_list_leads_to_every_page() -> None:
    """Each kind is a row, in the order in which its rule is asked."""
    page = incidents_page()
    places = [page.index(f"[{kind.name}]({slug(kind)}.md)") for kind in KINDS]
    assert places == sorted(places)


def test_the_page_of_a_kind_that_is_gone_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that no declaration makes any more is told, and goes."""
    monkeypatch.chdir(tmp_path)
    assert main([]) == 0
    gone = tmp_path / FOLDER / "gone.md"
    gone.write_text("# Gone\n", encoding="utf-8")
    assert stale(tmp_path) == [FOLDER / "gone.md"]
    assert main(["--check"]) == 1
    assert main([]) == 0
    assert not gone.exists()
    assert {path for path in pages() if not (tmp_path / path).is_file()} == set()
