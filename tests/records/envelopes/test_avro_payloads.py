"""Avro payloads: what comes out, and what neither payload nor schema can do to the process."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO
from typing import Any

import msgspec
import pytest
from fastavro import parse_schema, schemaless_writer
from hypothesis import given
from hypothesis import strategies as st

from detector.records.envelopes.avro_payloads import AvroReader
from detector.records.envelopes.encoded import PayloadError, UnusableSchemaError

ADDRESS = {"type": "fixed", "name": "Address", "size": 4}

FLOW: dict[str, Any] = {
    "type": "record",
    "name": "example.Flow",
    "fields": [
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "client", "type": ADDRESS},
        {"name": "server", "type": "Address"},
        {"name": "server6", "type": ["null", "bytes"]},
        {"name": "proto", "type": {"type": "enum", "name": "Proto", "symbols": ["tcp", "udp"]}},
        {"name": "bytes", "type": ["null", "long"]},
        {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 6, "scale": 2}},
        {"name": "tags", "type": {"type": "map", "values": {"type": "array", "items": "string"}}},
        {"name": "ratio", "type": "double"},
    ],
}

RECORD = {
    "at": datetime(2026, 11, 24, 8, 0, 0, 250_000, tzinfo=UTC),
    "client": bytes([10, 0, 0, 7]),
    "server": bytes([192, 0, 2, 1]),
    "server6": bytes.fromhex("20010db8000000000000000000000001"),
    "proto": "tcp",
    "bytes": 2**40,
    "price": Decimal("1.25"),
    "tags": {"a": ["x", "y"]},
    "ratio": 0.5,
}


def avro(schema: Any, record: Any) -> bytes:
    """A record as Avro."""
    stream = BytesIO()
    schemaless_writer(stream, parse_schema(schema), record)
    return stream.getvalue()


def as_json(reader: AvroReader, payload: bytes) -> Any:
    """A payload, once it is JSON."""
    return msgspec.json.decode(msgspec.json.encode(reader.read(payload)))


def test_every_type_has_its_json() -> None:
    """Times become ISO 8601, four or sixteen bytes an address, decimals and enumerations text, numbers stay numbers."""
    assert as_json(AvroReader.open(json.dumps(FLOW)), avro(FLOW, RECORD)) == {
        "at": "2026-11-24T08:00:00.250000Z",
        "client": "10.0.0.7",
        "server": "192.0.2.1",
        "server6": "2001:db8::1",
        "proto": "tcp",
        "bytes": 2**40,
        "price": "1.25",
        "tags": {"a": ["x", "y"]},
        "ratio": 0.5,
    }


def test_a_schema_may_refer_to_others() -> None:
    """Types of schemas that a schema refers to are known in it."""
    outer = {"type": "record", "name": "Outer", "fields": [{"name": "a", "type": "Address"}]}
    reader = AvroReader.open(json.dumps(outer), [json.dumps(ADDRESS)])
    assert as_json(reader, bytes([10, 0, 0, 7])) == {"a": "10.0.0.7"}


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (b"", "EOFError"),
        (avro(FLOW, RECORD)[:-1], "EOFError"),
        (avro(FLOW, RECORD) + b"\x00\x00", "2 bytes are left over"),
        (b"\xff" * 40, "not Avro of its schema"),
    ],
)
def test_a_payload_that_does_not_fit_is_told(payload: bytes, said: str) -> None:
    """A payload that is cut off, too long or something else raises the one error, which says what is wrong."""
    with pytest.raises(PayloadError, match=said):
        AvroReader.open(json.dumps(FLOW)).read(payload)


@pytest.mark.parametrize(("number", "scale"), [("0", 0), ("-0.05", 2), ("123456.7", 1), ("-999", 0), ("1E+3", 0)])
def test_decimals_are_exact(number: str, scale: int) -> None:
    """A decimal is the text of its number, never in powers of ten."""
    schema = {"type": "bytes", "logicalType": "decimal", "precision": 30, "scale": scale}
    found = as_json(AvroReader.open(json.dumps(schema)), avro(schema, Decimal(number)))
    assert Decimal(found) == Decimal(number)
    assert "E" not in found


def test_a_huge_decimal_is_told_at_once() -> None:
    """A decimal of a megabyte, which would take minutes to write out, is an error."""
    schema = {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2}
    with pytest.raises(PayloadError, match="a decimal of 1000000 bytes"):
        AvroReader.open(json.dumps(schema)).read(avro("bytes", b"\x7f" * 1_000_000))


def record(name: str, **fields: Any) -> dict[str, Any]:
    """A record's schema."""
    return {"type": "record", "name": name, "fields": [{"name": key, "type": kind} for key, kind in fields.items()]}


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        (record("Link", next=["null", "Link"]), "contains itself"),
        (record("a.Tree", leaves={"type": "map", "values": {"type": "array", "items": "Tree"}}), "contains itself"),
        (record("Idle", nothing={"type": "array", "items": "null"}), "no bytes"),
        (record("Idle", nothing={"type": "array", "items": record("Empty", a="null", b=record("E"))}), "no bytes"),
        (record("Flow", a="Nowhere"), "Nowhere"),
        ({"type": "record"}, "not an Avro schema"),
        (7, "not an Avro schema"),
    ],
)
def test_schemas_that_cannot_be_read_in_bounds_are_refused(schema: Any, said: str) -> None:
    """Schemas that contain themselves, arrays of nothing, and what is no schema are refused before any payload."""
    with pytest.raises(UnusableSchemaError, match=said):
        AvroReader.open(json.dumps(schema))


@pytest.mark.parametrize("text", ["", "{", "syntax = 'proto3';", "[" * 100_000])
def test_text_that_is_no_schema_is_refused(text: str) -> None:
    """Whatever a registry gives as text, the error is the one for unusable schemas."""
    with pytest.raises(UnusableSchemaError):
        AvroReader.open(text)


@given(st.binary(max_size=200))
def test_any_payload_is_read_or_told(payload: bytes) -> None:
    """Arbitrary bytes give something that can be written as JSON, or the one error."""
    reader = AvroReader.open(json.dumps(FLOW))
    try:
        found = reader.read(payload)
    except PayloadError:
        return
    msgspec.json.encode(found)
