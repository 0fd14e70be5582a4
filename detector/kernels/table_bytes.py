"""Bounded tables as bytes that can be checked, and the envelope that they are kept in.

::

    magic (4 bytes)   digest of what the state depends on (16)   CRC-32 of what follows (4)   length of the body (8)
    body, packed; in it, for each table: keys in use, keys evicted (2 × int64), its buckets, the rows in use (uint32)

Little-endian throughout. A body is one frame of Zstandard (RFC 8878); earlier builds deflated it, which is read, too.
Whatever is off raises InputError; nothing in the bytes is trusted before it is checked.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from zstandard import FRAME_HEADER, ZstdCompressor, ZstdDecompressor, ZstdError, frame_content_size

from detector.errors import InputError
from detector.kernels.hash_table import EVICTED, USED, WAYS, Table, grown

Part = bytes | memoryview

_HEAD = struct.Struct("<4s16sIQ")
_COUNTS = struct.Struct("<qq")

DIGEST_BYTES = 16

LEVEL = 1
"""Zstandard's: most of a row is zeros, which any level packs well, and no higher one packs faster."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a kind of state is kept in: ``what`` names it in errors."""

    what: str
    magic: bytes
    digest: bytes

    @classmethod
    def by(cls, what: str, magic: bytes, numbers: Sequence[float]) -> Self:
        """That of a state which depends on these numbers."""
        packed = struct.pack(f"<{len(numbers)}d", *numbers)
        return cls(what, magic, hashlib.sha256(packed).digest()[:DIGEST_BYTES])

    def seal(self, parts: Sequence[Part]) -> bytes:
        """Put the parts of the body into one, packed as they lie: copying them would keep all threads from working."""
        length = sum(memoryview(part).nbytes for part in parts)
        packer = ZstdCompressor(level=LEVEL).compressobj(size=length)
        packed = b"".join([*map(packer.compress, parts), packer.flush()])
        return _HEAD.pack(self.magic, self.digest, zlib.crc32(packed), length) + packed

    def open(self, data: bytes, longest: int) -> bytes:
        """Give the body, of ``longest`` bytes at most."""
        self.demand(len(data) >= _HEAD.size, "it is cut off")
        magic, digest, crc, length = _HEAD.unpack_from(data)
        self.demand(magic == self.magic, "it is not of this version")
        self.demand(digest == self.digest, "it is of other windows, or bounds")
        self.demand(length <= longest, "its length is out of bounds")
        # Of the packed bytes: some of them say nothing about the body.
        packed = memoryview(data)[_HEAD.size :]
        self.demand(zlib.crc32(packed) == crc, "its checksum does not match")
        try:
            body = self._unpacked(packed, length) if packed[:4] == FRAME_HEADER else self._inflated(packed, length)
        except (ZstdError, zlib.error) as error:
            raise self._error(str(error)) from error
        self.demand(len(body) == length, "its length does not match")
        return body

    def _unpacked(self, packed: memoryview, length: int) -> bytes:
        # Asked first: so much would be made room for.
        self.demand(frame_content_size(packed) == length, "its length does not match")
        return ZstdDecompressor().decompress(packed, allow_extra_data=False)

    def _inflated(self, packed: memoryview, length: int) -> bytes:
        inflater = zlib.decompressobj()
        body = inflater.decompress(packed, length + 1)
        self.demand(inflater.eof and not inflater.unused_data, "it is cut off, or goes on behind its end")
        return body

    def demand(self, holds: bool, otherwise: str) -> None:
        """Raise InputError, with ``otherwise`` as its reason, unless it holds."""
        if not holds:
            raise self._error(otherwise)

    def _error(self, why: str) -> InputError:
        return InputError(f"restoring {self.what}: {why}; remove it, and the {self.what} starts empty")


def read_clock(body: bytes, fields: int, envelope: Envelope) -> NDArray[np.float64]:
    """The clock of so many fields that a body begins with."""
    clock = np.empty(fields)
    envelope.demand(len(body) >= clock.nbytes, "it ends within its clock")
    clock[:] = np.frombuffer(body, "<f8", fields)
    envelope.demand(bool(np.isfinite(clock).all()), "its clock is not a time")
    return clock


def words_of(array: NDArray[np.uint32]) -> memoryview:
    """An array of words as bytes, where it lies."""
    return array.astype("<u4", copy=False).reshape(-1).view(np.uint8).data


def table_parts(table: Table) -> list[Part]:
    """Write a table down."""
    used = int(table.meta[USED])
    counts = _COUNTS.pack(used, int(table.meta[EVICTED]))
    return [counts, words_of(table.tags), words_of(table.words[:used])]


def longest_table(table: Table, limit: int) -> int:
    """How long it can become, with ``limit`` keys."""
    return int(_COUNTS.size + table.tags.nbytes + 4 * limit * table.words.shape[1])


def read_words(body: bytes, at: int, into: NDArray[np.uint32], envelope: Envelope) -> int:
    """Fill an array from ``body[at:]``; give where it ends there."""
    end = at + into.nbytes
    envelope.demand(end <= len(body), "it ends within a table")
    into[:] = np.frombuffer(body, "<u4", into.size, at).reshape(into.shape)
    return end


def read_table(body: bytes, at: int, table: Table, limit: int, envelope: Envelope) -> tuple[Table, int]:
    """Fill an empty table, of ``limit`` keys at most, from ``body[at:]``; give it, and where it ends there."""
    envelope.demand(at + _COUNTS.size <= len(body), "it ends within a table")
    used, evicted = _COUNTS.unpack_from(body, at)
    envelope.demand(0 <= used <= limit and evicted >= 0, "it has more keys than are allowed")
    table = roomy(table, used, limit)
    at = read_words(body, at + _COUNTS.size, table.tags, envelope)
    at = read_words(body, at, table.words[:used], envelope)
    table.meta[USED], table.meta[EVICTED] = used, evicted
    places = table.tags.reshape(len(table.tags), WAYS, 2)
    full = places[:, :, 0] != 0
    envelope.demand(bool((full[:, :-1] >= full[:, 1:]).all()), "a bucket has a gap")
    rows = np.sort(places[:, :, 1][full])
    envelope.demand(bool(np.array_equal(rows, np.arange(used))), "its keys do not match its rows")
    envelope.demand(bool(np.isfinite(table.moments[:used, :2]).all()), "a key's time is not a time")
    return table, at


def roomy(table: Table, arriving: int, limit: int) -> Table:
    """A table with room for as many new keys as can arrive, within the limit; doubled, so that it is copied seldom."""
    rows = len(table.words)
    needed = min(int(table.meta[USED]) + arriving, limit)
    return table if needed <= rows else grown(table, min(max(needed, 2 * rows), limit))
