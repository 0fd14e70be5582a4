"""What training ended with: windows and evidence that a partition begins from where nothing else is known of it.

A daemon that starts with empty windows finds all that it meets new, and raises it. A bundle carries the state of every
partition after the last flow that training saw; a partition's first record decides whether it is used: not if it lies
before that time, where its own past would be the state's future, and not if it comes much later. Addresses are in it
as hashes alone.
"""

from __future__ import annotations

from typing import Protocol, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from detector.errors import BundleError, InputError

LATEST_S = 90 * 86_400.0
"""After so long, what was usual says little, and sketches' times would soon wrap around."""

MAX_BYTES = 128 << 20
"""A larger one, of some millions of hosts, is left out of the bundle: every daemon would fetch it for each version."""

LATE_S = 300.0
"""A first record so little before the end may come after it: connections are told of when they end."""


class Beginnable(Protocol):
    """State by partition that can begin from bytes: windows, evidence."""

    def event_time_s(self, partition: int) -> float | None:
        """The partition's clock, seconds since 1970; None before its first record."""
        ...

    def begin(self, partition: int, data: bytes, ts: float) -> None:
        """Put back what ``snapshot`` gave, and pass time until ``ts``. Raises InputError, changing nothing."""
        ...


class Beginning(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """State by partition, and the event time at which it ends, seconds since 1970."""

    ended_at: float
    partitions: dict[int, dict[str, bytes]]
    """By partition and by what keeps it, ``windows`` or ``evidence``: what its ``snapshot`` gave."""

    def suits(self, ts: float) -> bool:
        """Whether a partition whose first record happened at ``ts`` can begin with it."""
        return -LATE_S <= ts - self.ended_at <= LATEST_S

    def begin(self, windows: Beginnable | None, evidence: Beginnable, partition: int, ts: float) -> bool:
        """Have whichever of them knows nothing of the partition begin with it; give whether any did.

        ``ts`` is the time of the partition's first record. Raises InputError for what does not belong to its state,
        once the other has begun.
        """
        states = {"evidence": evidence} | ({"windows": windows} if windows is not None else {})
        # Trained over one partition: every partition's sources are in it, and each begins with a copy.
        place = 0 if self.partitions.keys() == {0} else partition
        kept = self.partitions.get(place, {}) if self.suits(ts) else {}
        new = [name for name in kept if name in states and states[name].event_time_s(partition) is None]
        wrong = []
        for name in new:
            try:
                states[name].begin(partition, kept[name], ts)
            except InputError as error:
                wrong.append(str(error))
        if wrong:
            raise InputError("; ".join(wrong))
        return bool(new)

    @property
    def size(self) -> int:
        """About how many bytes it takes, encoded."""
        return sum(len(data) for kept in self.partitions.values() for data in kept.values())

    def encode(self) -> bytes:
        """Write it down as MessagePack."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read it. Raises BundleError; what it holds for a partition is checked when that begins."""
        try:
            return msgspec.msgpack.decode(data, type=cls)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise BundleError(f"reading the state that training ended with: {error}; train the model again") from error


def first_times(ts: NDArray[np.float64], partitions: NDArray[np.int32] | None) -> dict[int, float]:
    """When the first record of each partition happened; ``ts`` in record order, None: all are of partition 0."""
    if not len(ts):
        return {}
    if partitions is None:
        return {0: float(ts[0])}
    numbers, rows = np.unique(partitions, return_index=True)
    return dict(zip(numbers.tolist(), ts[rows].tolist(), strict=True))
