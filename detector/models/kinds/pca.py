"""Distance to principal components (Shyu et al., ICDM workshops 2003), as PyOD's ``PCA`` computes it.

The score is the sum over the chosen components of a scaled row's distance to the component's unit vector, divided by
the component's share of the variance: what is large along a direction in which training rows hardly vary counts most.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from detector.models import scaling
from detector.models.arrays import broken, check_names, take
from detector.models.base import Arrays, Attribution
from detector.models.kinds.distances import squared_distances, weighted_distance
from detector.models.rows import as_rows
from detector.models.scaling import Scaling

MAX_COMPONENTS = 4096

SMALLEST_WEIGHT = 1e-9
"""A component with a smaller share of the variance is noise of rounding, divided by which nothing is left but it."""


@dataclass(frozen=True, slots=True)
class Pca:
    """Components by which training rows vary, and how much they do."""

    kind: ClassVar[str] = "pca"

    scaling: Scaling
    components: NDArray[np.float64]
    """Shape (features, components): unit vectors, in scales."""
    weights: NDArray[np.float64]
    """Shape (components,): shares of the variance, or ones."""
    expected: NDArray[np.float64]
    """Shape (features,): the mean of each feature's part of the score over the training rows."""

    @property
    def n_features(self) -> int:
        """How many columns ``score`` expects."""
        return len(self.expected)

    def score(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Score rows (rows × features, float32): weighted distances in scales, higher is more anomalous."""
        rows = as_rows(matrix, self.n_features)
        scores, scale = np.empty(len(rows), dtype=np.float64), self.scaling
        weighted_distance(rows, scale.centre, scale.scale, scale.clip, self.components, self.weights, scores)
        return scores

    def explain(self, matrix: NDArray[np.float32]) -> Attribution:
        """Attribute each row's score: a distance is shared out by what each feature adds to its square."""
        shares = self.shares(matrix)
        return Attribution(
            quantity="component_distance",
            base=float(self.expected.sum()),
            output=self.score(matrix),
            contributions=shares - self.expected,
        )

    def shares(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Give each feature's part of each row's score (rows × features): they add up to it."""
        rows, scale = as_rows(matrix, self.n_features), self.scaling
        squares = np.empty((len(rows), len(self.weights)), dtype=np.float64)
        squared_distances(rows, scale.centre, scale.scale, scale.clip, self.components, squares)
        distances = np.sqrt(squares)
        factors = 1.0 / (np.where(distances > 0, distances, np.inf) * self.weights)
        scaled = scale.apply(rows)
        shares = np.zeros(scaled.shape)
        for component, factor in zip(self.components.T, factors.T, strict=True):
            shares += (scaled - component) ** 2 * factor[:, None]
        return shares

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Everything needed to restore it."""
        return {
            **self.scaling.to_arrays(),
            "components": self.components,
            "weights": self.weights,
            "expected": self.expected,
        }

    @classmethod
    def from_arrays(cls, arrays: Arrays, n_features: int) -> Self:
        """Restore it; raises BundleError for anything off."""
        part = f"model ({cls.kind})"
        check_names(arrays, (*scaling.NAMES, "components", "weights", "expected"), part)
        shape = (n_features, None)
        components = take(arrays, "components", part, dtype=np.float64, shape=shape, low=-1.001, high=1.001)
        if components.shape[1] > MAX_COMPONENTS:
            raise broken(part, f"{components.shape[1]} components are more than {MAX_COMPONENTS}")
        weights = take(
            arrays, "weights", part, dtype=np.float64, shape=(components.shape[1],), low=SMALLEST_WEIGHT, high=1.0
        )
        expected = take(arrays, "expected", part, dtype=np.float64, shape=(n_features,), low=0.0, high=1e100)
        return cls(Scaling.from_arrays(arrays, n_features, part), components, weights, expected)
