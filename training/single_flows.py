"""Training the model of single flows that evidence is made of: clusters with spreads, of the features without windows.

Clusters alone, since a forest of single flows adds little to them here and costs three times as much: docs/quality.md.
"""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import NDArray

from detector.models.calibration import Calibration
from detector.models.single_flows import SingleFlows
from detector.models.spreads import SpreadKMeans
from training.estimators import fit_estimator


def fit_single_flows(
    seen: NDArray[np.float32], held_out: NDArray[np.float32], seconds: float, width: int, *, seed: int, drop: float
) -> SingleFlows:
    """Train on rows ``seen`` of the whole matrix, of which ``width`` columns are told by a flow alone.

    Rows ``held_out``, which span so many ``seconds``, calibrate it. ``drop`` is the share of rows, the oddest, that it
    is trained without. Raises InputError for rows that nothing can be learnt from.
    """
    rows = np.ascontiguousarray(seen[:, :width])
    model = cast("SpreadKMeans", fit_estimator(SpreadKMeans.kind, rows, seed=seed, params={"drop": drop}))
    scores = model.score(np.ascontiguousarray(held_out[:, :width]))
    return SingleFlows(model, Calibration.fit(scores, seconds))
