"""Clusters with spreads: a few odd rows among those trained on do not make themselves usual."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from detector.errors import ConfigurationError
from detector.models.base import Model
from detector.models.kinds.kmeans_diagonal import DiagonalKMeans
from training.estimators import fit_estimator

Matrix = NDArray[np.float32]


def usual(count: int, seed: int = 0) -> Matrix:
    """Rows of four features around ten places on a line, one apart."""
    rng = np.random.default_rng(seed)
    places = np.repeat(rng.integers(0, 10, (count, 1)), 4, axis=1)
    return (places + rng.normal(scale=0.1, size=(count, 4))).astype(np.float32)


def odd(count: int, seed: int = 0) -> Matrix:
    """Rows that resemble each other, far off that line."""
    rng = np.random.default_rng(seed)
    return (np.array([0.0, 9.0, 0.0, 9.0]) + rng.normal(scale=0.1, size=(count, 4))).astype(np.float32)


def fitted(rows: Matrix, **params: float) -> Model:
    """Twenty clusters, one of which is all that odd rows among them need; the range leaves no row out."""
    return fit_estimator("kmeans-spread", rows, seed=1, params={"n_clusters": 20, "trim": 0.0, **params})


def share_above(model: Model) -> float:
    """Of fresh odd rows, the share that scores above all but a hundredth of fresh usual ones."""
    return float(np.mean(model.score(odd(500, seed=5)) > np.quantile(model.score(usual(2_000, seed=6)), 0.99)))


def test_few_rows_far_from_all_others_stay_odd() -> None:
    """A hundredth of odd rows has a cluster of its own, and is as odd as before; without remoteness it is usual."""
    rows = np.concatenate([usual(2_000), odd(20)])
    assert share_above(fitted(rows)) == 1.0
    assert share_above(fitted(rows, remoteness=0.0)) < 0.05


def test_among_many_rows_a_cluster_of_few_is_usual() -> None:
    """Far beyond as many rows as are doubtful, a cluster of some of them adds nothing to a distance."""
    rows = np.concatenate([usual(2_000), odd(60)])
    assert share_above(fitted(rows, doubtful=1)) < 0.05


def test_remoteness_is_the_mean_distance_to_the_nearest_rows() -> None:
    """Two clusters, of 38 rows and of 1: of the 1.95 asked for (a twentieth of all), 0.95 are at the other place."""
    rows = np.repeat(np.array([[0.0], [1.0]], np.float32), (38, 1), axis=0)
    model = fit_estimator("kmeans-spread", rows, seed=1, params={"n_clusters": 2, "trim": 0.0, "remoteness": 1.0})
    assert isinstance(model, DiagonalKMeans)
    small, large = np.argmax(model.centres[0]), np.argmin(model.centres[0])
    away = model.weights[0, large] * (model.centres[0, 0] - model.centres[0, 1]) ** 2
    assert model.remoteness[0, large] == 0.0
    assert model.remoteness[0, small] == pytest.approx(away * (0.05 * 39 - 1) / (0.05 * 39))


def test_score_is_explained_remoteness_and_all() -> None:
    """What the odd rows' cluster adds is told of the features that set it apart, so that parts give the score."""
    model = fitted(np.concatenate([usual(2_000), odd(20)]))
    why = model.explain(odd(50, seed=3))
    assert np.allclose(why.contributions.sum(axis=1) + why.base, why.output)
    assert np.allclose(np.sqrt(why.output), model.score(odd(50, seed=3)))


@pytest.mark.parametrize("params", [{"doubtful": 0}, {"remoteness": -0.1}, {"remoteness": 1.5}], ids=str)
def test_parameters_out_of_range_are_told(params: dict[str, float]) -> None:
    """The message names the parameter."""
    with pytest.raises(ConfigurationError, match=f"{next(iter(params))} [0-9.-]+ must be from"):
        fitted(usual(100), **params)
