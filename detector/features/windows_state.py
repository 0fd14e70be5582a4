"""A partition's windows: its tables, sightings and clock, and the bytes that they are kept as, in an envelope.

The body is the clock (7 × float64), the tables, and the sightings' buckets (uint32). The bytes depend on nothing but
the records that were seen, however they were batched.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from detector.features.windows_bytes import (
    DIGEST_BYTES,
    Envelope,
    longest_table,
    read_table,
    read_words,
    roomy,
    table_parts,
    words_of,
)
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
    held_bytes,
    lines,
    make_table,
)

MAGIC = b"OFW\x02"


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
            tuple(roomy(table, arriving, limit) for table, limit in tables), self.sightings, self.clock
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


def pack(state: PartitionState, windows: Windows) -> bytes:
    """Write the state down."""
    parts = [state.clock.astype("<f8").tobytes()]
    for table in state.tables:
        parts += table_parts(table)
    return _envelope(windows).seal([*parts, *map(words_of, state.sightings)])


def unpack(data: bytes, windows: Windows) -> PartitionState:
    """Read a state written for the same windows. Raises InputError for anything off."""
    envelope, state = _envelope(windows), PartitionState.empty(windows)
    longest = sum(map(longest_table, state.tables, windows.limits())) + sum(tags.nbytes for tags in state.sightings)
    body = envelope.open(data, state.clock.nbytes + longest)
    envelope.demand(len(body) >= state.clock.nbytes, "it ends within its clock")
    clock = np.frombuffer(body, "<f8", CLOCK_FIELDS).astype(np.float64)
    envelope.demand(bool(np.isfinite(clock).all()), "its clock is not a time")
    at, tables = clock.nbytes, list[Table]()
    for table, limit in zip(state.tables, windows.limits(), strict=True):
        restored, at = read_table(body, at, table, limit, envelope)
        _check_figures(restored, windows, envelope)
        tables.append(restored)
    for tags in state.sightings:
        at = read_words(body, at, tags, envelope)
    envelope.demand(at == len(body), "it is longer than its tables")
    return PartitionState(tuple(tables), state.sightings, clock)


def _check_figures(table: Table, windows: Windows, envelope: Envelope) -> None:
    used, end = int(table.meta[USED]), HEADER_WORDS + SUMS * len(windows.half_lives_s)
    numbers = table.numbers[:used, 4:end]
    envelope.demand(bool(np.isfinite(numbers).all()), "a key's figure is not a number")
    envelope.demand(bool((numbers[:, 0] >= 1.0).all()), "a key has no flows")


def _envelope(windows: Windows) -> Envelope:
    """For all windows with the same state: which columns are read from it makes no difference."""
    kept = msgspec.structs.replace(windows, columns=())
    digest = hashlib.sha256(msgspec.json.encode(kept, order="deterministic")).digest()[:DIGEST_BYTES]
    return Envelope("window state", MAGIC, digest)
