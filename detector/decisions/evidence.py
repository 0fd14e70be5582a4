"""Evidence: what is a little odd again and again, and never very odd, such as C&C, a trojan's polls, or a slow scan.

A flow's *surprise* is −ln p of its score, continued beyond the highest held-out score. Two damped CUSUMs (Page 1954)
add it up, of what a source does *again* and of what it does *anew*::

    E ← min(BOUND, max(0, E·2^(−Δt / half-life) + min(surprise, LARGEST) − drift − habit))

*Evidence* is that of a flow's target: its source, destination and destination port; it adds up what flows look like one
by one (:mod:`detector.models.single_flows`). *Breadth* is that of flows to targets never seen before, of all that is
known of them: by source and port (one port of many hosts), by source and destination (many ports of one host), and by
destination and port (one service, from many sources: a flood, or a scan that is shared out). A flow's is the largest.
No part is more than half of what is told of a sum: one contact alone has no breadth.
Of the third only flows count, and only they have it, that are very odd themselves: a service's usual crowd is none, and
no part of what is done to it. Later flows to a target that is *young*, of less than breadth's half-life, add nothing
and have what is left of it: they are of the same scan. To an older one it is 0: a scanner's usual traffic has no part
in its scan.

Both rise where flows are, on average, odder than p = e^(−drift), and fade where they stop. A benign flow's surprise is
1 on average, so that benign evidence mostly stays 0. A target that is always odd, such as a monitor's polls, has a
*habit*: its mean surprise over time, of a day's half-life, begun at 0, that counts :data:`HABIT_WEIGHT` times. What
begins today has none yet. One flow alone brings evidence to LARGEST − drift: what is odd at once is for surprise.

A flow's *own* surprise is that of all that is known of it. To a target that is known for :data:`KNOWN_S` it is no more
than that of the flow alone: when a server is scanned or flooded, what windows tell of it makes every flow of its usual
clients odd, and those are not the attack. Of a probe, a connection that was tried from outside and never stood, it is
:data:`LARGEST_PROBED` at most: one did nothing, and every address meets some; of many, breadth and evidence tell.

Same promises as :mod:`detector.features.windows`: any batches, a state per partition that can be taken out and put
back, bounded memory, and time that no single record can move.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.decisions.passed import PROBED, EvidenceKeys, Passed, Surprises
from detector.features.windows_kernel import FAR, NEAR, halved
from detector.kernels.clock import (
    AHEAD_S,
    CLOCK_FIELDS,
    LATE_S,
    happened_at,
    within_reach,
)
from detector.kernels.hash_table import (
    USED,
    ask_for_bucket,
    claim,
    find,
    kernel,
    prefetch,
)
from detector.kernels.in_tables import InTables, Kept, sealed
from detector.kernels.table_bytes import Envelope

DRIFT, BREADTH_DRIFT = 1.5, 2.0
"""What a flow's surprise must exceed to count, in nats: p below 0.22, and 0.14."""

CROWD_DRIFT = 5.0
"""Likewise, for what many sources send to one service: p below 0.007."""

HALF_LIFE_S, BREADTH_HALF_LIFE_S = 600.0, 300.0

LARGEST = 12.0
"""The most surprise that one flow adds, in nats: p of 6 in a million."""

LARGEST_PROBED = 7.0
"""The most surprise of its own that a probe from outside has, in nats: p of 1 in 1,100."""

HABIT_HALF_LIFE_S = 86_400.0

HABIT_WEIGHT = 2.0

LONGEST_GAP_S = 3600.0
"""A silence adds no more than this to a habit: one flow after a week is no week of them."""

BOUND = 10_000.0
"""The most of either: far above what benign targets reach, lest they tie, and yet a flood's fades within hours."""

KNOWN_S = 6 * 3600.0
"""A target whose first flow was so long ago is known: so long an attack on one is raised by all that is known of it."""

KEYS = 524_288
"""Keys kept per partition, targets and breadths, the least recently used of a bucket evicted beyond it: 48 MiB."""

COLUMNS = (PROBED,)

_WIDTH = 16
_EVIDENCE, _HABIT = 4, 5
"""Words of a row, a cache line, and the places of its evidence and its habit among its numbers."""

_MOST = _HABIT
"""What breadth has there instead: the most that one flow brought to it, fading with it."""

_DEFINED_BY = (
    DRIFT, BREADTH_DRIFT, HALF_LIFE_S, BREADTH_HALF_LIFE_S, LARGEST, HABIT_HALF_LIFE_S, HABIT_WEIGHT, LONGEST_GAP_S,
    BOUND, LATE_S, AHEAD_S, KNOWN_S, CROWD_DRIFT,
)  # fmt: skip

_ENVELOPE = Envelope.by("evidence", b"OFE\x03", _DEFINED_BY)


class Sums(NamedTuple):
    """Of each flow; shape (rows,) each, in nats."""

    surprise: NDArray[np.float64]
    """By itself: −ln p, and little more than that of the flow alone; to a known target no more, and of a probe
    LARGEST_PROBED at most."""
    evidence: NDArray[np.float64]
    """Of its target, with it."""
    breadth: NDArray[np.float64]
    """Of the new targets of its source, or at its service, with it."""


class EvidenceState(InTables[Kept]):
    """The evidence of every partition seen; at most ``keys`` keys in each."""

    def __init__(self, keys: int = KEYS) -> None:
        super().__init__(keys)

    @property
    def keys(self) -> int:
        """Keys held."""
        return self._held(0)

    def update(
        self,
        keys: EvidenceKeys,
        ts: NDArray[np.float64],
        surprises: Surprises,
        partitions: NDArray[np.int32] | None = None,
        probed: NDArray[np.float32] | None = None,
    ) -> Sums:
        """Take flows in record order; give each one's own surprise, the evidence of its target with it, its breadth.

        ``ts`` is in seconds since 1970, ``surprises`` are of ``surprise_of``; None for ``partitions`` means that
        all are of partition 0, for ``probed`` (1 or 0) that no flow is a probe from outside.
        """
        found = Sums(*(np.empty(len(ts)) for _ in Sums._fields))
        if not len(ts):
            return found
        times = within_reach(ts)
        parts = np.zeros(len(ts), np.int32) if partitions is None else partitions
        probes = np.zeros(len(ts), np.float32) if probed is None else probed
        for rows, kept in self._passing(parts, lambda rows: [4 * len(rows)]):
            (table,) = kept.tables
            _accumulate(table, kept.clock, rows, *keys, times, *surprises, probes, *found)
        return found

    def assessed(self, flows: Passed) -> dict[str, NDArray[np.float64]]:
        """The same by name, as views ask for it."""
        return self.update(flows.keys, flows.ts, flows.surprises, flows.partitions, flows.columns[PROBED])._asdict()

    def _fresh(self) -> Kept:
        return Kept(self._empty(_WIDTH), np.zeros(CLOCK_FIELDS))

    def _packed(self, kept: Kept) -> bytes:
        return sealed(kept, _ENVELOPE)

    def _unpacked(self, data: bytes) -> Kept:
        kept = self._unsealed(data, _ENVELOPE)
        (table,) = kept.tables
        for place, most in ((_EVIDENCE, BOUND), (_HABIT, LARGEST)):
            held = table.numbers[: int(table.meta[USED]), place]
            _ENVELOPE.demand(bool(((held >= 0) & (held <= most)).all()), "its evidence is out of bounds")
        return kept


@kernel
def _accumulate(  # noqa: PLR0917  (a kernel takes its arrays one by one)
    table: Any, clock: Any, rows: Any, targets: Any, ports: Any, pairs: Any, services: Any, ts: Any, overall: Any,
    single: Any, probed: Any, surprise: Any, evidence: Any, breadth: Any,
) -> None:  # fmt: skip
    """Pass over records ``rows`` of one partition, in that order; fill the last three, (rows of all,) each, there."""
    for n in range(len(rows)):
        if n + FAR < len(rows):
            ask_for_bucket(table.tags, targets[rows[n + FAR]])
        ahead = find(table, targets[rows[n + NEAR]]) if n + NEAR < len(rows) else np.int64(-1)
        if ahead >= 0:
            prefetch(table.words, ahead, 0)
        i = rows[n]
        now, void = happened_at(ts[i], clock, LATE_S, AHEAD_S)
        if void:
            table.tags[:] = 0
            table.meta[USED] = 0
        odd = min(single[i], LARGEST)
        row, fresh = claim(table, targets[i])
        gap = _gap(table, row, fresh, now)
        if fresh:
            table.moments[row, 1] = now
        known = now - table.moments[row, 1] >= KNOWN_S
        own = min(overall[i], single[i]) if known else overall[i]
        surprise[i] = min(own, LARGEST_PROBED) if probed[i] > 0.0 else own
        habit = np.float64(table.numbers[row, _HABIT])
        evidence[i] = _added(table, row, gap / HALF_LIFE_S, odd - DRIFT - HABIT_WEIGHT * habit)
        share = 1.0 - halved(min(gap, LONGEST_GAP_S) / HABIT_HALF_LIFE_S)
        table.numbers[row, _HABIT] = min(max(habit + share * (odd - habit), 0.0), LARGEST)
        whole, broad = min(overall[i], LARGEST), 0.0
        if fresh:
            broad = max(broad, _begun(table, ports[i], now, whole - BREADTH_DRIFT))
            broad = max(broad, _begun(table, pairs[i], now, whole - BREADTH_DRIFT))
            by_many = _begun(table, services[i], now, whole - CROWD_DRIFT)
            broad = max(broad, by_many) if whole > CROWD_DRIFT else broad
        elif now - table.moments[row, 1] < BREADTH_HALF_LIFE_S:
            broad = max(_left(table, ports[i], now), _left(table, pairs[i], now))
            broad = max(broad, _left(table, services[i], now)) if whole > CROWD_DRIFT else broad
        breadth[i] = broad


@kernel
def _begun(table: Any, key: Any, now: Any, more: Any) -> Any:
    """Add a new target's part to the key's breadth, and give it."""
    row, fresh = claim(table, key)
    half_lives = _gap(table, row, fresh, now) / BREADTH_HALF_LIFE_S
    most = max(np.float64(table.numbers[row, _MOST]) * halved(half_lives), more)
    held = _added(table, row, half_lives, more)
    table.numbers[row, _MOST] = min(most, held)
    return _shared(held, np.float64(table.numbers[row, _MOST]))


@kernel
def _shared(held: Any, most: Any) -> Any:
    """Of a sum, as much as has no more than one half from the part that is the most of it."""
    return min(held, 2.0 * (held - most))


@kernel
def _gap(table: Any, row: Any, fresh: Any, now: Any) -> Any:
    """Seconds since the key was last seen, 0 if it never was; it is seen now."""
    last = now if fresh else table.moments[row, 0]
    table.moments[row, 0] = max(now, last)
    return max(0.0, now - last)


@kernel
def _left(table: Any, key: Any, now: Any) -> Any:
    """What is left of the key's breadth; 0 if it was never seen, or had to make room."""
    row = find(table, key)
    if row < 0:
        return 0.0
    shared = _shared(np.float64(table.numbers[row, _EVIDENCE]), np.float64(table.numbers[row, _MOST]))
    return shared * halved(max(0.0, now - table.moments[row, 0]) / BREADTH_HALF_LIFE_S)


@kernel
def _added(table: Any, row: Any, half_lives: Any, more: Any) -> Any:
    """Let the row's sum fade for so many half-lives, add to it, and give it."""
    held = table.numbers[row, _EVIDENCE] * halved(half_lives)
    table.numbers[row, _EVIDENCE] = min(max(held + more, 0.0), BOUND)
    return np.float64(table.numbers[row, _EVIDENCE])
