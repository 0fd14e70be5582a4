"""What training ended with: windows and evidence that a partition begins from where nothing else is known of it.

A daemon that starts with empty windows finds all that it meets new, and raises it. A bundle carries the state of every
partition after the last flow that training saw, and each partition begins with it. Its records decide whether it is
kept (:mod:`detector.kernels.clock`): not where the first that agree lie before that time, where their own past would
be the state's future, nor where they come months later. Addresses are in it as hashes alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, Self

import msgspec

from detector.errors import BundleError, InputError
from detector.kernels.clock import BEFORE_END_S, FARTHEST_S, told
from detector.structs import resolved

MAX_BYTES = 128 << 20
"""A larger one, of some millions of hosts, is left out of the bundle: every daemon would fetch it for each version."""


class Beginnable(Protocol):
    """State by partition that can begin from bytes: windows, evidence."""

    def event_time_s(self, partition: int) -> float | None:
        """The partition's clock, seconds since 1970; None before its first record."""
        ...

    def is_tentative(self, partition: int) -> bool:
        """Whether too few records have come since it began to tell whether they go on from there."""
        ...

    def begin(self, partition: int, data: bytes) -> None:
        """Put back what ``snapshot`` gave when training ended. Raises InputError, changing nothing."""
        ...


class InitialState(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """State by partition, and the event time at which it ends, seconds since 1970."""

    ended_at: float
    partitions: dict[int, dict[str, bytes]]
    """By partition and by what keeps it, such as ``windows`` or ``evidence``: what its ``snapshot`` gave."""

    def begin(self, states: Mapping[str, Beginnable], partition: int) -> list[Beginnable]:
        """Have whichever of them, by name, knows nothing of the partition begin with it; give those that did.

        Raises InputError for what does not belong to its state, once the others have begun.
        """
        # Trained over one partition: every partition's sources are in it, and each begins with a copy.
        place = 0 if self.partitions.keys() == {0} else partition
        kept = self.partitions.get(place, {})
        new = [name for name in kept if name in states and states[name].event_time_s(partition) is None]
        wrong = []
        for name in new:
            try:
                states[name].begin(partition, kept[name])
            except InputError as error:
                wrong.append(str(error))
        if wrong:
            raise InputError("; ".join(wrong))
        return [states[name] for name in new]

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
            return msgspec.msgpack.decode(data, type=resolved(cls))
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise BundleError(f"reading the state that training ended with: {error}; train the model again") from error


def why_not(ended: float, ts: float) -> str | None:
    """Why a partition whose clock came to ``ts`` did not go on from where training ``ended``; None if it did."""
    if -BEFORE_END_S <= ts - ended <= FARTHEST_S:
        return None
    when = "before" if ts < ended else "months after"
    return f"its records are of {told(ts)}, {when} what training ended with, of {told(ended)}"
