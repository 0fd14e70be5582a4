"""A partition's windows as bytes, to keep or to hand over, and back, with every bound checked.

::

    magic "OFW" and version (1 byte)   digest of the windows (16 bytes)   CRC-32 of the body (4)   its length (8)
    body, deflated: clock (7 × float64); then for each table: keys in use, keys evicted (2 × int64), its buckets
    and the rows in use (uint32); then the sightings' buckets (uint32)

Little-endian throughout. The bytes depend on nothing but the records that were seen, however they were batched.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from dataclasses import dataclass
from typing import Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from detector.errors import InputError
from detector.features.windows_columns import KEYS, SIGHTINGS, SKETCHES, Windows
from detector.features.windows_kernel import CLOCK_FIELDS, MARKS
from detector.features.windows_table import (
    EVICTED,
    FIRST_ROWS,
    HEADER_WORDS,
    SUMS,
    USED,
    WAYS,
    Table,
    buckets_for,
    grown,
    held_bytes,
    lines,
    make_table,
)

MAGIC = b"OFW\x02"
_HEAD = struct.Struct("<4s16sIQ")
_COUNTS = struct.Struct("<qq")

FASTEST = 1
"""zlib's level: most of a row is zeros, which any level packs well."""

ADVICE = "remove it, and the windows start empty"


@dataclass(frozen=True, slots=True)
class PartitionState:
    """The tables of one partition, its sightings, and its clock (float64, places as in the kernel)."""

    tables: tuple[Table, ...]
    sightings: tuple[NDArray[np.uint32], ...]
    clock: NDArray[np.float64]

    @classmethod
    def empty(cls, windows: Windows) -> Self:
        """The state before the first record."""
        tables = (
            make_table(min(FIRST_ROWS, limit), width, limit)
            for width, limit in zip(widths(windows), windows.limits(), strict=True)
        )
        sightings = (lines(buckets_for(windows.pairs), WAYS) for _ in range(SIGHTINGS))
        return cls(tuple(tables), tuple(sightings), np.zeros(CLOCK_FIELDS))

    def roomy(self, arriving: int, windows: Windows) -> PartitionState:
        """The same state, with room for as many new keys as can arrive, within the bounds."""
        tables = zip(self.tables, windows.limits(), strict=True)
        return PartitionState(
            tuple(_roomy(table, arriving, limit) for table, limit in tables), self.sightings, self.clock
        )

    @property
    def keys(self) -> int:
        """How many keys it holds, sightings not counted."""
        return sum(int(table.meta[USED]) for table in self.tables)

    @property
    def evicted(self) -> int:
        """How many keys had to make room so far."""
        return sum(int(table.meta[EVICTED]) for table in self.tables)

    @property
    def bytes(self) -> int:
        """Memory that it takes."""
        return sum(map(held_bytes, self.tables)) + sum(tags.nbytes for tags in self.sightings)


def widths(windows: Windows) -> tuple[int, ...]:
    """Words of a row of each of the tables."""
    header = HEADER_WORDS + SUMS * len(windows.half_lives_s)
    return tuple(-(-(header + MARKS * SKETCHES[key]) // 16) * 16 for key in KEYS)


def _roomy(table: Table, arriving: int, limit: int) -> Table:
    """Doubled, so that it is copied seldom."""
    rows = len(table.words)
    needed = min(int(table.meta[USED]) + arriving, limit)
    return table if needed <= rows else grown(table, min(max(needed, 2 * rows), limit))


def pack(state: PartitionState, windows: Windows) -> bytes:
    """Write the state down."""
    parts = [state.clock.astype("<f8").tobytes()]
    for table in state.tables:
        used = int(table.meta[USED])
        parts.append(_COUNTS.pack(used, int(table.meta[EVICTED])))
        parts += [_plain(table.tags), _plain(table.words[:used])]
    parts += map(_plain, state.sightings)
    body = b"".join(parts)
    return _HEAD.pack(MAGIC, _digest(windows), zlib.crc32(body), len(body)) + zlib.compress(body, FASTEST)


def unpack(data: bytes, windows: Windows) -> PartitionState:
    """Read a state written for the same windows. Raises InputError for anything off."""
    body = _body(data, windows)
    clock = np.frombuffer(body, "<f8", CLOCK_FIELDS).astype(np.float64)
    _demand(bool(np.isfinite(clock).all()), "its clock is not a time")
    at, state = clock.nbytes, PartitionState.empty(windows)
    tables = []
    for table, limit in zip(state.tables, windows.limits(), strict=True):
        restored, at = _read_table(body, at, table, limit)
        tables.append(restored)
    for tags in state.sightings:
        _demand(at + tags.nbytes <= len(body), "it ends within its sightings")
        tags[:] = np.frombuffer(body, "<u4", tags.size, at).reshape(tags.shape)
        at += tags.nbytes
    _demand(at == len(body), "it is longer than its tables")
    return PartitionState(tuple(tables), state.sightings, clock)


def _read_table(body: bytes, at: int, table: Table, limit: int) -> tuple[Table, int]:
    width, tags = table.words.shape[1], table.tags
    _demand(at + _COUNTS.size + tags.nbytes <= len(body), "it ends within a table")
    used, evicted = _COUNTS.unpack_from(body, at)
    at += _COUNTS.size
    _demand(0 <= used <= limit and evicted >= 0, "it has more keys than the windows allow")
    end = at + tags.nbytes + 4 * used * width
    _demand(end <= len(body), "it ends within a table")
    table = _roomy(table, used, limit)
    tags[:] = np.frombuffer(body, "<u4", tags.size, at).reshape(tags.shape)
    table.words[:used] = np.frombuffer(body, "<u4", used * width, at + tags.nbytes).reshape(used, width)
    table.meta[USED], table.meta[EVICTED] = used, evicted
    _check_table(table, used)
    return table, end


def _check_table(table: Table, used: int) -> None:
    places = table.tags.reshape(len(table.tags), WAYS, 2)
    full = places[:, :, 0] != 0
    _demand(bool((full[:, :-1] >= full[:, 1:]).all()), "a bucket has a gap")
    rows = np.sort(places[:, :, 1][full])
    _demand(bool(np.array_equal(rows, np.arange(used))), "its keys do not match its rows")
    _demand(bool(np.isfinite(table.moments[:used, :2]).all()), "a key's time is not a time")
    last = HEADER_WORDS + SUMS * ((table.words.shape[1] - HEADER_WORDS) % MARKS // SUMS)
    numbers = table.numbers[:used, 4:last]
    _demand(bool(np.isfinite(numbers).all()), "a key's figure is not a number")
    _demand(bool((numbers[:, 0] >= 1.0).all()), "a key has no flows")


def _plain(words: NDArray[np.uint32]) -> bytes:
    return words.astype("<u4").tobytes()


def _body(data: bytes, windows: Windows) -> bytes:
    _demand(len(data) >= _HEAD.size, "it is cut off")
    magic, digest, crc, length = _HEAD.unpack_from(data)
    _demand(magic == MAGIC, "it is not of this version")
    _demand(digest == _digest(windows), "it is of other windows")
    _demand(8 * CLOCK_FIELDS <= length <= _longest(windows), "its length is out of bounds")
    inflater = zlib.decompressobj()
    try:
        body = inflater.decompress(data[_HEAD.size :], length + 1)
    except zlib.error as error:
        raise InputError(f"restoring window state: {error}; {ADVICE}") from error
    _demand(inflater.eof and not inflater.unused_data, "it is cut off, or goes on behind its end")
    _demand(len(body) == length and zlib.crc32(body) == crc, "its checksum does not match")
    return body


def _longest(windows: Windows) -> int:
    tables = sum(
        _COUNTS.size + 4 * (limit * width + buckets_for(limit) * 2 * WAYS)
        for width, limit in zip(widths(windows), windows.limits(), strict=True)
    )
    return 8 * CLOCK_FIELDS + tables + 4 * SIGHTINGS * buckets_for(windows.pairs) * WAYS


def _digest(windows: Windows) -> bytes:
    """Of what the state depends on: which columns are read from it makes no difference."""
    kept = msgspec.structs.replace(windows, columns=())
    return hashlib.sha256(msgspec.json.encode(kept, order="deterministic")).digest()[:16]


def _demand(holds: bool, otherwise: str) -> None:
    if not holds:
        raise InputError(f"restoring window state: {otherwise}; {ADVICE}")
