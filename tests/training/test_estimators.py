"""Each kind scores as the library that trained it, within 1e-6; wrong parameters are told in one line."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from numpy.typing import NDArray
from pyod.models.ecod import ECOD
from pyod.models.hbos import HBOS
from pyod.models.pca import PCA
from sklearn.cluster import MiniBatchKMeans
from sklearn.preprocessing import StandardScaler

from detector.errors import ConfigurationError, InputError
from tests.models.conformance import training_rows
from training.estimators import TRAINERS, fit_estimator

KNOWN = training_rows(2_000)
FRESH = np.concatenate([training_rows(2_000, seed=8), 50 * training_rows(200, seed=9)])
Wide = NDArray[np.float64]


def standardised(rows: NDArray[np.float32]) -> Wide:
    """As a user of the libraries would scale the rows."""
    scaled: Wide = StandardScaler().fit(KNOWN.astype(np.float64)).transform(rows.astype(np.float64))
    return scaled


@pytest.mark.parametrize("clusters", [1, 8, 40])
def test_kmeans_is_scikit_learns(clusters: int) -> None:
    """The score is the distance to the nearest of MiniBatchKMeans' centres, on standardised, clipped features."""
    ours = fit_estimator("kmeans", KNOWN, seed=4, params={"n_clusters": clusters, "clip": 6.0})
    library = MiniBatchKMeans(n_clusters=clusters, batch_size=4096, n_init=3, random_state=4)
    library.fit(np.clip(standardised(KNOWN), -6, 6))
    expected = library.transform(np.clip(standardised(FRESH), -6, 6)).min(axis=1)
    assert np.abs(ours.score(FRESH) - expected).max() <= 1e-6


@pytest.mark.parametrize("params", [{}, {"n_bins": 5, "alpha": 0.3, "tol": 0.1}, {"n_bins": "auto"}], ids=str)
def test_hbos_is_pyods(params: dict[str, object]) -> None:
    """Known and fresh rows, those outside every histogram too, score as in PyOD's HBOS on standardised features."""
    ours = fit_estimator("hbos", KNOWN, seed=0, params=params)
    library = HBOS(**{"n_bins": 20, **params}).fit(standardised(KNOWN))
    for rows in (KNOWN, FRESH):
        assert np.abs(ours.score(rows) - library.decision_function(standardised(rows))).max() <= 1e-6


def test_ecod_is_pyods() -> None:
    """Training rows score as in PyOD's ECOD; one beyond them all as the outermost of each feature."""
    ours = fit_estimator("ecod", KNOWN, seed=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of scipy's, about the constant column
        library = ECOD().fit(KNOWN.astype(np.float64))
    assert np.abs(ours.score(KNOWN) - library.decision_scores_).max() <= 1e-6
    assert ours.score(KNOWN[:1] + np.float32(1e6))[0] >= 7 * np.log(len(KNOWN)) - 1e-9


@pytest.mark.parametrize(
    "params", [{}, {"n_components": 3}, {"n_components": 4, "n_selected_components": 2}, {"weighted": False}], ids=str
)
def test_pca_is_pyods(params: dict[str, object]) -> None:
    """Known and fresh rows, those far outside too, score as in PyOD's PCA."""
    ours = fit_estimator("pca", KNOWN, seed=0, params=params)
    library = PCA(**{"n_components": 0.95, "svd_solver": "full", **params}).fit(KNOWN.astype(np.float64))
    for rows in (KNOWN, FRESH):
        assert np.abs(ours.score(rows) - library.decision_function(rows.astype(np.float64))).max() <= 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted([*TRAINERS, "ensemble"]))
def test_degenerate_rows_give_a_model_or_a_clear_error(kind: str) -> None:
    """Few rows, equal rows, huge and tiny values end in finite scores or in one line that says what to do."""
    for rows in (
        KNOWN[:2],
        np.ones((50, 3), dtype=np.float32),
        np.repeat(KNOWN[:3], 20, axis=0),
        KNOWN[:200] * np.float32(1e30),
        KNOWN[:200] * np.float32(1e-38),
        np.float32(1e9) + np.arange(100, dtype=np.float32).reshape(50, 2) // 64,
    ):
        told: Exception | None = None
        try:
            model = fit_estimator(kind, rows, seed=0)
        except (ConfigurationError, InputError) as error:
            told = error
        if told is not None:
            assert "\n" not in str(told)
            assert kind in str(told)
            continue
        assert np.isfinite(model.score(rows)).all()
        assert type(model).from_arrays(model.to_arrays(), rows.shape[1]).n_features == rows.shape[1]


@pytest.mark.parametrize("kind", sorted([*TRAINERS, "ensemble"]))
def test_unknown_parameter_is_told(kind: str) -> None:
    """A parameter that the kind does not have is an error of one line that names it."""
    with pytest.raises(ConfigurationError, match=rf"(?s)training {kind}.*wings") as caught:
        fit_estimator(kind, KNOWN, seed=0, params={"wings": 2})
    assert "\n" not in str(caught.value)


def test_unknown_kind_is_told() -> None:
    """An unknown kind is an error that lists those there are."""
    with pytest.raises(ConfigurationError, match=r"ecod.*isolation-forest.*kmeans"):
        fit_estimator("svm", KNOWN, seed=0)


def test_one_row_is_too_few() -> None:
    """Nothing can be learnt from a single row."""
    with pytest.raises(InputError, match="too few"):
        fit_estimator("hbos", KNOWN[:1], seed=0)
