"""The isolation forest is scikit-learn's, to the last bit, and explains itself exactly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest as ScikitForest

from detector.models.calibration import Calibration
from detector.models.kinds.isolation_forest import IsolationForest
from tests.models.conformance import training_rows
from training.estimators import forest_arrays, round_down


def both(rows: NDArray[np.float32], **params: object) -> tuple[ScikitForest, IsolationForest]:
    """scikit-learn's forest, and ours made of it."""
    library = ScikitForest(random_state=3, **params).fit(rows)
    return library, forest_arrays(library, rows.shape[1])


def test_hundred_thousand_rows_score_as_in_scikit_learn() -> None:
    """On 100,000 rows every score is scikit-learn's within 1e-6, and no label is another at any threshold tried."""
    library, ours = both(training_rows(5_000), n_estimators=100, max_samples=256)
    rows = training_rows(100_000, seed=9)
    expected, actual = -library.score_samples(rows), ours.score(rows)
    assert np.abs(expected - actual).max() <= 1e-6
    calibration = Calibration.fit(expected[::2], 3600.0)
    for rate in (0.1, 0.01, 0.001, 0.0001):
        threshold = calibration.threshold(rate)
        assert np.array_equal(expected >= threshold, actual >= threshold)


@pytest.mark.parametrize(
    "params",
    [
        {"n_estimators": 1, "max_samples": 2},
        {"n_estimators": 7, "max_samples": 3},
        {"n_estimators": 20, "max_samples": 1000},
        {"n_estimators": 20, "max_features": 0.5},
        {"n_estimators": 20, "bootstrap": True},
    ],
    ids=str,
)
def test_other_parameters_score_as_in_scikit_learn(params: dict[str, object]) -> None:
    """Whatever the trees' number, depth, columns and sampling, scores are scikit-learn's to the last bit."""
    library, ours = both(training_rows(1_000), **params)
    rows = training_rows(500, seed=4)
    assert np.array_equal(-library.score_samples(rows), ours.score(rows))


def test_rows_on_a_threshold_go_the_same_way() -> None:
    """A value equal to a split's threshold, or one float32 beside it, is on the side scikit-learn has it on."""
    library, ours = both((np.arange(64)[:, None] / 7).astype(np.float32), n_estimators=30)
    cuts = np.unique(np.concatenate([tree.tree_.threshold for tree in library.estimators_])).astype(np.float32)
    rows = np.concatenate([cuts, np.nextafter(cuts, np.float32(np.inf)), np.nextafter(cuts, np.float32(-np.inf))])
    assert np.array_equal(-library.score_samples(rows[:, None]), ours.score(rows[:, None]))


@given(st.lists(st.floats(-1e30, 1e30), min_size=1, max_size=20), st.floats(-(2.0**99), 2.0**99, width=32))
def test_rounded_thresholds_keep_every_comparison(thresholds: list[float], value: float) -> None:
    """No float32 is on another side of a threshold once that is rounded down to float32."""
    exact = np.array(thresholds)
    assert np.array_equal(np.float32(value) <= round_down(exact), np.float64(value) <= exact)


@settings(max_examples=50, deadline=None)
@given(arrays(np.float32, (9, 8), elements=st.floats(-1e6, 1e6, width=32)))
def test_attribution_adds_up_on_any_rows(rows: NDArray[np.float32]) -> None:
    """Contributions and base add up to minus the mean path length, from which the score follows."""
    ours = FOREST
    why = ours.explain(rows)
    assert np.allclose(why.contributions.sum(axis=1) + why.base, why.output, rtol=0, atol=1e-9)
    assert np.allclose(2 ** (why.output / ours.normal_length), ours.score(rows), rtol=1e-12)


def test_unused_feature_contributes_nothing() -> None:
    """A constant feature is never split on, so nothing is attributed to it."""
    assert not FOREST.explain(training_rows(100, seed=6)).contributions[:, 5].any()


def test_odd_feature_contributes_most() -> None:
    """Of a row that is usual but for one feature, that feature is told first."""
    row = np.array([[-5.0, 8.0, 0.0, 3.0, 7.4, 4.0, 0.0, 0.0]], dtype=np.float32)
    row[0, 4] = 5_000.0
    assert FOREST.explain(row).contributions[0].argmax() == 4


FOREST = both(training_rows(1_000), n_estimators=25)[1]
