"""Protobuf payloads, read by Google's library from a schema's descriptors, without generated code.

Before the message itself stands which of the file's messages it is, as a path of zigzag varints; a lone 0 is the first.
Names stay as the schema has them. Every field that cannot tell that it was left out is there, with its default; the
others only where they were set. Enumerations give their names, ``Timestamp`` a date, ``Duration`` seconds, and wrappers
what they wrap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from google.protobuf import any_pb2, duration_pb2, empty_pb2, field_mask_pb2, struct_pb2, timestamp_pb2, wrappers_pb2
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from detector.records.envelopes.encoded import PayloadError, UnusableSchemaError, plain_bytes

Convert = Callable[[Any], Any]

_MOST_INDEXES = 32
"""How deep a message may be nested in others' definitions."""

_MOST_VARINT_BYTES = 5

_WELL_KNOWN = {
    each.DESCRIPTOR.name: each.DESCRIPTOR
    for each in (any_pb2, duration_pb2, empty_pb2, field_mask_pb2, struct_pb2, timestamp_pb2, wrappers_pb2)
}


@dataclass(slots=True)
class ProtobufReader:
    """Reads the payloads of one schema."""

    pool: DescriptorPool
    file: FileDescriptorProto
    _plans: dict[str, _Plan] = field(default_factory=dict)
    _messages: dict[tuple[int, ...], tuple[type[Message], _Plan]] = field(default_factory=dict)

    @classmethod
    def open(cls, files: Iterable[FileDescriptorProto]) -> ProtobufReader:
        """A reader of the last of ``files``; those that it imports come before it. Raises UnusableSchemaError."""
        pool, every = DescriptorPool(), list(files)
        try:
            present = {each.name for each in every}
            for name in sorted({need for each in every for need in each.dependency} - present):
                if name in _WELL_KNOWN:
                    pool.AddSerializedFile(_WELL_KNOWN[name].serialized_pb)
            for each in every:
                pool.AddSerializedFile(each.SerializeToString())
        except Exception as error:  # whatever the library stumbles over
            raise UnusableSchemaError(f"not a Protobuf schema: {error}") from error
        if not every or not every[-1].message_type:
            raise UnusableSchemaError("its schema has no message")
        return cls(pool, every[-1])

    def read(self, payload: bytes) -> object:
        """The message in it, as a record. Raises PayloadError."""
        path, start = _message_path(payload)
        made, plan = self._message(path)
        message = made()
        try:
            message.ParseFromString(payload[start:])
            return plan.record(message)
        except Exception as error:
            raise PayloadError(f"not the Protobuf message {plan.name}: {error}") from error

    def _message(self, path: tuple[int, ...]) -> tuple[type[Message], _Plan]:
        found = self._messages.get(path)
        if found is None:
            descriptor = self.pool.FindMessageTypeByName(self._name(path))
            found = self._messages[path] = GetMessageClass(descriptor), self._plan(descriptor)
        return found

    def _name(self, path: tuple[int, ...]) -> str:
        messages, names = self.file.message_type, [self.file.package] if self.file.package else []
        for index in path:
            if index >= len(messages):
                raise PayloadError(f"names message {list(path)} of its schema, which has no such")
            names.append(messages[index].name)
            messages = messages[index].nested_type
        return ".".join(names)

    def _plan(self, descriptor: Descriptor) -> _Plan:
        """How a message becomes a record; one that is within itself gets the plan that is being made."""
        plan = self._plans.get(descriptor.full_name)
        if plan is None:
            plan = self._plans[descriptor.full_name] = _Plan(descriptor.full_name)
            for each in descriptor.fields:
                fields = plan.optional if each.has_presence else plan.always
                fields.append((each.name, self._converter(each)))
        return plan

    def _converter(self, each: FieldDescriptor) -> Convert | None:
        """What makes a field's value plain; None where it is already."""
        if each.message_type is not None and each.message_type.GetOptions().map_entry:
            inner = self._single(each.message_type.fields_by_name["value"]) or _same
            return lambda entries: {str(key): inner(value) for key, value in entries.items()}
        single = self._single(each)
        if each.is_repeated:
            inner = single or _same
            return lambda items: [inner(item) for item in items]
        return single

    def _single(self, each: FieldDescriptor) -> Convert | None:
        if each.message_type is not None:
            known = _CONVERTERS.get(each.message_type.full_name)
            return known or self._plan(each.message_type).record
        if each.enum_type is not None:
            return _names(each.enum_type)
        return plain_bytes if each.type == FieldDescriptor.TYPE_BYTES else None


@dataclass(slots=True)
class _Plan:
    """The fields of a message, each with what makes its value plain."""

    name: str
    always: list[tuple[str, Convert | None]] = field(default_factory=list)
    optional: list[tuple[str, Convert | None]] = field(default_factory=list)

    def record(self, message: Any) -> dict[str, Any]:
        """A message as a record."""
        found = {}
        for name, convert in self.always:
            value = getattr(message, name)
            found[name] = convert(value) if convert else value
        for name, convert in self.optional:
            if message.HasField(name):
                value = getattr(message, name)
                found[name] = convert(value) if convert else value
        return found


def _same(value: Any) -> Any:
    return value


def _names(enum: EnumDescriptor) -> Convert:
    names = {number: value.name for number, value in enum.values_by_number.items()}
    return lambda number: names.get(number, number)


def _date(moment: Any) -> str:
    return str(moment.ToJsonString())


def _seconds(length: Any) -> float:
    return float(length.seconds + length.nanos / 1e9)


def _wrapped(wrapper: Any) -> Any:
    return plain_bytes(wrapper.value) if isinstance(wrapper.value, bytes) else wrapper.value


def _struct(struct: Any) -> dict[str, Any]:
    """What a Struct stands for. Its nesting is bounded by the parser, as all is."""
    return {name: _value(inner) for name, inner in struct.fields.items()}


def _list(values: Any) -> list[Any]:
    return [_value(inner) for inner in values.values]


def _value(value: Any) -> Any:
    kind = value.WhichOneof("kind")
    if kind in {None, "null_value"}:
        return None
    inner: Convert = {"struct_value": _struct, "list_value": _list}.get(kind, _same)
    return inner(getattr(value, kind))


_CONVERTERS: dict[str, Convert] = {
    "google.protobuf.Timestamp": _date,
    "google.protobuf.Duration": _seconds,
    "google.protobuf.Struct": _struct,
    "google.protobuf.ListValue": _list,
    "google.protobuf.Value": _value,
    **{
        f"google.protobuf.{name}Value": _wrapped
        for name in ("Double", "Float", "Int64", "UInt64", "Int32", "UInt32", "Bool", "String", "Bytes")
    },
}


def _message_path(payload: bytes) -> tuple[tuple[int, ...], int]:
    """Which message it is, and where it begins. Raises PayloadError."""
    count, at = _varint(payload, 0)
    if count == 0:
        return (0,), at
    if not 0 < count <= _MOST_INDEXES:
        raise PayloadError(f"names its message by {count} numbers, which is none or too many")
    path = []
    for _ in range(count):
        index, at = _varint(payload, at)
        if index < 0:
            raise PayloadError(f"names message {index} of its schema")
        path.append(index)
    return tuple(path), at


def _varint(payload: bytes, at: int) -> tuple[int, int]:
    """A zigzag varint, and where it ends. Raises PayloadError."""
    found = 0
    for place, byte in enumerate(payload[at : at + _MOST_VARINT_BYTES]):
        found |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return (found >> 1) ^ -(found & 1), at + place + 1
    raise PayloadError("cut off, or wrong, where it names its message")
