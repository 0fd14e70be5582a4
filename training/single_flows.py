"""Training the model of single flows that evidence is made of: clusters with spreads, of the features without windows.

Clusters alone, since a forest of single flows adds little to them here and costs three times as much: docs/models.md.
"""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import NDArray

from detector.alerts.suspect import CalibratedModel
from detector.models.base import Model
from detector.models.calibration import Calibration
from detector.models.rows import first_columns
from detector.models.single_flows import Scores, SingleFlows, kept_by, scores_by
from detector.models.spreads import SpreadKMeans
from training.estimators import fit_estimator
from training.steadiness import steadied

Matrix = NDArray[np.float32]


def calibrated(
    model: Model, seen: Matrix, held_out: Matrix, seconds: float, width: int, *, seed: int, drop: float
) -> tuple[CalibratedModel, Scores]:
    """Calibrate ``model`` on rows ``held_out``, which span so many ``seconds``; give what they scored, too.

    Members of an ensemble that they surprise more than they should count less (``training.steadiness``).

    Where windows are beyond the first ``width`` columns, a model of single flows sees these: the model's own where it
    holds one, else trained on rows ``seen``, but for a share ``drop`` of them, the oddest. Raises InputError for rows
    that nothing can be learnt from.
    """
    model = steadied(model, held_out)
    single = kept_by(model)
    if single is None and width < seen.shape[1]:
        rows = first_columns(seen, width)
        single = cast("SpreadKMeans", fit_estimator(SpreadKMeans.kind, rows, seed=seed, params={"drop": drop}))
    scores = scores_by(model, single, held_out)
    beside = None
    if single is not None and scores.single is not None:
        beside = SingleFlows(single, Calibration.fit(scores.single, seconds))
    return CalibratedModel(model=model, calibration=Calibration.fit(scores.overall, seconds), single=beside), scores
