"""When people and machines are busy: curves over the week, and who is at work.

Times are seconds since 1970 UTC; the simulated organisation lives in UTC.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from training.simulator.addresses import scramble, unit

DAY_S = 86_400.0
HOUR_S = 3_600.0


class Curve(StrEnum):
    """A pattern of activity over the week, between 0 and about 1."""

    OFFICE = "office"
    EVENING = "evening"
    PUBLIC = "public"
    NIGHT = "night"
    FLAT = "flat"


def level(curve: Curve, ts: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """How busy it is at ``ts``; any shape."""
    ts = np.asarray(ts, dtype=np.float64)
    hour = ts % DAY_S / HOUR_S
    weekend = is_weekend(ts)
    match curve:
        case Curve.OFFICE:
            day = _bump(hour, 10.3, 1.9) + 0.92 * _bump(hour, 15.0, 2.1) - 0.18 * _bump(hour, 12.6, 0.5)
            return np.clip(day, 0.0, None) * np.where(weekend, 0.08, 1.0) + 0.015
        case Curve.EVENING:
            return (0.85 * _bump(hour, 19.5, 2.6) + 0.5 * _bump(hour, 12.6, 0.8)) * np.where(weekend, 1.3, 1.0) + 0.05
        case Curve.PUBLIC:
            return 0.22 + 0.55 * _bump(hour, 11.0, 3.2) + 0.6 * _bump(hour, 20.0, 2.4)
        case Curve.NIGHT:
            return _bump(hour, 2.5, 1.2) + 0.01
        case Curve.FLAT:
            return np.ones_like(ts)


def _bump(hour: NDArray[np.float64], centre: float, width: float) -> NDArray[np.float64]:
    """A bell around an hour of the day that wraps at midnight."""
    distance = (hour - centre + 12.0) % 24.0 - 12.0
    return np.asarray(np.exp(-0.5 * (distance / width) ** 2))


def is_weekend(ts: NDArray[np.float64] | float) -> NDArray[np.bool_]:
    """Whether ``ts`` falls on a Saturday or Sunday. 1970-01-01 was a Thursday."""
    return np.asarray((np.asarray(ts) // DAY_S + 3) % 7 >= 5)


def working_hours(hosts: NDArray[np.int64], day: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """When each host's user comes and goes on that day since 1970, as times; equal where nobody comes.

    ``hosts`` are any stable numbers, such as addresses. Each person has habits, and each day its own deviation.
    """
    habit = 8.6 + 1.1 * _bell(hosts, 11)
    arrives = np.clip(habit + 0.35 * _bell(hosts, day, 12), 5.0, 12.0)
    leaves = np.clip(arrives + 8.6 + 1.0 * _bell(hosts, day, 13), arrives + 2.0, 23.5)
    absent = unit(hosts, day, 14) < (0.94 if is_weekend(day * DAY_S) else 0.12)
    leaves = np.where(absent, arrives, leaves)
    return day * DAY_S + arrives * HOUR_S, day * DAY_S + leaves * HOUR_S


def _bell(hosts: NDArray[np.int64], *keys: int) -> NDArray[np.float64]:
    """About a standard normal per host, always the same for the same keys (sum of four uniforms, scaled)."""
    parts = sum(unit(scramble(hosts, *keys).astype(np.int64), part) for part in range(4))
    return np.asarray((parts - 2.0) * np.sqrt(3.0))
