"""Which scores are alerts, and how severe: the budget kept, severity rising with the score."""

from __future__ import annotations

import itertools
import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from detector.decisions.assessment import Assessment
from detector.decisions.budget import DAY_S, IncidentCalibration
from detector.decisions.decide import Budget, IncidentRule, decide
from detector.decisions.severity import Circumstances, Severity, risk_of, severity_of
from detector.decisions.views import VIEWS
from detector.errors import ConfigurationError
from detector.models.calibration import Calibration
from detector.net.directions import directions_of

BENIGN = np.random.default_rng(1).gumbel(0.5, 0.03, 20_000)

CALIBRATION = Calibration.fit(BENIGN, seconds=7_200.0)


def severity(decades: float) -> Severity:
    """What rarity alone makes it."""
    return severity_of(risk_of(Circumstances(decades=decades)))


def test_the_budget_is_kept_on_benign_rows() -> None:
    """Of the held-out rows themselves just the budget's share are alerts, by share and by the hour alike."""
    assert len(decide(BENIGN, CALIBRATION, Budget(0.001)).rows) == 20
    assert len(decide(BENIGN, CALIBRATION, Budget(alerts_per_hour=5.0)).rows) == 10


def test_alerts_are_the_rows_at_or_beyond_the_threshold() -> None:
    """A row that scores the threshold itself is an alert, one just below is none; rows come in order."""
    threshold = CALIBRATION.threshold(0.001)
    scores = np.array([threshold, 0.1, np.nextafter(threshold, 0), threshold + 1])
    decision = decide(scores, CALIBRATION, Budget(0.001))
    assert (decision.rows.tolist(), decision.thresholds.tolist()) == ([0, 3], [threshold, threshold])
    assert decision.p_values[0] <= 0.001 + 1 / 20_001


def test_quiet_batches_have_no_alerts() -> None:
    """A batch without alerts, or without rows, gives empty arrays."""
    for scores in (np.zeros(5), np.empty(0)):
        decision = decide(scores, CALIBRATION, Budget())
        assert (len(decision.rows), len(decision.p_values), len(decision.decades)) == (0, 0, 0)


def test_severity_rises_by_decades_below_the_budget() -> None:
    """Low is within a tenth of the budget, medium a tenth of it, high a hundredth, critical a thousandth, also beyond
    the highest score that calibration saw."""
    begin, step = CALIBRATION.threshold(0.001), CALIBRATION.tail.scale * math.log(10.0)
    assert 0 < step < 0.2
    highest = CALIBRATION.threshold(0.0)
    scores = np.array([begin, *(highest + step * decades for decades in (0.0, 1.0, 2.0, 3.0, 50.0))])
    graded = decide(scores, CALIBRATION, Budget(0.001))
    grades = [severity(decades) for decades in graded.decades.tolist()]
    assert (grades[0], grades[-1]) == (Severity.LOW, Severity.CRITICAL)
    assert set(grades) >= {Severity.LOW, Severity.HIGH, Severity.CRITICAL}
    assert len(grades) == len(scores)


@given(st.lists(st.floats(-10, 10), min_size=2, max_size=30), st.floats(1e-5, 0.5))
def test_severity_never_falls_as_scores_rise(values: list[float], rate: float) -> None:
    """Of two alerts the one with the higher score is at least as rare, and none is commoner than the budget."""
    decision = decide(np.sort(np.array(values)), CALIBRATION, Budget(rate))
    assert bool((np.diff(decision.decades) >= 0).all())
    assert bool((decision.decades >= 0).all())


@given(st.lists(st.floats(0, 1), min_size=1, max_size=50), st.integers(0, 50))
def test_a_row_s_verdict_does_not_depend_on_the_others(values: list[float], cut: int) -> None:
    """Batches cut anywhere give the same alerts with the same severities."""
    scores = np.array(values)
    whole = decide(scores, CALIBRATION, Budget(0.05))
    parts = [decide(part, CALIBRATION, Budget(0.05)) for part in (scores[:cut], scores[cut:])]
    assert [*parts[0].rows.tolist(), *(parts[1].rows + len(scores[:cut])).tolist()] == whole.rows.tolist()
    assert np.concatenate([part.decades for part in parts]).tolist() == whole.decades.tolist()


def test_constant_scores_give_no_alerts() -> None:
    """A model that scores all rows alike raises nothing, rather than everything."""
    constant = Calibration.fit(np.full(1_000, 0.5), 10.0)
    assert len(decide(np.full(100, 0.5), constant, Budget(0.001)).rows) == 0
    assert severity(decide(np.array([0.6]), constant, Budget(0.001)).decades[0]) is Severity.LOW


def test_a_budget_by_the_hour_needs_time() -> None:
    """Where the calibration's rows span no time, a budget by the hour is an error that names the other setting."""
    timeless = Calibration.fit(BENIGN, 0.0)
    with pytest.raises(ConfigurationError, match=r"set alerts\.false_positive_rate"):
        decide(BENIGN, timeless, Budget(alerts_per_hour=1.0))


def nothing_else(count: int) -> list[NDArray[np.float64]]:
    """That so many flows are odd by no view but surprise."""
    return [np.zeros(count) for _ in VIEWS[1:]]


def day_of_two_directions() -> tuple[pl.DataFrame, Assessment, IncidentCalibration]:
    """A day of benign flows, each of a target of its own: those that go out are far odder than those that stay in."""
    rng = np.random.default_rng(3)
    count = 600
    out = np.arange(count) % 2 == 0
    frame = pl.DataFrame({"src_ip": ["10.0.0.1"] * count, "dst_ip": np.where(out, "198.51.100.1", "10.0.0.2").tolist()})
    assessment = Assessment.of(rng.exponential(1.0, count) + np.where(out, 10.0, 0.0), *nothing_else(count))
    keys, ts = np.arange(count, dtype=np.uint64), np.linspace(0.0, DAY_S - 1.0, count)
    return frame, assessment, IncidentCalibration.fit(keys, directions_of(frame), ts, assessment, seconds=DAY_S)


def test_each_direction_has_a_threshold_of_its_own() -> None:
    """What is odd among inside hosts is raised, though flows that go out are as odd all day and are not."""
    frame, assessment, incidents = day_of_two_directions()
    decision = IncidentRule.of(CALIBRATION, incidents, 10.0).decide(frame, np.zeros(len(frame)), assessment)
    inside = decision.rows[decision.rows % 2 == 1]
    assert 0 < len(inside) < len(decision.rows) <= 10
    assert assessment["surprise"][inside].max() < 10.0 <= assessment["surprise"][::2].min()
    by_row = dict(zip((decision.rows % 2).tolist(), decision.thresholds.tolist(), strict=True))
    assert by_row[1] < by_row[0]


@settings(deadline=None)  # the first call compiles
@given(st.integers(0, 600), st.integers(0, 600))
def test_incidents_do_not_depend_on_the_batch(first: int, second: int) -> None:
    """Batches cut anywhere, empty ones too, raise the same flows with the same risks."""
    frame, assessment, incidents = day_of_two_directions()
    rule, scores = IncidentRule.of(CALIBRATION, incidents, 30.0), np.zeros(len(frame))
    whole = rule.decide(frame, scores, assessment)
    cuts = [0, *sorted((first, second)), len(frame)]
    rows, grades = [], []
    for begin, end in itertools.pairwise(cuts):
        part = rule.decide(frame[begin:end], scores[begin:end], assessment.take(np.arange(begin, end)))
        rows += (part.rows + begin).tolist()
        grades += part.decades.tolist()
    assert (rows, grades) == (whole.rows.tolist(), whole.decades.tolist())


@pytest.mark.parametrize("place", [0, 3, 12])
def test_a_flow_at_the_budget_itself_is_raised(place: int) -> None:
    """A budget of just so many false incidents raises the flow that costs so many, and none that costs more."""
    frame, assessment, incidents = day_of_two_directions()
    rates = incidents.rates(assessment, directions_of(frame))
    budget = float(np.unique(rates)[place])
    decision = IncidentRule.of(CALIBRATION, incidents, budget).decide(frame, np.zeros(len(frame)), assessment)
    assert decision.rows.tolist() == np.flatnonzero(rates <= budget).tolist()
    assert budget in rates[decision.rows]


def test_no_rarity_is_told_that_calibration_cannot_support() -> None:
    """From half an hour of 150 flows no alert tells of less than an incident in years, nor is it critical for that."""
    rng, count = np.random.default_rng(3), 150
    frame = pl.DataFrame({"src_ip": ["10.0.0.1"] * count, "dst_ip": ["10.0.0.2"] * count})
    ts = np.linspace(0.0, 1_800.0, count)
    usual = Assessment.of(rng.exponential(1.0, count), *nothing_else(count))
    keys = np.arange(count, dtype=np.uint64)
    incidents = IncidentCalibration.fit(keys, directions_of(frame), ts, usual)
    rule = IncidentRule.of(CALIBRATION, incidents, 10.0)
    far = Assessment.of(np.full(count, 90.0), *nothing_else(count))
    decision = rule.decide(frame, np.zeros(count), far)
    assert decision.rates is not None
    assert decision.rates.tolist() == [incidents.least_told] * count
    assert 0.01 < incidents.least_told < 1.0
    assert {severity(decades) for decades in decision.decades.tolist()} == {Severity.HIGH}
