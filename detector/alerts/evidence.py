"""Evidence: what is a little odd for a long time, and never very odd, such as C&C or a trojan's polls.

A flow's *surprise* is −ln p of its score, continued beyond the highest held-out score. *Evidence* adds it up for each
key, source–destination–destination port, as a damped CUSUM (Page 1954)::

    E ← min(BOUND, max(0, E·2^(−Δt / half-life) + min(surprise, LARGEST) − DRIFT))

It rises where flows are, on average, odder than p = e^(−DRIFT), and fades where they stop. A benign flow's surprise is
1 on average, so that a benign key's evidence mostly stays 0. One flow alone brings it to LARGEST − DRIFT at most: what
is very odd at once is surprise's business.

Same promises as :mod:`detector.features.windows`: any batches, a state per partition that can be taken out and put
back, bounded memory, and time that no single record can move.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.features.windows_bytes import DIGEST_BYTES, Envelope, longest_table, read_table, roomy, table_parts
from detector.features.windows_kernel import CLOCK_FIELDS, halved, happened_at, mixed
from detector.features.windows_keys import Arrivals, hashes_of
from detector.features.windows_table import EVICTED, FIRST_ROWS, USED, Table, claim, held_bytes, kernel, make_table

DRIFT = 3.0
"""What a flow's surprise must exceed to count, in nats: p below 0.05."""

HALF_LIFE_S = 600.0

LARGEST = 12.0
"""The most surprise that one flow adds, in nats: p of 6 in a million."""

BOUND = 200.0
"""The most evidence that a key has. Without it a noisy pair's would grow all day, and take as long to fade."""

KEYS = 262_144
"""Keys kept per partition, the least recently used of a bucket evicted beyond it: 24 MiB."""

LATE_S, AHEAD_S = 3600.0, 600.0
"""As of the windows: further behind or ahead of its partition's clock, a record counts as happening now."""

_WIDTH = 16
_EVIDENCE = 4
"""Words of a row, a cache line, and the place of the evidence among its numbers."""

_ENVELOPE = Envelope(
    "evidence",
    b"OFE\x01",
    hashlib.sha256(struct.pack("<6d", DRIFT, HALF_LIFE_S, LARGEST, BOUND, LATE_S, AHEAD_S)).digest()[:DIGEST_BYTES],
)


def evidence_keys(frame: pl.DataFrame) -> NDArray[np.uint64]:
    """Hash source, destination and destination port of each flow."""
    return _keys(hashes_of(frame["src_ip"]), hashes_of(frame["dst_ip"]), frame["dst_port"].fill_null(-1).to_numpy())


def keys_of_arrivals(arrivals: Arrivals) -> NDArray[np.uint64]:
    """The same of flows whose addresses are hashed already."""
    return _keys(arrivals.sources, arrivals.destinations, arrivals.ports)


class EvidenceState:
    """The evidence of every partition seen; at most ``keys`` keys in each."""

    def __init__(self, keys: int = KEYS) -> None:
        self._limit = keys
        self._partitions: dict[int, tuple[Table, NDArray[np.float64]]] = {}
        self._evicted = 0

    @property
    def partitions(self) -> frozenset[int]:
        """The partitions that there is state for."""
        return frozenset(self._partitions)

    @property
    def evicted(self) -> int:
        """Keys that had to make room, since this was made."""
        return self._evicted

    @property
    def keys(self) -> int:
        """Keys held."""
        return sum(int(table.meta[USED]) for table, _ in self._partitions.values())

    @property
    def memory_bytes(self) -> int:
        """Memory that it takes."""
        return sum(held_bytes(table) for table, _ in self._partitions.values())

    def update(
        self,
        keys: NDArray[np.uint64],
        ts: NDArray[np.float64],
        surprise: NDArray[np.float64],
        partitions: NDArray[np.int32] | None = None,
    ) -> NDArray[np.float64]:
        """Take flows in record order; give the evidence of each one's key with it, shape (rows,).

        ``keys`` are :func:`evidence_keys`, ``ts`` seconds since 1970, ``surprise`` of ``decide.surprise_of``; None for
        ``partitions`` means that all are of partition 0.
        """
        out = np.empty(len(keys))
        if not len(keys):
            return out
        times = np.clip(np.nan_to_num(ts), -1e11, 1e11)
        parts = np.zeros(len(keys), np.int32) if partitions is None else partitions
        for partition in np.unique(parts).tolist():
            rows = np.flatnonzero(parts == partition)
            table, clock = self._partitions.get(partition) or self._fresh()
            table = roomy(table, len(rows), self._limit)
            self._partitions[partition] = table, clock
            before = int(table.meta[EVICTED])
            _accumulate(table, clock, rows, keys, times, surprise, out)
            self._evicted += int(table.meta[EVICTED]) - before
        return out

    def freeze(self, partition: int) -> Callable[[], bytes]:
        """Copy the partition's state as it is now, quickly; what is given packs the copy, in any thread."""
        table, clock = deepcopy(self._partitions.get(partition) or self._fresh())
        return lambda: _packed(table, clock)

    def snapshot(self, partition: int) -> bytes:
        """The partition's state as bytes, the same for the same history; of an unseen partition, empty state."""
        return _packed(*(self._partitions.get(partition) or self._fresh()))

    def restore(self, partition: int, data: bytes) -> None:
        """Put back what ``snapshot`` gave. Raises InputError, and changes nothing, for bytes that are off."""
        table, clock = self._fresh()
        body = _ENVELOPE.open(data, clock.nbytes + longest_table(table, self._limit))
        _ENVELOPE.demand(len(body) >= clock.nbytes, "it ends within its clock")
        clock[:] = np.frombuffer(body, "<f8", CLOCK_FIELDS)
        _ENVELOPE.demand(bool(np.isfinite(clock).all()), "its clock is not a time")
        table, end = read_table(body, clock.nbytes, table, self._limit, _ENVELOPE)
        _ENVELOPE.demand(end == len(body), "it is longer than its table")
        held = table.numbers[: int(table.meta[USED]), _EVIDENCE]
        _ENVELOPE.demand(bool(((held >= 0) & (held <= BOUND)).all()), "its evidence is out of bounds")
        self._partitions[partition] = table, clock

    def forget(self, *partitions: int) -> None:
        """Drop these partitions' state, such as of those that another member reads now."""
        for partition in partitions:
            self._partitions.pop(partition, None)

    def _fresh(self) -> tuple[Table, NDArray[np.float64]]:
        return make_table(min(FIRST_ROWS, self._limit), _WIDTH, self._limit), np.zeros(CLOCK_FIELDS)


def _packed(table: Table, clock: NDArray[np.float64]) -> bytes:
    return _ENVELOPE.seal([clock.astype("<f8").tobytes(), *table_parts(table)])


def _keys(sources: Any, destinations: Any, ports: Any) -> NDArray[np.uint64]:
    keys = np.empty(len(sources), np.uint64)
    _fill_keys(sources, destinations, ports.astype(np.int64), keys)
    return keys


@kernel
def _fill_keys(sources: Any, destinations: Any, ports: Any, keys: Any) -> None:
    for i in range(len(sources)):
        pair = mixed(mixed(sources[i]) * np.uint64(0x9E3779B97F4A7C15) + destinations[i])
        keys[i] = mixed(pair ^ (np.uint64(ports[i]) + np.uint64(1)) * np.uint64(0xC2B2AE3D27D4EB4F))


@kernel
def _accumulate(  # noqa: PLR0917  (a kernel takes its arrays one by one)
    table: Any, clock: Any, rows: Any, keys: Any, ts: Any, surprise: Any, out: Any
) -> None:
    """Pass over records ``rows`` of one partition, in that order; fills ``out[rows]``."""
    for i in rows:
        now, void = happened_at(ts[i], clock, LATE_S, AHEAD_S)
        if void:
            table.tags[:] = 0
            table.meta[USED] = 0
        row, fresh = claim(table, keys[i])
        last = now if fresh else table.moments[row, 0]
        held = table.numbers[row, _EVIDENCE] * halved(max(0.0, now - last) / HALF_LIFE_S)
        held = min(max(held + min(surprise[i], LARGEST) - DRIFT, 0.0), BOUND)
        table.moments[row, 0] = max(now, last)
        table.numbers[row, _EVIDENCE] = held
        out[i] = table.numbers[row, _EVIDENCE]
