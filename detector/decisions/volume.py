"""Volume: what a young pair sends, how often and how long it connects, beyond what pairs of its age do.

What it is made of, and the pass over flows that tells it, is in :mod:`detector.decisions.volume_kernel`. Here is what
is kept of each partition, and how it is kept.

Same promises as :mod:`detector.decisions.evidence`: any batches, a state per partition that can be taken out and put
back, bounded memory, and time that no single record can move. A pair takes 80 bytes.
"""

from __future__ import annotations

import hashlib
import struct
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.decisions.passed import FAILED, SOURCES, Passed
from detector.decisions.volume_kernel import (
    AMOUNTS,
    BY_PORT,
    COUNTED,
    DEFINED_BY,
    FIELDS,
    HIGHEST,
    MARKS,
    OWN_WIDTH,
    PAIR_WIDTH,
    PLACES,
    PORTS,
    STEPS,
    SUMS,
    THERE_WIDTH,
    VOLUME,
    Columns,
    Counts,
    pass_by,
)
from detector.kernels.by_partition import ByPartition
from detector.kernels.clock import FARTHEST_TIME_S
from detector.kernels.hash_table import EVICTED, FIRST_ROWS, USED, Table, held_bytes, make_table
from detector.kernels.table_bytes import DIGEST_BYTES, Envelope, longest_table, read_table, roomy, table_parts

PAIRS, OWN, SERVICES = 262_144, 32_768, 262_144
"""Kept per partition: pairs, sources by class of ports, and destinations with their ports. 20, 6 and 12 MiB."""

SENT, RECEIVED, LASTED, PORT = "src_bytes", "dst_bytes", "duration_s", "dst_port"

COLUMNS = (SENT, RECEIVED, LASTED, FAILED, SOURCES, PORT)

_ENVELOPE = Envelope(
    "volumes",
    b"OFV\x01",
    hashlib.sha256(struct.pack(f"<{len(DEFINED_BY)}d", *DEFINED_BY)).digest()[:DIGEST_BYTES],
)


class Kept(NamedTuple):
    """What is known of a partition."""

    tables: tuple[Table, Table, Table]
    """Pairs; sources, each by the class of its pairs' ports; destinations with their ports."""
    counts: Counts
    clock: NDArray[np.float64]
    """As :mod:`detector.kernels.clock` has it, and two more places of the kernel's."""

    @property
    def evicted(self) -> int:
        """Keys that had to make room, ever."""
        return sum(int(table.meta[EVICTED]) for table in self.tables)


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


TOLD = Volumes._fields[1:]
"""What is told of a pair beside its volume."""


class VolumeState(ByPartition[Kept]):
    """The volumes of every partition seen; at most ``pairs`` pairs, and so many sources and services, in each."""

    def __init__(self, pairs: int = PAIRS, sources: int = OWN, services: int = SERVICES) -> None:
        super().__init__()
        self._limits = pairs, sources, services
        self._evicted = 0

    @property
    def evicted(self) -> int:
        """Keys that had to make room, since this was made."""
        return self._evicted

    @property
    def pairs(self) -> int:
        """Pairs held."""
        return sum(int(kept.tables[0].meta[USED]) for kept in self._partitions.values())

    @property
    def memory_bytes(self) -> int:
        """Memory that it takes."""
        return sum(
            sum(map(held_bytes, kept.tables)) + sum(int(each.nbytes) for each in kept.counts)
            for kept in self._partitions.values()
        )

    def update(self, flows: Passed) -> Volumes:
        """Take flows in record order; give each one's pair, as it is with it."""
        found = Volumes(*(np.zeros(len(flows.ts)) for _ in Volumes._fields))
        if not len(flows.ts):
            return found
        times = np.clip(np.nan_to_num(flows.ts), -FARTHEST_TIME_S, FARTHEST_TIME_S)
        of = flows.columns
        ports = np.nan_to_num(of[PORT], nan=-1.0).astype(np.int64)
        columns = Columns(
            flows.keys.targets, flows.keys.services, of[SOURCES], ports, times, np.nan_to_num(of[SENT]),
            np.nan_to_num(of[RECEIVED]), np.nan_to_num(of[LASTED]), of[FAILED],
        )  # fmt: skip
        for partition in np.unique(flows.partitions).tolist():
            rows = np.flatnonzero(flows.partitions == partition)
            kept = self._of(partition)
            tables = [roomy(table, len(rows), limit) for table, limit in zip(kept.tables, self._limits, strict=True)]
            kept = Kept((tables[0], tables[1], tables[2]), kept.counts, kept.clock)
            self._partitions[partition] = kept
            before = kept.evicted
            pass_by(*kept.tables, kept.counts, kept.clock, rows, columns, *found)
            self._evicted += kept.evicted - before
        return found

    def assessed(self, flows: Passed) -> dict[str, NDArray[np.float64]]:
        """The same by name, as views ask for it."""
        return self.update(flows)._asdict()

    def _fresh(self) -> Kept:
        pairs, sources, services = self._limits
        tables = (
            make_table(min(FIRST_ROWS, pairs), PAIR_WIDTH, pairs),
            make_table(min(FIRST_ROWS, sources), OWN_WIDTH, sources),
            make_table(min(FIRST_ROWS, services), THERE_WIDTH, services),
        )
        return Kept(tables, _no_counts(), np.zeros(FIELDS))

    def _packed(self, kept: Kept) -> bytes:
        arrays = (kept.clock.astype("<f8"), *_as_kept(kept.counts))
        parts = [part for table in kept.tables for part in table_parts(table)]
        return _ENVELOPE.seal([*(each.tobytes() for each in arrays), *parts])

    def _unpacked(self, data: bytes) -> Kept:
        fresh = self._fresh()
        arrays = (fresh.clock.astype("<f8"), *_as_kept(fresh.counts))
        head = sum(each.nbytes for each in arrays)
        body = _ENVELOPE.open(data, head + sum(map(longest_table, fresh.tables, self._limits)))
        _ENVELOPE.demand(len(body) >= head, "it ends within its counts")
        at, read = 0, []
        for each in arrays:
            read.append(np.frombuffer(body, each.dtype, each.size, at).reshape(each.shape).copy())
            at += each.nbytes
        clock, counts = read[0].astype(np.float64), Counts(*read[1:])
        _ENVELOPE.demand(bool(np.isfinite(clock).all()), "its clock is not a time")
        _check(counts)
        tables = []
        for table, limit in zip(fresh.tables, self._limits, strict=True):
            filled, at = read_table(body, at, table, limit, _ENVELOPE)
            tables.append(filled)
        _ENVELOPE.demand(at == len(body), "it is longer than its tables")
        _check_pairs(tables[0])
        return Kept((tables[0], tables[1], tables[2]), counts, clock)


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
    within = (((marks >> 4) & 15) < len(AMOUNTS)) & ((marks >> 8) < 3)
    _ENVELOPE.demand(bool(within.all()), "a pair's marks are none")
