"""Splitting by time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.errors import ConfigurationError, InputError
from tests.features.flows import flows
from training.split import MIN_HELD_OUT_ROWS, MIN_TRAINING_ROWS, split_by_time
from training.watched import DAY_S

FRAME = flows(*({"ts": float(t)} for t in np.repeat(np.arange(200), 2)))


@given(st.floats(0.1, 0.8), st.integers(0, 2**32))
@settings(deadline=None)
def test_held_out_rows_come_after(holdout: float, seed: int) -> None:
    """Each calm row is before the cut or held out, and no held-out row starts before one that may be trained on."""
    calm = np.random.default_rng(seed).random(len(FRAME)) < 0.9
    split = split_by_time(FRAME, calm, holdout)
    before = split.before(len(FRAME))
    np.testing.assert_array_equal(np.append(np.flatnonzero(calm & before), split.held_out), np.flatnonzero(calm))
    ts = FRAME["ts"].to_numpy()
    assert ts[before].max() <= ts[split.held_out].min()
    assert split.held_out_seconds == ts[split.held_out].max() - ts[split.held_out].min()
    assert abs(len(split.held_out) - holdout * calm.sum()) <= 0.5


@pytest.mark.parametrize(("days", "expected"), [(1.8, 0.2 * 1.8), (1.99, 1.0), (6.0, 0.2 * 6.0)])
def test_a_day_is_held_out_where_there_are_two(days: float, expected: float) -> None:
    """Calibration sees every hour of the day where flows span two days, and a fifth of them otherwise."""
    ts = np.linspace(0.0, days * DAY_S, 500)
    split = split_by_time(flows(*({"ts": float(t)} for t in ts)), np.ones(500, dtype=bool), 0.2)
    assert split.held_out_seconds / DAY_S == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("holdout", [0.0, 1.0, -0.1, float("nan")])
def test_holdout_is_a_share(holdout: float) -> None:
    """A share outside 0…1 is a wrong flag."""
    with pytest.raises(ConfigurationError, match="--holdout"):
        split_by_time(FRAME, np.ones(len(FRAME), dtype=bool), holdout)


@pytest.mark.parametrize(
    ("rows", "holdout", "names"),
    [(MIN_TRAINING_ROWS, 0.4, "trained on"), (4 * MIN_HELD_OUT_ROWS, 0.1, "held out"), (0, 0.2, "0 usable flows")],
)
def test_too_few_rows(rows: int, holdout: float, names: str) -> None:
    """Too little to train on or to calibrate with is told, with what is needed."""
    with pytest.raises(InputError, match=names):
        split_by_time(FRAME, np.arange(len(FRAME)) < rows, holdout)
