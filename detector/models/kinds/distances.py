"""Kernels of models that measure distances to a few points: to clusters' centres, to principal components.

Points lie transposed (features × points), so that the innermost loop runs over points: each has a sum of its own, which
the compiler may vectorise without changing the order of additions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detector.kernels.compiled import compiled, njit


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


inlined = njit(nogil=True, cache=True, inline="always")
"""For parts of a kernel: each array would be seven arguments of a call."""

FIRST_FEATURES = 64
"""After so many features a point that is already further than another is in the end is out of the running."""

FEW = 8
"""Up to so many points left are followed one by one; more are summed up together, as the first features were."""


@compiled
def nearest_weighted(  # noqa: PLR0917 - a kernel takes its arrays one by one
    matrix: NDArray[np.float32],
    centre: NDArray[np.float64],
    scale: NDArray[np.float64],
    clip: float,
    points: NDArray[np.float32],
    weights: NDArray[np.float32],
    begins: NDArray[np.float32],
    out: NDArray[np.float64],
    places: NDArray[np.int32],
) -> None:
    """Give the least weighted squared distance of each scaled row into ``out``, and to which point into ``places``.

    Each point's sum begins with its own of ``begins`` (points,), at least 0.

    In float32, in which twice as many points are done at once; callers' bounds leave no sum infinite. Each point's sum
    is taken feature by feature in their order, whichever way it is taken, so that what is left out changes no bit.
    """
    n_features, n_points = points.shape
    first = min(FIRST_FEATURES, n_features)
    sums = np.empty(n_points, dtype=np.float32)
    values = np.empty(n_features, dtype=np.float32)
    for row in range(len(matrix)):
        for feature in range(n_features):
            scaled = (matrix[row, feature] - centre[feature]) / scale[feature]
            values[feature] = np.float32(min(max(scaled, -clip), clip))
        sums[:] = begins
        add_squares(values, points, weights, 0, first, sums)
        nearest = least(sums)
        if first == n_features:
            out[row] = sums[nearest]
            places[row] = nearest
            continue
        bound = finished(values, points, weights, first, nearest, sums[nearest], np.float32(np.inf))
        left = 0
        for point in range(n_points):
            left += sums[point] <= bound
        if left > FEW:
            add_squares(values, points, weights, first, n_features, sums)
            nearest = least(sums)
            bound = sums[nearest]
        else:
            for point in range(n_points):
                if sums[point] <= bound and point != nearest:
                    total = finished(values, points, weights, first, point, sums[point], bound)
                    if total < bound or (total == bound and point < nearest):
                        nearest, bound = point, total
        out[row] = bound
        places[row] = nearest


@inlined
def add_squares(  # noqa: PLR0917 - a kernel takes its arrays one by one
    values: NDArray[np.float32],
    points: NDArray[np.float32],
    weights: NDArray[np.float32],
    begin: int,
    end: int,
    sums: NDArray[np.float32],
) -> None:
    """Add a row's weighted squares along features ``begin`` to ``end`` to the sums of all points."""
    for feature in range(begin, end):
        value = values[feature]
        for point in range(len(sums)):
            away = value - points[feature, point]
            sums[point] += away * away * weights[feature, point]


@inlined
def finished(  # noqa: PLR0917 - a kernel takes its arrays one by one
    values: NDArray[np.float32],
    points: NDArray[np.float32],
    weights: NDArray[np.float32],
    begin: int,
    point: int,
    total: np.float32,
    bound: np.float32,
) -> np.float32:
    """Add the features from ``begin`` on to one point's sum, until it is beyond ``bound``."""
    for feature in range(begin, len(values)):
        away = values[feature] - points[feature, point]
        total += away * away * weights[feature, point]
        if total > bound:
            break
    return total


@inlined
def least(sums: NDArray[np.float32]) -> int:
    """The place of the least, the first of several."""
    place = 0
    for point in range(1, len(sums)):
        if sums[point] < sums[place]:
            place = point
    return place
