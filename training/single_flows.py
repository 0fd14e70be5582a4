"""Training the model of single flows that evidence is made of: clusters with spreads, of the features without windows.

Clusters alone, since a forest of single flows adds little to them here and costs three times as much: docs/quality.md.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from detector.alerts.evidence import Surprises
from detector.alerts.suspect import surprises_of
from detector.models.base import Model
from detector.models.calibration import Calibration
from detector.models.single_flows import Scores, SingleFlows, kept_by, scores_by
from detector.models.spreads import SpreadKMeans
from training.estimators import fit_estimator

Matrix = NDArray[np.float32]


class Views(NamedTuple):
    """A calibrated model, and that of single flows."""

    model: Model
    calibration: Calibration
    single: SingleFlows | None
    """None where no features are windowed."""
    held_out: Scores
    """Of the rows that it was calibrated on."""

    def score(self, matrix: Matrix) -> Scores:
        """Score rows (rows × features) by both."""
        return scores_by(self.model, None if self.single is None else self.single.model, matrix)

    def surprises(self, scores: Scores) -> Surprises:
        """How surprising flows of these scores are."""
        return surprises_of(scores, self.calibration, self.single)


def calibrated(
    model: Model, seen: Matrix, held_out: Matrix, seconds: float, width: int, *, seed: int, drop: float
) -> Views:
    """Calibrate ``model`` on rows ``held_out``, which span so many ``seconds``, and a model of single flows beside it.

    That sees the first ``width`` columns; it is the model's own where that holds one, else trained on rows ``seen``,
    but for a share ``drop`` of them, the oddest. Raises InputError for rows that nothing can be learnt from.
    """
    single = kept_by(model)
    if single is None and width < seen.shape[1]:
        rows = np.ascontiguousarray(seen[:, :width])
        single = cast("SpreadKMeans", fit_estimator(SpreadKMeans.kind, rows, seed=seed, params={"drop": drop}))
    scores = scores_by(model, single, held_out)
    calibration = Calibration.fit(scores.overall, seconds)
    if single is None or scores.single is None:
        return Views(model, calibration, None, scores)
    return Views(model, calibration, SingleFlows(single, Calibration.fit(scores.single, seconds)), scores)
