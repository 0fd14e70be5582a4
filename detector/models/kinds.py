"""The kinds of model that a bundle can hold: one row each."""

from __future__ import annotations

from detector.models.base import Model
from detector.models.forest import IsolationForest

KINDS: dict[str, type[Model]] = {kind.kind: kind for kind in (IsolationForest,)}
"""By the name that manifests and ``--kind`` use."""
