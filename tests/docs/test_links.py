"""Links between pages lead somewhere, and every page can be reached."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tests.test_layers import ORDER

ROOT = Path(__file__).resolve().parents[2]

DOCS = ROOT / "docs"

PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.glob("**/*.md"))]

_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")

_CODE = re.compile(r"^( *)```.*?^\1```$|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def links(page: str) -> list[str]:
    """What a page links to, outside of code."""
    return _LINK.findall(_CODE.sub("", page))


def anchors(page: str) -> set[str]:
    """The anchors of its headings, as Markdown's readers make them."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", page, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", each) for each in headings)
    return {re.sub(r"[^\w -]", "", each).strip().lower().replace(" ", "-") for each in plain}


def leads_nowhere(link: str, page: Path) -> bool:
    """Whether a relative link has no file, or no heading."""
    target, _, anchor = link.partition("#")
    path = (page.parent / target).resolve() if target else page
    if not path.is_file():
        return True
    return bool(anchor) and anchor not in anchors(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    """Each relative link names a file that is there, and a heading that it has."""
    relative = [link for link in links(page.read_text(encoding="utf-8")) if not link.startswith(("http", "mailto:"))]
    assert [link for link in relative if leads_nowhere(link, page)] == []


def test_a_link_to_nowhere_is_found() -> None:
    """A file or a heading that is not there is told."""
    page = DOCS / "index.md"
    assert leads_nowhere("nothing.md", page)
    assert leads_nowhere("get-started.md#nothing", page)
    assert not leads_nowhere("get-started.md#install", page)
    assert links("`[a](b.md)` and [c](d.md)") == ["d.md"]


def test_pages_within_the_docs_link_within_them() -> None:
    """The site has the docs alone: a page there links to nothing beside them."""
    for page in sorted(DOCS.glob("**/*.md")):
        for link in links(page.read_text(encoding="utf-8")):
            if not link.startswith(("http", "#")):
                assert (page.parent / link.partition("#")[0]).resolve().is_relative_to(DOCS), f"{page.name}: {link}"


def test_every_page_has_its_place_in_the_navigation() -> None:
    """Each page stands once in mkdocs.yml, and each place there is a page."""
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    named = list(_leaves(yaml.safe_load(text)["nav"]))
    assert sorted(named) == sorted(str(page.relative_to(DOCS)) for page in DOCS.glob("**/*.md"))


def _leaves(tree: object) -> list[str]:
    if isinstance(tree, str):
        return [tree]
    parts = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    return [leaf for part in parts for leaf in _leaves(part)]


def test_what_is_told_of_pages_elsewhere_is_so() -> None:
    """Pages that code, settings and messages name are there."""
    places = [ROOT / name for name in ("detector", "training", "bench", "config")]
    files = [
        path for place in places for path in place.glob("**/*") if path.suffix in {".py", ".toml", ".yaml", ".json"}
    ]
    named = {
        each
        for path in files
        for each in re.findall(r"(?<![\w/.])docs/[\w/-]+\.(?:md|svg)", path.read_text(encoding="utf-8"))
    }
    assert len(named) >= 10
    assert [each for each in sorted(named) if not (ROOT / each).is_file() and "NAME" not in each] == []


def test_the_layers_are_told_in_their_order() -> None:
    """The table of layers has every package that the order of imports has, from top to bottom."""
    page = (DOCS / "explanation" / "design.md").read_text(encoding="utf-8")
    table = page.partition("| package | what is in it |")[2].partition("\n\n")[0]
    told = [name for row in re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)]
    packages = {path.parent.name for path in (ROOT / "detector").glob("*/__init__.py")}
    assert [name for name in ORDER if name in told] == told
    assert packages <= set(told)
