"""Whether traffic is still what the model was trained and calibrated on: of scores, of each feature, of categories.

Takes the arrays that the judge has anyway, looks at one row in 32, and gives a report now and then. Counts fade with
the flows' own time, so a report tells of about the last hour whatever the rate. Pure; what a report means and when to
retrain is in ``docs/explanation/drift.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.bundle.loaded_model import LoadedModel
from detector.models.calibration import Calibration

SAMPLE_EVERY = 32
"""Rows of which one is looked at: a stride over all rows, so that quiet and busy times weigh as they should."""

BLOCK_ROWS = 1_024
"""Sampled rows that are worked through at a time."""

HALF_LIFE_S = 3_600.0

LEAST_ROWS = 4_096
"""Sampled rows, faded, below which nothing is reported: the index's noise is about bins / rows, 0.003."""

BOUNDS: NDArray[np.float64] = np.array([0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
"""Upper ends of the bins of p-values; the first is the tail that alerts come from."""

FLOOR = 1e-4
"""Least share of a bin in the index, so that an empty one does not make it infinite."""

INDEX_LIMIT = 0.25
"""Population stability index above which a population has changed (Siddiqi, *Credit Risk Scorecards*, 2006)."""

TAIL_LIMIT = 3.0
"""Times as many rows in the tail as calibration had: the alert budget is overrun."""

OUTSIDE_LIMIT = 0.05
"""Share of rows outside a feature's usual range, above which it has drifted: five times what training had."""

DRIFTED_LIMIT = 0.1
"""Share of features that have drifted, above which the model sees another world."""

UNSEEN_LIMIT = 0.05
"""Share of rows with a category that training never showed."""

REASONS = ("scores", "tail", "features", "categories")
"""Why a model should be retrained: the values of the metric's label."""


@dataclass(frozen=True, slots=True)
class DriftReport:
    """How far traffic is from what the model knows."""

    rows: float
    """Sampled rows behind it, faded."""
    score_index: float
    """Population stability index of the p-values; 0 is no difference, below 0.1 is noise."""
    score_distance: float
    """Greatest difference between the distributions of p-values (Kolmogorov and Smirnov), 0 to 1."""
    tail_ratio: float
    """Rows with a p-value of 0.01 at most, as a multiple of calibration's."""
    outside: Mapping[str, float]
    """By feature: share of rows outside the usual range; about 0.01 in training."""
    unseen: Mapping[str, float]
    """By column: share of rows with a category that training never showed."""

    @property
    def drifted(self) -> list[str]:
        """Features beyond their limit, farthest first."""
        beyond = [name for name, share in self.outside.items() if share > OUTSIDE_LIMIT]
        return sorted(beyond, key=lambda name: -self.outside[name])

    @property
    def reasons(self) -> tuple[str, ...]:
        """Which of :data:`REASONS` hold: the documented rule says to retrain once one has held for an hour."""
        holds = {
            "scores": self.score_index > INDEX_LIMIT,
            "tail": self.tail_ratio > TAIL_LIMIT,
            "features": len(self.drifted) > DRIFTED_LIMIT * len(self.outside),
            "categories": any(share > UNSEEN_LIMIT for share in self.unseen.values()),
        }
        return tuple(reason for reason in REASONS if holds[reason])


class DriftMonitor:
    """Watches one model; make a new one when another takes over. ``every`` and ``half_life_s`` are for tests."""

    def __init__(self, model: LoadedModel, *, every: int = SAMPLE_EVERY, half_life_s: float = HALF_LIFE_S) -> None:
        self._calibration = model.calibration
        self._usual = model.usual
        self._names = model.extractor.spec.names
        self._categories = model.extractor.encoders.categories
        self._every = every
        self._half_life_s = half_life_s
        self._expected = expected_shares(model.calibration)
        self._seen = 0
        self._worked = 0
        self._frames: list[pl.DataFrame] = []
        self._matrices: list[NDArray[np.float32]] = []
        self._scores: list[NDArray[np.float64]] = []
        self._waiting = 0
        self._time: float | None = None
        self._rows = 0.0
        self._bins: NDArray[np.float64] = np.zeros(len(BOUNDS))
        self._outside: NDArray[np.float64] = np.zeros(len(self._names))
        self._unseen: NDArray[np.float64] = np.zeros(len(self._categories))

    def look(self, frame: pl.DataFrame, matrix: NDArray[np.float32], scores: NDArray[np.float64]) -> DriftReport | None:
        """Take a batch, row by row alike; give a report where enough has come together, else None."""
        first = -self._seen % self._every
        self._seen += len(scores)
        # Frames are only kept here: cutting rows out of them costs more a call than all the rest.
        self._frames.append(frame)
        self._matrices.append(matrix[first :: self._every].copy())
        self._scores.append(scores[first :: self._every].copy())
        self._waiting += len(self._scores[-1])
        if self._waiting < BLOCK_ROWS:
            return None
        self._work()
        return self._report() if self._rows >= LEAST_ROWS else None

    def _work(self) -> None:
        """Add what is waiting to the counts, faded by the time that has passed."""
        matrix, scores = np.concatenate(self._matrices), np.concatenate(self._scores)
        faded = self._fade(float(np.median(self._column("ts").to_numpy())))
        p_values = self._calibration.p_values(scores)
        bins = np.bincount(np.searchsorted(BOUNDS, p_values), minlength=len(BOUNDS))
        outside = ((matrix < self._usual.low) | (matrix > self._usual.high)).sum(axis=0)
        unseen = [
            np.count_nonzero(table.codes(self._column(column)) == len(table.values) + 1)
            for column, table in self._categories.items()
        ]
        self._rows = self._rows * faded + len(matrix)
        self._bins = self._bins * faded + bins
        self._outside = self._outside * faded + outside
        self._unseen = self._unseen * faded + np.array(unseen)
        self._frames, self._matrices, self._scores = [], [], []
        self._waiting, self._worked = 0, self._seen

    def _column(self, name: str) -> pl.Series:
        """The sampled rows of a column of what is waiting."""
        whole = pl.concat([frame[name] for frame in self._frames], rechunk=True)
        return whole.gather_every(self._every, -self._worked % self._every)

    def _fade(self, time: float) -> float:
        """What remains of earlier counts; the median of a block's times does not mind a wild one."""
        passed = 0.0 if self._time is None else max(time - self._time, 0.0)
        self._time = time if self._time is None else max(time, self._time)
        return float(2.0 ** -(passed / self._half_life_s))

    def _report(self) -> DriftReport:
        seen, expected = self._bins / self._rows, self._expected
        return DriftReport(
            rows=self._rows,
            score_index=index_of(expected, seen),
            score_distance=float(np.abs(np.cumsum(seen - expected)).max()),
            tail_ratio=float(seen[0] / max(expected[0], FLOOR)),
            outside=dict(zip(self._names, (self._outside / self._rows).tolist(), strict=True)),
            unseen=dict(zip(self._categories, (self._unseen / self._rows).tolist(), strict=True)),
        )


def index_of(before: NDArray[np.float64], now: NDArray[np.float64]) -> float:
    """The population stability index of bins' shares (bins,): 0 is no difference, below 0.1 is noise."""
    was, is_now = np.maximum(before, FLOOR), np.maximum(now, FLOOR)
    return float(np.sum((is_now - was) * np.log(is_now / was)))


def expected_shares(calibration: Calibration) -> NDArray[np.float64]:
    """The share of p-values in each bin that the held-out rows themselves had: even, but for ties between scores."""
    rows = -np.diff(calibration.counts)
    p_values = (1 + calibration.counts[:-1]) / (calibration.rows + 1)
    bins = np.searchsorted(BOUNDS, np.minimum(p_values, 1.0))
    shares: NDArray[np.float64] = np.bincount(bins, weights=rows, minlength=len(BOUNDS)) / calibration.rows
    return shares
