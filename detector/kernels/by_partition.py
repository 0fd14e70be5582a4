"""State of each partition that is read: it can be taken out and put back, begun by training, and forgotten.

What it is made of is its owner's business; all of it has a clock, as in :mod:`detector.kernels.clock`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from copy import deepcopy
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from detector.kernels.clock import BY_TRAINING, CLOCK, STARTED, begun


class HasClock(Protocol):
    """What is known of one partition."""

    @property
    def clock(self) -> NDArray[np.float64]:
        """Its clock's fields."""
        ...


Kept = TypeVar("Kept", bound=HasClock)


class ByPartition(ABC, Generic[Kept]):
    """The state of every partition seen."""

    def __init__(self) -> None:
        self._partitions: dict[int, Kept] = {}

    @property
    def partitions(self) -> frozenset[int]:
        """The partitions that there is state for."""
        return frozenset(self._partitions)

    def freeze(self, partition: int) -> Callable[[], bytes]:
        """Copy the partition's state as it is now, quickly; what is given packs the copy, in any thread."""
        frozen = deepcopy(self._of(partition))
        return lambda: self._packed(frozen)

    def snapshot(self, partition: int) -> bytes:
        """The partition's state as bytes, the same for the same history; of an unseen partition, empty state."""
        return self._packed(self._of(partition))

    def restore(self, partition: int, data: bytes) -> None:
        """Put back what ``snapshot`` gave, in place of the partition's state.

        Raises InputError, and changes nothing, for bytes that are damaged or of another state.
        """
        self._partitions[partition] = self._unpacked(data)

    def begin(self, partition: int, data: bytes) -> None:
        """Restore what ``snapshot`` gave when training ended; records will tell whether they go on from there."""
        self.restore(partition, data)
        begun(self._partitions[partition].clock)

    def event_time_s(self, partition: int) -> float | None:
        """The partition's clock, seconds since 1970; None before its first record."""
        kept = self._partitions.get(partition)
        return float(kept.clock[CLOCK]) if kept is not None and kept.clock[STARTED] else None

    def is_tentative(self, partition: int) -> bool:
        """Whether too few records have come since it began to tell whether they go on from there."""
        kept = self._partitions.get(partition)
        return kept is not None and bool(kept.clock[STARTED] == BY_TRAINING)

    def forget(self, *partitions: int) -> None:
        """Drop these partitions' state, such as of those that another member reads now."""
        for partition in partitions:
            self._partitions.pop(partition, None)

    def _of(self, partition: int) -> Kept:
        """What is known of it; of an unseen one, what is known of any before its first record."""
        return self._partitions.get(partition) or self._fresh()

    @abstractmethod
    def _fresh(self) -> Kept:
        """What is known before the first record."""

    @abstractmethod
    def _packed(self, kept: Kept) -> bytes:
        """Write it down."""

    @abstractmethod
    def _unpacked(self, data: bytes) -> Kept:
        """Read it. Raises InputError for bytes that are off."""
