"""What holds for every format and any bytes: nothing raises, nothing is lost, batches change nothing."""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from dataclasses import replace
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.records.decoder import join_frames
from detector.records.every_format import FORMATS, open_decoder
from detector.records.flow import PART, Decoder, FlowBatch
from detector.records.intake import take_in
from detector.records.syntax.json_spans import JsonReader
from tests.records.samples import CONN, EVE, QUICK, TSV, WHOLE_FLOW, check, dump

MAPPING = {"ts": "ts", "src_ip": "id.orig_h", "dst_ip": "id.resp_h", "proto": "proto", "uid": "uid"}

JUNK = st.one_of(
    st.none(),
    st.binary(max_size=60),
    st.text(max_size=60).map(str.encode),
    st.text(alphabet='{}[]",:\\u09aef-.truenl# \t\n\0', max_size=40).map(str.encode),
    st.lists(st.text(alphabet="0123456789.-:a\"' ", max_size=6), max_size=30).map(
        lambda cells: ",".join(cells).encode()
    ),
    st.lists(st.sampled_from(["ts", "1", "192.0.2.1", "tcp", "-", "proto"]), max_size=24).map(
        lambda c: "\t".join(c).encode()
    ),
)
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8), st.just("192.0.2.1")
)
SOMETHING = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.text(max_size=5) | st.sampled_from(["x", "id", "x.id"]), inner, max_size=3),
    ),
    max_leaves=6,
)
FIELDS = st.sampled_from([*CONN, *EVE, "flow", "id", "x", "flow.x", "x.id", "flow.x.id"])
RECORDS = st.one_of(
    st.dictionaries(FIELDS, SOMETHING, max_size=6).map(lambda changes: json.dumps({**CONN, **changes}).encode()),
    st.dictionaries(FIELDS, SOMETHING, max_size=6).map(lambda changes: json.dumps({**EVE, **changes}).encode()),
)
GOOD = st.sampled_from([*TSV, TSV[-1] + b"\n", dump(CONN), dump(EVE), dump(CONN, uid="é"), dump(EVE, event_type="dns")])


@st.composite
def _cut(draw: st.DrawFn) -> bytes:
    whole = draw(GOOD)
    return whole[: draw(st.integers(0, len(whole)))]


@st.composite
def _changed(draw: st.DrawFn) -> bytes:
    whole = bytearray(draw(GOOD))
    for _ in range(draw(st.integers(1, 3))):
        whole[draw(st.integers(0, len(whole) - 1))] = draw(st.integers(0, 255))
    return bytes(whole)


def _open(name: str, *, labels: bool) -> Decoder:
    return open_decoder(name, labels=labels, mapping=MAPPING if name == "mapping" else None)


VALUES = st.lists(st.one_of(GOOD, JUNK, RECORDS, _cut(), _changed()), max_size=12)
NAMES = st.sampled_from(list(FORMATS))


@QUICK
@given(NAMES, VALUES, st.booleans())
def test_no_bytes_break_a_decoder(name: str, values: list[bytes | None], labels: bool) -> None:
    """Whatever the bytes, each value is a flow, a reject with a known reason, or passed over."""
    batch = _open(name, labels=labels).decode(values)
    check(batch, len(values))
    assert all(reject.detail and "\n" not in reject.detail[:3] for reject in batch.rejects)


@QUICK
@given(NAMES, VALUES, st.data())
def test_batches_change_nothing(name: str, values: list[bytes | None], data: st.DataObject) -> None:
    """Any split of a stream into batches gives the same flows, rejects and counts."""
    streams = np.array([data.draw(st.integers(0, 2)) for _ in values], dtype=np.int32)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(values)), max_size=4)) | {0, len(values)})
    whole = _open(name, labels=True).decode(values, streams)
    decoder = _open(name, labels=True)
    parts = [(begin, decoder.decode(values[begin:end], streams[begin:end])) for begin, end in pairwise(cuts)]
    if parts:
        frames = [part.frame.with_columns(pl.col("row") + pl.lit(begin, pl.UInt32)) for begin, part in parts]
        assert join_frames(frames).equals(whole.frame)
    told = [(begin + row, *rest) for begin, part in parts for row, *rest in _rejects(part)]
    assert told == _rejects(whole)
    assert sum(sum(part.passed_over.values()) for _, part in parts) == sum(whole.passed_over.values())


def _rejects(batch: FlowBatch) -> list[tuple[int, int, str, str]]:
    return [(reject.row, reject.part, reject.reason, reject.detail) for reject in batch.rejects]


@QUICK
@given(VALUES)
def test_a_bad_neighbour_costs_nothing(values: list[bytes | None]) -> None:
    """A good record decodes to the same flow among any others."""
    batch = open_decoder("zeek-json").decode([*values, dump(CONN), *values])
    flow = batch.frame.filter(pl.col("row") == len(values)).drop("row", PART, strict=False)
    assert flow.row(0, named=True) == WHOLE_FLOW


@QUICK
@given(st.lists(st.one_of(RECORDS, JUNK.filter(bool), _cut(), _changed()), max_size=8))
def test_the_scanner_agrees_with_a_complete_parser(values: list[bytes]) -> None:
    """What the compiled scanner takes for an object, msgspec takes too, and with the same cells."""
    fields = ("ts", "uid", "id.orig_h", "flow.start", "proto", "x", "flow.x.id", "id.x")
    reader = JsonReader(dict.fromkeys(fields, ()))
    intake = take_in(values)
    intake = replace(intake, single=np.ones(intake.rows.size, dtype=np.bool_))
    reading = reader.read(intake, np.zeros(intake.rows.size, dtype=np.int32))
    refused = {reject.row for reject in reading.rejects}
    cells = reading.spans
    assert refused | set(cells.rows.tolist()) == set(intake.rows.tolist())
    for index, row in enumerate(cells.rows.tolist()):
        expected = reader.parse(values[row])
        assert isinstance(expected, list)
        last = {number: (int(kind), text) for number, kind, text in expected}
        for number in range(len(reader.names)):
            kind = int(cells.kinds[number, index])
            wanted, text = last.get(number, (0, b""))
            assert kind == wanted
            if kind == 1:
                assert cells.texts(number, np.array([index])) == [text.decode()]
            if kind == 2:
                assert float(cells.texts(number, np.array([index]))[0]) == pytest.approx(float(text), rel=1e-15)


@QUICK
@given(st.lists(st.one_of(st.none(), st.binary(max_size=20), st.text(max_size=10).map(str.encode)), max_size=10))
def test_intake_keeps_every_value_apart(values: list[bytes | None]) -> None:
    """Every value is taken in with its exact bytes, or is rejected as empty, too large or not UTF-8."""
    intake = take_in(values, max_record_bytes=16)
    for index, row in enumerate(intake.rows.tolist()):
        assert intake.values(np.array([index])) == [(values[row] or b"").removeprefix(BOM_UTF8)]
    for reject in intake.rejects:
        value = values[reject.row] or b""
        expected = "empty" if not value else "too_large" if len(value) > 16 else "not_utf8"
        assert reject.reason == expected
    assert {*intake.rows.tolist(), *(reject.row for reject in intake.rejects)} == set(range(len(values)))


@QUICK
@given(RECORDS)
def test_white_space_changes_nothing(value: bytes) -> None:
    """JSON written with line breaks and indentation gives the same flow.

    What is none, such as ``Infinity``, is taken for lines: rejected alike, but with a column for parts.
    """
    spaced = json.dumps(json.loads(value), indent=1).encode()
    decoder = open_decoder("zeek-json")
    one, other = decoder.decode([value]), decoder.decode([spaced])
    assert one.frame.drop(PART, strict=False).equals(other.frame.drop(PART, strict=False))
    assert [r.reason for r in one.rejects] == [r.reason for r in other.rejects]
