"""What flows look like one by one: a second, small model, of the features that no window is behind.

It is what evidence is made of. Evidence adds up over time by itself: of scores that windows have a part in it would add
up the same past twice, and a quiet attack, such as a beacon among its host's other traffic, is usual by most of what
that host did before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from detector.models.arrays import broken
from detector.models.base import Arrays, Attribution
from detector.models.calibration import Calibration
from detector.models.spreads import SpreadKMeans


@dataclass(frozen=True, slots=True)
class SingleFlows:
    """Clusters of single flows, and what held-out flows scored by them."""

    model: SpreadKMeans
    """Of the first columns of the matrix: windowed features come last."""
    calibration: Calibration

    def score(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Score rows of the whole matrix (rows × features); higher is more anomalous."""
        return self.model.score(self._view(matrix))

    def explain(self, matrix: NDArray[np.float32]) -> Attribution:
        """Attribute each row's score to features of the whole matrix; those that it does not see contribute 0."""
        seen = self.model.explain(self._view(matrix))
        contributions = np.zeros(matrix.shape, dtype=np.float64)
        contributions[:, : self.model.n_features] = seen.contributions
        return Attribution(seen.quantity, seen.base, seen.output, contributions)

    def _view(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.ascontiguousarray(matrix[:, : self.model.n_features])

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Everything needed to restore it: arrays named ``model.…`` and ``calibration.…``."""
        parts = {"model": self.model.to_arrays(), "calibration": self.calibration.to_arrays()}
        return {f"{part}.{name}": array for part, arrays in parts.items() for name, array in arrays.items()}

    @classmethod
    def from_arrays(cls, arrays: Arrays, n_features: int) -> Self:
        """Restore it, of so many columns; raises BundleError for anything off."""
        parts: dict[str, dict[str, NDArray[Any]]] = {"model": {}, "calibration": {}}
        for name, array in arrays.items():
            part, _, own = name.partition(".")
            if part not in parts:
                raise broken("single flows", f"array {name} does not belong to it")
            parts[part][own] = array
        return cls(SpreadKMeans.from_arrays(parts["model"], n_features), Calibration.from_arrays(parts["calibration"]))
