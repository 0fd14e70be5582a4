"""How odd flows are, each by itself and with what came before it: the same online, in training and in evaluation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.decisions.assessment import Assessment
from detector.decisions.budget import IncidentCalibration
from detector.decisions.evidence import EvidenceKeys, EvidenceState, Surprises, evidence_keys
from detector.errors import InputError
from detector.models.base import Model
from detector.models.calibration import Calibration
from detector.models.single_flows import Scores, SingleFlows, scores_by
from detector.models.surprise import surprise_of


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
        return Surprises(overall, surprise_of(scores.single, self.single.calibration))


def assess(
    frame: pl.DataFrame,
    surprises: Surprises,
    state: EvidenceState,
    partitions: NDArray[np.int32] | None = None,
    keys: EvidenceKeys | None = None,
) -> Assessment:
    """Weigh flows in record order, and add them to ``state``.

    ``keys`` are their ``evidence_keys``, where they are known already.
    """
    keys = evidence_keys(frame) if keys is None else keys
    return state.update(keys, frame["ts"].to_numpy(), surprises, partitions)


def calibrate_incidents(
    targets: NDArray[np.uint64],
    directions: NDArray[np.int64],
    ts: NDArray[np.float64],
    assessment: Assessment,
    seconds: float,
) -> IncidentCalibration | None:
    """Learn from flows (rows,) that were held out what benign targets reach; None where they span no time.

    ``targets`` are those of their ``evidence_keys``; ``seconds`` were watched. Whatever weighed the flows has seen
    those before them, as a daemon's has: what is new, and what is a habit, is told by it.
    """
    try:
        return IncidentCalibration.fit(targets, directions, ts, assessment, seconds)
    except InputError:
        return None
