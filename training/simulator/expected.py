"""How many flows to expect: attacks are planned by it, and a stretch of time is chosen for a number of flows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from training.simulator.activities import ACTIVITIES, flows_per_arrival, flows_per_burst, noise_per_s
from training.simulator.hosts import Network, Role
from training.simulator.polls import Tasks, due_within
from training.simulator.rhythm import HOUR_S, level
from training.simulator.stretch import Stretch

_STEP_S = 600.0
_WEEK_H = 168  # after which all goes on as before
_MOST_STEPS = 1008  # a week of steps; longer stretches take longer steps


@dataclass(frozen=True)
class Expectation:
    """Mean number of benign flows on a network."""

    network: Network
    tasks: Tasks
    intensity: float
    background: bool

    def total(self, start: float, end: float) -> float:
        """Within [start, end): people's bursts by the rhythm and who is there, tasks by their clocks."""
        if end <= start:
            return 0.0
        stretch = Stretch.of(self.network, start, end, np.random.default_rng(0))
        steps = int(np.clip(np.ceil(stretch.length / _STEP_S), 1, _MOST_STEPS))
        step = stretch.length / steps
        times = start + (np.arange(steps) + 0.5) * step
        total: float = noise_per_s(self.network) * stretch.length if self.background else 0.0
        share = np.zeros(len(self.network))
        for ts in times:
            there = stretch.present(self._everybody, np.full(len(self.network), ts))
            total += self._bursts_per_s(float(ts), there) * step
            share += there / steps
        rows, _ = stretch.arriving()
        total += flows_per_arrival() * int((self.network.role[rows] == Role.WORKSTATION).sum())
        _, counts = due_within(self.tasks, start, end)
        return total + float((counts * share[self.tasks.host]).sum())

    def duration(self, start: float, flows: int) -> float:
        """Seconds from ``start`` until about so many flows have begun."""
        sums = [0.0]
        for hour in range(_WEEK_H):
            if sums[-1] >= flows:
                break
            sums.append(sums[-1] + self.total(start + hour * HOUR_S, start + (hour + 1) * HOUR_S))
        weeks, rest = divmod(float(flows), sums[-1]) if flows > sums[-1] else (0.0, float(flows))
        return weeks * _WEEK_H * HOUR_S + float(np.interp(rest, sums, np.arange(len(sums)) * HOUR_S))

    @cached_property
    def _everybody(self) -> NDArray[np.int64]:
        return np.arange(len(self.network))

    @cached_property
    def _doers(self) -> list[NDArray[np.int64]]:
        return [self.network.rows(*activity.who) for activity in ACTIVITIES]

    def _bursts_per_s(self, ts: float, there: NDArray[np.bool_]) -> float:
        total = 0.0
        for activity, rows in zip(ACTIVITIES, self._doers, strict=True):
            busy = activity.per_hour / HOUR_S * float(level(activity.curve, ts)) * flows_per_burst(activity)
            weight = self.network.liveliness[rows][there[rows]].sum() if activity.who else len(self.network)
            total += busy * float(weight)
        return float(total * self.intensity)
