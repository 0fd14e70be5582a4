"""``oddflow replay`` of what a daemon raised on a real Kafka."""

from __future__ import annotations

import json
from typing import Any

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from typer.testing import CliRunner

from detector.cli import app
from tests.kafka.fixtures import MakeDaemon
from tests.kafka.world import Daemon, Outcome, simulated

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

RECORDS = 1_500


def replay(daemon: Daemon, alert: str, *more: str) -> tuple[int, dict[str, Any], str]:
    """Exit code, what is told, and standard error."""
    given = ("--registry", str(daemon.registry), "--bootstrap-servers", daemon.bootstrap, "--format", "zeek", "--json")
    result = CliRunner().invoke(app, ["replay", alert, *given, *more])
    return result.exit_code, json.loads(result.stdout) if result.stdout else {}, result.stderr


def test_alert_on_kafka_replays_until_its_record_is_gone(make_daemon: MakeDaemon, kafka: str) -> None:
    """An alert found by its id comes out the same from its record on Kafka; once that is deleted, this is said.

    So is an alert that is on no topic.
    """
    daemon = make_daemon(windows=True, alerts={"detail": "numbers", "repeat": "all"})
    daemon.work_through(simulated(RECORDS))
    last = Outcome.read(kafka, daemon.topics).alerts[-1]
    named = (last["metadata"]["uid"], "--topic", daemon.topics.alerts)
    code, told, err = replay(daemon, *named)
    assert (code, err, told["by"], told["differing"]) == (0, "", "record", [])
    assert "false_incidents_per_day" in told["compared"]

    place = TopicPartition(daemon.topics.flows, 0, RECORDS)
    admin = AdminClient({"bootstrap.servers": kafka, "log_level": 0})
    admin.delete_records([place])[place].result(60)
    code, _, err = replay(daemon, *named)
    assert (code, "its record is missing" in err, 'alerts.detail to "vector"' in err) == (3, True, True)
    code, _, err = replay(daemon, "0" * 8 + "-0000-5000-8000-" + "0" * 12, "--topic", daemon.topics.alerts)
    assert (code, "does not hold it any more" in err) == (3, True)


def test_alert_replays_from_the_state_that_the_daemon_kept(make_daemon: MakeDaemon, kafka: str) -> None:
    """Where what came before its record is gone, the daemon's own state stands in, and every feature is the same.

    Without that state features differ, and an alert from before it says that there is none.
    """
    daemon = make_daemon(windows=True, alerts={"detail": "vector", "repeat": "all"}, state={"snapshot_interval_s": 9e3})
    flows = simulated(2 * RECORDS)
    for part in (flows[:RECORDS], flows[RECORDS:]):  # each stop keeps the state as it is then
        daemon.work_through(part)
    place = TopicPartition(daemon.topics.flows, 0, RECORDS)
    admin = AdminClient({"bootstrap.servers": kafka, "log_level": 0})
    admin.delete_records([place])[place].result(60)
    last = Outcome.read(kafka, daemon.topics).alerts[-1]
    named = (last["metadata"]["uid"], "--topic", daemon.topics.alerts, "--record")
    config = ("--config", str(daemon.folder / "oddflow.toml"))
    code, told, err = replay(daemon, *named, *config)
    assert (code, err, told["differing"]) == (0, "", [])
    assert told["state"].startswith(f"the daemon's state at offset {RECORDS}, and ")
    assert "vector" in told["compared"]

    code, told, _ = replay(daemon, *named, *config, "--no-state")
    assert (code, told["same"]) == (1, False)
    code, told, _ = replay(daemon, *named)
    assert (code, "has no state of group oddflow" in told["state"]) == (1, True)
