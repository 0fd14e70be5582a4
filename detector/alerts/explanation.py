"""Why a row is an alert: the features that made it one, and their usual range; :mod:`detector.alerts.wording` says it.

The usual range of a feature lies between two quantiles of the rows that the model was trained on; it comes with the
bundle (``detector.models.baseline_ranges``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.bundle.loaded_model import LoadedModel
from detector.decisions.decide import Decision
from detector.models.base import Attribution
from detector.models.baseline_ranges import BaselineRanges

Deviation = Literal["high", "low", "usual"]
"""Where a value lies against its usual range; ``usual`` for one that is odd only together with others."""


@dataclass(slots=True)
class Explanations:
    """Why each of some alerts is one, additive as an attribution is; lists of one length, in the alerts' order."""

    quantities: list[str]
    bases: list[float]
    outputs: list[float]
    contributions: NDArray[np.float64]
    """Shape (alerts, features)."""

    @classmethod
    def blank(cls, alerts: int, features: int) -> Self:
        """Room for so many."""
        return cls([""] * alerts, [0.0] * alerts, [0.0] * alerts, np.zeros((alerts, features)))

    def put(self, places: NDArray[np.intp], attribution: Attribution) -> None:
        """Have the alerts at ``places`` explained by a model's attribution of them."""
        self.contributions[places] = attribution.contributions
        for place, output in zip(places.tolist(), attribution.output.tolist(), strict=True):
            self.quantities[place] = attribution.quantity
            self.bases[place] = attribution.base
            self.outputs[place] = output


def explain(model: LoadedModel, matrix: NDArray[np.float32], decision: Decision) -> Explanations:
    """Explain the alerts among the rows of ``matrix``, each by what the view is made of that raised it."""
    rows = matrix[decision.rows]
    found = Explanations.blank(*rows.shape)
    of_single = [place for place, view in enumerate(decision.oddest_by) if view.of_single_flows and model.single]
    by_single = np.array(of_single, np.intp)
    others = np.setdiff1d(np.arange(len(rows)), by_single)
    if len(others):
        found.put(others, model.model.explain(rows[others]))
    if model.single and len(by_single):
        found.put(by_single, model.single.explain(rows[by_single]))
    return found


def readable(values: NDArray[np.float32]) -> list[float]:
    """Float32 as the shortest decimal numbers that read back as the same float32: 0.1, not 0.10000000149011612."""
    return pl.Series(values).cast(pl.String).cast(pl.Float64).to_list()


class UsualRanges(NamedTuple):
    """The usual ranges of features, readable; one of each for every feature."""

    low: list[float]
    high: list[float]

    @classmethod
    def of(cls, ranges: BaselineRanges) -> Self:
        """Those that a model learnt."""
        return cls(readable(ranges.low), readable(ranges.high))


def top_features(contributions: NDArray[np.float64], count: int) -> list[list[int]]:
    """For each row the features that made it more anomalous, most telling first: ``count`` at most, one at least."""
    order = np.argsort(-contributions, axis=1, kind="stable")[:, :count]
    telling = np.take_along_axis(contributions, order, axis=1) > 0
    telling[:, :1] = True
    return [columns[kept].tolist() for columns, kept in zip(order, telling, strict=True)]


def deviation(value: float, low: float, high: float) -> Deviation:
    """Tell on which side of its usual range a value lies."""
    if value > high:
        return "high"
    return "low" if value < low else "usual"


def explained(
    names: tuple[str, ...],
    values: list[list[float]],
    contributions: NDArray[np.float64],
    usual: UsualRanges,
    count: int,
) -> list[list[dict[str, Any]]]:
    """For each alert its top features: ``name``, ``value``, ``contribution`` and the usual range.

    ``values`` is alerts × features, readable, as ``usual`` is; ``contributions`` are theirs. None at all for a
    ``count`` of 0.
    """
    if not count:
        return [[] for _ in values]
    tops = top_features(contributions, count)
    low, high = usual
    return [
        [
            {
                "name": names[column],
                "value": row[column],
                "contribution": given[column],
                "usual_low": low[column],
                "usual_high": high[column],
                "deviation": deviation(row[column], low[column], high[column]),
            }
            for column in columns
        ]
        for row, given, columns in zip(values, contributions.tolist(), tops, strict=True)
    ]
