"""Windowed features: how a source, a destination and a pair behave over time, at several half-lives.

Takes canonical flows in record order; gives one row of features per flow. Promises:

* Any split of the records into batches gives the same values.
* State belongs to a partition: no record changes another partition's values, and a partition's state can be taken out
  (``snapshot``) and put back (``restore``) anywhere, with the same values from then on.
* Memory is bounded per partition by ``Windows.hosts`` and ``Windows.pairs``; the least recently used keys go first.
* Time is the records' own. A record that is late, early or absurd is used, counted, and cannot move the clock.

Leaves to others: when to snapshot, where to keep it, and metrics (``counts`` has the figures).

How to call it, in training and in serving alike::

    spec = build_spec(windows=default_windows(), partitions=P)      # or default_windows(columns=…, hosts=…)
    windows = WindowState(spec.windows)                             # lives as long as its spec.windows are in use
    matrix = extractor.transform(frame, partitions, windows)        # flows in record order; offline: in order of time
    # offline, partitions = detector.transport.kafka.partitioner.partitions_of(frame["src_ip"], spec.partitions)
    kept = windows.snapshot(3); windows.forget(3)                   # revoked; elsewhere: windows.restore(3, kept)
    evicted, late = windows.counts().evicted, windows.counts().late   # totals since it was made: for counters
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.features.spec import Feature
from detector.features.windows_columns import (
    default_windows,
    read_windows,
)
from detector.features.windows_kernel import KEYS, Room, advance
from detector.features.windows_keys import Arrivals, arrivals_of
from detector.features.windows_known import KnownSources
from detector.features.windows_plan import MARKS, Layout
from detector.features.windows_state import PartitionWindows, pack, unpack
from detector.kernels.by_partition import ByPartition
from detector.kernels.clock import AHEAD, LATE, MOVED

__all__ = ["WindowCounts", "WindowState", "default_windows", "window_features"]

FAMILY = "windows"


@dataclass(frozen=True, slots=True)
class WindowCounts:
    """What has come of a state: of now, ``keys`` and ``bytes``; the others since it was made, never falling."""

    keys: int = 0
    bytes: int = 0
    evicted: int = 0
    late: int = 0
    """Records that were so far behind that they counted as happening now."""
    ahead: int = 0
    """Records that were so far ahead that they counted as happening now."""
    clock_moves: int = 0
    """Times that a partition's clock followed many agreeing records, far ahead or back."""

    def __add__(self, other: WindowCounts) -> WindowCounts:
        return WindowCounts(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))


def window_features(windows: Mapping[str, Any]) -> tuple[Feature, ...]:
    """The features of a ``FeatureSpec.windows``, in order. Raises BundleError if they cannot be computed."""
    read = read_windows(dict(windows))
    return tuple(Feature(column, FAMILY, read.revision) for column in read.columns)


class WindowState(ByPartition[PartitionWindows]):
    """The windows of every partition seen, of a ``FeatureSpec.windows``; BundleError if it cannot be computed."""

    def __init__(self, windows: Mapping[str, Any]) -> None:
        super().__init__()
        self.windows = read_windows(dict(windows))
        self._layout = Layout.of(self.windows)
        self._room = Room.of(self._layout.plan)
        self._bounds = np.array([self.windows.late_s, self.windows.ahead_s])
        self._totals = WindowCounts()

    @property
    def names(self) -> tuple[str, ...]:
        """The features' names, in the order of the columns."""
        return self.windows.columns

    def update(
        self,
        frame: pl.DataFrame,
        partitions: NDArray[np.int32] | None = None,
        out: NDArray[np.float32] | None = None,
        first_column: int = 0,
    ) -> NDArray[np.float32]:
        """Take flows in record order; give their features (rows × names, C order, finite), each as of its own record.

        ``partitions[i]`` is the partition of row ``i``; None means that all are of partition 0. Where ``out`` is given,
        in C order, the features are written to its columns from ``first_column`` on, and it is given back.
        """
        return self.update_arrays(arrivals_of(frame), partitions, out, first_column)

    def update_arrays(
        self,
        arrivals: Arrivals,
        partitions: NDArray[np.int32] | None = None,
        out: NDArray[np.float32] | None = None,
        first_column: int = 0,
    ) -> NDArray[np.float32]:
        """The same, of arrays that are hashed already."""
        count, columns = len(arrivals.ts), len(self.names)
        if out is None:
            out = np.empty((count, columns), np.float32)
        ordered = self._layout.back is None
        raw, at = (out, first_column) if ordered else (np.empty((count, columns), np.float32), 0)
        for partition, rows in _rows_by_partition(count, partitions):
            state = self._of(partition).roomy(len(rows), self._layout)
            # Held only now and always whole, so that an interrupt leaves no half-made partition behind.
            self._partitions[partition] = state
            before = _told(state)
            keys = np.empty((len(rows), KEYS), np.uint64)
            advance(
                state.tables, state.sightings, state.clock, self._bounds, self._layout.plan, self._room, rows,
                *arrivals, raw, at, keys,
            )  # fmt: skip
            self._totals += _difference(_told(state), before)
        self._take_logarithms(raw[:, at : at + columns])
        if not ordered:
            out[:, first_column : first_column + columns] = raw[:, self._layout.back]
        return out

    def _take_logarithms(self, raw: NDArray[np.float32]) -> None:
        distinct, logarithms = raw[:, : self._layout.distinct], raw[:, : self._layout.logarithms]
        np.log(distinct, out=distinct)
        distinct *= -MARKS
        distinct += 1.0
        np.log(logarithms, out=logarithms)

    def counts(self) -> WindowCounts:
        """Count over all partitions."""
        held = self._partitions.values()
        return self._totals + WindowCounts(keys=sum(s.keys for s in held), bytes=sum(s.bytes for s in held))

    @property
    def evicted(self) -> int:
        """Keys that had to make room, since this was made."""
        return self._totals.evicted

    @property
    def late(self) -> int:
        """Records so far behind that they counted as happening now, since this was made."""
        return self._totals.late

    @property
    def ahead(self) -> int:
        """Records so far ahead that they counted as happening now, since this was made."""
        return self._totals.ahead

    @property
    def keeps_sources(self) -> bool:
        """Whether any column needs what is known of sources."""
        return bool(self._layout.plan.needs[0])

    def known_sources(self) -> KnownSources:
        """The sources that it has seen and not forgotten, in any partition, as of now."""
        return KnownSources(tuple(state.tables[0].tags.copy() for state in self._partitions.values()))

    def _fresh(self) -> PartitionWindows:
        return PartitionWindows.empty(self._layout)

    def _packed(self, kept: PartitionWindows) -> bytes:
        return pack(kept, self._layout)

    def _unpacked(self, data: bytes) -> PartitionWindows:
        return unpack(data, self._layout)


def _rows_by_partition(count: int, partitions: NDArray[np.int32] | None) -> list[tuple[int, NDArray[np.int64]]]:
    """The rows of each partition, in record order."""
    if count == 0:
        return []
    if partitions is None:
        return [(0, np.arange(count))]
    order = np.argsort(partitions, kind="stable")
    ends = np.flatnonzero(np.diff(partitions[order])) + 1
    return [(int(partitions[rows[0]]), rows) for rows in np.split(order, ends)]


def _told(state: PartitionWindows) -> WindowCounts:
    clock = state.clock
    return WindowCounts(0, 0, state.evicted, int(clock[LATE]), int(clock[AHEAD]), int(clock[MOVED]))


def _difference(now: WindowCounts, before: WindowCounts) -> WindowCounts:
    return WindowCounts(*(getattr(now, field.name) - getattr(before, field.name) for field in fields(now)))
