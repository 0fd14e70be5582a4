"""The kinds of model that a bundle can hold: one row each."""

from __future__ import annotations

from detector.models.base import Model
from detector.models.ensemble import Ensemble
from detector.models.kinds.hbos_ecod import Ecod, Hbos
from detector.models.kinds.isolation_forest import IsolationForest
from detector.models.kinds.kmeans import KMeans
from detector.models.kinds.kmeans_diagonal import DiagonalKMeans
from detector.models.kinds.pca import Pca

KINDS: dict[str, type[Model]] = {
    kind.kind: kind for kind in (IsolationForest, KMeans, DiagonalKMeans, Hbos, Ecod, Pca, Ensemble)
}
"""By the name that manifests and ``--kind`` use."""
