"""A model with what makes findings of its scores: how odd flows are, each by itself and with what came before it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector.decisions.budget import IncidentCalibration
from detector.decisions.passed import Surprises
from detector.decisions.views import VIEWS, View
from detector.features.extractor import FeatureExtractor
from detector.models.base import Model
from detector.models.calibration import Calibration
from detector.models.single_flows import Scores, SingleFlows, scores_by
from detector.models.surprise import surprise_of

BEYOND_SINGLE = 4.0
"""In nats: so much more than the flow alone does, what came before it can surprise. The clients of a server under
attack are odd by its windows, and by nothing of their own (docs/research/models.md)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibratedModel:
    """A model, that of single flows beside it, and what held-out flows scored by each."""

    model: Model
    calibration: Calibration
    single: SingleFlows | None
    """None where no features are windowed: the model itself sees single flows then."""

    def score(self, matrix: NDArray[np.float32]) -> Scores:
        """Score rows (rows × features) by the model, and by that of single flows where there is one."""
        return scores_by(self.model, None if self.single is None else self.single.model, matrix)

    def surprises(self, scores: Scores) -> Surprises:
        """How surprising flows of these scores are, by all that is known of them and one by one."""
        overall = surprise_of(scores.overall, self.calibration)
        if self.single is None or scores.single is None:
            return Surprises(overall, overall)
        single = surprise_of(scores.single, self.single.calibration)
        return Surprises(np.minimum(overall, single + BEYOND_SINGLE), single)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringModel(CalibratedModel):
    """The same with the features that it sees, and what benign targets reach: all that flows are scored by."""

    extractor: FeatureExtractor
    incidents: IncidentCalibration | None
    """None where the flows that it was calibrated on had no times."""

    @property
    def views(self) -> tuple[View, ...]:
        """Those that its incidents are calibrated by; all where they are not: nothing is raised by them then."""
        return VIEWS if self.incidents is None else self.incidents.views
