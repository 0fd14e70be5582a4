"""The budget of false incidents: kept on the time that it was learnt from, shared, and never a way to hide."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from detector.alerts.incident_budget import DAY_S, IncidentCalibration
from detector.errors import BundleError, InputError


def calm_day(seed: int = 0, keys: int = 300, flows: int = 5000) -> dict[str, Any]:
    """A benign day: keys, times, surprise and evidence of its flows."""
    rng = np.random.default_rng(seed)
    return {
        "keys": rng.integers(0, keys, flows).astype(np.uint64),
        "ts": 1.7e9 + np.sort(rng.uniform(0, DAY_S - 1, flows)),
        "surprise": rng.exponential(1.0, flows),
        "evidence": np.maximum(rng.exponential(1.0, flows) - 3.0, 0.0),
    }


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 999), st.floats(1.0, 60.0))
def test_budget_is_kept_where_it_was_learnt(seed: int, budget: float) -> None:
    """On the calibration's own day no more keys are raised than the budget has, and not much fewer."""
    day = calm_day(seed)
    learnt = IncidentCalibration.fit(**day, seconds=DAY_S)
    raised = learnt.rates(day["surprise"], day["evidence"]) <= budget
    assert budget / 2 - 1 <= len(np.unique(day["keys"][raised])) <= budget


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 90), st.floats(0, 90), st.floats(0, 5), st.floats(0, 5))
def test_odder_is_never_dearer(surprise: float, evidence: float, more: float, still_more: float) -> None:
    """More surprise or more evidence never raises a flow's rate."""
    learnt = IncidentCalibration.fit(**calm_day())
    rates = learnt.rates(np.array([surprise, surprise + more]), np.array([evidence, evidence + still_more]))
    assert rates[1] <= rates[0]


def test_noisy_pair_hides_no_scan() -> None:
    """A benign pair with all the evidence there can be costs one incident, and leaves surprise's threshold alone."""
    day, budget = calm_day(), 10.0
    quiet = IncidentCalibration.fit(**day)
    noisy = IncidentCalibration.fit(**(day | {"evidence": np.where(day["keys"] == 7, 200.0, day["evidence"])}))
    scan = np.array([9.0]), np.array([0.0])
    assert quiet.rates(*scan)[0] <= budget
    assert noisy.rates(*scan)[0] <= budget
    assert noisy.rates(np.array([0.0]), np.array([9.0]))[0] <= budget


def test_same_key_on_two_days_is_two_incidents() -> None:
    """A key that is raised again on another day counts again."""
    keys, ts = np.array([1, 1], np.uint64), np.array([0.0, 1.5 * DAY_S])
    learnt = IncidentCalibration.fit(keys, ts, np.array([5.0, 5.0]), np.zeros(2))
    assert learnt.rates(np.array([5.0]), np.array([0.0]))[0] == pytest.approx(2 / 1.5)


def test_thresholds_agree_with_rates() -> None:
    """Just above a budget's thresholds a flow is raised, and below both it is not."""
    learnt = IncidentCalibration.fit(**calm_day())
    for budget in (0.5, 3.0, 10.0, 30.0):
        surprise, evidence = learnt.thresholds(budget)
        rates = learnt.rates(np.array([surprise, 0.0, surprise - 0.3]), np.array([0.0, evidence, evidence - 0.3]))
        assert (rates[:2] <= budget * 1.35).all()
        assert rates[2] > budget * 0.9


def test_arrays_round_trip() -> None:
    """What was learnt comes back from its arrays."""
    day = calm_day()
    learnt = IncidentCalibration.fit(**day)
    again = IncidentCalibration.from_arrays(learnt.to_arrays())
    odd = day["surprise"], day["evidence"]
    assert np.array_equal(again.rates(*odd), learnt.rates(*odd))


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("surprise", np.array([1.0, 2.0])),
        ("surprise", np.array([np.nan, 1.0])),
        ("evidence", np.array([-1.0, -2.0])),
        ("incidents", np.array([2, 1])),
        ("incidents", np.array([1, 99])),
        ("incidents", np.array([1.0, 2.0])),
        ("seconds", np.array([0.0])),
        ("surprise", None),
        ("more", np.array([1.0])),
    ],
)
def test_arrays_that_are_off_are_refused(name: str, array: NDArray[Any] | None) -> None:
    """Anything missing, unknown, of another type or out of order is a BundleError."""
    arrays: dict[str, NDArray[Any]] = {
        "surprise": np.array([2.0, 1.0]),
        "evidence": np.array([2.0, 1.0]),
        "incidents": np.array([1, 2]),
        "seconds": np.array([60.0]),
    }
    assert IncidentCalibration.from_arrays(arrays).days > 0
    if array is None:
        del arrays[name]
    else:
        arrays[name] = array
    with pytest.raises(BundleError, match="incident budget"):
        IncidentCalibration.from_arrays(arrays)


@pytest.mark.parametrize("ts", [[], [1.0], [1.0, 1.0]])
def test_no_time_is_no_calibration(ts: list[float]) -> None:
    """No rows, or rows that span no time, are an InputError."""
    with pytest.raises(InputError, match="calibrating incidents"):
        IncidentCalibration.fit(np.zeros(len(ts), np.uint64), np.array(ts), np.zeros(len(ts)), np.zeros(len(ts)))
