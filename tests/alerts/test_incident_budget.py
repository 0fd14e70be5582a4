"""The budget of false incidents: kept on the time that it was learnt from, shared, and never a way to hide."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from detector.alerts.incident_budget import DAY_S, IncidentCalibration
from detector.alerts.suspicion import WAYS, Suspicion
from detector.errors import BundleError, InputError


def odd(surprise: Any = 0.0, evidence: Any = 0.0, breadth: Any = 0.0) -> Suspicion:
    """Flows that are so odd."""
    return Suspicion(
        *(np.array(values) for values in np.broadcast_arrays(*map(np.atleast_1d, (surprise, evidence, breadth))))
    )


def calm_day(seed: int = 0, keys: int = 300, flows: int = 5000) -> dict[str, Any]:
    """A benign day: keys, times and suspicion of its flows."""
    rng = np.random.default_rng(seed)
    return {
        "keys": rng.integers(0, keys, flows).astype(np.uint64),
        "ts": 1.7e9 + np.sort(rng.uniform(0, DAY_S - 1, flows)),
        "suspicion": odd(
            rng.exponential(1.0, flows),
            np.maximum(rng.exponential(1.0, flows) - 3.0, 0.0),
            np.maximum(rng.exponential(1.0, flows) - 4.0, 0.0),
        ),
    }


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 999), st.floats(1.0, 60.0))
def test_budget_is_kept_where_it_was_learnt(seed: int, budget: float) -> None:
    """On the calibration's own day no more keys are raised than the budget has, and not much fewer."""
    day = calm_day(seed)
    learnt = IncidentCalibration.fit(**day, seconds=DAY_S)
    raised = learnt.rates(day["suspicion"]) <= budget
    assert budget / 3 - 1 <= len(np.unique(day["keys"][raised])) <= budget


@settings(max_examples=30, deadline=None)
@given(st.tuples(*[st.floats(0, 90)] * 3), st.tuples(*[st.floats(0, 5)] * 3))
def test_odder_is_never_dearer(before: tuple[float, ...], more: tuple[float, ...]) -> None:
    """More surprise, evidence or breadth never raises a flow's rate."""
    learnt = IncidentCalibration.fit(**calm_day())
    rates = learnt.rates(odd(*([a, a + b] for a, b in zip(before, more, strict=True))))
    assert rates[1] <= rates[0]


def test_noisy_pair_hides_no_scan() -> None:
    """A benign pair with all the evidence there can be costs one incident, and leaves surprise's threshold alone."""
    day, budget = calm_day(), 10.0
    quiet = IncidentCalibration.fit(**day)
    surprise, evidence, breadth = day["suspicion"].values()
    loud = odd(surprise, np.where(day["keys"] == 7, 200.0, evidence), breadth)
    noisy = IncidentCalibration.fit(**(day | {"suspicion": loud}))
    assert quiet.rates(odd(9.0))[0] <= budget
    for scan in (odd(9.0), odd(evidence=9.0), odd(breadth=9.0)):
        assert noisy.rates(scan)[0] <= budget


def test_same_key_on_two_days_is_two_incidents() -> None:
    """A key that is raised again on another day counts again."""
    keys, ts = np.array([1, 1], np.uint64), np.array([0.0, 1.5 * DAY_S])
    learnt = IncidentCalibration.fit(keys, ts, odd([5.0, 5.0]))
    assert learnt.rates(odd(5.0))[0] == pytest.approx(2 / 1.5)


def test_thresholds_agree_with_rates() -> None:
    """Just above any of a budget's thresholds a flow is raised, and below all it is not."""
    learnt = IncidentCalibration.fit(**calm_day())
    for budget in (0.5, 3.0, 10.0, 30.0):
        least = learnt.thresholds(budget)
        for way, value in least.items():
            assert learnt.rates(odd(**{way: value}))[0] <= budget * 1.35
        assert learnt.rates(odd(**{way: value - 0.3 for way, value in least.items()}))[0] > budget * 0.9


def test_way_is_that_of_least_rate() -> None:
    """A flow's way is the one by which alone it would be raised as soon."""
    learnt = IncidentCalibration.fit(**calm_day())
    for place, way in enumerate(WAYS):
        flow = odd(**{name: 9.0 if name == way else 0.1 for name in WAYS})
        assert learnt.ways(flow).tolist() == [place]
        assert learnt.rates(odd(**{way: 9.0})) == learnt.rates(flow)


def test_arrays_round_trip() -> None:
    """What was learnt comes back from its arrays."""
    day = calm_day()
    learnt = IncidentCalibration.fit(**day)
    again = IncidentCalibration.from_arrays(learnt.to_arrays())
    assert np.array_equal(again.rates(day["suspicion"]), learnt.rates(day["suspicion"]))


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("surprise", np.array([1.0, 2.0])),
        ("surprise", np.array([np.nan, 1.0])),
        ("evidence", np.array([-1.0, -2.0])),
        ("breadth", np.array([1.0, 2.0])),
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
        "breadth": np.array([2.0, 1.0]),
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
        IncidentCalibration.fit(np.zeros(len(ts), np.uint64), np.array(ts), odd(np.zeros(len(ts))))
