"""Putting features on one scale before they are compared with each other, as part of a model's arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from detector.models.arrays import take

NAMES = ("centre", "scale", "clip")

SMALLEST_SCALE = 1e-30
"""A float32 divided by it, squared and added up is still finite in float64."""

LARGEST = float(np.finfo(np.float32).max)
"""Of a centre, in the feature's own unit."""

LARGEST_CLIP = 1e70
"""Beyond any scaled float32: this clip is none."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """``(value − centre) / scale`` in float64, held within ``±clip``: no one feature can outshout all others."""

    centre: NDArray[np.float64]
    """Shape (features,), in the feature's unit."""
    scale: NDArray[np.float64]
    """Shape (features,), the same; 1 for a feature that was constant in training."""
    clip: float
    """In scales."""

    def apply(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Scale rows (rows × features), bit for bit as the kernels do."""
        scaled: NDArray[np.float64] = rows - self.centre
        scaled /= self.scale
        return np.clip(scaled, -self.clip, self.clip, out=scaled)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Everything needed to restore it."""
        return {"centre": self.centre, "scale": self.scale, "clip": np.array([self.clip])}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], n_features: int, part: str) -> Self:
        """Restore it from a model's arrays, of which there may be others; raises BundleError for anything off."""
        shape = (n_features,)
        centre = take(arrays, "centre", part, dtype=np.float64, shape=shape, low=-LARGEST, high=LARGEST)
        scale = take(arrays, "scale", part, dtype=np.float64, shape=shape, low=SMALLEST_SCALE, high=LARGEST)
        clip = take(arrays, "clip", part, dtype=np.float64, shape=(1,), low=SMALLEST_SCALE, high=LARGEST_CLIP)
        return cls(centre, scale, float(clip[0]))
