"""Learning what scores mean: −log p at a few knots of the training rows' scores, and a tail beyond that bends.

A segment's table blends its own rows with all rows: the p-value is the mean of both, weighted by the segment's rows and
by a fixed number of rows for all. So a small segment hardly differs from the whole, and none ever jumps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from detector.models.p_tables import LARGEST_SLOPE, PTables

KNOTS = 128

TAIL_SHARE = 0.005
"""Of the rows, the highest, by whose mean excess the tail is fitted, …"""

TAIL_ROWS = 20
"""… but at least so many."""

BEGIN = 10
"""The tail begins at so many rows from the top: above, single rows would be steps."""

LEAST_EXCESS = 1e-9
"""Of the highest score: what differs by less differs by rounding."""

FAR = 3.0
"""How far a blended tail is told by knots, in nats of the whole's."""

PADDING = 0.01
"""Nats between knots that lengthen a table: straight lines between them are near the tail."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Survival:
    """−log of the share of rows that score at least so high, with a tail as in ``detector.models.p_tables``."""

    scores: Floats
    """Distinct scores, ascending, up to where the tail begins."""
    levels: Floats
    slope: float
    rows: int

    @classmethod
    def of(cls, scores: Floats) -> Self:
        """Learn from rows' scores."""
        ordered = np.sort(scores)
        count = len(ordered)
        distinct, first = np.unique(ordered, return_index=True)
        levels = -np.log(np.minimum(1.0, (count - first + 0.5) / (count + 1.0)))
        tail = ordered[-min(count, max(TAIL_ROWS, round(TAIL_SHARE * count))) :]
        excess = float((tail - tail[0]).mean()) or float(ordered.std()) or 1.0
        excess = max(excess, LEAST_EXCESS * max(1.0, abs(float(tail[-1]))))
        kept = max(1, int(np.searchsorted(first, count - min(BEGIN, count // 2), side="right")))
        return cls(distinct[:kept], levels[:kept], min(1.0 / excess, LARGEST_SLOPE), count)

    def at(self, scores: Floats) -> Floats:
        """−log p of ``scores``, in nats."""
        level: Floats = np.interp(scores, self.scores, self.levels)
        level += np.log1p(self.slope * np.maximum(0.0, scores - self.scores[-1]))
        return level

    def slope_at(self, score: float) -> float:
        """How steep the tail is at a score on it, in nats per unit of score."""
        return self.slope / (1.0 + self.slope * (score - float(self.scores[-1])))

    def knots(self, count: int) -> Floats:
        """So many scores at most, evenly spread in −log p."""
        wanted = np.linspace(self.levels[0], self.levels[-1], count)
        places = np.unique(np.searchsorted(self.levels, wanted).clip(0, len(self.levels) - 1))
        knots: Floats = self.scores[places]
        return knots


def fit_tails(scores: Floats, places: NDArray[np.int64] | None, tables: int, blend: float) -> PTables:
    """Learn table 0 of all ``scores`` (rows,), and one of each segment's: ``places`` names each row's table."""
    whole = Survival.of(scores)
    parts = [Survival.of(scores[places == table]) for table in range(1, tables)]
    rows = [_plain(whole), *(_blended(whole, part, blend) for part in parts)]
    width = max(len(knots) for knots, _, _ in rows)
    padded = [_padded(*row, width) for row in rows]
    return PTables(
        np.stack([knots for knots, _, _ in padded]),
        np.stack([levels for _, levels, _ in padded]),
        np.array([slope for _, _, slope in padded]),
    )


def _plain(whole: Survival) -> tuple[Floats, Floats, float]:
    knots = whole.knots(KNOTS)
    return knots, whole.at(knots), whole.slope


def _blended(whole: Survival, part: Survival, blend: float) -> tuple[Floats, Floats, float]:
    """Knots, levels and slope of the mixture; far out the slower of the two tails is all that is left of it."""
    if blend == 0:
        return _plain(part)
    far = max(whole.scores[-1] + np.expm1(FAR) / whole.slope, part.scores[-1])
    knots = np.unique(np.concatenate([whole.knots(KNOTS), part.knots(KNOTS), np.linspace(part.scores[-1], far, KNOTS)]))
    own = part.rows / (part.rows + blend)
    levels = -np.logaddexp(np.log(own) - part.at(knots), np.log1p(-own) - whole.at(knots))
    slope = min(whole.slope_at(float(knots[-1])), part.slope_at(float(knots[-1])))
    return knots, np.maximum.accumulate(levels.clip(0.0)), slope


def _padded(knots: Floats, levels: Floats, slope: float, width: int) -> tuple[Floats, Floats, float]:
    """Lengthen a table by knots on its own tail; the slope is that beyond the last of them."""
    further = PADDING * np.arange(1, width - len(knots) + 1)
    return (
        np.append(knots, knots[-1] + np.expm1(further) / slope),
        np.append(levels, levels[-1] + further),
        slope * float(np.exp(-further[-1])) if len(further) else slope,
    )
