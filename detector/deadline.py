"""One bound for a whole shutdown or rebalance, shared by all its steps, so that timeouts never add up."""

from __future__ import annotations

import time
from dataclasses import dataclass
from threading import Event as Flag


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment on the monotonic clock."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """The moment that is ``seconds`` from now."""
        return cls(time.monotonic() + seconds)

    @property
    def remaining_s(self) -> float:
        """Seconds left, never below zero."""
        return max(0.0, self.at - time.monotonic())

    @property
    def passed(self) -> bool:
        """Whether no time is left."""
        return self.remaining_s == 0.0

    def before(self, seconds: float) -> Deadline:
        """An earlier one, so that ``seconds`` are left for what comes after; at most half of the time is left so."""
        return Deadline(self.at - min(seconds, self.remaining_s / 2))


@dataclass(frozen=True, slots=True)
class Interruptible(Deadline):
    """A deadline that has also passed once a flag is set; who waits looks again now and then."""

    flag: Flag

    @property
    def remaining_s(self) -> float:
        """Seconds left, never below zero."""
        return 0.0 if self.flag.is_set() else max(0.0, self.at - time.monotonic())
