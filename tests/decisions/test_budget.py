"""The budget of false incidents: kept on the time that it was learnt from, shared, and never a way to hide."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from detector.decisions.assessment import Assessment
from detector.decisions.budget import IncidentCalibration
from detector.decisions.views import BREADTH, VIEWS
from detector.errors import BundleError, InputError
from detector.records.flow import DIRECTIONS


def odd(*values: Any, **named: Any) -> Assessment:
    """Flows that are so odd, by the views in their order or by name; by the others not at all."""
    given = dict.fromkeys((view.name for view in VIEWS), 0.0) | named
    given |= dict(zip(given, values, strict=False))
    return Assessment.of(*(np.array(each) for each in np.broadcast_arrays(*map(np.atleast_1d, given.values()))))


DAY_S, KEPT, LEAST_KEYS = 86_400.0, 4096, 50

NAMES = [view.name for view in VIEWS]

OUTBOUND, INTERNAL = DIRECTIONS.index("outbound"), DIRECTIONS.index("internal")


def going(direction: int, flows: int) -> NDArray[np.int64]:
    """Flows of one direction."""
    return np.full(flows, direction, np.int64)


def rates(learnt: IncidentCalibration, assessment: Assessment, direction: int = OUTBOUND) -> NDArray[np.float64]:
    """What flows of one direction cost."""
    return learnt.rates(assessment, going(direction, len(assessment.values[0])))


def calm_day(seed: int = 0, keys: int = 300, flows: int = 5000) -> dict[str, Any]:
    """A benign day: keys, directions, times and suspicion of its flows; each key's flows go one way."""
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, keys, flows)
    return {
        "keys": drawn.astype(np.uint64),
        "directions": np.where(drawn % 3 > 0, OUTBOUND, INTERNAL),
        "ts": 1.7e9 + np.sort(rng.uniform(0, DAY_S - 1, flows)),
        "assessment": odd(
            rng.exponential(1.0, flows),
            np.maximum(rng.exponential(1.0, flows) - 3.0, 0.0),
            *(np.maximum(rng.exponential(1.0, flows) - 4.0, 0.0) for _ in VIEWS[2:]),
        ),
    }


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 999), st.floats(1.0, 60.0))
def test_budget_is_kept_where_it_was_learnt(seed: int, budget: float) -> None:
    """On the calibration's own day no more keys are raised than the budget has, and fewer by less than one step is."""
    day = calm_day(seed)
    learnt = IncidentCalibration.fit(**day, seconds=DAY_S)
    raised = learnt.rates(day["assessment"], day["directions"]) <= budget
    assert budget - 2 * len(VIEWS) < len(np.unique(day["keys"][raised])) <= budget


@settings(max_examples=30, deadline=None)
@given(st.tuples(*[st.floats(0, 90)] * 3), st.tuples(*[st.floats(0, 5)] * 3))
def test_odder_is_never_dearer(before: tuple[float, ...], more: tuple[float, ...]) -> None:
    """More surprise, evidence or breadth never raises a flow's rate."""
    learnt = IncidentCalibration.fit(**calm_day())
    dearer, cheaper = rates(learnt, odd(*([a, a + b] for a, b in zip(before, more, strict=True))))
    assert cheaper <= dearer


def test_noisy_pair_hides_no_scan() -> None:
    """A benign pair with all the evidence there can be costs one step, and leaves surprise's threshold alone."""
    day, budget = calm_day(), 30.0
    quiet = IncidentCalibration.fit(**day)
    surprise, evidence, *others = day["assessment"].values
    loud = odd(surprise, np.where(day["keys"] == 7, 200.0, evidence), *others)
    noisy = IncidentCalibration.fit(**(day | {"assessment": loud}))
    assert rates(quiet, odd(9.0))[0] <= budget
    for scan in (odd(9.0), odd(evidence=9.0), odd(breadth=9.0)):
        assert rates(noisy, scan)[0] <= budget


def test_a_view_raises_in_its_directions_alone() -> None:
    """However odd a flow within is by a view of what goes out: it raises nothing, and costs nothing."""
    day, budget = calm_day(), 10.0
    quiet = IncidentCalibration.fit(**day)
    values = dict(zip(NAMES, day["assessment"].values, strict=True))
    out = day["directions"] == OUTBOUND
    noisy = IncidentCalibration.fit(
        **(day | {"assessment": odd(**(values | {"volume": np.where(out, values["volume"], 99.0)}))})
    )
    assert noisy.to_arrays()["volume"].max() == values["volume"][out].max()
    assert noisy.incidents.tolist() == quiet.incidents.tolist()
    within, without = (quiet.rates(odd(volume=99.0), np.array([place]))[0] for place in (INTERNAL, OUTBOUND))
    assert within > 10 * budget > budget > without
    assert np.isinf(quiet.thresholds(budget)["volume"]).tolist() == [name != "outbound" for name in DIRECTIONS]


def test_breadth_that_was_never_seen_raises_nothing_below_what_is_odd() -> None:
    """Where no benign flow had any breadth, a little of it is not the oddest of all; where some had, it may be."""
    day, budget = calm_day(), 20.0
    values = dict(zip(NAMES, day["assessment"].values, strict=True))
    unseen = IncidentCalibration.fit(**(day | {"assessment": odd(**(values | {"breadth": 0.0}))}))
    assert rates(unseen, odd(breadth=BREADTH.odd_from))[0] == rates(unseen, odd())[0] > 10 * budget
    assert rates(unseen, odd(breadth=BREADTH.odd_from + 0.1))[0] <= budget
    assert unseen.thresholds(budget)["breadth"] == pytest.approx(BREADTH.odd_from)
    seen = IncidentCalibration.fit(**day)
    assert rates(seen, odd(breadth=BREADTH.odd_from - 2.0))[0] <= budget


def test_noisy_direction_hides_nothing_in_another() -> None:
    """Where all that goes out is far odder than before, what is raised among inside hosts stays nearly the same."""
    day, budget = calm_day(), 10.0
    quiet = IncidentCalibration.fit(**day)
    surprise, evidence, *others = day["assessment"].values
    out = day["directions"] == OUTBOUND
    noisy = IncidentCalibration.fit(
        **(day | {"assessment": odd(np.where(out, surprise + 20.0, surprise), evidence, *others)})
    )
    inside, outside = (noisy.thresholds(budget)["surprise"][place] for place in (INTERNAL, OUTBOUND))
    assert outside > 20.0
    assert inside == pytest.approx(quiet.thresholds(budget)["surprise"][INTERNAL], abs=1.0)
    assert rates(noisy, odd(inside + 0.5), INTERNAL)[0] <= budget < rates(noisy, odd(inside + 0.5), OUTBOUND)[0]


def test_direction_of_few_keys_is_held_against_all() -> None:
    """A direction with fewer keys than can tell what is usual, or never seen, has the thresholds of all."""
    day = calm_day(keys=3 * LEAST_KEYS - 3)
    learnt = IncidentCalibration.fit(**day)
    assert learnt.apart == ["outbound"]
    assessment = odd(np.linspace(0.0, 20.0, 50))
    assert np.array_equal(rates(learnt, assessment, INTERNAL), rates(learnt, assessment, DIRECTIONS.index("inbound")))
    with_more = IncidentCalibration.fit(**calm_day(keys=3 * LEAST_KEYS + 3))
    assert with_more.apart == ["outbound", "internal"]


def test_same_key_on_two_days_is_two_incidents() -> None:
    """A key that is raised again on another day counts again."""
    keys, ts = np.array([1, 1], np.uint64), np.array([0.0, 1.5 * DAY_S])
    learnt = IncidentCalibration.fit(keys, going(OUTBOUND, 2), ts, odd([5.0, 5.0]))
    assert rates(learnt, odd(5.0))[0] == pytest.approx(2 / 1.5)


def test_thresholds_agree_with_rates() -> None:
    """Just above any of a budget's thresholds a flow is raised, and below all it is not."""
    learnt = IncidentCalibration.fit(**calm_day())
    for budget in (0.5, 3.0, 10.0, 30.0):
        # Between two depths a threshold is that of the deeper one, just above its last key.
        deeper = float(learnt.incidents[np.searchsorted(learnt.incidents, budget, side="right")]) / learnt.days
        most = budget * 1.35 if budget < learnt.incidents[0] / learnt.days else deeper
        for direction in (OUTBOUND, INTERNAL):
            least = {view: values[direction] for view, values in learnt.thresholds(budget).items()}
            for view in VIEWS:
                if DIRECTIONS[direction] in view.directions:
                    assert rates(learnt, odd(**{view.name: least[view.name]}), direction)[0] <= most * 1.001
            assert (
                rates(learnt, odd(**{view: value - 0.3 for view, value in least.items()}), direction)[0] > budget * 0.9
            )


def test_way_is_that_of_least_rate() -> None:
    """A flow's way is the one by which alone it would be raised as soon."""
    learnt = IncidentCalibration.fit(**calm_day())
    for place, view in enumerate(VIEWS):
        flow = odd(**{each.name: 9.0 if each is view else 0.1 for each in VIEWS})
        assert learnt.oddest_views(flow, going(OUTBOUND, 1)).tolist() == [place]
        assert rates(learnt, odd(**{view.name: 9.0})) == rates(learnt, flow)


def test_arrays_round_trip() -> None:
    """What was learnt comes back from its arrays."""
    day = calm_day()
    learnt = IncidentCalibration.fit(**day)
    again = IncidentCalibration.from_arrays(learnt.to_arrays())
    flows = day["assessment"], day["directions"]
    assert np.array_equal(again.rates(*flows), learnt.rates(*flows))


def test_more_keys_than_are_kept_round_trip() -> None:
    """A day of far more targets than rankings keep gives arrays that are taken back."""
    learnt = IncidentCalibration.fit(**calm_day(keys=100_000, flows=200_000))
    assert len(learnt.incidents) == KEPT
    assert np.array_equal(IncidentCalibration.from_arrays(learnt.to_arrays()).incidents, learnt.incidents)


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("surprise", np.array([[1.0, 2.0]])),
        ("surprise", np.array([2.0, 1.0])),
        ("surprise", np.array([[np.nan, 1.0]])),
        ("evidence", np.array([[-1.0, -2.0]])),
        ("evidence", np.array([[2.0, 1.0], [2.0, 1.0]])),
        ("breadth", np.array([[1.0, 2.0]])),
        ("tables", np.array([0, 0, 0, 1])),
        ("tables", np.array([0, 0, 0])),
        ("tables", np.array([0, 0, 0, -1])),
        ("incidents", np.array([2, 1])),
        ("incidents", np.array([1, 1])),
        ("incidents", np.array([1, 99])),
        ("incidents", np.array([1.0, 2.0])),
        ("seconds", np.array([0.0])),
        ("surprise", None),
        ("tables", None),
        ("more", np.array([1.0])),
    ],
)
def test_arrays_that_are_off_are_refused(name: str, array: NDArray[Any] | None) -> None:
    """Anything missing, unknown, of another type or out of order is a BundleError."""
    arrays: dict[str, NDArray[Any]] = {
        "surprise": np.array([[2.0, 1.0]]),
        "evidence": np.array([[2.0, 1.0]]),
        "breadth": np.array([[2.0, 1.0]]),
        "tables": np.array([0, 0, 0, 0]),
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
        IncidentCalibration.fit(
            np.zeros(len(ts), np.uint64), going(OUTBOUND, len(ts)), np.array(ts), odd(np.zeros(len(ts)))
        )


def test_beyond_what_calibration_saw_rates_fall_no_steeper_than_supported() -> None:
    """Where it saw hardly any: a nat of surprise e-fold, sums by the fourth power, and what one flow brings is none."""
    day = calm_day()
    nearly_none = np.where(day["keys"] < 3, 1.0, 0.0)
    learnt = IncidentCalibration.fit(**(day | {"assessment": odd(nearly_none, nearly_none, nearly_none)}))
    assert rates(learnt, odd(2.0))[0] / rates(learnt, odd(3.0))[0] == pytest.approx(math.e)
    for view in ("evidence", "breadth"):
        single, most, twice = rates(learnt, odd(**{view: [1.5, 12.0, 24.0]}))
        assert single == most == pytest.approx(16 * twice)


def test_what_is_told_is_bounded_by_the_keys_behind_it() -> None:
    """Of flows ever odder the rates fall on, but what may be told of them is no less than so many keys support."""
    many, few = (IncidentCalibration.fit(**calm_day(keys=keys, flows=150), seconds=DAY_S) for keys in (40, 3))
    fallen = rates(many, odd([20.0, 40.0, 80.0, 160.0]))
    assert (np.diff(fallen) < 0).all()
    assert fallen[-1] < 1e-20
    assert 1e-5 < many.least_told < few.least_told
    half = IncidentCalibration.fit(**calm_day(keys=40, flows=150), seconds=DAY_S / 2)
    assert half.least_told == pytest.approx(2 * many.least_told)


@given(st.integers(1, 5))
def test_flow_that_is_not_odd_costs_all_keys_however_few_there_are(keys: int) -> None:
    """A view of several shares makes no flow cheap that it has no value for."""
    learnt = IncidentCalibration.fit(
        keys=np.arange(keys, dtype=np.uint64),
        directions=going(OUTBOUND, keys),
        ts=1.7e9 + np.arange(float(keys)),
        assessment=odd(1.0 + np.arange(float(keys))),
        seconds=DAY_S,
    )
    assert rates(learnt, odd(0.0)) == learnt.incidents[-1] >= keys
