"""The kinds of model that a bundle can hold: one row each."""

from __future__ import annotations

from detector.models.base import Model
from detector.models.clusters import KMeans
from detector.models.components import Pca
from detector.models.ensemble import Ensemble
from detector.models.forest import IsolationForest
from detector.models.spreads import SpreadKMeans
from detector.models.steps import Ecod, Hbos

KINDS: dict[str, type[Model]] = {
    kind.kind: kind for kind in (IsolationForest, KMeans, SpreadKMeans, Hbos, Ecod, Pca, Ensemble)
}
"""By the name that manifests and ``--kind`` use."""
