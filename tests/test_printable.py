"""Text from outside as it may be shown: nothing that a terminal acts on, and JSON whose readers have the same text."""

from __future__ import annotations

import json
import unicodedata

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.printable import printable, printable_json, printable_lines

TEXTS = st.text(alphabet=st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from("\x7f\x9b\u202e\u2066")))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, with ü and 🦊", "plain, with ü and 🦊"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("\x9b31m", r"\x9b31m"),
        ("a\u202eb", r"a\u202eb"),
        ("line\nbreak", r"line\nbreak"),
        ("\U000e0041", r"\U000e0041"),
    ],
)
def test_what_is_not_printable_is_spelled_out(text: str, shown: str) -> None:
    """Controls and format characters are shown by their numbers, all else as it is."""
    assert printable(text) == shown


@given(TEXTS)
def test_shown_text_holds_no_control_and_no_format_character(text: str) -> None:
    """Whatever comes in, what is shown has no character of Unicode's categories of controls and formats."""
    assert not {unicodedata.category(sign) for sign in printable(text)} & {"Cc", "Cf", "Zl", "Zp"}


@given(st.dictionaries(TEXTS, TEXTS))
def test_json_says_the_same_without_such_characters(document: dict[str, str]) -> None:
    """A document of any text has no such character in its bytes, and is read as it was."""
    written = printable_json(msgspec.json.encode(document))
    assert written.decode().isprintable()
    assert json.loads(written) == msgspec.json.decode(written) == document


@given(st.lists(TEXTS, min_size=1))
def test_lines_stay_lines(texts: list[str]) -> None:
    """Several documents, one on a line, are each escaped and still one on a line."""
    lines = printable_lines(b"\n".join(map(msgspec.json.encode, texts))).split(b"\n")
    assert [json.loads(line) for line in lines] == texts
    assert all(line.decode().isprintable() for line in lines)
