"""Figures by model version, hosts by risk, suppressions, and the queue, as the database gives them."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from detector.errors import ConfigurationError
from detector.suppression.make import make_rule, of_incident
from tests.casebook.documents import START
from tests.feedback.labels import uid
from tests.triage.documents import CAME, incident, judge, put, risk
from triage.reading import host_of
from triage.store.engine import Database
from triage.store.figures import MOST_VERSIONS, figures, histogram, precision
from triage.store.hosts import hosts_by_risk
from triage.store.incidents import incident as one
from triage.store.put import forget_risks, put_risks
from triage.store.queue import most_instructive
from triage.store.suppressions import Heard, list_rules, remove_rule, rule_of, save_rule, take_rules
from triage.store.tables import OUTBOX


def test_figures_are_of_each_model_version(database: Database) -> None:
    """Verdicts, precision, time to label and share of the budget are counted by the model that raised an incident."""
    with database.write() as session:
        put(session, [incident(n, model_versions=["v1"]) for n in range(6)])
        put(session, [incident(n, model_versions=["v2"]) for n in range(10, 13)], came=CAME + 10)
        for number, verdict in ((0, "true"), (1, "false"), (2, "false"), (3, "unsure"), (10, "true")):
            judge(session, number, verdict, at=200 if number else 50)  # the first by a clock that was set back
    with database.read() as session:
        second, first = figures(session, CAME + 3_600, 2.0)
    assert (first.model_version, second.model_version) == ("v1", "v2")
    assert first.verdicts == {"true": 1, "false": 2, "unsure": 1, "none": 2}
    assert first.precision is not None
    assert math.isclose(first.precision.share, 1 / 3)
    assert (first.waits[:3], first.waits[-1], first.waits_sum_s) == ((1, 4, 4), 4, 300.0)
    assert (first.incidents, first.last_day, first.budget_share) == (6, 6, 3.0)
    with database.read() as session:
        assert [each.last_day for each in figures(session, CAME + 90_000, 0.0)] == [0, 0]
        assert [each.budget_share for each in figures(session, CAME, 0.0)] == [None, None]


def test_versions_are_bounded(database: Database) -> None:
    """However many versions raised incidents, figures are of the last ones."""
    with database.write() as session:
        for number in range(MOST_VERSIONS + 5):
            put(session, [incident(number, model_versions=[f"v{number:02}"])], came=CAME + number)
    with database.read() as session:
        versions = [each.model_version for each in figures(session, CAME, 1.0)]
    assert versions == [f"v{number:02}" for number in range(14, 4, -1)]


@pytest.mark.parametrize(
    ("true", "false", "low", "high"), [(0, 10, 0.0, 0.278), (10, 0, 0.722, 1.0), (5, 5, 0.237, 0.763)]
)
def test_precision_has_wilson_s_interval(true: int, false: int, low: float, high: float) -> None:
    """The interval is Wilson's, by values computed elsewhere: ten labels say little, and never 0 to 0."""
    found = precision(true, false)
    assert found is not None
    assert (round(found.low, 3), round(found.high, 3)) == (low, high)
    assert precision(0, 0) is None


def test_waits_are_counted_up_to_each_bound() -> None:
    """A wait on a bound is within it; all are in the last."""
    assert histogram([60.0, 61.0, 1e9]) == (1, 2, 2, 2, 2, 2, 2, 2, 2, 3)


def test_hosts_are_by_the_risk_of_all_partitions(database: Database) -> None:
    """A host's documents of several partitions count together; later ones replace earlier ones; faded ones go."""
    documents = [
        risk("10.0.0.1", risk=60.0),
        risk("10.0.0.1", partition=1, risk=40.0),
        risk("10.0.0.2", risk=70.0),
        risk("10.0.0.3", risk=90.0, as_of=START + 1),
        risk("10.0.0.3", risk=1.5, as_of=START + 2),
        risk("10.0.0.3", risk=95.0, as_of=START),
        risk("10.0.0.4", risk=99.0, name="mail"),
    ]
    with database.write() as session:
        put(session, [incident(1, sources=["10.0.0.2"])])
        judge(session, 1, "true")
        for each in documents:
            put_risks(session, [host_of(each)])
        forget_risks(session, [("10.0.0.4", 0)])
    with database.read() as session:
        found = hosts_by_risk(session)
        few = hosts_by_risk(session, 1)
    assert [(each.address, round(each.row.risk)) for each in found] == [
        ("10.0.0.1", 80),
        ("10.0.0.2", 70),
        ("10.0.0.3", 2),
    ]
    assert [dict(each.verdicts) for each in found] == [{}, {"true": 1}, {}]
    assert [each.address for each in few] == ["10.0.0.1"]


def test_suppressions_are_saved_sent_and_withdrawn(database: Database) -> None:
    """A rule made here stands and is to be sent; withdrawn it stands no more, and its deletion is; others' come."""
    now = datetime.fromtimestamp(START, UTC)
    with database.write() as session:
        put(session, [incident(1)])
        found = one(session, uid(1))
        assert found is not None
        rule = make_rule(
            of_incident(found.told.ours), "source", owner="ada", reason="ours", now=now, lasts=timedelta(days=7)
        )
        save_rule(session, rule, START)
    with database.read() as session:
        (row,) = list_rules(session, START)
        assert list_rules(session, START + 8 * 86_400) == []
    assert (row.rule, row.sent, row.holds(START), row.holds(START + 8 * 86_400)) == (rule, False, True, False)
    with database.write() as session:
        take_rules(session, [Heard(rule.id, None, START, 3)])  # an older message: what is made here is still to be sent
        assert len(list_rules(session, START)) == 1
        session.execute(OUTBOX.delete())
        take_rules(session, [Heard(rule.id, rule, START, 4)])
        assert list_rules(session, START)[0].sent
        remove_rule(session, rule.id, START + 5)
        assert list_rules(session, START) == []
        assert [each.removed for each in list_rules(session, START, ended=True)] == [START + 5]
        sent = session.execute(select(OUTBOX.c.channel, OUTBOX.c.key, OUTBOX.c.value)).all()
        assert [tuple(each) for each in sent] == [("suppressions", rule.id.encode(), None)]
        with pytest.raises(ConfigurationError, match="there is none with this id that stands"):
            remove_rule(session, rule.id, START + 6)
        session.execute(OUTBOX.delete())
        take_rules(session, [Heard("other", None, START, 5), Heard(rule.id, rule, START + 9, 6)])
        stands = rule_of(session, rule.id)
    assert stands is not None
    assert stands.removed is None


def test_the_queue_begins_with_what_a_label_teaches_most(database: Database) -> None:
    """Of many alike one comes first; once it is labelled, another pattern does."""
    with database.write() as session:
        many = [incident(n, kind="beacon", sources=["10.0.0.7"], ports=[443]) for n in range(8)]
        put(session, [*many, incident(20), incident(21, merged_into=uid(20))])
    with database.read() as session:
        first = most_instructive(session, 3)
    assert [each.row.id for each in first] == [uid(7), uid(20), uid(6)]
    assert first[0].why == "nothing like it was labelled yet; its answer fits 8 incidents"
    with database.write() as session:
        judge(session, 7, "false")
    with database.read() as session:
        assert most_instructive(session, 1)[0].row.id == uid(20)
