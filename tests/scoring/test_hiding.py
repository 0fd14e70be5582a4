"""The judge with suppressions: what they hide is written and counted, and raises nothing."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from detector.alerts.build import AlertBuilder
from detector.alerts.decided import unpacked
from detector.alerts.writer import AlertWriter
from detector.decisions.decide import Budget
from detector.every_metric import open_metrics
from detector.feedback.label import iso
from detector.incidents.events import IncidentsTold
from detector.records.every_format import open_decoder
from detector.scoring.judge import Judge
from detector.suppression.matching import Matcher
from detector.suppression.rule import Suppression, convert_rule
from detector.telemetry.events import Event, Telemetry
from detector.telemetry.logs import open_log
from tests.golden.day import LEARNT, NoOther, batch, model, read, records

BEGAN = LEARNT.end
FIRST = 3_000
"""Records of the golden day that these tests read: scans and a brute force are in them."""


class Told(NamedTuple):
    """What the judge told."""

    alerts: list[dict[str, Any]]
    incidents: list[dict[str, Any]]
    hidden: int
    raised: int
    severities: int
    events: list[Event]
    metrics: CollectorRegistry

    def of(self, *, hidden: bool) -> list[str]:
        """Ids of alerts."""
        return [each["metadata"]["uid"] for each in self.alerts if (each["status_id"] == 3) is hidden]


def rule(scope: str = "source", *, days: float = 7.0, **entity: Any) -> Suppression:
    """A rule that was made as the day began."""

    made = datetime.fromtimestamp(BEGAN, UTC)
    given: dict[str, Any] = {"suppression_version": 1, "id": f"{scope}-rule", "scope": scope, **entity}
    given |= {"owner": "ada", "reason": "ours", "created": iso(made), "expires": iso(made + timedelta(days=days))}
    return convert_rule(given)


def judged(rules: Sequence[Suppression] = (), cuts: Sequence[int] = (1_000, 2_000), now: float = BEGAN) -> Told:
    """What is told of the day's first records, cut there."""
    registry, events = CollectorRegistry(), list[Event]()
    telemetry = Telemetry(open_metrics(registry), open_log(io.StringIO()))

    def tell(event: Event) -> None:
        events.append(event)
        telemetry.tell(event)

    matcher = Matcher(rules)
    judge = Judge(
        model(),
        incoming=NoOther(),
        budget=Budget(incidents_per_day=30.0),
        builder=AlertBuilder(),
        writer=AlertWriter(detail="vector"),
        write_scores=False,
        write_incidents=True,
        rules=lambda: matcher,
        clock=lambda: now,
        tell=tell,
    )
    decoder, values = open_decoder("zeek"), records()[:FIRST]
    results = []
    ends = [*sorted({cut for cut in cuts if 0 < cut < FIRST}), FIRST]
    for first, end in zip([0, *ends[:-1]], ends, strict=True):
        raw = batch(values[first:end], first)
        results.append(judge.judge(raw, decoder.decode(raw.values)))
    results.append(judge.conclude())
    written = [read(each) for result in results for each in result.alerts]
    return Told(
        written,
        [read(each) for result in results for each in result.incidents],
        sum(sum(result.suppressed.values()) for result in results),
        sum(len(result.alerts) - result.written_hidden + result.withheld for result in results),
        sum(sum(result.severities.values()) for result in results),
        events,
        registry,
    )


@cache
def without() -> Told:
    """What is told where there are no rules."""
    return judged()


@cache
def loudest() -> str:
    """The source with the most alerts."""
    sources: list[str] = [each["evidences"][0]["src_endpoint"]["ip"] for each in without().alerts]
    return max(sorted(set(sources)), key=sources.count)


def test_what_is_hidden_is_written_and_counted_and_raises_nothing() -> None:
    """Each alert is hidden or raised, as without rules; hidden are those of the rule, in incidents of their own."""
    told, before = judged([rule(src_ip=loudest())]), without()
    ours = [each for each in before.alerts if each["evidences"][0]["src_endpoint"]["ip"] == loudest()]
    assert told.of(hidden=True) == [each["metadata"]["uid"] for each in ours]
    assert [each["metadata"]["uid"] for each in told.alerts] == [each["metadata"]["uid"] for each in before.alerts]
    assert 0 < told.hidden < told.hidden + told.raised == before.raised
    assert told.severities == told.raised
    hidden = [each for each in told.alerts if each["status_id"] == 3]
    assert {(each["status_detail"], each["is_alert"]) for each in hidden} == {("source-rule", False)}
    shown = {each["metadata"]["correlation_uid"] for each in told.alerts if each["status_id"] == 1}
    assert not shown & {each["metadata"]["correlation_uid"] for each in hidden}
    counted = told.metrics.get_sample_value("oddflow_suppressed_total", {"scope": "source"})
    assert counted == told.hidden


def test_incidents_of_hidden_alerts_are_written_and_not_told() -> None:
    """The topic has them, as suppressed; metrics, the daemon's own page and a rollback hear of the others alone."""
    told, before = judged([rule(src_ip=loudest())]), without()
    heard = {
        change.incident.id for event in told.events if isinstance(event, IncidentsTold) for change in event.changes
    }
    hidden = {each["finding_info"]["uid"] for each in told.incidents if "suppressed_by" in each["unmapped"]["oddflow"]}
    written = {each["finding_info"]["uid"] for each in told.incidents}
    assert hidden
    assert heard == written - hidden
    assert {each["finding_info"]["uid"] for each in before.incidents} - heard


@pytest.mark.parametrize(
    ("days", "now", "hides"),
    [
        (7.0, BEGAN, True),
        (7.0, BEGAN + 8 * 86_400.0, False),  # the wall's clock is beyond the end, as after a jump
        (7.0, BEGAN - 400 * 86_400.0, True),  # the wall's clock was set back: the flows' own time counts
        (0.0001, BEGAN - 400 * 86_400.0, False),
    ],
)
def test_a_rule_hides_while_both_clocks_are_before_its_end(days: float, now: float, hides: bool) -> None:
    """Whichever clock is wrong, more is told and not less."""
    assert bool(judged([rule(src_ip=loudest(), days=days)], now=now).hidden) is hides


def test_patterns_go_by_the_features_that_were_scored() -> None:
    """A bound between the values of two alerts hides the one and not the other; the alert tells its features."""
    names = list(model().extractor.spec.names)
    place = names.index("source_flows_1m") if "source_flows_1m" in names else 0
    values = {each["metadata"]["uid"]: vector(each)[place] for each in without().alerts}
    middle = sorted(values.values())[len(values) // 2]
    told = judged([rule("pattern", pattern=[{"feature": names[place], "at_most": middle}])])
    below = {name for name, value in values.items() if value <= middle}
    assert 0 < len(below) < len(values)
    assert set(told.of(hidden=True)) >= below
    assert not set(told.of(hidden=True)) & (values.keys() - below)


def vector(alert: dict[str, Any]) -> list[float]:
    """The row of features that an alert tells."""
    return unpacked(alert["unmapped"]["oddflow"]["vector"])


def test_a_feature_that_the_model_does_not_have_hides_nothing() -> None:
    """As after a swap to a model that was trained without it."""
    assert judged([rule("pattern", pattern=[{"feature": "absent", "at_most": 1e9}])]).hidden == 0


@pytest.mark.slow
@settings(max_examples=4, deadline=None)
@given(cuts=st.lists(st.integers(1, FIRST - 1), max_size=6))
def test_batches_change_nothing_of_what_is_hidden(cuts: list[int]) -> None:
    """The same alerts are hidden, and the same incidents are told, however the records are cut."""
    names = model().extractor.spec.names
    rules = [rule(src_ip=loudest()), rule("pattern", pattern=[{"feature": names[0], "at_most": 6.0}])]
    told, whole = judged(rules, cuts), _whole(tuple(rules))
    assert (told.alerts, told.incidents, told.hidden) == (whole.alerts, whole.incidents, whole.hidden)


@cache
def _whole(rules: tuple[Suppression, ...]) -> Told:
    return judged(rules, ())


def standing(now: float) -> Callable[[], float]:
    """A clock that stands still."""
    return lambda: now


def test_what_is_remembered_is_hidden_as_it_was() -> None:
    """Records gone through again after a restart leave the same state, though the rule has ended on the wall since."""
    matcher = Matcher([rule(src_ip=loudest())])
    decoder, values = open_decoder("zeek"), records()[:FIRST]
    states = []
    for now, again in ((BEGAN, False), (BEGAN + 30 * 86_400.0, True)):
        judge = Judge(
            model(),
            incoming=NoOther(),
            budget=Budget(incidents_per_day=30.0),
            builder=AlertBuilder(),
            writer=AlertWriter(),
            write_scores=False,
            write_incidents=True,
            rules=lambda: matcher,
            clock=standing(now),
            tell=lambda _: None,
        )
        raw = batch(values, 0)
        (judge.remember if again else judge.judge)(raw, decoder.decode(raw.values))
        states.append(judge.memory.freeze(0)())
    assert states[0] == states[1]
