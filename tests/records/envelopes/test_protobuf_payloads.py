"""Protobuf payloads: what comes out, which message is meant, and that no payload raises anything else."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.json_format import ParseDict
from google.protobuf.message_factory import GetMessageClass
from hypothesis import given
from hypothesis import strategies as st

from detector.records.envelopes.encoded import PayloadError, UnusableSchemaError
from detector.records.envelopes.protobuf_payloads import ProtobufReader

FIRST = b"\0"

_TYPES = FieldDescriptorProto.Type


def fields(message: DescriptorProto, **types: str) -> DescriptorProto:
    """Add fields by name and type: a scalar's, or a message's or enumeration's full name; ``*`` for many of them."""
    for number, (name, type_) in enumerate(types.items(), 1):
        many, type_ = type_.startswith("*"), type_.lstrip("*")  # noqa: PLW2901
        each = message.field.add(name=name, number=number)
        each.label = FieldDescriptorProto.LABEL_REPEATED if many else FieldDescriptorProto.LABEL_OPTIONAL
        if type_.startswith("."):
            each.type_name = type_
        else:
            each.type = _TYPES.Value(f"TYPE_{type_.upper()}")
    return message


def schema() -> FileDescriptorProto:
    """Two messages, the second with one inside."""
    file = FileDescriptorProto(name="flow.proto", package="net", syntax="proto3")
    file.dependency.extend(f"google/protobuf/{name}.proto" for name in ("timestamp", "duration", "wrappers", "struct"))
    kind = file.enum_type.add(name="Kind")
    kind.value.add(name="UNKNOWN", number=0)
    kind.value.add(name="IPFIX", number=4)
    flow = fields(
        file.message_type.add(name="Flow"),
        src_addr="bytes",
        dst_addr="bytes",
        payload="bytes",
        time_ns="uint64",
        bytes="int64",
        kind=".net.Kind",
        seen=".google.protobuf.Timestamp",
        length=".google.protobuf.Duration",
        port=".google.protobuf.UInt32Value",
        extra=".google.protobuf.Struct",
        hops="*string",
        parent=".net.Flow",
    )
    entry = flow.nested_type.add(name="TagsEntry")
    entry.options.map_entry = True
    fields(entry, key="string", value="int32")
    flow.field.add(name="tags", number=20, type_name=".net.Flow.TagsEntry", label=FieldDescriptorProto.LABEL_REPEATED)
    outer = file.message_type.add(name="Outer")
    fields(outer.nested_type.add(name="Inner"), note="string")
    return file


def reader() -> ProtobufReader:
    """A reader of it."""
    return ProtobufReader.open([schema()])


def encoded(record: dict[str, Any], name: str = "net.Flow") -> bytes:
    """A message of that schema, from its JSON."""
    message = GetMessageClass(reader().pool.FindMessageTypeByName(name))()
    return ParseDict(record, message).SerializeToString()


def as_json(payload: bytes) -> Any:
    """A payload, once it is JSON."""
    return msgspec.json.decode(msgspec.json.encode(reader().read(payload)))


def test_every_type_has_its_json() -> None:
    """Addresses, dates, seconds, names of enumerations, maps and wrapped values; fields left out have their default."""
    record = {
        "src_addr": "CgAABw==",
        "dst_addr": "AAAAAAAAAAAAAP//wAACAQ==",
        "payload": "AQID",
        "time_ns": 2**63,
        "kind": "IPFIX",
        "seen": "2026-11-24T08:00:00.25Z",
        "length": "1.500s",
        "port": 443,
        "extra": {"a": [1, None, {"b": "c"}]},
        "hops": ["x"],
        "parent": {"bytes": 9},
        "tags": {"vlan": 7},
    }
    found = as_json(FIRST + encoded(record))
    parent = found.pop("parent")
    assert found == {
        "src_addr": "10.0.0.7",
        "dst_addr": "192.0.2.1",
        "payload": "AQID",
        "time_ns": 2**63,
        "bytes": 0,
        "kind": "IPFIX",
        "seen": "2026-11-24T08:00:00.250Z",
        "length": 1.5,
        "port": 443,
        "extra": {"a": [1, None, {"b": "c"}]},
        "hops": ["x"],
        "tags": {"vlan": 7},
    }
    assert (parent["bytes"], parent["kind"], "seen" in parent) == (9, "UNKNOWN", False)


def test_the_message_is_the_one_that_is_named() -> None:
    """A path of zigzag numbers leads to a message within another; a lone zero is short for the first."""
    inner = encoded({"note": "here"}, "net.Outer.Inner")
    assert as_json(b"\x04\x02\x00" + inner) == {"note": "here"}
    assert as_json(b"\x02\x00" + encoded({"bytes": 3})) == as_json(FIRST + encoded({"bytes": 3}))


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (b"", "where it names its message"),
        (b"\xff" * 9, "where it names its message"),
        (b"\x01", "by -1 numbers"),
        (b"\x02\x04", r"names message \[2\]"),
        (b"\x02\x01", "names message -1"),
        (b"\x04\x00\x06", r"names message \[0, 3\]"),
        (FIRST + b"\x0a\x7f", "not the Protobuf message net.Flow"),
        (FIRST + encoded({"hops": ["é"]})[:-1] + b"\xff", "not the Protobuf message net.Flow"),
    ],
)
def test_a_payload_that_does_not_fit_is_told(payload: bytes, said: str) -> None:
    """A payload that names no message of the schema, or is not that message, raises the one error."""
    with pytest.raises(PayloadError, match=said):
        reader().read(payload)


def test_nesting_has_a_bound() -> None:
    """A message within itself two hundred times is an error, not the end of the process."""
    payload = b""
    for _ in range(200):
        payload = b"\x62" + bytes([*(_length(len(payload)))]) + payload
    with pytest.raises(PayloadError, match="not the Protobuf message"):
        reader().read(FIRST + payload)


def _length(size: int) -> list[int]:
    return [size] if size < 128 else [size & 0x7F | 0x80, size >> 7]


def test_a_schema_without_what_it_imports_is_refused() -> None:
    """A schema that lacks an import, or has no message, is refused before any payload."""
    lacking = FileDescriptorProto(name="a.proto", dependency=["b.proto"], syntax="proto3")
    lacking.message_type.add(name="A")
    for file in (lacking, FileDescriptorProto(name="empty.proto", syntax="proto3")):
        with pytest.raises(UnusableSchemaError):
            ProtobufReader.open([file])


READER = reader()


@given(st.binary(max_size=200) | st.binary(max_size=100).map(lambda body: FIRST + body))
def test_any_payload_is_read_or_told(payload: bytes) -> None:
    """Arbitrary bytes give something that can be written as JSON, or the one error."""
    try:
        found = READER.read(payload)
    except PayloadError:
        return
    msgspec.json.encode(found)


@given(st.sampled_from([7, 8, 9, 10]), st.binary(max_size=40))
def test_any_inner_message_is_read_or_told(number: int, body: bytes) -> None:
    """The same for dates, lengths, wrapped values and structures with arbitrary bytes in them."""
    try:
        found = READER.read(FIRST + bytes([number << 3 | 2, len(body)]) + body)
    except PayloadError:
        return
    msgspec.json.encode(found)
