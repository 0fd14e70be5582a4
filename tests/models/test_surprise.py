"""Surprise by a calibration: unequal scores never tie, and no more is told than so many rows can support."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from detector.models.calibration import Calibration
from detector.models.surprise import score_at, surprise_of

FINITE = st.floats(-1e6, 1e6).map(lambda value: round(value, 3))
HELD_OUT = arrays(np.float64, array_shapes(max_dims=1, max_side=300), elements=FINITE)


@pytest.mark.parametrize("rows", [100, 150, 199, 500, 20_000])
@pytest.mark.parametrize("seed", range(5))
def test_tail_is_about_that_of_the_scores(rows: int, seed: int) -> None:
    """Of exponential scores p falls e-fold by 1, whether few or many were held out."""
    scores = np.random.default_rng(seed).exponential(size=rows)
    assert Calibration.fit(np.sort(scores), 3600.0).tail.scale == pytest.approx(1.0, rel=0.5)


@settings(max_examples=200)
@given(HELD_OUT, st.lists(FINITE, min_size=2, max_size=40, unique=True))
@example(np.zeros(2), [0.0, 1.0])
@example(np.zeros(13), [0.0, 1.0])
def test_higher_scores_surprise_more(held_out: np.ndarray, tried: list[float]) -> None:
    """From the lowest held-out score on, also far beyond the highest, no two unequal scores tie."""
    scores = np.sort(np.array(tried))
    scores = np.append(scores, scores[-1] + np.array([1.0, 1e3, 1e9, 1e20, 1e50]))
    surprise = surprise_of(scores, Calibration.fit(held_out, 60.0))
    assert (surprise[scores <= held_out.min()] == 0).all()
    assert (np.diff(surprise[scores >= held_out.min()]) > 0).all()
    assert np.isfinite(surprise).all()


@given(HELD_OUT, arrays(np.float64, 20, elements=FINITE))
def test_surprise_is_no_more_than_the_p_value_has(held_out: np.ndarray, scores: np.ndarray) -> None:
    """Up to the highest held-out score it is −ln p there and at most that between."""
    calibration = Calibration.fit(held_out, 60.0)
    for tried, exact in ((held_out, True), (scores[scores <= held_out.max()], False)):
        surprise, most = surprise_of(tried, calibration), -np.log(calibration.p_values(tried))
        assert (surprise <= most + 1e-9).all()
        assert not exact or np.allclose(surprise, most, atol=1e-9)


@given(HELD_OUT, st.floats(0.0, 200.0))
def test_score_at_a_surprise_has_it(held_out: np.ndarray, surprise: float) -> None:
    """The score from which a flow surprises so much is one that does, but for rounding and the step at the top."""
    calibration = Calibration.fit(held_out, 60.0)
    score = score_at(surprise, calibration)
    assert math.isfinite(score)
    assert surprise_of(np.array([np.nextafter(score, np.inf)]), calibration)[0] >= surprise * (1 - 1e-6) - 1e-3


def test_far_beyond_what_is_supported_surprise_rises_by_the_logarithm() -> None:
    """A hundred and fifty rows tell a tail of some nine nats; a score a thousandfold beyond surprises little more."""
    calibration = Calibration.fit(np.sort(np.random.default_rng(1).exponential(size=150)), 3600.0)
    tail = calibration.tail
    assert tail.supported == pytest.approx(math.sqrt(15) * math.log(10.0))
    surprise = surprise_of(np.array([1e3, 1e6]), calibration)
    assert tail.level + tail.supported < surprise[0] < surprise[1] < tail.level + tail.supported + 15


def test_the_tail_is_that_of_the_highest_where_they_are_enough() -> None:
    """Fifty rows of a far longer tail than the rest tell it; two rows of twenty are drawn towards the upper half."""
    rows = np.arange(1.0, 951.0) / 950.0
    top = 1.0 + 30.0 * np.random.default_rng(1).exponential(size=50)
    assert Calibration.fit(np.append(rows, top), 60.0).tail.scale == pytest.approx((top - 1.0).mean(), rel=0.12)
    few = Calibration.fit(np.append(np.arange(18.0), [100.0, 110.0]), 60.0)
    assert 15.0 < few.tail.scale < 50.0


def test_of_many_rows_the_tail_is_that_of_a_thousand() -> None:
    """Two hundred thousand rows support no more than a thousand do: beyond those it is no tail any more."""
    calibration = Calibration.fit(np.random.default_rng(1).exponential(size=200_000), 60.0)
    assert calibration.tail.supported == pytest.approx(math.sqrt(1_000) * math.log(10.0), rel=1e-3)


def test_the_unit_of_scores_is_nothing_to_the_tail() -> None:
    """Of scores that differ in the seventh place alone p falls e-fold as they rise by as little."""
    scores = 0.5 + 1e-7 * np.random.default_rng(1).exponential(size=1_000)
    assert Calibration.fit(scores, 60.0).tail.scale == pytest.approx(1e-7, rel=0.5)


def test_scores_that_are_all_alike_support_nothing() -> None:
    """Where nothing tells how far is far, any higher score is beyond all of them, and hardly more than that."""
    calibration = Calibration.fit(np.full(100, 0.5), 60.0)
    surprise = surprise_of(np.array([0.4, 0.5, 0.6, 0.7]), calibration)
    assert surprise[:2].tolist() == [0.0, 0.0]
    assert surprise[2] == pytest.approx(math.log(101), abs=0.1)
    assert (calibration.tail.supported, surprise[3] > surprise[2]) == (0.0, True)


@pytest.mark.parametrize("held_out", [np.full(100, 0.5), np.linspace(0.5, 0.5 + 1e-9, 100), np.arange(100.0)])
def test_no_score_surprises_without_bound(held_out: np.ndarray) -> None:
    """The largest score that can be, however little the held-out ones differ, surprises by some hundreds of nats."""
    surprise = surprise_of(np.array([1e300, np.finfo(float).max]), Calibration.fit(held_out, 60.0))
    assert np.isfinite(surprise).all()
    assert (surprise < 300).all()
