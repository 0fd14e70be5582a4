"""Isolation forest (Liu, Ting and Zhou, ICDM 2008) as arrays, equal to scikit-learn's to the last bit.

The score is ``2 ** (-mean path length / c(max_samples))``: near 1 for a row that few splits set apart, the negative
of scikit-learn's ``score_samples``. Path lengths are added up in the order of the trees, in float64, as it does.
Thresholds are its own, rounded down to float32: for a float32 ``x``, ``x <= t`` is the same with either.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from detector.models.arrays import broken, check_names, take
from detector.models.base import Arrays, Attribution
from detector.models.kinds.forest_blocks import Steps, room_for, steps_of, sum_in_blocks
from detector.models.kinds.forest_kernels import attribute_paths, sum_path_lengths
from detector.models.rows import MANY, as_rows

MAX_TREES = 4096
MAX_DEPTH = 20
MAX_NODES = 1 << 24
"""Over all trees, leaves included: bounds a hostile bundle to 350 MiB once loaded."""

LONGEST_PATH = 64.0
"""Above any depth plus the average path length of a leaf of 2^31 rows, in splits."""


@dataclass(frozen=True, slots=True)
class IsolationForest:
    """Trees in complete heap layout, all of one depth d; a leaf above it is repeated over the leaves below it."""

    kind: ClassVar[str] = "isolation-forest"

    features: NDArray[np.int16]
    """Shape (trees, 2^d − 1): the column that each inner node splits on."""
    thresholds: NDArray[np.float32]
    """The same shape: a row goes left where its value is at most this. +inf under a leaf that was reached early."""
    lengths: NDArray[np.float64]
    """Shape (trees, 2^(d+1) − 1): the path length at each leaf; at each inner node what training expects below it."""
    leaves: NDArray[np.float64]
    """Shape (trees, 2^d): the last level of ``lengths``, for itself."""
    normal_length: float
    """Average path length of an unsuccessful search among ``max_samples`` rows: the score's unit, in splits."""
    n_features: int
    steps: Steps | None = field(init=False, repr=False, compare=False)
    """The same trees for many rows at once; None for trees too large for that."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", steps_of(self.features, self.thresholds, self.leaves, self.n_features))

    @classmethod
    def build(
        cls,
        features: NDArray[np.int16],
        thresholds: NDArray[np.float32],
        lengths: NDArray[np.float64],
        normal_length: float,
        n_features: int,
    ) -> Self:
        """Put it together from arrays that are known to be sound."""
        leaves = np.ascontiguousarray(lengths[:, features.shape[1] :])
        return cls(features, thresholds, lengths, leaves, normal_length, n_features)

    def score(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Score rows (rows × features, float32): within 0…1, higher is more anomalous."""
        total = self._path_lengths(as_rows(matrix, self.n_features))
        # The same operations in the same order as scikit-learn, so that not even the last bit differs.
        np.divide(total, len(self.features) * self.normal_length, out=total)
        scores: NDArray[np.float64] = 2 ** np.negative(total, out=total)
        return scores

    def explain(self, matrix: NDArray[np.float32]) -> Attribution:
        """Attribute each row's mean path length to the features split on along its paths.

        ``output`` is *minus* the mean path length in splits, ``base`` minus the one expected in training, so that a
        positive contribution is a feature that set the row apart sooner than expected.
        """
        rows = as_rows(matrix, self.n_features)
        contributions = np.zeros(rows.shape, dtype=np.float64)
        attribute_paths(rows, self.features, self.thresholds, self.lengths, contributions)
        contributions /= len(self.features)
        total = self._path_lengths(rows)
        return Attribution(
            quantity="path_length",
            base=-float(self.lengths[:, 0].mean()),
            output=-total / len(self.features),
            contributions=contributions,
        )

    def _path_lengths(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Each row's path lengths, summed up over all trees; shape (rows,)."""
        total, done = np.empty(len(rows), dtype=np.float64), 0
        if self.steps is not None and len(rows) >= MANY:
            done = sum_in_blocks(rows, self.steps, room_for(self.features.shape[1].bit_length()), total)
        sum_path_lengths(rows[done:], self.features, self.thresholds, self.leaves, total[done:])
        return total

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Everything needed to restore it."""
        return {
            "features": self.features,
            "thresholds": self.thresholds,
            "lengths": self.lengths,
            "normal_length": np.array([self.normal_length]),
        }

    @classmethod
    def from_arrays(cls, arrays: Arrays, n_features: int) -> Self:
        """Restore it; raises BundleError for anything that could lead a walk astray."""
        part = f"model ({cls.kind})"
        check_names(arrays, ("features", "thresholds", "lengths", "normal_length"), part)
        trees, inner = _checked_size(arrays["features"], part)
        features = take(arrays, "features", part, dtype=np.int16, shape=(trees, inner), low=0, high=n_features - 1)
        thresholds = take(arrays, "thresholds", part, dtype=np.float32, shape=(trees, inner))
        shape = (trees, 2 * inner + 1)
        lengths = take(arrays, "lengths", part, dtype=np.float64, shape=shape, low=0.0, high=LONGEST_PATH)
        normal = take(
            arrays, "normal_length", part, dtype=np.float64, shape=(1,), low=np.finfo(float).tiny, high=LONGEST_PATH
        )
        return cls.build(features, thresholds, lengths, float(normal[0]), n_features)


def _checked_size(features: NDArray[Any], part: str) -> tuple[int, int]:
    """Give trees and inner nodes per tree, within bounds and of a complete heap."""
    if features.ndim != 2:
        raise broken(part, f"array features has shape {features.shape}, not trees × nodes")
    trees, inner = features.shape
    if not 1 <= trees <= MAX_TREES or not 1 <= inner < 1 << MAX_DEPTH or trees * inner > MAX_NODES // 2:
        raise broken(part, f"{trees} trees of {inner} nodes are not within bounds")
    if inner & (inner + 1):
        raise broken(part, f"{inner} nodes do not fill a tree to a level")
    return trees, inner
