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

from detector.features.windows_kernel import SUMS_END
from detector.features.windows_plan import KeyPlan, Layout
from detector.features.windows_statistics import KEYS
from detector.kernels.clock import CLOCK_FIELDS
from detector.kernels.hash_table import (
    EVICTED,
    FIRST_ROWS,
    USED,
    WAYS,
    Table,
    buckets_for,
    held_bytes,
    lines,
    make_table,
)
from detector.kernels.table_bytes import (
    DIGEST_BYTES,
    Envelope,
    Part,
    longest_table,
    read_clock,
    read_table,
    read_words,
    roomy,
    table_parts,
    words_of,
)

MAGIC = b"OFW\x03"


@dataclass(frozen=True, slots=True)
class PartitionWindows:
    """The tables of one partition, its sightings, and its clock, as in :mod:`detector.kernels.clock`."""

    tables: tuple[Table, ...]
    sightings: tuple[NDArray[np.uint32], ...]
    clock: NDArray[np.float64]

    @classmethod
    def empty(cls, layout: Layout) -> Self:
        """The state before the first record; a table or sightings that nothing needs have room for next to nothing."""
        limits, pairs, needs = layout.windows.limits(), layout.windows.pairs, layout.plan.needs.tolist()
        tables = (
            make_table(min(FIRST_ROWS, limit if needed else 1), width, limit if needed else 1)
            for width, limit, needed in zip(layout.widths, limits, needs[: len(KEYS)], strict=True)
        )
        sightings = (lines(buckets_for(pairs if needed else 1), WAYS) for needed in needs[len(KEYS) :])
        return cls(tuple(tables), tuple(sightings), np.zeros(CLOCK_FIELDS))

    def roomy(self, arriving: int, layout: Layout) -> PartitionWindows:
        """The same state, with room for as many new keys as can arrive, within the bounds."""
        tables = zip(self.tables, layout.windows.limits(), layout.plan.needs.tolist(), strict=False)
        return PartitionWindows(
            tuple(roomy(table, arriving, limit) if needed else table for table, limit, needed in tables),
            self.sightings,
            self.clock,
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


def pack(state: PartitionWindows, layout: Layout) -> bytes:
    """Write the state down."""
    parts: list[Part] = [state.clock.astype("<f8").tobytes()]
    for table in state.tables:
        parts += table_parts(table)
    return _envelope(layout).seal([*parts, *map(words_of, state.sightings)])


def unpack(data: bytes, layout: Layout) -> PartitionWindows:
    """Read a state written for the same windows. Raises InputError for anything off."""
    envelope, state, limits = _envelope(layout), PartitionWindows.empty(layout), layout.windows.limits()
    longest = sum(map(longest_table, state.tables, limits)) + sum(tags.nbytes for tags in state.sightings)
    body = envelope.open(data, state.clock.nbytes + longest)
    clock = read_clock(body, CLOCK_FIELDS, envelope)
    at, tables = clock.nbytes, list[Table]()
    for table, limit, plan in zip(state.tables, limits, layout.plan.keys, strict=True):
        restored, at = read_table(body, at, table, limit, envelope)
        _check_figures(restored, plan, envelope)
        tables.append(restored)
    for tags in state.sightings:
        at = read_words(body, at, tags, envelope)
    envelope.demand(at == len(body), "it is longer than its tables")
    return PartitionWindows(tuple(tables), state.sightings, clock)


def _check_figures(table: Table, plan: KeyPlan, envelope: Envelope) -> None:
    numbers = table.numbers[: int(table.meta[USED]), 4 : plan.places[SUMS_END]]
    envelope.demand(bool(np.isfinite(numbers).all()), "a key's figure is not a number")
    envelope.demand(bool((numbers[:, 0] >= 1.0).all()), "a key has no flows")


def _envelope(layout: Layout) -> Envelope:
    """For all windows with the same state: which columns are read from it makes no difference."""
    kept = msgspec.structs.replace(layout.windows, columns=layout.kept)
    digest = hashlib.sha256(msgspec.json.encode(kept, order="deterministic")).digest()[:DIGEST_BYTES]
    return Envelope("window state", MAGIC, digest)
