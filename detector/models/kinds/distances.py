"""Kernels of models that measure distances to a few points: to clusters' centres, to principal components.

Points lie transposed (features × points), so that the innermost loop runs over points: each has a sum of its own, which
the compiler may vectorise without changing the order of additions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detector.kernels.compiled import compiled


@compiled
def squared_distances(  # noqa: PLR0917 - a kernel takes its arrays one by one
    matrix: NDArray[np.float32],
    centre: NDArray[np.float64],
    scale: NDArray[np.float64],
    clip: float,
    points: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Give the squared distance of each scaled row to each point, into ``out`` (rows × points)."""
    n_features, n_points = points.shape
    for row in range(len(matrix)):
        for point in range(n_points):
            out[row, point] = 0.0
        for feature in range(n_features):
            value = min(max((matrix[row, feature] - centre[feature]) / scale[feature], -clip), clip)
            for point in range(n_points):
                away = value - points[feature, point]
                out[row, point] += away * away


@compiled
def nearest_distance(  # noqa: PLR0917 - a kernel takes its arrays one by one
    matrix: NDArray[np.float32],
    centre: NDArray[np.float64],
    scale: NDArray[np.float64],
    clip: float,
    points: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Give the distance of each scaled row to the nearest point, into ``out`` (rows,)."""
    n_features, n_points = points.shape
    sums = np.empty(n_points, dtype=np.float64)
    for row in range(len(matrix)):
        sums[:] = 0.0
        for feature in range(n_features):
            value = min(max((matrix[row, feature] - centre[feature]) / scale[feature], -clip), clip)
            for point in range(n_points):
                away = value - points[feature, point]
                sums[point] += away * away
        nearest = sums[0]
        for point in range(1, n_points):
            nearest = min(nearest, sums[point])
        out[row] = np.sqrt(nearest)


@compiled
def weighted_distance(  # noqa: PLR0917 - a kernel takes its arrays one by one
    matrix: NDArray[np.float32],
    centre: NDArray[np.float64],
    scale: NDArray[np.float64],
    clip: float,
    points: NDArray[np.float64],
    weights: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Give the sum of each scaled row's distances to the points, each divided by its weight, into ``out`` (rows,)."""
    n_features, n_points = points.shape
    sums = np.empty(n_points, dtype=np.float64)
    for row in range(len(matrix)):
        sums[:] = 0.0
        for feature in range(n_features):
            value = min(max((matrix[row, feature] - centre[feature]) / scale[feature], -clip), clip)
            for point in range(n_points):
                away = value - points[feature, point]
                sums[point] += away * away
        total = 0.0
        for point in range(n_points):
            total += np.sqrt(sums[point]) / weights[point]
        out[row] = total
