"""K-means with a spread for each cluster: centres by scikit-learn's MiniBatchKMeans, spreads by its rows.

Features are put on one scale by a *range* of theirs, not by a standard deviation: a flag that is hardly ever set
would otherwise count a hundredfold. The range leaves out the outermost rows, so that a few wild ones do not flatten
the rest.

Parameters besides scikit-learn's own: ``trim``, the share of rows beyond the range at either end; ``clip``, how far
from the middle a feature can be, in ranges; ``shrink``, of how many rows' weight the spread over all clusters is in
each cluster's own; ``least_spread``, in ranges; ``fewest``, rows below which a cluster is left out: a handful of odd
rows must not make themselves usual; ``folds``, into how many stretches of time rows are cut to tell how much they
change with time (0: not told); ``remoteness``, what share of the squared distance from its centre to the nearest
twentieth of all rows a cluster of fewer adds to distances (0: none), up to ``doubtful`` training rows; of n times as
many an nth: the more rows there are, the surer is a small cluster.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import MiniBatchKMeans

from detector.models.kinds.kmeans_diagonal import LARGEST_WEIGHT, DiagonalKMeans
from detector.models.scaling import SMALLEST_SCALE, Scaling
from training.reductions import spread_rows

SETTINGS: dict[str, Any] = {
    "n_clusters": 128,
    "batch_size": 4096,
    "n_init": 1,
    "trim": 0.001,
    "clip": 1e5,
    "shrink": 100.0,
    "least_spread": 0.03,
    "fewest": 1,
    "folds": 3,
    "remoteness": 0.1,
    "doubtful": 10_000,
}

NEAR = 0.05
"""Of all rows: what so many are near is usual for sure."""

DRIFT_ROWS = 30_000
"""So many rows, evenly spread, are enough to tell how much rows change with time."""

COLUMNS = 16
"""At a time, so that what is computed of all rows stays small beside the rows."""

LEAST_WITHIN = 1e-4
"""In ranges², of a feature that hardly varies within clusters."""

Matrix = NDArray[np.float32]


def fit_spread_kmeans(matrix: Matrix, seed: int, params: dict[str, Any]) -> DiagonalKMeans:
    """Train on rows × features. Raises TypeError or ValueError for a parameter that cannot be."""
    settings = {**SETTINGS, **params}
    scaling = range_scaling(matrix, float(settings.pop("trim")), float(settings.pop("clip")))
    shrink, least, fewest = (float(settings.pop(name)) for name in ("shrink", "least_spread", "fewest"))
    folds, doubtful = int(settings.pop("folds")), int(settings.pop("doubtful"))
    share = float(settings.pop("remoteness"))
    if shrink < 0 or least**2 < 1 / LARGEST_WEIGHT:
        raise ValueError(f"shrink {shrink:g} must be from 0, least_spread {least:g} above a millionth")
    if doubtful < 1 or not 0 <= share <= 1:
        raise ValueError(f"doubtful {doubtful} must be from 1, remoteness {share:g} must be from 0 to 1")
    scaled = scaling.apply(matrix)
    clusters = _clusters(scaled, seed, settings)
    labels, centres = clusters.labels_, clusters.cluster_centers_
    counts = np.bincount(labels, minlength=len(centres))
    spread = _spreads(scaled, labels, centres, counts, shrink) * _drift(scaled, seed, settings, folds) + least**2
    kept = counts >= min(fewest, counts.max())
    centres, weights, counts = centres[kept], 1.0 / spread[kept], counts[kept]
    remoteness = share * min(1.0, doubtful / len(matrix)) * _to_many(centres, weights, counts)
    none = np.zeros(matrix.shape[1])
    model = DiagonalKMeans(scaling, _columns(centres), _columns(weights), _columns(remoteness), none)
    return replace(model, expected=model.squares(spread_rows(matrix)).mean(axis=0))


def _clusters(scaled: NDArray[np.float64], seed: int, settings: dict[str, Any]) -> MiniBatchKMeans:
    count = min(int(settings["n_clusters"]), len(scaled))
    return MiniBatchKMeans(random_state=seed, **{**settings, "n_clusters": count}).fit(scaled)


def _drift(scaled: NDArray[np.float64], seed: int, settings: dict[str, Any], folds: int) -> NDArray[np.float64]:
    """By how much, per feature, rows lie further from centres that were learnt without them; at least 1.

    Rows come in order of time, and each of ``folds`` stretches is held against centres of the others: what changes from
    one stretch to the next, or was learnt by heart, gets a wider spread.
    """
    few = scaled[:: -(-len(scaled) // DRIFT_ROWS)]
    if folds < 2 or len(few) < 2 * folds:
        return np.ones(scaled.shape[1])
    within, beyond = np.zeros(scaled.shape[1]), np.zeros(scaled.shape[1])
    for stretch in np.array_split(np.arange(len(few)), folds):
        others = np.delete(few, stretch, axis=0)
        clusters = _clusters(others, seed, settings)
        within += ((others - clusters.cluster_centers_[clusters.labels_]) ** 2).sum(axis=0) / (folds - 1)
        beyond += ((few[stretch] - clusters.cluster_centers_[clusters.predict(few[stretch])]) ** 2).sum(axis=0)
    floor = LEAST_WITHIN * len(few)
    drift: NDArray[np.float64] = np.maximum(1.0, (beyond + floor) / (within + floor))
    return drift


def range_scaling(matrix: Matrix, trim: float, clip: float) -> Scaling:
    """Middle and width of each feature's range without the outermost share ``trim`` at either end.

    Where that leaves nothing, of the whole range; a constant feature's is 1.
    """
    if not 0 <= trim < 0.5:
        raise ValueError(f"trim {trim:g} is not a share from 0 to below 0.5")
    low, high = np.quantile(matrix, [trim, 1 - trim], axis=0).astype(np.float64)
    flat = high <= low
    low, high = np.where(flat, matrix.min(axis=0), low), np.where(flat, matrix.max(axis=0), high)
    width = high - low
    return Scaling((low + high) / 2, np.where(width > SMALLEST_SCALE, width, 1.0), clip)


def _spreads(
    scaled: NDArray[np.float64],
    labels: NDArray[np.int32],
    centres: NDArray[np.float64],
    counts: NDArray[np.int64],
    shrink: float,
) -> NDArray[np.float64]:
    """Each cluster's variance around its centre (centres × features), drawn to the mean of all by ``shrink`` rows."""
    order = np.argsort(labels, kind="stable")
    filled = np.flatnonzero(counts)
    first = np.searchsorted(labels[order], filled)
    sums, mean = np.zeros(centres.shape), np.empty(centres.shape[1])
    for column in range(0, centres.shape[1], COLUMNS):
        few = slice(column, column + COLUMNS)
        squares = (scaled[:, few] - centres[labels, few]) ** 2
        sums[filled, few] = np.add.reduceat(squares[order], first, axis=0)
        mean[few] = squares.mean(axis=0)
    spreads: NDArray[np.float64] = (sums + shrink * mean) / np.maximum(counts + shrink, 1.0)[:, None]
    return spreads


def _to_many(
    centres: NDArray[np.float64], weights: NDArray[np.float64], counts: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Each feature's part of the mean squared distance from each centre to the nearest :data:`NEAR` of the rows.

    Rows are taken to be at their cluster's centre, distances in its spreads: 0 where a cluster has as many of its own.
    Shape (centres, features), as ``centres`` and ``weights`` have.
    """
    found, many = np.empty(centres.shape), NEAR * counts.sum()
    for place, centre in enumerate(centres):
        squares = (centre - centres) ** 2 * weights
        nearest = np.argsort(squares.sum(axis=1), kind="stable")
        before = np.cumsum(counts[nearest]) - counts[nearest]
        near = np.clip(many - before, 0.0, counts[nearest])
        found[place] = near @ squares[nearest] / near.sum()
    return found


def _columns(points: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.ascontiguousarray(points.T, dtype=np.float32)
