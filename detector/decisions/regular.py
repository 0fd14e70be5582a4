"""Regular pairs: who calls whom by the clock, much alike each time, as few others do and as was never usual before.

What makes a pair regular, and the pass over flows that tells it, is in :mod:`detector.decisions.regular_kernel`. Here
is what is kept of each partition, and how it is kept.

Same promises as :mod:`detector.decisions.evidence`: any batches, a state per partition that can be taken out and put
back, bounded memory, and time that no single record can move. A candidate takes 144 bytes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.decisions.passed import FAILED, LOG_SENT, Passed
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
from detector.kernels.clock import CLOCK_FIELDS, within_reach
from detector.kernels.hash_table import USED
from detector.kernels.in_tables import InTables, Kept, sealed
from detector.kernels.table_bytes import Envelope

PAIRS, KEYS = 131_072, 524_288
"""Candidates kept per partition, and other keys: pairs of fewer calls, destinations, kinds. 18 and 24 MiB."""

COLUMNS = (LOG_SENT, FAILED)

_ENVELOPE = Envelope.by("regular pairs", b"OFR\x02", DEFINED_BY)


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


class PairState(InTables[Kept]):
    """The regular pairs of every partition seen; at most ``pairs`` candidates and ``keys`` other keys in each.

    A partition's clock has one more place: when its first record was, 0 before it.
    """

    def __init__(self, pairs: int = PAIRS, keys: int = KEYS) -> None:
        super().__init__(pairs, keys)

    @property
    def pairs(self) -> int:
        """Candidates held."""
        return self._held(0)

    @property
    def keys(self) -> int:
        """Other keys held."""
        return self._held(1)

    def update(self, flows: Passed) -> Regular:
        """Take flows in record order; give each one's pair, as it is with it."""
        found = Regular(*(np.zeros(len(flows.ts)) for _ in Regular._fields))
        if not len(flows.ts):
            return found
        times = within_reach(flows.ts)
        sent, failed = flows.columns[LOG_SENT], flows.columns[FAILED]
        keys = flows.keys
        for rows, kept in self._passing(
            flows.partitions, lambda rows: [len(rows) // CANDIDATE_CALLS + 1, 6 * len(rows)]
        ):
            pairs, others = kept.tables
            pass_by(
                pairs, others, kept.clock, rows, keys.targets, keys.ports, keys.services, times, sent, failed,
                flows.taught, *found,
            )  # fmt: skip
        return found

    def assessed(self, flows: Passed) -> dict[str, NDArray[np.float64]]:
        """The same by name, as views ask for it."""
        return self.update(flows)._asdict()

    def _fresh(self) -> Kept:
        return Kept(self._empty(PAIR_WIDTH, KEY_WIDTH), np.zeros(CLOCK_FIELDS + 1))

    def _packed(self, kept: Kept) -> bytes:
        return sealed(kept, _ENVELOPE)

    def _unpacked(self, data: bytes) -> Kept:
        kept = self._unsealed(data, _ENVELOPE)
        pairs, _ = kept.tables
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
        return kept
