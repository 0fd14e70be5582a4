"""Distance to the nearest of k-means' centres, each with a spread of its own along each feature.

Plain k-means takes a feature that hardly varies within a cluster for as telling as one that spans it. Here a distance
along a feature counts in that cluster's own spread (the diagonal of Mahalanobis' distance, 1936), so that what is odd
*for such flows* counts, however small it is beside what others do. The score is the least such distance.

A cluster of few rows that stands far from all others may be something odd that was learnt by heart. So to the squared
distance from a centre its *remoteness* is added: a share of the squared distance from there to where many rows are.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from detector.models import scaling
from detector.models.arrays import broken, check_names, take
from detector.models.base import Arrays, Attribution
from detector.models.kinds.kmeans import MAX_CENTRES
from detector.models.kinds.nearest import Points, nearest_weighted
from detector.models.rows import as_rows
from detector.models.scaling import Scaling

LARGEST = 1e6
"""Of a coordinate and of the clip, in scales: no sum of weighted squares overflows a float32."""

LARGEST_WEIGHT = 1e12
"""Of a squared distance: a spread is at least a millionth of a scale."""


LARGEST_SQUARE = 4 * LARGEST * LARGEST * LARGEST_WEIGHT


@dataclass(frozen=True, slots=True)
class DiagonalKMeans:
    """Centres of what is usual, and how far from each is usual, feature by feature."""

    kind: ClassVar[str] = "kmeans-spread"

    scaling: Scaling
    centres: NDArray[np.float32]
    """Shape (features, centres), in scales."""
    weights: NDArray[np.float32]
    """The same shape: 1 / spread², per scale²."""
    remoteness: NDArray[np.float32]
    """The same shape: what each feature adds to the squared distance from a centre; 0 where many rows are near it."""
    expected: NDArray[np.float64]
    """Shape (features,): the mean over the training rows of each feature's part of the squared distance."""
    points: Points = field(init=False, repr=False, compare=False)
    """What the kernel takes, made of the above."""

    def __post_init__(self) -> None:
        begins = self.remoteness.sum(axis=0, dtype=np.float32)
        object.__setattr__(self, "points", Points.of(self.centres, self.weights, begins))

    @property
    def n_features(self) -> int:
        """How many columns ``score`` expects."""
        return len(self.expected)

    def score(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Score rows (rows × features, float32): distance in spreads, higher is more anomalous."""
        rows = as_rows(matrix, self.n_features)
        return np.sqrt(self._nearest(rows)[0])

    def explain(self, matrix: NDArray[np.float32]) -> Attribution:
        """Attribute each row's *squared* distance to the nearest centre: what each feature adds, less its mean."""
        squares = self.squares(matrix)
        return Attribution(
            quantity="squared_spreads",
            base=float(self.expected.sum()),
            output=squares.sum(axis=1),
            contributions=squares - self.expected,
        )

    def squares(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Give each feature's part of the squared distance (rows × features) to the nearest centre."""
        rows = as_rows(matrix, self.n_features)
        least, nearest = self._nearest(rows)
        squares: NDArray[np.float64] = self.scaling.apply(rows) - self.centres.T[nearest]
        squares *= squares
        squares *= self.weights.T[nearest]
        squares += self.remoteness.T[nearest]
        # The kernel added up in float32: shared out over the parts, so that they give the very score.
        total = squares.sum(axis=1)
        squares *= (least / np.where(total > 0, total, 1.0))[:, None]
        return squares

    def _nearest(self, rows: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        squares, places = np.empty(len(rows), dtype=np.float64), np.empty(len(rows), dtype=np.int32)
        scale = self.scaling
        nearest_weighted(rows, scale.centre, scale.scale, scale.clip, self.points, squares, places)
        return squares, places

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Everything needed to restore it."""
        return {
            **self.scaling.to_arrays(),
            "centres": self.centres,
            "weights": self.weights,
            "remoteness": self.remoteness,
            "expected": self.expected,
        }

    @classmethod
    def from_arrays(cls, arrays: Arrays, n_features: int) -> Self:
        """Restore it; raises BundleError for anything off."""
        part = f"model ({cls.kind})"
        check_names(arrays, (*scaling.NAMES, "centres", "weights", "remoteness", "expected"), part)
        centres = take(arrays, "centres", part, dtype=np.float32, shape=(n_features, None), low=-LARGEST, high=LARGEST)
        if centres.shape[1] > MAX_CENTRES:
            raise broken(part, f"{centres.shape[1]} centres are more than {MAX_CENTRES}")
        shape = (n_features, centres.shape[1])
        weights = take(arrays, "weights", part, dtype=np.float32, shape=shape, low=0.0, high=LARGEST_WEIGHT)
        remoteness = take(arrays, "remoteness", part, dtype=np.float32, shape=shape, low=0.0, high=LARGEST_SQUARE)
        expected = take(arrays, "expected", part, dtype=np.float64, shape=(n_features,), low=0.0, high=LARGEST_SQUARE)
        scale = Scaling.from_arrays(arrays, n_features, part)
        if scale.clip > LARGEST:
            raise broken(part, f"a clip of {scale.clip:g} is more than {LARGEST:g}")
        return cls(scale, centres, weights, remoteness, expected)
