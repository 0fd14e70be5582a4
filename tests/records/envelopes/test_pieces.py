"""Messages that hold several records: each is accounted for by itself, with its place in the message."""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.records.envelopes.pieces import EMPTY_LIST, cut_lines, records_of, split_messages
from detector.records.every_format import open_decoder
from detector.records.intake import Intake, take_in
from detector.records.syntax.json_spans import JsonReader
from detector.records.syntax.split_spans import SplitReader
from tests.records.samples import CONN, QUICK, TSV, check, decode, dump, reasons


def conn(number: int) -> bytes:
    """A record that is told from others."""
    return dump(CONN, uid=f"C{number}")


def places(name: str, values: list[bytes]) -> list[tuple[str, int, int]]:
    """Each flow's uid, message and place in it."""
    batch = decode(name, values)
    parts = [-1] * len(batch.frame) if batch.parts is None else batch.parts.tolist()
    return list(zip(batch.frame["uid"].to_list(), batch.rows.tolist(), parts, strict=True))


@pytest.mark.parametrize("name", ["zeek", "zeek-json"])
@pytest.mark.parametrize(
    "message",
    [
        b"[" + conn(1) + b", " + conn(2) + b"]",
        b"\xef\xbb\xbf [\n" + conn(1) + b",\n" + conn(2) + b"\n]\n",
        json.dumps([json.loads(conn(1)), json.loads(conn(2))], indent=2).encode(),
        json.dumps([conn(1).decode(), conn(2).decode()]).encode(),
        conn(1) + b"\n" + conn(2),
        conn(1) + b"\r\n\r\n" + conn(2) + b"\r\n",
        conn(1) + conn(2),
        json.dumps(json.loads(conn(1)), indent=1).encode() + b"\n" + json.dumps(json.loads(conn(2)), indent=1).encode(),
    ],
    ids=["list", "lines of a list", "indented list", "list of text", "lines", "blank lines", "no gap", "indented"],
)
def test_a_message_of_several_is_read_record_by_record(name: str, message: bytes) -> None:
    """However several records are written into one message, each is a flow with its place."""
    assert places(name, [conn(0), message, conn(3)]) == [("C0", 0, -1), ("C1", 1, 0), ("C2", 1, 1), ("C3", 2, -1)]


def test_lines_of_text_in_one_message_are_records() -> None:
    """Header lines and records of separated values may come together."""
    line = TSV[-1]
    batch = decode("zeek", [b"#fields\tts\tuid\n", b"\n".join([*TSV, line, b"1\tshort"]), conn(0)])
    assert batch.rows.tolist() == [1, 1, 2]
    assert batch.parts is not None
    assert batch.parts.tolist() == [2, 3, -1]
    assert [(reject.row, reject.part, reject.reason) for reject in batch.rejects] == [(1, 4, "field_count")]
    assert batch.passed_over == {"header": 3}


def test_a_header_holds_from_its_line_on() -> None:
    """Records before a header in the same batch are not read by it, though the batch is read twice."""
    header = b"#fields\tid.resp_h\tid.orig_h\tproto\tts"
    named = b"192.0.2.9\t192.0.2.1\ttcp\t1700000000"
    batch = decode("zeek", [named, b"\n".join([header, named]), b"[" + conn(1) + b"," + conn(2) + b"]"])
    assert batch.frame["dst_ip"].to_list()[0] == "192.0.2.9"
    assert [(reject.row, reject.part) for reject in batch.rejects] == [(0, -1)]


def test_values_one_after_the_other_are_told_apart_whatever_is_between() -> None:
    """Also where they are many, or not ASCII; from where it is no JSON, all the rest is one."""
    gaps = [b"", b" ", b"\r\n\t ", "\u2003".encode()]
    records = [dump(CONN, uid=f"é{number}") for number in range(4_000)]
    joined = b"".join(record + gaps[at % len(gaps)] for at, record in enumerate(records))
    assert records_of(b" " + joined + b'{"x": ?} {} ') == [*records, b'{"x": ?} {}']


def test_of_more_values_than_can_be_flows_the_rest_is_not_looked_at() -> None:
    """The message is refused all the same: no flow is so short."""
    assert len(records_of(b"{}" * 100_000)) < 10_100
    assert reasons(decode("zeek", [b"{}" * 100_000])) == ["too_large"]


def test_one_that_is_broken_costs_none_of_its_neighbours() -> None:
    """Of a message, only the records that are broken are refused."""
    batch = decode("zeek", [b"\n".join([conn(1), conn(2)[:40], conn(3)]), b'[{"proto": "tcp"}, ' + conn(4) + b"]"])
    assert batch.frame["uid"].to_list() == ["C1", "C3", "C4"]
    assert [(r.row, r.part, r.reason) for r in batch.rejects] == [(0, 1, "not_json"), (1, 0, "missing_field")]


def test_a_list_of_nothing_is_passed_over() -> None:
    """An empty list is accounted for as one record that is none."""
    batch = decode("zeek", [b"[]", b" [ ] "])
    assert (batch.records, batch.passed_over) == (2, {EMPTY_LIST: 2})


def test_a_broken_list_is_one_reject() -> None:
    """What cannot be told apart is refused as a whole."""
    batch = decode("zeek", [b"[" + conn(1) + b", " + conn(2)])
    assert [(reject.part, reject.reason) for reject in batch.rejects] == [(-1, "not_json")]


def test_so_many_records_that_none_can_be_a_flow_are_one_reject() -> None:
    """A message of hundreds of thousands of nothings does not become as many rejects."""
    batch = decode("zeek", [b"[" + b",".join([b"{}"] * 300_000) + b"]"])
    assert (reasons(batch), batch.records) == (["too_large"], 1)


KINDS = st.sampled_from([conn(0), b'{"ts": 1}', b"{}", dump(CONN, _path="dns"), dump(CONN, uid="a\nb]},{")])
WAYS = st.sampled_from(["list", "text", "lines", "together"])


def written(records: list[bytes], way: str) -> bytes:
    """Records as one message."""
    if way == "lines":
        return b"\n".join(records)
    if way == "together":
        return b"".join(records)
    return b"[" + b",".join(records if way == "list" else [json.dumps(r.decode()).encode() for r in records]) + b"]"


@QUICK
@given(st.lists(st.tuples(st.lists(KINDS, min_size=1, max_size=5), WAYS), max_size=5))
def test_nothing_is_lost_or_doubled(messages: list[tuple[list[bytes], str]]) -> None:
    """Records put into messages in any way are the flows, rejects and others that they are one by one."""
    apart = open_decoder("zeek").decode([record for records, _ in messages for record in records])
    together = open_decoder("zeek").decode([written(records, way) for records, way in messages])
    check(together, len(messages))
    columns = [name for name in apart.frame.columns if name != "row"]
    assert together.frame.select(columns).equals(apart.frame.select(columns))
    assert reasons(together) == reasons(apart)
    assert together.passed_over == apart.passed_over
    spread = [(row, part) for row, (records, _) in enumerate(messages) for part in range(len(records))]
    single = {row for row, (records, _) in enumerate(messages) if len(records) == 1}
    expected = [spread[at] for at in apart.rows.tolist()]
    parts = np.full(len(together.frame), -1) if together.parts is None else together.parts
    found = list(zip(together.rows.tolist(), parts.tolist(), strict=True))
    assert found == [(row, -1 if row in single else part) for row, part in expected]


@given(st.binary(max_size=80) | st.text(alphabet='{}[]",:\\a1 \n', max_size=30).map(str.encode))
def test_any_bytes_can_be_told_apart_or_stay_whole(value: bytes) -> None:
    """Whatever a message holds, its records together have no more bytes than it."""
    assert sum(map(len, records_of(value))) <= len(value)


@pytest.mark.parametrize(
    ("name", "good", "message"),
    [
        ("zeek-json", conn(0), b"[" + conn(1) + b"," + conn(2) + b"]"),
        ("zeek-json", conn(0), conn(1) + conn(2)),
        ("zeek-json", conn(0), conn(1)[:-9]),
        ("zeek-tsv", TSV[-1], TSV[-1] + b"\n" + TSV[-1]),
    ],
    ids=["list", "no gap", "broken", "lines"],
)
def test_one_odd_message_does_not_read_its_batch_twice(
    name: str, good: bytes, message: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside a message that holds several records, or looks so, good ones are still read but once."""
    sizes: list[int] = []
    for kind in (JsonReader, SplitReader):

        def read(self: object, intake: Intake, streams: object, read: Any = kind.read) -> object:
            sizes.append(intake.rows.size)
            return read(self, intake, streams)

        monkeypatch.setattr(kind, "read", read)
    batch = decode(name, [good] * 50 + [message] + [good] * 50)
    assert len(batch.frame) >= 100
    assert sum(sizes) <= 104


@QUICK
@given(st.lists(st.text(alphabet="ab\t \n\r\x0b\ufeff", min_size=1, max_size=20).map(str.encode), max_size=6))
def test_lines_cut_in_place_are_the_same_records(values: list[bytes]) -> None:
    """Cutting lines where they lie gives what splitting each message by itself does."""
    intake = take_in([b"x" + value for value in values])
    looks = np.flatnonzero([b"\n" in value[:-1] for value in intake.values(np.arange(len(values)))])
    cut = cut_lines(intake, looks)
    assert cut is not None
    whole = [b"x" + value for value in values]
    pieces = split_messages(whole, range(len(whole)), looks.tolist())
    if pieces is None:
        return
    lines, told = cut
    texts = [value.removeprefix(BOM_UTF8) for value in pieces.values if value is not None]
    assert lines.values(np.arange(lines.rows.size)) == texts
    assert (told.rows, told.parts, told.single) == (pieces.rows, pieces.parts, pieces.single)


def test_a_header_after_json_in_one_message_holds_from_there_on() -> None:
    """In a stream of both kinds, a header line behind an object in its message names the columns of later lines."""
    line = b"1700000001\t198.51.100.9\t192.0.2.9\tudp"
    header = conn(1) + b"\n#fields\tts\tid.resp_h\tid.orig_h\tproto"
    other = b"#fields\tts\tid.orig_h\tid.resp_h\tproto"
    frame = decode("zeek", [header, line, other, line]).frame
    assert frame["src_ip"].to_list() == [CONN["id.orig_h"], "192.0.2.9", "198.51.100.9"]


@pytest.mark.parametrize("value", [b'{\n"a": 1}', b"\n\n"])
def test_line_breaks_without_a_line_are_told_of(value: bytes) -> None:
    """Where separated values are expected, a message of line breaks and no line is refused in words."""
    (reject,) = decode("zeek-tsv", [value]).rejects
    assert (reject.reason, reject.detail) == ("field_count", "record: line breaks, but no line of separated values")
