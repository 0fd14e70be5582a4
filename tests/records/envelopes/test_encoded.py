"""Values in the wire format of a schema registry: framing, places, reasons, and that nothing raises."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.records.envelopes.avro_payloads import AvroReader
from detector.records.envelopes.encoded import JSON_GROWTH, EncodedDecoder, PayloadReader, UnusableSchemaError
from detector.records.every_format import open_decoder
from detector.records.flow import Decoder, FlowBatch, Reject
from tests.records.envelopes.test_avro_payloads import avro
from tests.records.samples import QUICK

BOUND = 4_096

FIELDS = {"ts": "double", "orig": "string", "resp": "string", "port": "int", "proto": "string", "note": "string"}
MAPPING = {"ts": "ts", "src_ip": "orig", "dst_ip": "resp", "dst_port": "port", "proto": "proto"}
SCHEMA = {"type": "record", "name": "Flow", "fields": [{"name": name, "type": type_} for name, type_ in FIELDS.items()]}


class OneSchema:
    """Knows the schema with the number 7."""

    def __init__(self) -> None:
        self._reader = AvroReader.open(json.dumps(SCHEMA))

    def reader(self, schema_id: int) -> PayloadReader:
        """Give it."""
        if schema_id != 7:
            raise UnusableSchemaError(f"no schema {schema_id}")
        return self._reader


def decoder(max_record_bytes: int = BOUND) -> Decoder:
    """A decoder of such values."""
    inner = open_decoder("mapping", mapping=MAPPING, max_record_bytes=JSON_GROWTH * max_record_bytes)
    return EncodedDecoder(inner, OneSchema(), max_record_bytes)


def value(number: int = 0, *, port: int = 443, note: str = "", schema_id: int = 7) -> bytes:
    """One flow, framed."""
    flow = {"ts": 1e9 + number, "orig": "10.0.0.1", "resp": "192.0.2.1", "port": port, "proto": "tcp", "note": note}
    return b"\0" + schema_id.to_bytes(4) + avro(SCHEMA, flow)


def reasons(batch: FlowBatch) -> list[tuple[int, str]]:
    """Place and reason of each reject."""
    return [(reject.row, reject.reason.value) for reject in batch.rejects]


def test_values_become_flows_in_their_places() -> None:
    """Good values are flows, bad ones rejects, each by its place, whoever found it out."""
    values = [
        value(0),
        None,
        value(1)[:-3],
        value(2),
        b"{}",
        value(3, port=70_000),
        b"\0\0\0",
        value(4, schema_id=8),
        value(5, note="x" * BOUND),
        value(6),
    ]
    batch = decoder().decode(values)
    assert batch.rows.tolist() == [0, 3, 9]
    assert batch.frame["ts"].to_list() == [1e9, 1e9 + 2, 1e9 + 6]
    assert batch.frame["src_ip"].to_list() == ["10.0.0.1"] * 3
    assert reasons(batch) == [
        (1, "empty"),
        (2, "bad_encoding"),
        (4, "bad_encoding"),
        (5, "bad_port"),
        (6, "bad_encoding"),
        (7, "bad_schema"),
        (8, "too_large"),
    ]


@pytest.mark.parametrize(
    ("wrong", "detail"),
    [
        (b'{"ts": 1}', "record: begins with byte 0x7b, not with a schema registry's magic byte 0; see input.encoding"),
        (b"\0\0\0", "record: 3 bytes, too few to name a schema"),
        (value(schema_id=2**32 - 1), "record: no schema 4294967295"),
    ],
)
def test_a_reject_says_what_is_wrong(wrong: bytes, detail: str) -> None:
    """The detail names the byte, the length or the schema that is wrong."""
    assert [reject.detail for reject in decoder().decode([wrong]).rejects] == [detail]


def test_json_may_be_longer_than_its_value() -> None:
    """A value within the bound is read though its JSON text is beyond it."""
    assert decoder(60).decode([value()]).rejects == []


def test_nothing_at_all() -> None:
    """No values, and none that can be read, are batches without a flow."""
    assert decoder().decode([]).frame.is_empty()
    batch = decoder().decode([None, b"x"])
    assert (len(batch.frame), len(batch.rejects)) == (0, 2)


FRAMED = st.builds(lambda body: b"\0\0\0\0\7" + body, st.binary(max_size=80))
CUT = st.builds(lambda good, at: good[:at], st.just(value()), st.integers(0, 60))


@given(st.lists(st.none() | st.binary(max_size=80) | FRAMED | CUT | st.just(value()), max_size=12))
def test_any_bytes_are_accounted_for(values: Sequence[bytes | None]) -> None:
    """Arbitrary bytes never raise, and each value is one flow or one reject."""
    batch = decoder().decode(values)
    places = [*batch.rows.tolist(), *(reject.row for reject in batch.rejects)]
    assert sorted(places) == list(range(len(values)))


@QUICK
@given(st.lists(st.sampled_from([value(1), value(2), b"x", None, value(3)[:-1]]), max_size=12), st.integers(0, 12))
def test_batches_do_not_matter(values: Sequence[bytes | None], at: int) -> None:
    """Decoded in two parts, the values become the same flows and rejects."""
    whole, parts = decoder().decode(values), [decoder().decode(values[:at]), decoder().decode(values[at:])]
    assert whole.frame["ts"].to_list() == [ts for part in parts for ts in part.frame["ts"].to_list()]
    moved = [Reject(one.row + at, one.reason, one.detail) for one in parts[1].rejects]
    assert whole.rejects == [*parts[0].rejects, *moved]
