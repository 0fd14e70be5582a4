"""Guides are easy to read: short sentences, few numbers in each, and a README of one page."""

from __future__ import annotations

from pathlib import Path
from statistics import mean

import pytest

from tests.docs.prose import numbers, sentences

ROOT = Path(__file__).resolve().parents[2]

DOCS = ROOT / "docs"

KINDS = DOCS / "guides" / "incidents"

GUIDES = [ROOT / "README.md", DOCS / "index.md", DOCS / "get-started.md", *sorted((DOCS / "guides").glob("**/*.md"))]

EXPLANATIONS = sorted((DOCS / "explanation").glob("*.md"))

MEAN_WORDS, MOST_WORDS = 18, 30
"""Of a sentence in a guide."""

MOST_WORDS_EXPLAINED = 42
"""Of a sentence in an explanation."""


def words(page: Path) -> list[int]:
    """How many words each sentence has."""
    return [len(each.split()) for each in sentences(page.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: str(page.relative_to(ROOT)))
def test_sentences_of_guides_are_short(page: Path) -> None:
    """They have 18 words in the mean at most, and none has more than thirty."""
    counted = words(page)
    assert mean(counted) <= MEAN_WORDS
    assert max(counted) <= MOST_WORDS, max(
        sentences(page.read_text(encoding="utf-8")), key=lambda each: len(each.split())
    )


@pytest.mark.parametrize("page", EXPLANATIONS, ids=lambda page: page.stem)
def test_sentences_of_explanations_are_short(page: Path) -> None:
    """They have 18 words in the mean at most; none is endless."""
    counted = words(page)
    assert mean(counted) <= MEAN_WORDS
    assert max(counted) <= MOST_WORDS_EXPLAINED


@pytest.mark.parametrize(
    "page",
    # Rules of kinds are quoted as documents tell them.
    [page for page in GUIDES if page.parent != KINDS],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_a_sentence_of_a_guide_has_one_number(page: Path) -> None:
    """Figures that are compared stand in a table."""
    assert [each for each in sentences(page.read_text(encoding="utf-8")) if len(numbers(each)) > 1] == []


def test_the_readme_is_one_page() -> None:
    """It has 90 lines at most, a picture, and a table."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 90
    assert "](docs/incidents.svg)" in text
    assert "|---|" in text


def test_prose_is_what_people_read() -> None:
    """Code, tables, headings and addresses are no prose; points of a list are sentences of their own."""
    page = (
        "# Title 1 2 3\n\nOne `a b c` two. Three\nfour [five six](seven.md).\n\n* a point 5\n* another 6\n\n"
        "| 7 | 8 |\n|---|---|\n\n```sh\nnine ten 11 12\n```\n"
    )
    assert sentences(page) == ["One «code» two.", "Three four five six.", "a point 5", "another 6"]
    assert numbers("a 1,000 and 2.5 b3 10.0.0.1") == ["1,000", "2.5", "10.0.0.1"]
