"""The windowed features in plain Python: slow, exact, and written from the definitions alone."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from detector.features.windows_columns import Windows, scale_name
from detector.features.windows_keys import Arrivals
from detector.features.windows_statistics import KEYS

MARKS, MASK = 64, (1 << 64) - 1
SALT, GOLDEN = 0xC2B2AE3D27D4EB4F, 0x9E3779B97F4A7C15


def mixed(x: int) -> int:
    """Stafford's variant 13."""
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


@dataclass
class Seen:
    """One key: the flows that it had, as (time, values, new), and when each mark of its sketches was last set."""

    flows: list[tuple[float, list[float], float]] = field(default_factory=list)
    last: float = 0.0
    first: float = 0.0
    log_gap: float = 0.0
    gaps: list[tuple[float, float]] = field(default_factory=list)
    marks: dict[str, dict[int, float]] = field(default_factory=lambda: {"peers": {}, "ports": {}})
    counted: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: {"peers": [], "ports": []})


def damped(pairs: list[tuple[float, float]], now: float, half_life: float) -> float:
    """Sum values, each halved for every half-life that passed since."""
    return math.fsum(value * math.exp2(-(now - then) / half_life) for then, value in pairs)


class Reference:
    """Unbounded, of one partition, for flows in order of time."""

    def __init__(self, windows: Windows) -> None:
        self.windows = windows
        self.keys: dict[tuple[str, int], Seen] = {}
        self.sightings: set[tuple[str, int, int]] = set()

    def update(self, arrivals: Arrivals) -> NDArray[np.float64]:
        """Give the features of each flow."""
        rows = []
        for ts, source, destination, port, service, values in zip(*(a.tolist() for a in arrivals), strict=True):
            told = self._flow(ts, source, destination, port, service, values)
            rows.append([told[name] for name in self.windows.columns])
        return np.array(rows).reshape(len(arrivals.ts), len(self.windows.columns))

    def _first(self, kind: str, a: int, b: int) -> float:
        new = (kind, a, b) not in self.sightings
        self.sightings.add((kind, a, b))
        return float(new)

    def _flow(  # noqa: PLR0917
        self, ts: float, source: int, destination: int, port: int, service: int, values: list[float]
    ) -> dict[str, float]:
        s, d = mixed(source), mixed(destination ^ SALT)
        pair = mixed((s * GOLDEN + d) & MASK)
        told = {
            f"{key}_first": float((key, who) not in self.keys)
            for key, who in (("source", s), ("destination", d), ("pair", pair))
        }
        told["pair_port_first"] = self._first("pair", pair, port)
        told["source_port_first"] = self._first("source", s, port)
        told["destination_port_first"] = self._first("destination", d, port)
        told["source_service_first"] = self._first("service", s, service)
        new_pair = told["pair_first"]
        new = {
            "source": max(new_pair, told["source_port_first"]),
            "destination": max(new_pair, told["destination_port_first"]),
            "pair": told["pair_port_first"],
        }
        peers = {"source": d >> 58, "destination": s >> 58, "pair": None}
        for key, who in zip(KEYS, (s, d, pair), strict=True):
            told |= self._count(key, who, ts, values, new[key], peers[key], mixed(port) >> 58)
        return told

    def _count(  # noqa: PLR0917
        self, key: str, who: int, now: float, values: list[float], new: float, peer: int | None, port: int
    ) -> dict[str, float]:
        fresh = (key, who) not in self.keys
        seen = self.keys.setdefault((key, who), Seen(last=now, first=now))
        gap = now - seen.last
        log_gap = math.log(gap + 0.01)
        total = len(seen.flows) + 1
        told = {
            f"{key}_since": -1.0 if fresh else math.log1p(gap),
            f"{key}_total": math.log(total),
            f"{key}_age": math.log1p(now - seen.first),
            f"{key}_gap_change": abs(log_gap - seen.log_gap) if total > 2 else -1.0,
        }
        seen.flows.append((now, values, new))
        if not fresh:
            seen.gaps.append((now, log_gap))
            seen.log_gap = log_gap
        before = {}
        for kind, mark in (("peers", peer), ("ports", port)):
            if mark is not None:
                before[kind] = seen.marks[kind].get(mark)
                seen.marks[kind][mark] = now
        seen.last = now
        for half_life in self.windows.half_lives_s:
            scaled = self._scale(seen, now, half_life)
            told |= {f"{key}_{name}_{scale_name(half_life)}": value for name, value in scaled.items()}
        return told

    @staticmethod
    def _scale(seen: Seen, now: float, half_life: float) -> dict[str, float]:
        flows = damped([(t, 1.0) for t, _, _ in seen.flows], now, half_life)
        means = [damped([(t, v[i]) for t, v, _ in seen.flows], now, half_life) / flows for i in range(4)]
        weight = max(damped([(t, 1.0) for t, _ in seen.gaps], now, half_life), 1e-3)
        mean = damped(seen.gaps, now, half_life) / weight
        squares = damped([(t, g * g) for t, g in seen.gaps], now, half_life) / weight
        distinct = {
            kind: math.log1p(
                -MARKS
                * math.log1p(-min(sum(2.0 ** (-(now - t) / half_life) for t in marks.values()), MARKS - 1) / MARKS)
            )
            for kind, marks in seen.marks.items()
        }
        return {
            "flows": math.log1p(flows),
            **dict(zip(("out", "in", "failed", "unanswered"), means, strict=True)),
            "gap": mean if seen.gaps else math.log(10.0 * half_life),
            "gap_spread": math.sqrt(max(squares - mean * mean, 0.0)) if len(seen.gaps) > 1 else 2.0,
            **distinct,
            "new": math.log1p(damped([(t, new) for t, _, new in seen.flows], now, half_life)),
        }
