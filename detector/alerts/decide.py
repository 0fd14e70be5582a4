"""Which rows are alerts, and how severe each is: scores held against an alert budget.

**Alerts** are the rows whose score reaches the calibration's threshold for the budget.

**Severity** tells how far below the budget the row's p-value lies: *low* anywhere below it, *medium* below a tenth of
it, *high* below a hundredth, *critical* below a thousandth. Held-out rows can tell no p-value below one in their
number; beyond the highest of them it is continued with an exponential tail, as steep as theirs is between the highest
hundredth and thousandth (peaks over threshold with shape 0: Pickands 1975). That serves severity alone: the p-value
that an alert states is never a continued one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from detector.models.calibration import Calibration

TAIL_SHARES = (0.01, 0.001)
"""Between which quantiles of the held-out scores their tail's steepness is taken."""


class Severity(IntEnum):
    """OCSF's ``severity_id``, and by ``.word`` the name that metrics and documents use."""

    LOW = 2
    MEDIUM = 3
    HIGH = 4
    CRITICAL = 5

    @property
    def word(self) -> str:
        """Such as ``low``."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Budget:
    """How many false alerts may be raised: as a share of benign flows, or, where set, per hour of their time."""

    false_positive_rate: float = 0.001
    alerts_per_hour: float | None = None

    def threshold(self, calibration: Calibration) -> float:
        """The score from which a row is an alert. Raises ConfigurationError for a budget that cannot be kept."""
        if self.alerts_per_hour is None:
            return calibration.threshold(self.false_positive_rate)
        return calibration.threshold_per_hour(self.alerts_per_hour)

    def share(self, calibration: Calibration) -> float:
        """The budget as a share of rows, whichever way it was given."""
        if self.alerts_per_hour is None:
            return self.false_positive_rate
        return self.alerts_per_hour * calibration.seconds / 3600 / calibration.rows


@dataclass(frozen=True, slots=True)
class Decision:
    """The rows of a batch that are alerts; arrays of one length, in row order."""

    rows: NDArray[np.intp]
    p_values: NDArray[np.float64]
    severity: NDArray[np.int64]
    """Values of :class:`Severity`."""
    threshold: float

    def severities(self) -> dict[str, int]:
        """How many alerts of each severity; those that did not occur are left out."""
        values, counts = np.unique(self.severity, return_counts=True)
        return {Severity(value).word: count for value, count in zip(values.tolist(), counts.tolist(), strict=True)}


def decide(scores: NDArray[np.float64], calibration: Calibration, budget: Budget) -> Decision:
    """Choose the alerts among ``scores`` (rows,). Raises ConfigurationError for a budget that cannot be kept."""
    threshold = budget.threshold(calibration)
    rows = np.flatnonzero(scores >= threshold)
    if not len(rows):
        return Decision(rows, np.empty(0), np.empty(0, dtype=np.int64), threshold)
    chosen = scores[rows]
    p_values = calibration.p_values(chosen)
    return Decision(rows, p_values, severity(chosen, p_values, calibration, budget.share(calibration)), threshold)


def severity(
    scores: NDArray[np.float64], p_values: NDArray[np.float64], calibration: Calibration, share: float
) -> NDArray[np.int64]:
    """Grade alerts, shape (alerts,), against the budget as a share of rows; never falling as scores rise."""
    highest, scale = calibration.threshold(0.0), tail_scale(calibration)
    with np.errstate(divide="ignore"):
        surprise = -np.log10(p_values) + math.log10(max(share, 1e-12))
    if scale > 0:
        surprise += np.maximum(scores - highest, 0.0) / scale
    steps = np.clip(np.floor(surprise), 0, Severity.CRITICAL - Severity.LOW)
    graded: NDArray[np.int64] = Severity.LOW + steps.astype(np.int64)
    return graded


def tail_scale(calibration: Calibration) -> float:
    """By how much a score must rise for its p-value to fall tenfold, in the held-out scores' tail; 0 if unknown."""
    ends = np.array([calibration.threshold(share) for share in TAIL_SHARES])
    begin, end = np.log10(calibration.p_values(ends)).tolist()
    return float((ends[1] - ends[0]) / (begin - end)) if begin > end else 0.0
