"""Regular pairs: who calls whom by the clock, much alike each time, as few others do and as was never usual before.

What makes a pair regular, and the pass over flows that tells it, is in :mod:`detector.decisions.regular_kernel`. Here
is what is kept of each partition, and how it is kept.

Same promises as :mod:`detector.decisions.evidence`: any batches, a state per partition that can be taken out and put
back, bounded memory, and time that no single record can move. A candidate takes 144 bytes.
"""

from __future__ import annotations

import hashlib
import struct
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.decisions.passed import FAILED, LOG_SENT, TAUGHT, Passed
from detector.decisions.regular_kernel import (
    ACTIVE,
    CANDIDATE_CALLS,
    COUNT,
    DEFINED_BY,
    FULL,
    GAP_WINDOW,
    GAPS,
    HABIT,
    HIGHEST,
    KEY_WIDTH,
    MODES,
    PAIR_WIDTH,
    SIZE_WINDOW,
    SIZES,
    STEPS,
    pass_by,
)
from detector.kernels.by_partition import ByPartition
from detector.kernels.clock import CLOCK_FIELDS, FARTHEST_TIME_S
from detector.kernels.hash_table import EVICTED, FIRST_ROWS, USED, Table, held_bytes, make_table
from detector.kernels.table_bytes import DIGEST_BYTES, Envelope, longest_table, read_table, roomy, table_parts

PAIRS, KEYS = 131_072, 524_288
"""Candidates kept per partition, and other keys: pairs of fewer calls, destinations, kinds. 18 and 24 MiB."""

COLUMNS = (LOG_SENT, FAILED)

_ENVELOPE = Envelope(
    "regular pairs",
    b"OFR\x02",
    hashlib.sha256(struct.pack(f"<{len(DEFINED_BY)}d", *DEFINED_BY)).digest()[:DIGEST_BYTES],
)


class Kept(NamedTuple):
    """What is known of a partition."""

    pairs: Table
    keys: Table
    clock: NDArray[np.float64]
    """As :mod:`detector.kernels.clock` has it, and one more place: when its first record was, 0 before it."""


class Regular(NamedTuple):
    """Of each flow; shape (rows,) each. All but the first are 0 where that is."""

    regularity: NDArray[np.float64]
    """Of its pair, with it: nats."""
    period: NDArray[np.float64]
    """The middle of its usual intervals, in seconds."""
    jitter: NDArray[np.float64]
    """By how much of it these differ, as a standard deviation."""
    calls: NDArray[np.float64]
    """So far, as far as they are not forgotten: up to FULL."""
    size: NDArray[np.float64]
    """Bytes that it usually sends."""
    alike: NDArray[np.float64]
    """The share of calls within an octave of sizes."""
    span: NDArray[np.float64]
    """Seconds since its first call, rounded to one."""
    active: NDArray[np.float64]
    """How many of these it was watched calling, in the rhythm that it has now."""
    hosts: NDArray[np.float64]
    """About how many hosts had answers of the destination at this port."""


TOLD = Regular._fields[1:]
"""What is told of a pair beside its regularity."""


class PairState(ByPartition[Kept]):
    """The regular pairs of every partition seen; at most ``pairs`` candidates and ``keys`` other keys in each."""

    def __init__(self, pairs: int = PAIRS, keys: int = KEYS) -> None:
        super().__init__()
        self._pair_limit, self._key_limit = pairs, keys
        self._evicted = 0

    @property
    def evicted(self) -> int:
        """Candidates and keys that had to make room, since this was made."""
        return self._evicted

    @property
    def pairs(self) -> int:
        """Candidates held."""
        return sum(int(kept.pairs.meta[USED]) for kept in self._partitions.values())

    @property
    def keys(self) -> int:
        """Other keys held."""
        return sum(int(kept.keys.meta[USED]) for kept in self._partitions.values())

    @property
    def memory_bytes(self) -> int:
        """Memory that it takes."""
        return sum(held_bytes(kept.pairs) + held_bytes(kept.keys) for kept in self._partitions.values())

    def update(self, flows: Passed) -> Regular:
        """Take flows in record order; give each one's pair, as it is with it."""
        found = Regular(*(np.zeros(len(flows.ts)) for _ in Regular._fields))
        if not len(flows.ts):
            return found
        times = np.clip(np.nan_to_num(flows.ts), -FARTHEST_TIME_S, FARTHEST_TIME_S)
        sent, failed = flows.columns[LOG_SENT], flows.columns[FAILED]
        taught = flows.columns.get(TAUGHT, np.zeros(len(flows.ts), np.float32))
        for partition in np.unique(flows.partitions).tolist():
            rows = np.flatnonzero(flows.partitions == partition)
            kept = self._of(partition)
            kept = Kept(
                roomy(kept.pairs, len(rows) // CANDIDATE_CALLS + 1, self._pair_limit),
                roomy(kept.keys, 6 * len(rows), self._key_limit),
                kept.clock,
            )
            self._partitions[partition] = kept
            before = int(kept.pairs.meta[EVICTED] + kept.keys.meta[EVICTED])
            keys = flows.keys
            pass_by(*kept, rows, keys.targets, keys.ports, keys.services, times, sent, failed, taught, *found)
            self._evicted += int(kept.pairs.meta[EVICTED] + kept.keys.meta[EVICTED]) - before
        return found

    def assessed(self, flows: Passed) -> dict[str, NDArray[np.float64]]:
        """The same by name, as views ask for it."""
        return self.update(flows)._asdict()

    def _fresh(self) -> Kept:
        return Kept(
            make_table(min(FIRST_ROWS, self._pair_limit), PAIR_WIDTH, self._pair_limit),
            make_table(min(FIRST_ROWS, self._key_limit), KEY_WIDTH, self._key_limit),
            np.zeros(CLOCK_FIELDS + 1),
        )

    def _packed(self, kept: Kept) -> bytes:
        parts = [*table_parts(kept.pairs), *table_parts(kept.keys)]
        return _ENVELOPE.seal([kept.clock.astype("<f8").tobytes(), *parts])

    def _unpacked(self, data: bytes) -> Kept:
        pairs, keys, clock = self._fresh()
        longest = longest_table(pairs, self._pair_limit) + longest_table(keys, self._key_limit)
        body = _ENVELOPE.open(data, clock.nbytes + longest)
        _ENVELOPE.demand(len(body) >= clock.nbytes, "it ends within its clock")
        clock[:] = np.frombuffer(body, "<f8", CLOCK_FIELDS + 1)
        _ENVELOPE.demand(bool(np.isfinite(clock).all()), "its clock is not a time")
        pairs, end = read_table(body, clock.nbytes, pairs, self._pair_limit, _ENVELOPE)
        keys, end = read_table(body, end, keys, self._key_limit, _ENVELOPE)
        _ENVELOPE.demand(end == len(body), "it is longer than its tables")
        held = pairs.words[: int(pairs.meta[USED])]
        habits = pairs.numbers[: int(pairs.meta[USED]), HABIT]
        counts = pairs.numbers[: int(pairs.meta[USED]), COUNT]
        in_steps = held[:, GAPS:SIZES].astype("<u4").view(np.uint8).sum(axis=1, dtype=np.int64)
        watched = pairs.numbers[: int(pairs.meta[USED]), ACTIVE]
        _ENVELOPE.demand(bool((np.isfinite(watched) & (watched >= 0)).all()), "what was watched of a pair is no time")
        _ENVELOPE.demand(bool(((habits >= 0) & (habits <= np.float32(HIGHEST))).all()), "a habit is out of bounds")
        _ENVELOPE.demand(bool(((counts == in_steps) & (counts <= FULL)).all()), "its intervals are miscounted")
        modes = held[:, MODES]
        within = ((modes & 0xFF) <= STEPS - GAP_WINDOW) & (((modes >> 8) & 0xFF) <= STEPS - SIZE_WINDOW)
        _ENVELOPE.demand(bool(within.all()), "a fullest step is none")
        return Kept(pairs, keys, clock)
