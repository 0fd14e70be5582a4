"""Envelopes: along the path that the settings name, the records in messages are found, and nothing else is lost."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.errors import ConfigurationError
from detector.records.envelopes.encoded import EncodedDecoder
from detector.records.envelopes.unpack import Unpacker
from detector.records.every_format import FORMATS, open_decoder
from detector.records.flow import FlowBatch
from tests.records.samples import CONN, QUICK, TSV, check, dump

RECORD = {"a": 1}
TEXT = json.dumps(RECORD)


def pieces(unpack: str | list[str], *messages: Any) -> list[tuple[bytes | None, int, int]]:
    """What is found in messages, given as text or to be made JSON: each record, its message and its place there."""
    values = [one.encode() if isinstance(one, str) else json.dumps(one).encode() for one in messages]
    found = Unpacker([unpack] if isinstance(unpack, str) else unpack).unpack(values, 1 << 20)
    assert found.rejects == []
    return list(zip(found.values, found.rows, found.parts, strict=True))


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("message", {"@timestamp": "…", "message": TEXT, "log": {"offset": 5}}),
        ("message", {"message": TEXT + "\n"}),
        ("json", {"json": RECORD}),
        ("log", {"log": TEXT + "\r\n", "stream": "stdout"}),
        ("conn", {"conn": RECORD}),
        ("records", {"records": [RECORD]}),
        ("logEvents.message", {"messageType": "DATA_MESSAGE", "logEvents": [{"id": "3", "message": TEXT}]}),
        ("a.b.c", {"a": {"b": {"c": RECORD}}}),
        ("a.b.c", {"a.b.c": RECORD}),
        ("a.b.c", {"a": {"b.c": RECORD}}),
        ("a.b.c", {"a.b": {"c": TEXT}}),
        ("a.b.c", {"a": {"x": 1}, "a.b": {"c": TEXT}}),
        ("message.log", {"message": json.dumps({"log": TEXT})}),
        ("message.@cee:", {"message": f"<13>1 2023-11-14 host zeek: @cee: {TEXT}"}),
        ("@cee:", f"<13>Nov 14 22:13:20 host zeek: @cee:{TEXT}"),
    ],
)
def test_a_record_is_found_along_its_path(path: str, message: Any) -> None:
    """Through objects with names grouped in any way, lists, text that is JSON, and syslog's cookie."""
    [(value, row, part)] = pieces(path, message)
    assert (json.loads(value or b""), row, part) == (RECORD, 0, -1)


def test_lists_and_lines_are_records_each() -> None:
    """Whatever holds several at the end of a path, each has its place in the message."""
    events = {"logEvents": [{"message": "2 a"}, {"message": "2 b\n2 c"}, {"message": "[1, 2]"}, {"other": 0}]}
    assert pieces("logEvents.message", events, {"logEvents": [{"message": "2 d"}]}) == [
        (b"2 a", 0, 0),
        (b"2 b", 0, 1),
        (b"2 c", 0, 2),
        (b"1", 0, 3),
        (b"2", 0, 4),
        (b'{"other": 0}', 0, 5),
        (b"2 d", 1, -1),
    ]


def test_messages_of_several_envelopes_are_opened_one_by_one() -> None:
    """Envelopes come in lines and lists too; a broken one costs none of its neighbours."""
    assert pieces("m", '{"m": "1"}\n{"m": "2"}\n{"m', [{"m": "3"}, {"m": "4"}], '{"dns": {}}\n{"m": "5"}') == [
        (b"1", 0, 0),
        (b"2", 0, 1),
        (b'{"m', 0, 2),
        (b"3", 1, 0),
        (b"4", 1, 1),
        (b"5", 2, -1),
    ]


def test_of_several_paths_the_first_that_leads_anywhere_counts() -> None:
    """A member that is null, a number or something else on the way leads nowhere."""
    assert pieces(["json", "message"], {"message": "1", "json": RECORD}, {"message": "2", "json": None}) == [
        (json.dumps(RECORD).encode(), 0, -1),
        (b"2", 1, -1),
    ]


def test_other_tags_are_other_logs() -> None:
    """zeek-kafka's tags tell the logs apart: one of another name is passed over, and nothing else is."""
    batch = open_decoder("zeek", unpack=["conn"]).decode(
        [json.dumps({tag: CONN}).encode() for tag in ("conn", "dns", "http")] + [dump(CONN), b"{}", b"x", b"", None]
    )
    assert (len(batch.frame), batch.passed_over) == (1, {"other_log": 2})
    assert [(r.row, r.reason.value) for r in batch.rejects] == [
        (3, "missing_field"),
        (4, "missing_field"),
        (5, "missing_field"),
        (6, "empty"),
        (7, "empty"),
    ]
    assert batch.rejects[0].detail == "conn is missing, where input.unpack looks for the record"


def test_header_lines_in_envelopes_hold_for_their_stream() -> None:
    """Separated text in envelopes is read as it would be without."""
    messages = [json.dumps({"message": line.decode()}).encode() for line in TSV] * 2
    streams = np.array([0, 0, 0, 1, 1, 1], dtype=np.int32)
    batch = open_decoder("zeek-tsv", unpack=["message"]).decode(messages, streams)
    assert (batch.rows.tolist(), batch.passed_over) == ([2, 5], {"header": 4})


def test_what_is_too_large_or_broken_is_told_of_the_message() -> None:
    """Bounds are those of messages; reasons tell what is wrong with them."""
    decoder = open_decoder("zeek", unpack=["message"], max_record_bytes=100)
    values = [b'{"message": "' + b"x" * 100 + b'"}', b'{"message": "x', b"{" * 99, b'{"message": "\xff"}']
    reasons = [(reject.row, reject.reason.value) for reject in decoder.decode(values).rejects]
    assert reasons == [(0, "too_large"), (1, "not_json"), (2, "not_json"), (3, "not_utf8")]


def test_encoded_values_may_have_envelopes() -> None:
    """What a schema describes is unpacked by the same paths as JSON."""

    class Reader:
        def read(self, payload: bytes) -> object:
            return {"message": dump(CONN, uid=payload.decode()).decode() + "\n" + dump(CONN).decode()}

    class Schemas:
        def reader(self, schema_id: int) -> Reader:
            assert schema_id == 1
            return Reader()

    batch = EncodedDecoder(open_decoder("zeek", unpack=["message"]), Schemas(), 1 << 20).decode([b"x", b"\0\0\0\0\1C1"])
    assert batch.frame.select("uid", "row", "part").rows() == [("C1", 1, 0), ("CAbc123", 1, 1)]


@pytest.mark.parametrize("path", ["", ".", "a..b", "a. "])
def test_what_is_no_path_is_an_error(path: str) -> None:
    """The message names the setting."""
    with pytest.raises(ConfigurationError, match=r"input\.unpack"):
        open_decoder("zeek", unpack=[path])


def nested(lists: int) -> bytes:
    """A record at the end of ``m``, within so many lists."""
    return b'{"m": ' + b"[" * lists + dump(CONN) + b"]" * lists + b"}"


def test_lists_within_lists_are_gone_through_so_far_only() -> None:
    """A few around a record do no harm; a message of hundreds, each read by itself, would hold up all others."""
    batch = open_decoder("zeek", unpack=["m"]).decode([nested(3), nested(300), nested(1)])
    assert batch.rows.tolist() == [0, 2]
    assert [(reject.row, reject.reason) for reject in batch.rejects] == [(1, "not_json")]


@pytest.mark.parametrize("elements", [b"{},", b"1,", b'{"m":{}},', b'"{}",'])
def test_a_list_of_more_than_can_be_flows_is_refused_as_a_whole(elements: bytes) -> None:
    """One reject, not one for each of its elements."""
    message = b"[" + (elements * 2_000)[:-1] + b"]"
    batch = open_decoder("zeek", unpack=["m"]).decode([message, nested(0)])
    assert batch.rows.tolist() == [1]
    assert [(reject.row, reject.reason) for reject in batch.rejects] == [(0, "too_large")]


GOOD = st.sampled_from([dump(CONN), dump(CONN, uid='é\n"}{'), *TSV, dump(CONN, _path="dns"), b"{}", b"x y", b'"'])
SHAPES = st.sampled_from(["text", "object", "list", "lines"])
PATHS = st.sampled_from(["m", "outer.m", "outer.list.m"])


def wrapped(records: list[bytes], shape: str, path: str) -> bytes:
    """Records within one message, at the end of a path."""
    texts = [record.decode() for record in records]
    inner: Any = texts[0] if shape == "text" else texts if shape == "list" else "\n".join(texts)
    if shape == "object":
        inner = [json.loads(text) if text[:1] == "{" else text for text in texts]
    for step in reversed(path.split(".")):
        inner = [{"n": 1, step: inner}] if step == "list" else {"n": 1, step: inner}
    return json.dumps(inner).encode()


@QUICK
@given(st.lists(st.tuples(st.lists(GOOD, min_size=1, max_size=4), SHAPES), max_size=5), PATHS)
def test_unpacking_loses_and_doubles_nothing(messages: list[tuple[list[bytes], str]], path: str) -> None:
    """In envelopes of any shape, records are the flows, rejects and others that they are without."""
    messages = [(records[:1] if shape == "text" else records, shape) for records, shape in messages]
    apart = open_decoder("zeek").decode([record for records, _ in messages for record in records])
    unpacked = open_decoder("zeek", unpack=[path]).decode([wrapped(*message, path) for message in messages])
    check(unpacked, len(messages))
    assert _flows(unpacked) == _flows(apart)
    assert [(r.reason, r.detail) for r in unpacked.rejects] == [(r.reason, r.detail) for r in apart.rejects]
    assert unpacked.passed_over == apart.passed_over
    assert unpacked.records == apart.records


def _flows(batch: FlowBatch) -> list[tuple[Any, ...]]:
    return batch.frame.drop("row", "part", strict=False).rows()


JUNK = st.binary(max_size=80) | st.text(alphabet='{}[]",:\\m1 \n@ce', max_size=40).map(str.encode) | st.none()


@QUICK
@given(st.sampled_from(list(FORMATS)), st.lists(JUNK, max_size=8), st.sampled_from(["m", "m.1", "@cee:", "m.@cee:"]))
def test_no_bytes_break_unpacking(name: str, values: list[bytes | None], path: str) -> None:
    """Whatever the bytes, each message is accounted for."""
    mapping = {column: column for column in ("ts", "src_ip", "dst_ip", "proto")} if name == "mapping" else None
    batch = open_decoder(name, mapping=mapping, unpack=[path]).decode(values)
    check(batch, len(values))
