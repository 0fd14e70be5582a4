"""A stretch of time on a network: what everything that makes traffic is asked to fill."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.simulator.hosts import Network
from training.simulator.rhythm import DAY_S, Curve, level, working_hours

_CELL_S = 300.0
"""The rhythm counts as constant for so long."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """The time [start, end), who is there, and the random numbers to be used for it."""

    network: Network
    start: float
    end: float
    rng: np.random.Generator
    arrives: NDArray[np.float64]
    """When each host's user comes: shape (days, hosts), from the day of ``start`` on."""
    leaves: NDArray[np.float64]

    @classmethod
    def of(cls, network: Network, start: float, end: float, rng: np.random.Generator) -> Stretch:
        """Look up who is there."""
        days = range(int(start // DAY_S), int(max(start, end - 1e-6) // DAY_S) + 1)
        hours = [working_hours(network.address, day) for day in days]
        return cls(network, start, end, rng, np.array([a for a, _ in hours]), np.array([b for _, b in hours]))

    @property
    def length(self) -> float:
        """Seconds."""
        return self.end - self.start

    def present(self, hosts: NDArray[np.integer], ts: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether each host (by its row) is switched on and in the building at ``ts`` of the same place."""
        day = np.asarray(ts // DAY_S).astype(np.int64) - int(self.start // DAY_S)
        there = (self.arrives[day, hosts] <= ts) & (ts < self.leaves[day, hosts])
        return np.asarray(self.network.always_on[hosts] | there)

    def arriving(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Rows of the hosts whose users come within the stretch, and when."""
        day, rows = np.nonzero((self.arrives >= self.start) & (self.arrives < self.end) & (self.leaves > self.arrives))
        return rows.astype(np.int64), self.arrives[day, rows]

    def busy(self, curve: Curve) -> float:
        """How busy it is on average."""
        return float(self._levels(curve).mean())

    def moments(self, curve: Curve, n: int) -> NDArray[np.float64]:
        """Draw ``n`` moments, more where it is busier."""
        levels = self._levels(curve)
        edges = np.concatenate([[0.0], np.cumsum(levels)])
        moments = np.interp(self.rng.random(n) * edges[-1], edges, np.linspace(0.0, self.length, len(edges)))
        return np.asarray(self.start + moments)

    def _levels(self, curve: Curve) -> NDArray[np.float64]:
        cells = max(1, int(np.ceil(self.length / _CELL_S)))
        centres = (np.arange(cells, dtype=np.float64) + 0.5) * (self.length / cells)
        return level(curve, np.asarray(self.start + centres))
