"""Which rows are alerts, and how severe each is: scores held against an alert budget.

**Alerts** are the rows that the budget in *false incidents per day* raises by their surprise, evidence or breadth
(:mod:`detector.decisions.evidence`, :mod:`detector.decisions.budget`). Where the budget is given as a share of
flows or in alerts per hour, or the model has no calibration of incidents since its flows had no times, they are the
rows whose score reaches the calibration's threshold for it.

**Rarity** is how far below the budget the row's p-value lies, in powers of ten; risk, and with it severity, begins
there (:mod:`detector.decisions.severity`). Held-out rows can tell no p-value below one in their number; beyond the
highest of them it is continued by their tail (:mod:`detector.models.tail`), as far as they are enough to support
it. That serves risk alone: the p-value that an alert states is never a continued one. Likewise the false incidents per
day that an alert tells are never fewer than the calibration supports, nor its rarity higher.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.decisions.assessment import Assessment
from detector.decisions.budget import IncidentCalibration
from detector.decisions.severity import decades_beyond
from detector.decisions.views import SURPRISE, View
from detector.models.calibration import Calibration
from detector.models.surprise import score_at
from detector.net.directions import directions_of
from detector.net.networks import NOWHERE, Networks


@dataclass(frozen=True, slots=True)
class Budget:
    """How much may be raised falsely: alerts as a share of benign flows, or, where set, per hour of their time.

    Where ``incidents_per_day`` is set and ``alerts_per_hour`` is not, it is false incidents per day instead, for every
    model that is calibrated to tell them.
    """

    false_positive_rate: float = 0.001
    alerts_per_hour: float | None = None
    incidents_per_day: float | None = None

    def threshold(self, calibration: Calibration) -> float:
        """The score from which a row is an alert. Raises ConfigurationError for a budget that cannot be kept."""
        if self.alerts_per_hour is None:
            return calibration.threshold(self.false_positive_rate)
        return calibration.threshold_per_hour(self.alerts_per_hour)

    def rule(
        self, calibration: Calibration, incidents: IncidentCalibration | None, inside: Networks = NOWHERE
    ) -> IncidentRule | None:
        """How false incidents are counted for a model so calibrated; None where something else is."""
        if incidents is None or self.incidents_per_day is None or self.alerts_per_hour is not None:
            return None
        return IncidentRule.of(calibration, incidents, self.incidents_per_day, inside)

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
    decades: NDArray[np.float64]
    """By how many powers of ten each is rarer than the budget asks, as far as the calibration supports it."""
    thresholds: NDArray[np.float64]
    """The score from which each is an alert by itself; a flow to a known target may score more, and yet be none,
    and so may a probe from outside."""
    assessment: Assessment | None = None
    """Of the same rows, where incidents are what the budget counts."""
    rates: NDArray[np.float64] | None = None
    """False incidents per day that raise each row, likewise; no fewer than the calibration supports."""
    views: NDArray[np.intp] | None = None
    """The place among the assessment's views of that by which each row is oddest, likewise."""
    shares: NDArray[np.float64] | None = None
    """Of usual flows, that are as odd: by which rarity was graded, where the budget is one of flows."""

    def take(self, places: NDArray[np.intp]) -> Self:
        """Only the alerts at these places."""
        return replace(
            self,
            rows=self.rows[places],
            **{
                name: values[places]
                for name in ("p_values", "decades", "thresholds", "rates", "views", "shares")
                if (values := getattr(self, name)) is not None
            },
            assessment=None if self.assessment is None else self.assessment.take(places),
        )

    @property
    def oddest_by(self) -> list[View]:
        """By which view each row is oddest; by its own surprise, where incidents are not what counts."""
        if self.views is None or self.assessment is None:
            return [SURPRISE] * len(self.rows)
        return [self.assessment.views[place] for place in self.views.tolist()]


def decide(scores: NDArray[np.float64], calibration: Calibration, budget: Budget) -> Decision:
    """Choose the alerts among ``scores`` (rows,). Raises ConfigurationError for a budget that cannot be kept."""
    threshold = budget.threshold(calibration)
    rows = np.flatnonzero(scores >= threshold)
    if not len(rows):
        return Decision(rows, np.empty(0), np.empty(0), np.empty(0))
    chosen = scores[rows]
    p_values = calibration.p_values(chosen)
    shares = continued(chosen, p_values, calibration)
    return Decision(
        rows, p_values, decades_beyond(shares, budget.share(calibration)), np.full(len(rows), threshold), shares=shares
    )


@dataclass(frozen=True, slots=True)
class IncidentRule:
    """Which flows are alerts at a budget of false incidents, for one model: worked out once, asked for every batch."""

    calibration: Calibration
    incidents: IncidentCalibration
    per_day: float
    least: Mapping[str, float]
    """By the view's name: the value below which no flow is raised, whatever its direction."""
    scores: NDArray[np.float64]
    """The score from which a flow of each direction is raised by its surprise; shape (directions,)."""
    inside: Networks
    """Beside private addresses; the model's."""

    @classmethod
    def of(
        cls, calibration: Calibration, incidents: IncidentCalibration, per_day: float, inside: Networks = NOWHERE
    ) -> Self:
        """Work it out for ``per_day`` false incidents."""
        thresholds = incidents.thresholds(per_day)
        scores = np.array([score_at(surprise, calibration) for surprise in thresholds[SURPRISE.name]])
        least = {view: float(of.min()) for view, of in thresholds.items()}
        return cls(calibration, incidents, per_day, least, scores, inside)

    def decide(self, frame: pl.DataFrame, scores: NDArray[np.float64], assessment: Assessment) -> Decision:
        """Choose the alerts among the flows of ``frame``; ``scores`` and ``assessment`` are theirs."""
        # All that can be raised, cheaply; direction and rate, which decides, are told of these alone.
        reached = [assessment[view] >= value for view, value in self.least.items()]
        likely = np.flatnonzero(np.logical_or.reduce(reached))
        directions, few = directions_of(frame.select("src_ip", "dst_ip")[likely], self.inside), assessment.take(likely)
        rates = self.incidents.rates(few, directions)
        raised = np.flatnonzero(rates <= self.per_day)
        rows, rates, directions, few = likely[raised], rates[raised], directions[raised], few.take(raised)
        rates = np.maximum(rates, min(self.incidents.least_told, self.per_day))
        return Decision(
            rows,
            self.calibration.p_values(scores[rows]),
            decades_beyond(rates, self.per_day),
            self.scores[directions],
            few,
            rates,
            self.incidents.oddest_views(few, directions),
        )


def continued(
    scores: NDArray[np.float64], p_values: NDArray[np.float64], calibration: Calibration
) -> NDArray[np.float64]:
    """The share of usual flows that are as odd, shape (alerts,): the p-value, continued as far as the tail supports."""
    tail = calibration.tail
    beyond = np.minimum(tail.beyond(np.maximum(scores, tail.begin)), tail.supported)
    shares: NDArray[np.float64] = p_values * np.exp(-beyond)
    return shares
