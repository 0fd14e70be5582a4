"""The page about formats says what there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from detector.records.flow import RejectReason
from detector.records.formats import FORMATS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "formats.md").read_text()


@pytest.mark.parametrize("word", [*FORMATS, *RejectReason])
def test_the_page_names_every_format_and_reason(word: str) -> None:
    """Each format and each reason for a reject has its row in the page's tables."""
    assert f"\n| `{word}` |" in PAGE
