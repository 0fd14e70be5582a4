"""From flows to what they are found to be: the one way, of the daemon, ``oddflow score``, training and measuring.

Takes flows in record order, with the partition of each. Gives their features, their scores, and how odd they are by
each view; at a budget, which of them are alerts; and the budget that just raises each. What went before is in a state
that is handed in, and has the flows in it afterwards. How flows are cut into batches changes no value. What becomes of
findings is left to others.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.decisions.assessment import Assessment, assess
from detector.decisions.calibrated_model import ScoringModel
from detector.decisions.decide import Budget, Decision, decide
from detector.decisions.findings import Findings, Seconds
from detector.decisions.passed import Passed
from detector.decisions.views import columns_of
from detector.features.replay import CHUNK_ROWS
from detector.models.single_flows import Scores
from detector.net.directions import directions_of
from detector.scoring.flow_state import FlowState


@dataclass(frozen=True, slots=True)
class Scored:
    """What each flow of a frame scored; shape (rows,) each."""

    scores: NDArray[np.float64]
    p_values: NDArray[np.float64]
    rates: NDArray[np.float64] | None
    """False incidents per day that would raise each; None where the model is not calibrated to tell them."""


class Scorer:
    """Scores flows by ``model``, after all that is in ``state``; decides at ``budget``, where one is given."""

    def __init__(self, model: ScoringModel, state: FlowState, budget: Budget | None = None) -> None:
        self._model = model
        self._state = state
        self._budget = budget
        incidents = model.incidents
        self._rule = None if budget is None else budget.rule(model.calibration, incidents, model.extractor.inside)
        self._assesses = incidents is not None if budget is None else self._rule is not None

    @property
    def counts_incidents(self) -> bool:
        """Whether flows are raised by false incidents a day."""
        return self._rule is not None

    def find(self, frame: pl.DataFrame, partitions: NDArray[np.int32]) -> Findings:
        """Take a batch of flows, by the partition of each (rows,), and give what they are found to be.

        Raises ValueError where there are more or fewer partitions than flows.
        """
        if len(partitions) != len(frame):
            raise ValueError(f"scoring {len(frame)} flows: {len(partitions)} partitions were given, not one for each")
        began = perf_counter()
        matrix = self._model.extractor.transform(frame, partitions, self._state)
        featured = perf_counter()
        scores = self._model.score(matrix)
        scored = perf_counter()
        assessment = self._assess(frame, scores, partitions) if self._assesses else None
        seconds = Seconds(featured - began, scored - featured, perf_counter() - scored)
        return Findings(frame, matrix, scores, assessment, seconds)

    def _assess(self, frame: pl.DataFrame, scores: Scores, partitions: NDArray[np.int32]) -> Assessment:
        views, surprises = self._model.views, self._model.surprises(scores)
        inside = self._model.extractor.inside
        flows = Passed.of(frame, surprises, partitions, columns_of(views), self._state.arrivals(frame), inside)
        return assess(flows, self._state.views, views)

    def decide(self, findings: Findings) -> Decision:
        """Which of the flows are alerts. Raises ConfigurationError for a budget that cannot be kept."""
        if self._rule is not None and findings.assessment is not None:
            return self._rule.decide(findings.frame, findings.scores.overall, findings.assessment)
        if self._budget is None:
            raise ValueError("deciding needs a budget")
        return decide(findings.scores.overall, self._model.calibration, self._budget)

    def rates(self, findings: Findings) -> NDArray[np.float64] | None:
        """The false incidents a day that just raise each flow (rows,); None where the model cannot tell."""
        if self._model.incidents is None or findings.assessment is None:
            return None
        directions = directions_of(findings.frame, self._model.extractor.inside)
        return self._model.incidents.rates(findings.assessment, directions)

    def score(self, frame: pl.DataFrame, partitions: NDArray[np.int32]) -> Scored:
        """Score flows that were kept, in order of time: as many as there are, with nothing but the figures kept."""
        parts = [
            self._scored(frame.slice(start, CHUNK_ROWS), partitions[start : start + CHUNK_ROWS])
            for start in range(0, max(len(frame), 1), CHUNK_ROWS)
        ]
        scores, p_values, rates = zip(*parts, strict=True)
        known = [each for each in rates if each is not None]
        return Scored(np.concatenate(scores), np.concatenate(p_values), np.concatenate(known) if known else None)

    def _scored(
        self, frame: pl.DataFrame, partitions: NDArray[np.int32]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64] | None]:
        findings = self.find(frame, partitions)
        scores = findings.scores.overall
        return scores, self._model.calibration.p_values(scores), self.rates(findings)
