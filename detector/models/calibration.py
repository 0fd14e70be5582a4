"""From scores to p-values and thresholds, by what held-out rows scored: rows that the model was not trained on.

The p-value of a score s among n held-out scores is ``(1 + #{held-out ≥ s}) / (n + 1)``: for a row drawn like them,
P(p ≤ α) ≤ α (Vovk, Gammerman and Shafer 2005, conformal p-values). Ties are counted, so constant scores give p = 1.

Kept compactly: the :data:`EXACT_TAIL` highest scores one by one; below them at ranks that grow by :data:`RANK_STEP`,
so that a p-value there is too high by that share at most, and never too low.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from detector.errors import ConfigurationError, InputError
from detector.models.arrays import broken, check_names, take
from detector.models.base import Arrays
from detector.models.tail import Tail

EXACT_TAIL = 4096
"""Scores kept one by one: any budget below this many alerts in the calibration time is met exactly."""

RANK_STEP = 1.002
"""Ratio of neighbouring ranks below the tail: p-values are within 0.2 % there."""

MAX_KEPT = 1 << 16

MAX_ROWS = 1 << 53
"""Counts stay exact in float64."""

_PART = "calibration"


@dataclass(frozen=True, slots=True)
class Calibration:
    """Held-out scores, compactly; ``threshold`` and ``p_values`` agree on which scores are beyond a budget."""

    scores: NDArray[np.float64]
    """Shape (kept,): distinct scores, ascending, the highest last."""
    counts: NDArray[np.int64]
    """Shape (kept + 1,): all held-out rows, then how many scored above each of ``scores``; the last is 0."""
    seconds: float
    """Event time that the held-out rows span; 0 if unknown."""
    levels: NDArray[np.float64] = field(init=False)
    """−ln p at each of ``scores``; strictly ascending, as their counts descend."""
    tail: Tail = field(init=False)
    """Of the scores beyond the highest."""

    def __post_init__(self) -> None:
        reached = self.counts[:-1]
        levels = np.log1p(self.rows) - np.log1p(reached)
        # What all rows reach is no surprise at all: two logarithms of one number may differ in their last bit.
        object.__setattr__(self, "levels", np.where(reached < self.rows, levels, 0.0))
        object.__setattr__(self, "tail", Tail.of(self.scores, self.counts))

    @classmethod
    def fit(cls, scores: NDArray[np.float64], seconds: float) -> Self:
        """Learn from held-out ``scores`` (rows,) and the event time in seconds that they span.

        Raises InputError if there are none, or if one is not finite.
        """
        if not len(scores):
            raise InputError("calibrating: no rows were held out; give more data")
        if not bool(np.isfinite(scores).all()):
            raise InputError("calibrating: a held-out score is not finite; the model or its data is broken")
        distinct, repeats = np.unique(np.asarray(scores, dtype=np.float64), return_counts=True)
        at_least = np.append(np.cumsum(repeats[::-1])[::-1], 0).astype(np.int64)
        kept = _kept(at_least[:-1])
        counts = np.concatenate([at_least[:1], at_least[kept + 1]])
        span = float(seconds) if np.isfinite(seconds) and seconds > 0 else 0.0
        return cls(distinct[kept], counts, span)

    @property
    def rows(self) -> int:
        """How many rows were held out."""
        return int(self.counts[0])

    def p_values(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the p-value of each score: falling as scores rise, from 1 down to ``1 / (rows + 1)``."""
        p_values: NDArray[np.float64] = (1 + self.counts[np.searchsorted(self.scores, scores)]) / (self.rows + 1)
        return p_values

    def threshold(self, false_positive_rate: float) -> float:
        """Give the lowest score that at most this share of held-out rows reached; alerts are scores ≥ it.

        A share that no tie allows gives a threshold just above the highest held-out score.
        """
        if not 0 <= false_positive_rate <= 1:
            raise ConfigurationError(
                f"alerts.false_positive_rate is {false_positive_rate:g}: give a share from 0 to 1, such as 0.001"
            )
        return self._threshold_of(false_positive_rate * self.rows)

    def threshold_per_hour(self, alerts_per_hour: float) -> float:
        """Give the lowest score that held-out rows reached at most so often per hour of event time.

        Raises ConfigurationError if the time that they span is unknown.
        """
        if not np.isfinite(alerts_per_hour) or alerts_per_hour < 0:
            raise ConfigurationError(f"alerts.alerts_per_hour is {alerts_per_hour:g}: give a number from 0, such as 2")
        if self.seconds == 0:
            raise ConfigurationError(
                "alerts.alerts_per_hour: this model's calibration rows span no time; set alerts.false_positive_rate"
            )
        return self._threshold_of(alerts_per_hour * self.seconds / 3600)

    def _threshold_of(self, rows: float) -> float:
        """Give the lowest kept score that at most ``rows`` held-out rows reached."""
        # A rounding error must not cost a row: 0.29 * 100 is 28.999999999999996.
        place = int(np.argmax(self.counts <= rows * (1 + 1e-12)))
        return float(self.scores[place]) if place < len(self.scores) else float(np.nextafter(self.scores[-1], np.inf))

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Everything needed to restore it."""
        return {"scores": self.scores, "counts": self.counts, "seconds": np.array([self.seconds])}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """Restore it; raises BundleError for anything off."""
        check_names(arrays, ("scores", "counts", "seconds"), _PART)
        high = np.finfo(float).max
        scores = take(arrays, "scores", _PART, dtype=np.float64, shape=(None,), low=-high, high=high)
        if len(scores) > MAX_KEPT:
            raise broken(_PART, f"{len(scores)} scores are more than {MAX_KEPT}")
        counts = take(arrays, "counts", _PART, dtype=np.int64, shape=(len(scores) + 1,), low=0, high=MAX_ROWS)
        seconds = take(arrays, "seconds", _PART, dtype=np.float64, shape=(1,), low=0.0, high=high)
        if bool(np.any(np.diff(scores) <= 0)) or bool(np.any(np.diff(counts) >= 0)) or counts[-1] != 0:
            raise broken(_PART, "scores do not ascend while their counts descend to 0")
        return cls(scores, counts, float(seconds[0]))


def _kept(at_least: NDArray[np.int64]) -> NDArray[np.intp]:
    """Choose which distinct scores to keep, given how many rows scored at least each: positions, ascending."""
    rows = max(int(at_least[0]), EXACT_TAIL)
    steps = 2 + int(np.log(rows / EXACT_TAIL) / np.log(RANK_STEP))
    # For each rank the first score within it, and the one before: what lies between those two is then exact, ties too.
    within = len(at_least) - np.searchsorted(at_least[::-1], np.geomspace(EXACT_TAIL, rows, steps), side="right")
    tail = np.flatnonzero(at_least <= EXACT_TAIL)
    chosen = np.unique(np.concatenate([within, within - 1, tail, [len(at_least) - 1]]))
    kept: NDArray[np.intp] = chosen[(chosen >= 0) & (chosen < len(at_least))]
    return kept
