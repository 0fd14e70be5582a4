"""The usual range of each feature, for explanations: what lies outside it is called unusually high or low."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from detector.models.arrays import broken, check_names, take
from detector.models.base import Arrays

SHARES = (0.005, 0.995)
"""Between which quantiles of the training rows a value is usual: 99 of 100 are."""

COLUMNS = 8
"""At a time: quantiles need a copy of what they are of, and the matrix is the largest thing that training holds."""

_PART = "usual"


@dataclass(frozen=True, slots=True)
class BaselineRanges:
    """Quantiles of each feature, shape (features,) each."""

    low: NDArray[np.float32]
    high: NDArray[np.float32]

    @classmethod
    def fit(cls, matrix: NDArray[np.float32], usual: NDArray[np.bool_] | None = None) -> Self:
        """Learn from rows (rows × features) that are mostly usual: at least one; None: all of them."""
        chosen = slice(None) if usual is None else np.flatnonzero(usual)
        ends = np.empty((2, matrix.shape[1]), np.float32)
        for first in range(0, matrix.shape[1], COLUMNS):
            few = slice(first, first + COLUMNS)
            # Nearest ranks: a range's ends are values that occur, which reads better for counts and flags.
            ends[:, few] = np.quantile(matrix[chosen, few], SHARES, axis=0, method="inverted_cdf")
        return cls(ends[0], ends[1])

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Everything needed to restore it."""
        return {"low": self.low, "high": self.high}

    @classmethod
    def from_arrays(cls, arrays: Arrays, n_features: int) -> Self:
        """Restore it; raises BundleError for anything off."""
        check_names(arrays, ("low", "high"), _PART)
        limit = float(np.finfo(np.float32).max)
        low, high = (
            take(arrays, name, _PART, dtype=np.float32, shape=(n_features,), low=-limit, high=limit)
            for name in ("low", "high")
        )
        if bool(np.any(low > high)):
            raise broken(_PART, "a range ends below its beginning")
        return cls(low, high)
