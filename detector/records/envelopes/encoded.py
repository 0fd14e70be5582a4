"""Values that a schema describes: Avro or Protobuf in the wire format of Confluent's serializers.

A value is the magic byte 0, the schema's id (4 bytes, big-endian), and the payload
(https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format). It is
turned into JSON text, and a format's own decoder reads that; rejects are told of the value as it came. Where schemas
come from is the business of whoever makes the decoder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Protocol

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.records.decoder import join_frames
from detector.records.flow import ROW, Decoder, FlowBatch, Reject, RejectReason

MAGIC = 0

HEADER_BYTES = 5
"""The magic byte and the schema's id."""

JSON_GROWTH = 16
"""How many times longer than its value the JSON text may be: it names every field, and writes out every number."""

_MOST_BYTES = 1 << 29
"""JSON text that is handed on in one piece, well below the 2 GiB that a decoder's positions allow."""


class UnusableSchemaError(Exception):
    """No record of this schema can be read: there is no such schema, or it is of another kind."""


class PayloadError(Exception):
    """The payload is not what its schema says."""


class PayloadReader(Protocol):
    """Reads the payloads of one schema."""

    def read(self, payload: bytes) -> object:
        """What is in it, as msgspec can write it as JSON. Raises PayloadError, and nothing else."""
        ...


class Schemas(Protocol):
    """Where readers come from; it remembers them."""

    def reader(self, schema_id: int) -> PayloadReader:
        """The reader of a schema. Raises UnusableSchemaError where it has none."""
        ...


@dataclass(frozen=True, slots=True)
class EncodedDecoder:
    """Hands the JSON text of each value to ``inner``, whose bound must be ``JSON_GROWTH * max_record_bytes``."""

    inner: Decoder
    schemas: Schemas
    max_record_bytes: int

    def decode(self, values: Sequence[bytes | None], streams: NDArray[np.int32] | None = None) -> FlowBatch:
        """Decode ``values`` in order; see :class:`~detector.records.flow.Decoder`."""
        if streams is None:
            streams = np.zeros(len(values), dtype=np.int32)
        rows: list[int] = []
        texts: list[bytes] = []
        rejects: list[Reject] = []
        batches: list[FlowBatch] = []
        size = 0
        for row, value in enumerate(values):
            text = self._text(row, value)
            if isinstance(text, Reject):
                rejects.append(text)
                continue
            rows.append(row)
            texts.append(text)
            size += len(text)
            if size >= _MOST_BYTES:
                batches.append(self._inner(rows, texts, streams))
                rows, texts, size = [], [], 0
        batches.append(self._inner(rows, texts, streams))
        return _joined(batches, rejects)

    def _text(self, row: int, value: bytes | None) -> bytes | Reject:
        if not value:
            return Reject(row, RejectReason.EMPTY, "record: no bytes in it")
        if len(value) > self.max_record_bytes:
            detail = f"record: {len(value)} bytes, more than the {self.max_record_bytes} allowed"
            return Reject(row, RejectReason.TOO_LARGE, detail)
        try:
            schema_id, payload = split_frame(value)
            found = self.schemas.reader(schema_id).read(payload)
            return msgspec.json.encode(found)
        except PayloadError as error:
            return Reject(row, RejectReason.BAD_ENCODING, f"record: {error}")
        except UnusableSchemaError as error:
            return Reject(row, RejectReason.BAD_SCHEMA, f"record: {error}")
        except (TypeError, ValueError, RecursionError) as error:  # what JSON has no words for
            return Reject(row, RejectReason.BAD_ENCODING, f"record: cannot be written as JSON: {error}")

    def _inner(self, rows: list[int], texts: list[bytes], streams: NDArray[np.int32]) -> FlowBatch:
        """Decode some values, and tell of them by their places among all."""
        places = np.array(rows, dtype=np.uint32)
        batch = self.inner.decode(texts, streams[places])
        return FlowBatch(
            batch.frame.with_columns(pl.Series(ROW, places[batch.rows])),
            [reject._replace(row=rows[reject.row]) for reject in batch.rejects],
            batch.passed_over,
        )


def split_frame(value: bytes) -> tuple[int, bytes]:
    """The schema's id and the payload. Raises PayloadError for other bytes."""
    if value[0] != MAGIC:
        raise PayloadError(
            f"begins with byte {value[0]:#04x}, not with a schema registry's magic byte 0; see input.encoding"
        )
    if len(value) < HEADER_BYTES:
        raise PayloadError(f"{len(value)} bytes, too few to name a schema")
    return int.from_bytes(value[1:HEADER_BYTES]), value[HEADER_BYTES:]


def plain_bytes(value: bytes) -> str | bytes:
    """Bytes as JSON has them: an address, if there are as many as one has; any other as base64, by msgspec."""
    if len(value) == IPV4_BYTES:
        return str(IPv4Address(value))
    if len(value) == IPV6_BYTES:
        address = IPv6Address(value)
        return str(address.ipv4_mapped or address)
    return value


IPV4_BYTES, IPV6_BYTES = 4, 16


def _joined(batches: Sequence[FlowBatch], rejects: list[Reject]) -> FlowBatch:
    passed_over: dict[str, int] = {}
    for batch in batches:
        for kind, count in batch.passed_over.items():
            passed_over[kind] = passed_over.get(kind, 0) + count
    every = [*rejects, *(reject for batch in batches for reject in batch.rejects)]
    every.sort(key=lambda reject: reject.row)
    return FlowBatch(join_frames([batch.frame for batch in batches]), every, passed_over)
