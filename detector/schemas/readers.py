"""Readers of payloads by their schema's id: each schema is fetched once."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal, Protocol

from detector.records.envelopes.encoded import PayloadReader, UnusableSchemaError
from detector.schemas.events import SchemaOpened, SchemaRefused
from detector.schemas.registry import AVRO, PROTOBUF, Registered
from detector.telemetry.events import Tell

Encoding = Literal["avro", "protobuf"]

ASK_AGAIN_S = 30.0
"""A schema that was refused is asked for again after this long: it may have been registered meanwhile."""

MOST_REFUSED = 10_000
"""Refusals that are remembered; a damaged value can name any of four billion schemas."""


class Fetching(Protocol):
    """Where schemas come from; :class:`detector.schemas.registry.SchemaRegistry` is the one."""

    def fetch(self, schema_id: int) -> Registered | None:
        """A schema, or None if there is none by that number."""
        ...


class SchemaReaders:
    """The readers of one encoding. Used from one thread at a time."""

    def __init__(
        self, registry: Fetching, encoding: Encoding, tell: Tell, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._registry = registry
        self._encoding = encoding
        self._tell = tell
        self._clock = clock
        self._readers: dict[int, PayloadReader] = {}
        self._refused: dict[int, tuple[float, str]] = {}

    def reader(self, schema_id: int) -> PayloadReader:
        """The reader of a schema, fetched when it is first met. Raises UnusableSchemaError where it has none."""
        if found := self._readers.get(schema_id):
            return found
        at, reason = self._refused.get(schema_id, (0.0, ""))
        if reason and self._clock() - at < ASK_AGAIN_S:
            raise UnusableSchemaError(reason)
        try:
            reader = self._open(schema_id)
        except UnusableSchemaError as error:
            self._refuse(schema_id, str(error))
            raise
        self._tell(SchemaOpened(schema_id, self._encoding))
        self._refused.pop(schema_id, None)
        return self._readers.setdefault(schema_id, reader)

    def _refuse(self, schema_id: int, reason: str) -> None:
        if len(self._refused) >= MOST_REFUSED:
            self._refused.clear()
        self._refused[schema_id] = (self._clock(), reason)
        self._tell(SchemaRefused(schema_id, reason))

    def _open(self, schema_id: int) -> PayloadReader:
        schema = self._registry.fetch(schema_id)
        if schema is None:
            raise UnusableSchemaError(f"the registry has no schema {schema_id}")
        wanted = {"avro": AVRO, "protobuf": PROTOBUF}[self._encoding]
        if schema.kind != wanted:
            raise UnusableSchemaError(f"schema {schema_id} is {schema.kind}, not {wanted}; see input.encoding")
        try:
            return _avro(schema) if schema.kind == AVRO else _protobuf(schema)
        except UnusableSchemaError as error:
            raise UnusableSchemaError(f"schema {schema_id}: {error}") from error


def _avro(schema: Registered) -> PayloadReader:
    from detector.records.envelopes.avro_payloads import AvroReader  # noqa: PLC0415 - only what is used is imported

    return AvroReader.open(schema.text, [text for _, text in schema.references])


def _protobuf(schema: Registered) -> PayloadReader:
    from detector.records.envelopes.protobuf_payloads import ProtobufReader  # noqa: PLC0415
    from detector.schemas.protoc import descriptors  # noqa: PLC0415

    try:
        return ProtobufReader.open(descriptors(schema.text, dict(schema.references)))
    except OSError as error:
        raise UnusableSchemaError(f"protoc cannot be run: {error}") from error
