"""Volume: what a young pair sends, how often and how long it connects, beyond what pairs of its age do.

What it is made of, and the pass over flows that tells it, is in :mod:`detector.decisions.volume_kernel`. Here is what
is kept of each partition, and how it is kept.

Same promises as :mod:`detector.decisions.evidence`: any batches, a state per partition that can be taken out and put
back, bounded memory, and time that no single record can move. A pair takes 80 bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.decisions.passed import FAILED, SOURCES, Passed
from detector.decisions.volume_counts import (
    AMOUNTS,
    BY_PORT,
    COUNTED,
    OWN_WIDTH,
    PLACES,
    PORTS,
    STEPS,
    Counts,
)
from detector.decisions.volume_kernel import (
    DEFINED_BY,
    FIELDS,
    HARMLESS,
    HIGHEST,
    MARKS,
    PAIR_WIDTH,
    SUMS,
    THERE_WIDTH,
    VOLUME,
    Columns,
    pass_by,
)
from detector.kernels.clock import within_reach
from detector.kernels.hash_table import USED, Table
from detector.kernels.in_tables import InTables, tables_parts
from detector.kernels.in_tables import Kept as KeptTables
from detector.kernels.table_bytes import Envelope, read_clock

PAIRS, OWN, SERVICES = 262_144, 32_768, 262_144
"""Kept per partition: pairs, sources by class of ports, and destinations with their ports. 20, 6 and 12 MiB."""

SENT, RECEIVED, LASTED, PORT = "src_bytes", "dst_bytes", "duration_s", "dst_port"

COLUMNS = (SENT, RECEIVED, LASTED, FAILED, SOURCES, PORT)

_ENVELOPE = Envelope.by("volumes", b"OFV\x01", DEFINED_BY)


@dataclass(frozen=True, slots=True)
class Kept(KeptTables):
    """What is known of a partition.

    Tables are of pairs; of sources, each by the class of its pairs' ports; of destinations with their ports. Its clock
    has two more places, of the kernel's.
    """

    counts: Counts


class Volumes(NamedTuple):
    """Of each flow; shape (rows,) each. All but the first are 0 where that is."""

    volume: NDArray[np.float64]
    """Of its pair, with it: nats."""
    done: NDArray[np.float64]
    """The place among AMOUNTS of that which is rarest."""
    amount: NDArray[np.float64]
    """The step of it that the pair has reached, in its unit: it did at least so much."""
    age: NDArray[np.float64]
    """Seconds since the pair's first flow."""
    visitors: NDArray[np.float64]
    """About how many hosts have gone to the destination at this port."""
    usual: NDArray[np.float64]
    """What the source stays below at nineteen in twenty of its new places by ports of this class, in the amount's unit;
    0 where it has had too few."""


TOLD = Volumes._fields[1:]
"""What is told of a pair beside its volume."""


class VolumeState(InTables[Kept]):
    """The volumes of every partition seen; at most ``pairs`` pairs, and so many sources and services, in each."""

    def __init__(self, pairs: int = PAIRS, sources: int = OWN, services: int = SERVICES) -> None:
        super().__init__(pairs, sources, services)

    @property
    def pairs(self) -> int:
        """Pairs held."""
        return self._held(0)

    @property
    def memory_bytes(self) -> int:
        """Memory that it takes."""
        counts = (each for kept in self._partitions.values() for each in kept.counts)
        return super().memory_bytes + sum(int(each.nbytes) for each in counts)

    def update(self, flows: Passed) -> Volumes:
        """Take flows in record order; give each one's pair, as it is with it."""
        found = Volumes(*(np.zeros(len(flows.ts)) for _ in Volumes._fields))
        if not len(flows.ts):
            return found
        times = within_reach(flows.ts)
        of = flows.columns
        ports = np.nan_to_num(of[PORT], nan=-1.0).astype(np.int64)
        columns = Columns(
            flows.keys.targets, flows.keys.services, of[SOURCES], ports, times, np.nan_to_num(of[SENT]),
            np.nan_to_num(of[RECEIVED]), np.nan_to_num(of[LASTED]), of[FAILED],
            flows.taught,
        )  # fmt: skip
        for rows, kept in self._passing(flows.partitions, lambda rows: [len(rows)] * 3):
            pairs, own, there = kept.tables
            pass_by(pairs, own, there, kept.counts, kept.clock, rows, columns, *found)
        return found

    def assessed(self, flows: Passed) -> dict[str, NDArray[np.float64]]:
        """The same by name, as views ask for it."""
        return self.update(flows)._asdict()

    def _fresh(self) -> Kept:
        return Kept(self._empty(PAIR_WIDTH, OWN_WIDTH, THERE_WIDTH), np.zeros(FIELDS), _no_counts())

    def _packed(self, kept: Kept) -> bytes:
        arrays = (kept.clock.astype("<f8"), *_as_kept(kept.counts))
        return _ENVELOPE.seal([*(each.tobytes() for each in arrays), *tables_parts(kept.tables)])

    def _unpacked(self, data: bytes) -> Kept:
        fresh = self._fresh()
        arrays = (fresh.clock.astype("<f8"), *_as_kept(fresh.counts))
        head = sum(each.nbytes for each in arrays)
        body = _ENVELOPE.open(data, head + self._longest(fresh.tables))
        _ENVELOPE.demand(len(body) >= head, "it ends within its counts")
        clock, at, read = read_clock(body, FIELDS, _ENVELOPE), fresh.clock.nbytes, []
        for each in arrays[1:]:
            read.append(np.frombuffer(body, each.dtype, each.size, at).reshape(each.shape).copy())
            at += each.nbytes
        counts = Counts(*read)
        _check(counts)
        tables = self._read(body, at, fresh.tables, _ENVELOPE)
        _check_pairs(tables[0])
        return Kept(tables, clock, counts)


def _no_counts() -> Counts:
    return Counts(
        np.zeros(PORTS, np.float32),
        np.zeros(PORTS, np.uint32),
        np.zeros((PLACES, COUNTED + 1, STEPS + 1), np.float32),
        np.zeros(1, np.int64),
    )


def _as_kept(counts: Counts) -> Counts:
    """The same with the bytes' order that snapshots have."""
    return Counts(*(each.astype(each.dtype.newbyteorder("<")) for each in counts))


def _check(counts: Counts) -> None:
    """Raise InputError for counts that none can be."""
    for each in (counts.met, counts.reached):
        _ENVELOPE.demand(bool((np.isfinite(each) & (each >= 0)).all()), "a count is none")
    taken = int(counts.taken[0])
    _ENVELOPE.demand(0 <= taken <= PLACES - BY_PORT, "it has more ports than are allowed")
    given = counts.places[counts.places > 0]
    _ENVELOPE.demand(
        bool(np.array_equal(np.sort(given), np.arange(BY_PORT, BY_PORT + taken))), "its ports do not match their places"
    )


def _check_pairs(pairs: Table) -> None:
    """Raise InputError for pairs that none can be."""
    used = int(pairs.meta[USED])
    marks, volumes = pairs.words[:used, MARKS], pairs.numbers[:used, VOLUME]
    sums = pairs.numbers[:used, SUMS : SUMS + COUNTED]
    _ENVELOPE.demand(bool((np.isfinite(sums) & (sums >= 0)).all()), "an amount is none")
    _ENVELOPE.demand(bool(((volumes >= 0) & (volumes <= HIGHEST)).all()), "a volume is out of bounds")
    within = (((marks >> 4) & 15) < len(AMOUNTS)) & ((marks >> 8 & 15) < 3) & (marks < 2 * HARMLESS)
    _ENVELOPE.demand(bool(within.all()), "a pair's marks are none")
