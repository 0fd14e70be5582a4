"""What a topic does not take: cut and saying so, or in parts that are the whole together."""

from __future__ import annotations

import hashlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.transport.base import Channel, OutRecord
from detector.transport.kafka.oversize import fitted, in_parts, sent_bytes

PLACE = {"topic": "flows", "partition": 3, "offset": 12_345}


def alert(vector: int, text: int) -> OutRecord:
    """An alert with so long a vector and a uid."""
    ours = {"id": "5" * 36, "position": PLACE, "flow": {"uid": "u" * text}, "vector": [1.5] * vector}
    return OutRecord(msgspec.json.encode({"message": "odd", "unmapped": {"oddflow": ours}}), b"10.0.0.1")


def test_the_vector_goes_first() -> None:
    """Where leaving out the vector is enough, every text stays, and the vector's length and digest are told."""
    record = alert(2_000, 500)
    cut = fitted(Channel.ALERTS, record, 4_000)
    ours = msgspec.json.decode(cut.value or b"")["unmapped"]["oddflow"]
    whole = msgspec.json.encode([1.5] * 2_000)
    assert "vector" not in ours
    assert ours["flow"]["uid"] == "u" * 500
    assert ours["position"] == PLACE
    assert ours["cut"] == [
        {"field": "unmapped.oddflow.vector", "bytes": len(whole), "sha256": hashlib.sha256(whole).hexdigest()}
    ]


@given(st.integers(1_024, 20_000), st.integers(0, 5_000), st.integers(0, 50_000))
def test_a_document_fits_and_says_what_is_missing(most: int, vector: int, text: int) -> None:
    """Whatever is large in it, an alert fits its topic, is JSON with its id and place, and tells each cut."""
    record = alert(vector, text)
    cut = fitted(Channel.ALERTS, record, most)
    assert sent_bytes(cut) <= most
    assert (cut is record) == (sent_bytes(record) <= most)
    ours = msgspec.json.decode(cut.value or b"")["unmapped"]["oddflow"]
    assert (ours["id"], ours["position"]) == ("5" * 36, PLACE)
    uid = ours["flow"]["uid"]
    told = [one["bytes"] for one in ours.get("cut", ()) if one["field"] == "unmapped.oddflow.flow.uid"]
    assert told == ([] if uid == "u" * text else [text])


@given(st.binary(max_size=20_000), st.binary(max_size=5_000), st.binary(max_size=5_000), st.integers(1_500, 12_000))
def test_a_dead_letter_keeps_its_first_bytes(value: bytes, key: bytes, foreign: bytes, most: int) -> None:
    """A dead letter fits its topic, its place stays, and headers tell what the whole of it was."""
    headers = [("sensor", foreign), ("oddflow.error.offset", b"7")]
    record = OutRecord(value, key, headers)
    cut = fitted(Channel.DEAD_LETTERS, record, most)
    assert sent_bytes(cut) <= most
    told = dict(cut.headers)
    assert told["oddflow.error.offset"] == b"7"
    assert value.startswith(cut.value or b"")
    if cut is not record:
        assert told["oddflow.error.value_bytes"] == b"%d" % len(value)
        assert told["oddflow.error.value_kept_bytes"] == b"%d" % len(cut.value or b"")
        assert told["oddflow.error.value_sha256"] == hashlib.sha256(value).hexdigest().encode()


@given(st.binary(min_size=1, max_size=20_000), st.integers(500, 12_000))
def test_parts_are_the_whole_together(value: bytes, most: int) -> None:
    """The parts' values, in order, are the record's; each fits, has its key and tells its number and the digest."""
    parts = in_parts(OutRecord(value, b"key", [("sensor", b"1")]), most)
    assert b"".join(part.value or b"" for part in parts) == value
    assert max(map(sent_bytes, parts)) <= most
    assert {part.key for part in parts} == {b"key"}
    for number, part in enumerate(parts):
        told = dict(part.headers)
        assert told["oddflow.part.number"] == b"%d" % number
        assert told["oddflow.part.count"] == b"%d" % len(parts)
        assert told["oddflow.part.sha256"] == hashlib.sha256(value).hexdigest().encode()


def test_what_cannot_fit_is_an_error() -> None:
    """A limit below what a document needs to say what it is leaves nothing to send."""
    with pytest.raises(ValueError, match="needed"):
        fitted(Channel.ALERTS, OutRecord(b"x" * 5_000, b"k", [("oddflow.a", b"y" * 500)]), 400)
