"""Dead letters: the record as it came, and headers that tell where it was and why it is here."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.alerts.dead_letter import MAX_DETAIL_BYTES, dead_letters
from detector.records.flow import Reject, RejectReason
from detector.transport.base import Envelope, OutRecord, RawBatch


def batch(
    value: bytes | None, key: bytes | None = None, headers: list[tuple[str, bytes | None]] | None = None
) -> RawBatch:
    """One record at offset 41 of partition 3."""
    return RawBatch(
        "flows",
        [value],
        np.array([3], np.int32),
        np.array([41]),
        np.array([-1]),
        lambda _: Envelope(key, headers or []),
    )


def dead_letter(raw: RawBatch, reject: Reject) -> OutRecord:
    """The one dead letter of one reject."""
    (letter,) = dead_letters(raw, [reject])
    return letter


def test_each_of_many_has_its_own_place_and_bytes() -> None:
    """Dead letters that are made together share nothing that differs between them."""
    raw = RawBatch(
        "flows",
        [b"a", b"b", b"c"],
        np.array([0, 1, 2], np.int32),
        np.array([7, 8, 9]),
        np.full(3, -1),
        lambda row: Envelope(b"key%d" % row, [("row", b"%d" % row)]),
    )
    rejects = [Reject(0, RejectReason.NOT_JSON, "one"), Reject(2, RejectReason.BAD_PORT, "other")]
    letters = dead_letters(raw, rejects)
    assert [(letter.value, letter.key) for letter in letters] == [(b"a", b"key0"), (b"c", b"key2")]
    told = [{name.removeprefix("oddflow.error."): value for name, value in letter.headers} for letter in letters]
    same = {"stage": b"decode", "topic": b"flows"}
    assert told == [
        {"row": b"0", "reason": b"not_json", "detail": b"one", "partition": b"0", "offset": b"7", **same},
        {"row": b"2", "reason": b"bad_port", "detail": b"other", "partition": b"2", "offset": b"9", **same},
    ]


def test_headers_tell_where_and_why() -> None:
    """Each header is there in words, after the record's own."""
    letter = dead_letter(
        batch(b"{broken", b"key", [("trace", b"7"), ("empty", None)]), Reject(0, RejectReason.NOT_JSON, "line 1: …")
    )
    assert (letter.value, letter.key) == (b"{broken", b"key")
    assert letter.headers == [
        ("trace", b"7"),
        ("empty", None),
        ("oddflow.error.reason", b"not_json"),
        ("oddflow.error.detail", "line 1: …".encode()),
        ("oddflow.error.stage", b"decode"),
        ("oddflow.error.topic", b"flows"),
        ("oddflow.error.partition", b"3"),
        ("oddflow.error.offset", b"41"),
    ]


def test_a_message_of_several_is_sent_on_once_and_whole() -> None:
    """However many of its records cannot be used: headers tell how many, and which is the first."""
    rejects = [Reject(0, RejectReason.MISSING_FIELD, "ts: is missing", 2), Reject(0, RejectReason.BAD_PORT, "", 7)]
    letters = dead_letters(batch(b"[...]"), rejects)
    assert [letter.value for letter in letters] == [b"[...]"]
    headers = dict(letters[0].headers)
    assert (headers["oddflow.error.part"], headers["oddflow.error.records"]) == (b"2", b"2")
    assert headers["oddflow.error.detail"] == b"ts: is missing"


@given(st.none() | st.binary(max_size=200), st.none() | st.binary(max_size=20))
def test_bytes_are_never_changed(value: bytes | None, key: bytes | None) -> None:
    """Value and key are exactly what came, tombstones and empty values too."""
    letter = dead_letter(batch(value, key), Reject(0, RejectReason.EMPTY, ""))
    assert (letter.value, letter.key) == (value, key)


def test_a_second_trip_tells_of_the_second_failure() -> None:
    """A dead letter that was sent in again and failed again has each of our headers once, of the last failure."""
    first = dead_letter(batch(b"x"), Reject(0, RejectReason.NOT_JSON, "then"))
    again = dead_letter(batch(b"x", None, list(first.headers)), Reject(0, RejectReason.BAD_PORT, "now"))
    names = [name for name, _ in again.headers]
    assert len(names) == len(set(names)) == 6
    assert dict(again.headers)["oddflow.error.detail"] == b"now"


@pytest.mark.parametrize("detail", ["x" * 10_000, "ü" * 10_000, "a" + "🦊" * 10_000, "\ud800"])
def test_details_are_bounded(detail: str) -> None:
    """A detail that quotes a huge field is cut between characters, and stays UTF-8."""
    header = dict(dead_letter(batch(b""), Reject(0, RejectReason.WRONG_TYPE, detail)).headers)["oddflow.error.detail"]
    assert header is not None
    assert len(header) <= MAX_DETAIL_BYTES
    assert header.decode()


@pytest.mark.parametrize("reason", list(RejectReason))
def test_every_reason_is_plain(reason: RejectReason) -> None:
    """Every reason is a word that can be a header and a metric's label."""
    header = dict(dead_letter(batch(b""), Reject(0, reason, "")).headers)["oddflow.error.reason"]
    assert header == reason.value.encode()
    assert reason.value.replace("_", "").isalnum()
