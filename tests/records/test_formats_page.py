"""The page about formats says what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from detector.records.envelopes.unpack import Unpacker
from detector.records.every_format import FORMATS
from detector.records.flow import RejectReason

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "formats.md").read_text()


ENVELOPES = re.findall(r"^\| [^|]+ \| `(.+)` \| `(\S+)` \|$", PAGE.partition("## Envelopes")[2], re.MULTILINE)


def test_the_page_shows_envelopes() -> None:
    """There is an example for each of them."""
    assert len(ENVELOPES) == 11


@pytest.mark.parametrize(("message", "path"), ENVELOPES)
def test_the_examples_of_envelopes_hold_a_record(message: str, path: str) -> None:
    """By the path that is given beside it, the record within each example is found."""
    pieces = Unpacker([path]).unpack([message.encode()], 1 << 20)
    assert (pieces.values, pieces.parts) == ([b'{"ts": 1700000000}'], [-1])


@pytest.mark.parametrize("word", [*FORMATS, *RejectReason])
def test_the_page_names_every_format_and_reason(word: str) -> None:
    """Each format and each reason for a reject has its row in the page's tables."""
    assert f"\n| `{word}` |" in PAGE
