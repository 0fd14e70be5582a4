"""Rules on a topic and a daemon that follows them, on a real Kafka."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from detector.deadline import Deadline
from detector.feedback.label import iso
from detector.settings.load import load_settings
from detector.suppression.rule import Suppression, convert_rule
from detector.suppression.topic import records_of, withdrawals_of
from detector.telemetry.events import silent
from detector.transport.base import Channel, OutRecord
from detector.transport.choose import open_suppression_sink
from tests.conftest import MakeTopic
from tests.kafka.fixtures import MakeDaemon
from tests.kafka.world import Daemon, Outcome, Trickle, simulated, wait_for

pytestmark = pytest.mark.kafka

RATE = 300.0


def everything() -> Suppression:
    """A rule of every flow of any host, for an hour."""
    now = datetime.now(UTC)
    given: dict[str, Any] = {"suppression_version": 1, "id": "all", "scope": "pattern", "owner": "ada", "reason": "x"}
    given |= {"pattern": [{"feature": "duration_log", "at_least": -1e30}]}
    return convert_rule(given | {"created": iso(now), "expires": iso(now + timedelta(hours=1))})


def write(kafka: str, topic: str, transport: str, records: list[OutRecord]) -> None:
    """Send rules as commands and pages do."""
    given = {"kafka.bootstrap_servers": kafka, "suppression.topic": topic, "input.transport": transport}
    sink = open_suppression_sink(load_settings(None, given), silent)
    sink.start()
    sink.send(Channel.SUPPRESSIONS, records)
    sink.flush(Deadline.after(30.0))
    sink.stop(Deadline.after(5.0))


def raised(daemon: Daemon) -> float:
    """Alerts since its start."""
    return daemon.total("oddflow_alerts_total")


def hidden(daemon: Daemon) -> float:
    """Alerts that a rule hid since its start."""
    return daemon.total("oddflow_suppressed_total", scope="pattern")


def polled(daemon: Daemon) -> float:
    """Records read since its start."""
    return daemon.total("oddflow_stage_records_out_total", stage="poll")


def accounted(daemon: Daemon) -> float:
    """Records whose alerts are counted since its start, at least: more may be read while the second is asked."""
    return polled(daemon) - daemon.total("oddflow_in_flight_records")


@pytest.mark.parametrize("transport", ["confluent", "kafka-python"])
def test_a_rule_is_in_force_until_it_is_withdrawn(
    make_daemon: MakeDaemon, kafka: str, topic: MakeTopic, transport: str
) -> None:
    """It holds while the daemon runs, from a restart's first record on, and no more once it is withdrawn."""
    rules = topic(2)
    daemon = make_daemon(suppression={"topic": rules}, input={"transport": transport})
    with Trickle(kafka, daemon.topics.flows, simulated(3_000), RATE):
        daemon.start()
        wait_for(lambda: raised(daemon) > 0)
        assert hidden(daemon) == 0
        write(kafka, rules, transport, records_of([everything()]))
        wait_for(lambda: hidden(daemon) > 0)
        read = polled(daemon)  # what was judged before the rule is among these, and may not be counted yet
        wait_for(lambda: accounted(daemon) >= read)
        before = raised(daemon)
        counted = hidden(daemon)
        wait_for(lambda: hidden(daemon) > counted)
        assert raised(daemon) == before
        assert daemon.stop() == 0
        daemon.start()
        wait_for(lambda: hidden(daemon) > 0)
        assert (raised(daemon), daemon.total("oddflow_suppressions")) == (0, 1)
        write(kafka, rules, transport, withdrawals_of(["all"]))
        wait_for(lambda: raised(daemon) > 0)
        assert raised(daemon) > 0
        assert daemon.total("oddflow_suppressions") == 0
    assert daemon.stop() == 0
    alerts = Outcome.read(kafka, daemon.topics).alerts
    assert {(each["status_id"], each.get("status_detail")) for each in alerts} == {(1, None), (3, "all")}
    assert [len(daemon.events(f"suppressions.{step}")) for step in ("begun", "withdrawn", "unread")] == [2, 1, 0]


def test_a_topic_that_comes_later_is_found(make_daemon: MakeDaemon, kafka: str, topic: MakeTopic) -> None:
    """A daemon starts without it, says so once, and has its rules within seconds once it is there."""
    name = topic() + "-later"
    daemon = make_daemon(suppression={"topic": name})
    daemon.start()
    wait_for(lambda: bool(daemon.events("suppressions.unread")))
    from detector.transport.kafka.own_topics import create_missing  # noqa: PLC0415

    given = {"kafka.bootstrap_servers": kafka, "suppression.topic": name}
    create_missing(load_settings(None, given), only=name)
    write(kafka, name, "confluent", records_of([everything()]))
    wait_for(lambda: daemon.total("oddflow_suppressions") == 1)
    assert daemon.total("oddflow_suppressions") == 1
    assert daemon.stop() == 0
    assert [len(daemon.events(f"suppressions.{step}")) for step in ("unread", "read")] == [1, 1]
