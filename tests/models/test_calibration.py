"""Calibration: p-values that are never too small, and thresholds that keep their budget."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from detector.errors import BundleError, ConfigurationError, InputError
from detector.models.calibration import EXACT_TAIL, RANK_STEP, Calibration

Scores = NDArray[np.float64]

FINITE = st.floats(-1e9, 1e9)
HELD_OUT = arrays(np.float64, array_shapes(max_dims=1, max_side=300), elements=FINITE | st.sampled_from([0.0, 0.5]))


def exact(held_out: Scores, scores: Scores) -> Scores:
    """The p-values by their definition."""
    return np.array([(1 + (held_out >= score).sum()) / (len(held_out) + 1) for score in scores])


@given(HELD_OUT, arrays(np.float64, 20, elements=FINITE))
def test_p_values_are_those_of_the_definition(held_out: Scores, scores: Scores) -> None:
    """As long as every score is kept, p-values are exact, ties included."""
    calibration = Calibration.fit(held_out, 60.0)
    tried = np.concatenate([scores, held_out, np.nextafter(held_out, np.inf), np.nextafter(held_out, -np.inf)])
    assert np.array_equal(calibration.p_values(tried), exact(held_out, tried))


@pytest.mark.parametrize("seed", range(3))
def test_p_values_are_never_too_small(seed: int) -> None:
    """Beyond what is kept one by one, a p-value is at least the exact one, and too high by the rank step at most."""
    rng = np.random.default_rng(seed)
    held_out = np.round(rng.gamma(2.0, size=100_000), 4 + seed)
    scores = np.concatenate([rng.gamma(2.0, size=2_000), held_out[:2_000]])
    actual, expected = Calibration.fit(held_out, 0.0).p_values(scores), exact(held_out, scores)
    assert (actual >= expected).all()
    assert (actual <= expected * RANK_STEP + 2 / len(held_out)).all()
    in_tail = expected < EXACT_TAIL / len(held_out)
    assert in_tail.any()
    assert np.array_equal(actual[in_tail], expected[in_tail])


@given(HELD_OUT, arrays(np.float64, 30, elements=FINITE))
def test_p_values_fall_as_scores_rise(held_out: Scores, scores: Scores) -> None:
    """They are monotone, and lie within 1/(n + 1)…1."""
    p_values = Calibration.fit(held_out, 0.0).p_values(np.sort(scores))
    assert (np.diff(p_values) <= 0).all()
    assert p_values.min() >= 1 / (len(held_out) + 1)
    assert p_values.max() <= 1


def test_p_values_of_rows_like_the_held_out_are_conservative() -> None:
    """Of fresh rows drawn alike, a share of at most α, but for chance, has p ≤ α."""
    rng = np.random.default_rng(0)
    calibration = Calibration.fit(rng.normal(size=50_000), 0.0)
    p_values = calibration.p_values(rng.normal(size=50_000))
    for alpha in (0.001, 0.01, 0.1, 0.5):
        assert (p_values <= alpha).mean() <= alpha + 5 * np.sqrt(2 * alpha / 50_000)


@settings(max_examples=200)
@given(HELD_OUT, st.floats(0, 1))
def test_threshold_keeps_the_budget_and_wastes_none(held_out: Scores, rate: float) -> None:
    """At most the budget's share of held-out rows reaches the threshold; the next lower score would break it."""
    calibration = Calibration.fit(held_out, 0.0)
    threshold, allowed = calibration.threshold(rate), rate * len(held_out) * (1 + 1e-9)
    assert (held_out >= threshold).sum() <= allowed
    lower = held_out[held_out < threshold]
    if len(lower):
        assert (held_out >= lower.max()).sum() > rate * len(held_out) * (1 - 1e-9)


@given(HELD_OUT, st.floats(0, 1))
def test_threshold_and_p_values_agree(held_out: Scores, rate: float) -> None:
    """A score reaches the threshold just where its p-value says that few enough rows reached it."""
    calibration = Calibration.fit(held_out, 0.0)
    reached = held_out >= calibration.threshold(rate)
    beyond = calibration.p_values(held_out) * (len(held_out) + 1) - 1
    assert (beyond[reached] <= rate * len(held_out) * (1 + 1e-9)).all()
    assert (beyond[~reached] > rate * len(held_out) * (1 - 1e-9)).all()


def test_budget_per_hour() -> None:
    """A thousand rows in two hours, three alerts an hour: the six highest reach the threshold."""
    scores = np.arange(1000.0)
    assert Calibration.fit(scores, 7200.0).threshold_per_hour(3) == 994.0


def test_budget_of_none_lies_above_every_score() -> None:
    """With a budget of nothing not even the highest held-out score is an alert, but one above it is."""
    threshold = Calibration.fit(np.array([1.0, 2.0]), 0.0).threshold(0.0)
    assert 2.0 < threshold <= np.nextafter(2.0, 3.0)


def test_constant_scores_alert_on_nothing() -> None:
    """Where all scores are tied none can be told from another: p is 1."""
    calibration = Calibration.fit(np.full(100, 0.5), 0.0)
    assert calibration.p_values(np.array([0.5])).tolist() == [1.0]
    assert calibration.threshold(0.01) > 0.5


@pytest.mark.parametrize("scores", [[], [np.nan, 1.0], [np.inf]])
def test_nothing_to_calibrate_on_is_refused(scores: list[float]) -> None:
    """No held-out rows, or a score that is not finite, is an error and no calibration."""
    with pytest.raises(InputError, match="calibrating"):
        Calibration.fit(np.array(scores), 60.0)


def test_budgets_that_cannot_be_kept_are_refused() -> None:
    """A share beyond 0…1, a negative number per hour, or any per hour without a time, names the setting."""
    calibration = Calibration.fit(np.arange(10.0), 0.0)
    for share in (-0.1, 1.1, float("nan")):
        with pytest.raises(ConfigurationError, match=r"alerts\.false_positive_rate"):
            calibration.threshold(share)
    for number in (-1.0, float("inf"), 2.0):
        with pytest.raises(ConfigurationError, match=r"alerts\.alerts_per_hour"):
            calibration.threshold_per_hour(number)


@given(HELD_OUT, st.floats(0, 1e9))
def test_round_trip(held_out: Scores, seconds: float) -> None:
    """Restored from its arrays it says the same."""
    calibration = Calibration.fit(held_out, seconds)
    again = Calibration.from_arrays(calibration.to_arrays())
    assert np.array_equal(again.p_values(held_out), calibration.p_values(held_out))
    assert again.threshold(0.1) == calibration.threshold(0.1)
    assert (again.rows, again.seconds) == (len(held_out), calibration.seconds)


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("scores", np.array([1.0, 1.0, 2.0])),
        ("scores", np.array([1.0, np.nan, 2.0])),
        ("scores", np.array([1.0, 2.0, np.inf])),
        ("counts", np.array([3, 2, 1, 1])),
        ("counts", np.array([3, 2, 2, 0])),
        ("counts", np.array([3, 2, 0])),
        ("counts", np.array([3.0, 2.0, 1.0, 0.0])),
        ("counts", np.array([3, 2, 1, -1])),
        ("seconds", np.array([-1.0])),
        ("seconds", np.array([np.nan])),
        ("other", np.array([1.0])),
    ],
)
def test_spoilt_arrays_are_refused(name: str, array: NDArray[np.generic]) -> None:
    """Scores that do not ascend, counts that do not descend to nothing, and what is not a number are refused."""
    arrays_ = {"scores": np.array([1.0, 2.0, 3.0]), "counts": np.array([3, 2, 1, 0]), "seconds": np.array([60.0])}
    assert Calibration.from_arrays(arrays_).rows == 3
    with pytest.raises(BundleError, match="reading calibration"):
        Calibration.from_arrays({**arrays_, name: array})
