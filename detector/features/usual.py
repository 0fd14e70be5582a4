"""The usual range of each feature: what an alert's explanation holds a value against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from detector.errors import BundleError

USUAL_SHARE = 0.98
"""A range holds this share of the rows trained on, as much being below it as above."""


@dataclass(frozen=True, slots=True)
class UsualRanges:
    """Between which values each feature usually lies; shape (features,) both."""

    low: NDArray[np.float32]
    high: NDArray[np.float32]

    @classmethod
    def fit(cls, matrix: NDArray[np.float32]) -> Self:
        """Learn from the rows trained on (rows × features): the range's ends are values that occurred."""
        tail = (1.0 - USUAL_SHARE) / 2.0
        low = np.quantile(matrix, tail, axis=0, method="lower")
        high = np.quantile(matrix, 1.0 - tail, axis=0, method="higher")
        return cls(low.astype(np.float32), high.astype(np.float32))

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Both ends."""
        return {"low": self.low, "high": self.high}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], features: int) -> Self:
        """Restore them; raises BundleError for anything off."""
        if arrays.keys() != {"low", "high"}:
            raise _broken(f"there is {', '.join(sorted(arrays))} instead of low and high")
        for name, array in arrays.items():
            if array.dtype != np.float32 or array.shape != (features,) or not bool(np.isfinite(array).all()):
                raise _broken(f"{name} is not one finite float32 for each of {features} features")
        if bool(np.any(arrays["low"] > arrays["high"])):
            raise _broken("a low end is above its high end")
        return cls(arrays["low"].copy(), arrays["high"].copy())


def _broken(why: str) -> BundleError:
    return BundleError(f"reading features: usual ranges: {why}; train the model again")
