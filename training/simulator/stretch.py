"""A stretch of time on a network: what everything that makes traffic is asked to fill."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.simulator.hosts import Network


@dataclass(frozen=True, slots=True)
class Stretch:
    """The time [start, end), who is there, and the random numbers to be used for it."""

    network: Network
    awake: NDArray[np.bool_]
    """Which hosts are switched on, by their row."""
    start: float
    end: float
    rng: np.random.Generator

    @property
    def middle(self) -> float:
        """The moment at which the rhythm of the stretch is read."""
        return (self.start + self.end) / 2

    @property
    def length(self) -> float:
        """Seconds."""
        return self.end - self.start
