"""Training a model with all that judges by it: the model of single flows, and what unseen flows score by each.

Evidence is made of single flows: clusters with spreads, of the features without windows. Clusters alone, since a forest
of single flows adds little to them here and costs three times as much: docs/explanation/models.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from detector.decisions.calibrated_model import CalibratedModel
from detector.models.calibration import Calibration
from detector.models.ensemble import SINGLE
from detector.models.kinds.kmeans_diagonal import DiagonalKMeans
from detector.models.rows import first_columns
from detector.models.single_flows import Scores, SingleFlows, kept_by
from training.estimators import CrossFitted, cross_fit
from training.feedback.leaf_weights import Lessons
from training.member_weights import steadied
from training.p_tables import Survival
from training.stretches import Stretches, Taught

Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Judged:
    """A calibrated model, and what its training rows score where they are not seen."""

    judging: CalibratedModel
    scores: Scores
    """Of all rows, each by models that did not see its stretch of time."""
    kept: NDArray[np.bool_]
    """Which rows the model was trained on: all but those left out as oddest."""
    steady: bool
    """Whether each member of an ensemble counts as much as it would without the last stretch."""


def calibrated(  # noqa: PLR0917 - rows and what is known of them
    kind: str,
    matrix: Matrix,
    calm: NDArray[np.bool_],
    stretches: Stretches,
    seconds: float,
    width: int,
    *,
    seed: int,
    params: Mapping[str, Any],
    drop: float,
    names: Sequence[str] | None = None,
    lessons: Lessons | None = None,
    taught: Taught | None = None,
) -> Judged:
    """Train a model of ``kind`` on rows × features in order of time, and calibrate it on the ``calm`` of the same rows.

    Each row's score for that is by a model that did not see its stretch of time, the calm rows cover so many
    ``seconds``. Members of an ensemble that the last stretch surprises too much count less
    (``training.member_weights``). Where windows are beyond the first ``width`` columns, a model of single flows sees
    these: the model's own where it holds one, else one trained without a share ``drop`` of the rows, the oddest.
    ``lessons`` are labelled rows × features, which teach a forest. What is ``taught`` counts in training as often as it
    says, and once in calibration.

    Raises InputError for rows that nothing can be learnt from.
    """
    fitted = cross_fit(
        kind, matrix, stretches, seed=seed, params=params, names=names, single=width, lessons=lessons, taught=taught
    )
    model = steadied(fitted.model, last_surprises(fitted, calm, stretches))
    overall = fitted.scores(model, matrix)
    calibration = Calibration.fit(overall[calm], seconds)
    single, unseen = kept_by(model), fitted.unseen.get(SINGLE)
    if single is None and width < matrix.shape[1]:
        rows = first_columns(matrix, width)
        own = cross_fit(DiagonalKMeans.kind, rows, stretches, seed=seed, params={"drop": drop}, taught=taught)
        single, unseen = cast("DiagonalKMeans", own.model), own.unseen[DiagonalKMeans.kind]
    beside = None
    if single is not None and unseen is not None:
        beside = SingleFlows(single, Calibration.fit(unseen[calm], seconds))
    judging = CalibratedModel(model=model, calibration=calibration, single=beside)
    return Judged(judging, Scores(overall, unseen), fitted.kept, model is fitted.model)


def last_surprises(
    fitted: CrossFitted, calm: NDArray[np.bool_], stretches: Stretches
) -> dict[str, NDArray[np.float64]]:
    """How surprising the calm rows of the last stretch are to each member, by what earlier rows scored, in nats."""
    last = np.zeros(len(calm), np.bool_)
    last[stretches.last] = True
    if last.all():
        return {name: np.empty(0) for name in fitted.unseen}
    before, later = fitted.kept & ~last, last & calm
    return {name: Survival.of(scores[before]).at(scores[later]) for name, scores in fitted.unseen.items()}
