"""The smallest model of every kind in one: an ensemble of all members, that calls every kernel of theirs.

What it says does not matter, only that its arrays have the types that trained ones have: kernels are compiled by them.
"""

from __future__ import annotations

import numpy as np

from detector.models.base import Model
from detector.models.ensemble import Ensemble
from detector.models.kinds.hbos_ecod import Ecod, Hbos, StepModel
from detector.models.kinds.isolation_forest import IsolationForest
from detector.models.kinds.kmeans import KMeans
from detector.models.kinds.kmeans_diagonal import DiagonalKMeans
from detector.models.kinds.pca import Pca
from detector.models.p_tables import PTables
from detector.models.scaling import Scaling


def smallest_ensemble(n_features: int) -> Ensemble:
    """One split, one centre, one component, one cut a feature; of every kind that can be a member."""
    scaling = Scaling(np.zeros(n_features), np.ones(n_features), 1.0)
    none, point = np.zeros(n_features), np.zeros((n_features, 1))
    single = point.astype(np.float32)
    members: tuple[Model, ...] = (
        _forest(n_features),
        KMeans(scaling, point, none),
        DiagonalKMeans(scaling, single, single, single, none),
        _steps(Hbos, scaling),
        _steps(Ecod, scaling),
        Pca(scaling, point, np.ones(1), none),
    )
    tails = PTables(np.zeros((1, 1)), np.zeros((1, 1)), np.ones(1))
    return Ensemble(
        members={member.kind: member for member in members},
        weights=np.ones(len(members)),
        tails={member.kind: tails for member in members},
        segments=None,
        sharpness=0.0,
        n_features=n_features,
    )


def _forest(n_features: int) -> IsolationForest:
    split = np.zeros((1, 1), dtype=np.int16), np.zeros((1, 1), dtype=np.float32)
    return IsolationForest.build(*split, np.ones((1, 3)), 1.0, n_features)


def _steps(kind: type[StepModel], scaling: Scaling) -> StepModel:
    n_features = len(scaling.centre)
    starts = np.arange(n_features + 1, dtype=np.int64)
    return kind(scaling, np.zeros(n_features), starts, np.zeros(2 * n_features), np.zeros(n_features))
