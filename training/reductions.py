"""The kinds besides the forest: trained by scikit-learn and PyOD on scaled rows, then reduced to arrays.

Parameters are the libraries' own but for these: ``clip`` (k-means), how far from its mean a feature can be, in standard
deviations; ``max_rows`` (ECOD), how many training rows, drawn at random, its distributions are kept of.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import MiniBatchKMeans
from sklearn.preprocessing import StandardScaler

from detector.errors import ConfigurationError
from detector.models.kinds.hbos_ecod import Ecod, Hbos, StepModel
from detector.models.kinds.kmeans import KMeans
from detector.models.kinds.pca import SMALLEST_WEIGHT, Pca
from detector.models.scaling import LARGEST_CLIP, SMALLEST_SCALE, Scaling

KMEANS = {"n_clusters": 64, "batch_size": 4096, "n_init": 3, "clip": 10.0}
HBOS = {"n_bins": 20, "alpha": 0.1, "tol": 0.5}
ECOD = {"max_rows": 8192}
PCA = {"n_components": 0.95, "svd_solver": "full", "weighted": True}

EXPLAINED_ROWS = 4096
"""How many training rows, evenly spread, expectations are the means of."""

Kind = TypeVar("Kind", bound=StepModel)

Matrix = NDArray[np.float32]


def fit_kmeans(matrix: Matrix, seed: int, params: dict[str, Any]) -> KMeans:
    """Train scikit-learn's MiniBatchKMeans on standardised, clipped features."""
    settings = {**KMEANS, **params}
    scaling = standard_scaling(matrix, float(settings.pop("clip")))
    settings["n_clusters"] = min(int(settings["n_clusters"]), len(matrix))
    clusters = MiniBatchKMeans(random_state=seed, **settings).fit(scaling.apply(matrix))
    centres = np.ascontiguousarray(clusters.cluster_centers_.T)
    model = KMeans(scaling, centres, np.zeros(matrix.shape[1]))
    return KMeans(scaling, centres, model.squares(spread_rows(matrix)).mean(axis=0))


def fit_hbos(matrix: Matrix, seed: int, params: dict[str, Any]) -> Hbos:  # noqa: ARG001 (nothing in it is random)
    """Train PyOD's HBOS on standardised features: a density has a unit, which must not be the feature's own."""
    from pyod.models import hbos  # noqa: PLC0415 - slow to import

    scaling = standard_scaling(matrix)
    library = hbos.HBOS(**{**HBOS, **params}).fit(scaling.apply(matrix))
    edges, densities = library.bin_edges_, library.hist_
    if isinstance(edges, np.ndarray):  # one number of bins for all: columns
        edges, densities = list(edges.T), list(densities.T)
    steps = [_histogram_steps(e, d, library.alpha, library.tol) for e, d in zip(edges, densities, strict=True)]
    return _with_expectation(Hbos, scaling, steps, matrix)


def fit_ecod(matrix: Matrix, seed: int, params: dict[str, Any]) -> Ecod:
    """Keep the distribution of each feature as PyOD's ECOD reads it; it has no parameters of its own."""
    settings = {**ECOD, **params}
    most = int(settings.pop("max_rows"))
    if settings or most < 2:
        raise ValueError(f"unknown {next(iter(settings))}" if settings else f"max_rows {most} is below 2")
    if len(matrix) > most:
        matrix = matrix[np.random.default_rng(seed).choice(len(matrix), most, replace=False)]
    scaling = Scaling(np.zeros(matrix.shape[1]), np.ones(matrix.shape[1]), LARGEST_CLIP)
    steps = [_tail_steps(np.sort(column.astype(np.float64))) for column in matrix.T]
    return _with_expectation(Ecod, scaling, steps, matrix)


def fit_pca(matrix: Matrix, seed: int, params: dict[str, Any]) -> Pca:
    """Train PyOD's PCA, which standardises the features itself."""
    from pyod.models import pca  # noqa: PLC0415 - slow to import

    scaling = standard_scaling(matrix)
    if bool((matrix == matrix[0]).all()):
        raise ConfigurationError("training pca: all rows are the same; give other data, or train another kind")
    settings: dict[str, Any] = {**PCA, **params}
    if settings.pop("standardization", True) is not True:
        raise ValueError("features are always standardised")
    library = pca.PCA(random_state=seed, **settings).fit(matrix.astype(np.float64))
    weights = np.array(library.selected_w_components_, dtype=np.float64)
    if bool(np.any(weights < SMALLEST_WEIGHT)):
        raise ValueError("some components explain nothing; set n_components to a share of variance, such as 0.95")
    components = np.ascontiguousarray(library.selected_components_.T, dtype=np.float64)
    model = Pca(scaling, components, weights, np.zeros(matrix.shape[1]))
    return Pca(scaling, components, weights, model.shares(spread_rows(matrix)).mean(axis=0))


def standard_scaling(matrix: Matrix, clip: float = LARGEST_CLIP) -> Scaling:
    """Mean and standard deviation as scikit-learn has them; a constant feature's scale is 1."""
    scaler = StandardScaler().fit(matrix.astype(np.float64))
    return Scaling(scaler.mean_, np.maximum(scaler.scale_, SMALLEST_SCALE), clip)


def spread_rows(matrix: Matrix) -> Matrix:
    """Some EXPLAINED_ROWS of the training rows, evenly spread."""
    return matrix[:: max(1, len(matrix) // EXPLAINED_ROWS)]


def _histogram_steps(
    edges: NDArray[np.float64], densities: NDArray[np.float64], alpha: float, tolerance: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give cuts and values: the bins, the outer ones widened, and the rarest bin's value beyond them."""
    first, last = edges[1] - edges[0], edges[-1] - edges[-2]
    low, high = np.nextafter(edges[0] - first * tolerance, -np.inf), edges[-1] + last * tolerance
    values = -np.log2(densities + alpha)
    return np.array([low, *edges[1:-1], high]), np.array([values.max(), *values, values.max()])


def _tail_steps(ordered: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give cuts and values: one step for each value that occurs, one for each gap between."""
    known = np.unique(ordered)
    cuts = np.unique(np.concatenate([np.nextafter(known, -np.inf), known]))
    places = np.append(cuts, np.inf)
    left = -np.log(np.maximum(np.searchsorted(ordered, places, side="right"), 1) / len(ordered))
    right = -np.log(np.maximum(len(ordered) - np.searchsorted(ordered, places, side="left"), 1) / len(ordered))
    skewness = _sign_of_skewness(ordered)
    both = -left * np.sign(skewness - 1) + right * np.sign(skewness + 1)
    return cuts, np.maximum(np.maximum(left, right), both)


def _sign_of_skewness(values: NDArray[np.float64]) -> float:
    """−1, 0 or 1 as PyOD has it: of the biased skewness, 0 where values differ by rounding alone."""
    mean = values.mean()
    away = values - mean
    if np.mean(away**2) <= (np.finfo(np.float64).eps * mean) ** 2:
        return 0.0
    return float(np.sign(np.mean(away**3)))


def _with_expectation(
    kind: type[Kind],
    scaling: Scaling,
    steps: list[tuple[NDArray[np.float64], NDArray[np.float64]]],
    matrix: Matrix,
) -> Kind:
    cuts, values = (np.concatenate(parts) for parts in zip(*steps, strict=True))
    starts = np.cumsum([0, *(len(own) for own, _ in steps)], dtype=np.int64)
    bare = kind(scaling, cuts, starts, values, np.zeros(matrix.shape[1]))
    return kind(scaling, cuts, starts, values, bare.explain(spread_rows(matrix)).contributions.mean(axis=0))
