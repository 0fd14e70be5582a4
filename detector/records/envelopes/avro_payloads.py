"""Avro payloads, read by fastavro: https://avro.apache.org/docs/current/specification/

Two kinds of schema are refused, since a few bytes of payload could bring the process down with them: those that contain
themselves (fastavro's recursion is on the C stack, without a bound), and arrays of items that take no bytes. Decimals
are read by a function of ours, with a bound: fastavro takes three minutes for one of a megabyte.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from io import BytesIO
from typing import Any

from fastavro import parse_schema, schemaless_reader
from fastavro.read import LOGICAL_READERS

from detector.records.envelopes.encoded import PayloadError, UnusableSchemaError, plain_bytes

_NO_BYTES = "null"
_BYTES = frozenset({"bytes", "fixed"})
_PRIMITIVES = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})


MOST_DECIMAL_BYTES = 64
"""A hundred and fifty digits."""

_DECIMAL = "oddflow-decimal"


def _decimal(data: bytes, schema: dict[Any, Any] | None, _: object = None) -> str:
    """A decimal as text, exactly."""
    if len(data) > MOST_DECIMAL_BYTES:
        raise ValueError(f"a decimal of {len(data)} bytes")
    unscaled = int.from_bytes(data, signed=True)
    digits = tuple(int(digit) for digit in str(abs(unscaled)))
    scale = int((schema or {}).get("scale", 0))
    return f"{Decimal((int(unscaled < 0), digits, -scale)):f}"


LOGICAL_READERS[f"bytes-{_DECIMAL}"] = LOGICAL_READERS[f"fixed-{_DECIMAL}"] = _decimal


@dataclass(frozen=True, slots=True)
class AvroReader:
    """Reads the payloads of one schema."""

    schema: Any
    """As fastavro parsed it."""
    has_bytes: bool
    """Whether there can be bytes in it, which JSON has not."""

    @classmethod
    def open(cls, text: str, references: Sequence[str] = ()) -> AvroReader:
        """Parse a schema, after those that it refers to. Raises UnusableSchemaError."""
        named: dict[str, Any] = {}
        try:
            for reference in references:
                parse_schema(_bounded(json.loads(reference)), named_schemas=named)
            schema = parse_schema(_bounded(json.loads(text)), named_schemas=named)
            survey = _Survey(named)
            survey.visit(schema)
        except UnusableSchemaError:
            raise
        except Exception as error:  # whatever the library stumbles over
            raise UnusableSchemaError(f"not an Avro schema: {type(error).__name__}: {error}") from error
        return cls(schema, survey.has_bytes)

    def read(self, payload: bytes) -> object:
        """The record in it. Raises PayloadError."""
        stream = BytesIO(payload)
        try:
            found = schemaless_reader(stream, self.schema, None)
        except Exception as error:
            raise PayloadError(f"not Avro of its schema: {type(error).__name__}: {error}") from error
        if (left := len(payload) - stream.tell()) > 0:
            raise PayloadError(f"not Avro of its schema: {left} bytes are left over")
        return _plain(found) if self.has_bytes else found


def _bounded(schema: Any) -> Any:
    """The same schema, its decimals read by the function above."""
    if isinstance(schema, list):
        return [_bounded(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: _bounded(each) for name, each in schema.items()}
    return inner | ({"logicalType": _DECIMAL} if schema.get("logicalType") == "decimal" else {})


def _plain(value: Any) -> Any:
    match value:
        case bytes():
            return plain_bytes(value)
        case dict():
            return {name: _plain(inner) for name, inner in value.items()}
        case list():
            return [_plain(inner) for inner in value]
        case _:
            return value


@dataclass(slots=True)
class _Survey:
    """Walks a schema: what is in it, and whether it can be read in bounds."""

    named: Mapping[str, Any]
    has_bytes: bool = False
    _open: list[str] = field(default_factory=list)
    _known: dict[str, bool] = field(default_factory=dict)

    def visit(self, schema: Any) -> bool:
        """Whether a value can take no bytes at all. Raises UnusableSchemaError."""
        empty = False
        match schema:
            case str():
                empty = self._named(schema)
            case list():  # the branch's number takes a byte
                for branch in schema:
                    self.visit(branch)
            case {"type": "record" | "error"}:
                empty = self._record(schema)
            case {"type": "fixed", "size": size}:
                self.has_bytes, empty = True, size == 0
            case {"type": "array", "items": items}:
                if self.visit(items):
                    raise UnusableSchemaError("its schema has an array of items that take no bytes, without a bound")
            case {"type": "map", "values": values}:
                self.visit(values)
            case {"type": "enum"}:
                pass
            case _:
                empty = self.visit(schema["type"])
        return empty

    def _named(self, name: str) -> bool:
        if name in _BYTES:
            self.has_bytes = True
        if name in _PRIMITIVES:
            return name == _NO_BYTES
        if name in self._open:
            raise UnusableSchemaError(f"its schema's type {name} contains itself, without a bound")
        if name not in self._known:
            self._known[name] = self.visit(self.named[name])
        return self._known[name]

    def _record(self, schema: Mapping[str, Any]) -> bool:
        name = schema["name"]
        if name in self._open:
            raise UnusableSchemaError(f"its schema's type {name} contains itself, without a bound")
        self._open.append(name)
        widths = [self.visit(each["type"]) for each in schema["fields"]]
        self._open.pop()
        return all(widths)
