"""State of each partition that is held in bounded tables: it grows with what comes, and forgets what was used least.

Whose it is says what the tables' rows mean, and what passes over them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from detector.kernels.by_partition import ByPartition
from detector.kernels.hash_table import EVICTED, FIRST_ROWS, USED, Table, held_bytes, make_table
from detector.kernels.table_bytes import Envelope, Part, longest_table, read_clock, read_table, roomy, table_parts


@dataclass(frozen=True, slots=True)
class Kept:
    """What is known of a partition."""

    tables: tuple[Table, ...]
    clock: NDArray[np.float64]
    """As :mod:`detector.kernels.clock` has it, and whatever places its owner adds."""

    @property
    def evicted(self) -> int:
        """Keys that had to make room, ever."""
        return sum(int(table.meta[EVICTED]) for table in self.tables)


KeptT = TypeVar("KeptT", bound=Kept)


class InTables(ByPartition[KeptT]):
    """The state of every partition seen; in each of its tables at most as many keys as ``limits`` say."""

    def __init__(self, *limits: int) -> None:
        super().__init__()
        self._limits = limits
        self._evicted = 0

    @property
    def evicted(self) -> int:
        """Keys that had to make room, since this was made."""
        return self._evicted

    @property
    def memory_bytes(self) -> int:
        """Memory that it takes."""
        return sum(held_bytes(table) for kept in self._partitions.values() for table in kept.tables)

    def _held(self, place: int) -> int:
        """Keys held in the tables of that place."""
        return sum(int(kept.tables[place].meta[USED]) for kept in self._partitions.values())

    def _passing(
        self, partitions: NDArray[np.int32], arriving: Callable[[NDArray[np.intp]], Sequence[int]]
    ) -> Iterator[tuple[NDArray[np.intp], KeptT]]:
        """Give each partition's rows and what is known of it, to pass over them before the next is asked for.

        There is room for as many new keys, of each table, as ``arriving`` says of the rows.
        """
        for partition in np.unique(partitions).tolist():
            rows, kept = np.flatnonzero(partitions == partition), self._of(partition)
            coming = zip(kept.tables, arriving(rows), self._limits, strict=True)
            kept = replace(kept, tables=tuple(roomy(table, keys, limit) for table, keys, limit in coming))
            self._partitions[partition] = kept
            before = kept.evicted
            yield rows, kept
            self._evicted += kept.evicted - before

    def _empty(self, *widths: int) -> tuple[Table, ...]:
        """Tables of rows of so many words, without keys."""
        return tuple(
            make_table(min(FIRST_ROWS, limit), width, limit) for width, limit in zip(widths, self._limits, strict=True)
        )

    def _longest(self, tables: tuple[Table, ...]) -> int:
        """How long they can become as bytes."""
        return sum(map(longest_table, tables, self._limits))

    def _read(self, body: bytes, at: int, empty: tuple[Table, ...], envelope: Envelope) -> tuple[Table, ...]:
        """Fill empty tables from ``body[at:]``, which they end. Raises InputError for bytes that are off."""
        tables = []
        for table, limit in zip(empty, self._limits, strict=True):
            filled, at = read_table(body, at, table, limit, envelope)
            tables.append(filled)
        envelope.demand(at == len(body), "it is longer than its tables")
        return tuple(tables)

    def _unsealed(self, data: bytes, envelope: Envelope) -> Kept:
        """Read what :func:`sealed` gave. Raises InputError for bytes that are off."""
        fresh = self._fresh()
        body = envelope.open(data, fresh.clock.nbytes + self._longest(fresh.tables))
        clock = read_clock(body, len(fresh.clock), envelope)
        return Kept(self._read(body, clock.nbytes, fresh.tables, envelope), clock)


def tables_parts(tables: tuple[Table, ...]) -> list[Part]:
    """Write tables down, one after the other."""
    return [part for table in tables for part in table_parts(table)]


def sealed(kept: Kept, envelope: Envelope) -> bytes:
    """Write down what is known of a partition: its clock and its tables."""
    return envelope.seal([kept.clock.astype("<f8").tobytes(), *tables_parts(kept.tables)])
