"""Distance to the nearest of k-means' centres (Sculley, WWW 2010: mini-batches), over scaled features.

The score equals scikit-learn's ``MiniBatchKMeans.transform(scaled rows).min(axis=1)``; the scaling is in the arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from detector.models import scaling
from detector.models.arrays import broken, check_names, take
from detector.models.base import Arrays, Attribution
from detector.models.kinds.distances import nearest_distance, squared_distances
from detector.models.rows import as_rows
from detector.models.scaling import Scaling

MAX_CENTRES = 4096

LARGEST = 1e80
"""Of a coordinate, in scales: its square is finite, and so is a sum of them."""


@dataclass(frozen=True, slots=True)
class KMeans:
    """Centres of what is usual; what lies far from all of them is not."""

    kind: ClassVar[str] = "kmeans"

    scaling: Scaling
    centres: NDArray[np.float64]
    """Shape (features, centres), in scales."""
    expected: NDArray[np.float64]
    """Shape (features,): the mean over the training rows of the squared distance along it to the nearest centre."""

    @property
    def n_features(self) -> int:
        """How many columns ``score`` expects."""
        return len(self.expected)

    def score(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Score rows (rows × features, float32): distance in scales, higher is more anomalous."""
        rows = as_rows(matrix, self.n_features)
        scores = np.empty(len(rows), dtype=np.float64)
        nearest_distance(rows, self.scaling.centre, self.scaling.scale, self.scaling.clip, self.centres, scores)
        return scores

    def explain(self, matrix: NDArray[np.float32]) -> Attribution:
        """Attribute each row's *squared* distance to the nearest centre: what each feature adds, less its mean."""
        squares = self.squares(matrix)
        return Attribution(
            quantity="squared_distance",
            base=float(self.expected.sum()),
            output=squares.sum(axis=1),
            contributions=squares - self.expected,
        )

    def squares(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Give the squared distance along each feature (rows × features) to the nearest centre."""
        rows = as_rows(matrix, self.n_features)
        apart = np.empty((len(rows), self.centres.shape[1]), dtype=np.float64)
        scale = self.scaling
        squared_distances(rows, scale.centre, scale.scale, scale.clip, self.centres, apart)
        nearest = self.centres.T[apart.argmin(axis=1)]
        squares: NDArray[np.float64] = (scale.apply(rows) - nearest) ** 2
        return squares

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Everything needed to restore it."""
        return {**self.scaling.to_arrays(), "centres": self.centres, "expected": self.expected}

    @classmethod
    def from_arrays(cls, arrays: Arrays, n_features: int) -> Self:
        """Restore it; raises BundleError for anything off."""
        part = f"model ({cls.kind})"
        check_names(arrays, (*scaling.NAMES, "centres", "expected"), part)
        centres = take(arrays, "centres", part, dtype=np.float64, shape=(n_features, None), low=-LARGEST, high=LARGEST)
        if centres.shape[1] > MAX_CENTRES:
            raise broken(part, f"{centres.shape[1]} centres are more than {MAX_CENTRES}")
        expected = take(
            arrays, "expected", part, dtype=np.float64, shape=(n_features,), low=0.0, high=LARGEST * LARGEST
        )
        return cls(Scaling.from_arrays(arrays, n_features, part), centres, expected)
