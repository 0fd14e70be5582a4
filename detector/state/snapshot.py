"""A partition's state at one offset, as bytes, and back.

::

    magic "OFS" and version (1 byte)   CRC-32 of the rest (4 bytes, little-endian)
    MessagePack: topic, partition, offset, parts (name → bytes; each part checks its own contents when it is restored)
"""

from __future__ import annotations

import struct
import zlib
from typing import Annotated

import msgspec

from detector.errors import InputError
from detector.structs import resolved

MAGIC = b"OFS\x01"
_HEAD = struct.Struct("<4sI")


class Snapshot(msgspec.Struct, frozen=True):
    """What is remembered of a partition once every record before ``offset`` has been judged, and none after it."""

    topic: str
    partition: int
    offset: Annotated[int, msgspec.Meta(ge=0)]
    parts: dict[str, bytes]


def pack(snapshot: Snapshot) -> bytes:
    """Write it down."""
    body = msgspec.msgpack.encode(snapshot)
    return _HEAD.pack(MAGIC, zlib.crc32(body)) + body


def unpack(data: bytes) -> Snapshot:
    """Read it. Raises InputError for bytes that are damaged or of another version."""
    if len(data) < _HEAD.size or not data.startswith(MAGIC):
        raise InputError("reading a snapshot of state: it is not one of this version")
    if zlib.crc32(data[_HEAD.size :]) != _HEAD.unpack_from(data)[1]:
        raise InputError("reading a snapshot of state: its checksum does not match")
    try:
        return msgspec.msgpack.decode(data[_HEAD.size :], type=resolved(Snapshot))
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InputError(f"reading a snapshot of state: {error}") from error
