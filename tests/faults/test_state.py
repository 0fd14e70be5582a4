"""What the daemon remembers survives kills and rebalances: every score is what it would have been without."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kafka.fixtures import MakeDaemon
from tests.kafka.world import Daemon, Outcome, Place, Trickle, send, simulated, wait_for

pytestmark = [pytest.mark.kafka, pytest.mark.faults]

PARTITIONS = 3
RATE = 700.0
SETTINGS: dict[str, dict[str, Any]] = {
    "batch": {"max_records": 300, "commit_interval_s": 0.3},
    "state": {"snapshot_interval_s": 1.0},
    # Its model was trained on other traffic: by one a day three flows in four would be raised, and take most time.
    "alerts": {"false_incidents_per_day": 0.02, "detail": "vector"},
}


def scores_by_place(outcome: Outcome) -> dict[Place, set[float]]:
    """Every score that each record was ever given."""
    found: dict[Place, set[float]] = {}
    for one in outcome.scores:
        found.setdefault((one["partition"], one["offset"]), set()).add(one["score"])
    return found


def alerts_by_place(outcome: Outcome) -> dict[Place, set[tuple[Any, ...]]]:
    """What was told of each record that was alerted on: its id, score and evidence."""
    found: dict[Place, set[tuple[Any, ...]]] = {}
    for one in outcome.alerts:
        ours = one["unmapped"]["oddflow"]
        partition, offset = map(int, one["metadata"]["original_event_uid"].split("/"))
        found.setdefault((partition, offset), set()).add((ours["score"], ours["evidence"]))
    return found


def drained(*daemons: Daemon) -> bool:
    """Whether they have read and handled all that there is."""
    gauges = ("oddflow_lag_records", "oddflow_in_flight_records")
    return all(daemon.total(gauge) == 0 for daemon in daemons for gauge in gauges)


@pytest.mark.timeout(600)  # two whole runs, which a slow machine takes minutes for
def test_scores_are_those_of_a_run_undisturbed(make_daemon: MakeDaemon, kafka: str) -> None:
    """Killed, restarted, and moved from one member to three and back, each record has its score in peace."""
    one = make_daemon(PARTITIONS, windows=True, **SETTINGS)
    values = simulated(6_000)
    with Trickle(kafka, one.topics.flows, values, RATE, PARTITIONS) as load:
        one.start()
        one.wait_until_handled(2_000)
        one.kill()
        one.start()
        one.wait_until_handled(1_500)
        others = [make_daemon(beside=one, **SETTINGS) for _ in range(2)]
        for other in others:
            other.start()
        for other in others:
            other.wait_until_handled(500)
        one.kill()
        wait_for(lambda: sum(other.total("oddflow_partitions_assigned") for other in others) == PARTITIONS)
        one.start()
        one.wait_until_handled(500)
        assert [other.stop() for other in others] == [0, 0]
        before = one.handled()
        wait_for(lambda: one.total("oddflow_partitions_assigned") == PARTITIONS and one.handled() > before + 500)
    wait_for(lambda: drained(one))
    assert one.total("oddflow_state_restore_seconds_count") > 0
    assert one.total("oddflow_state_restores_total", result="missing") == 0
    assert one.stop() == 0
    disturbed = Outcome.read(kafka, one.topics)

    calm = make_daemon(PARTITIONS, windows=True, **SETTINGS)
    sent = [values[number % len(values)] for number in range(load.sent)]
    places = send(kafka, calm.topics.flows, sent, PARTITIONS)
    calm.start()
    calm.wait_until_handled(len(sent))
    assert calm.stop() == 0
    undisturbed = Outcome.read(kafka, calm.topics)

    assert set(scores_by_place(undisturbed)) == places
    assert scores_by_place(disturbed) == scores_by_place(undisturbed)
    assert undisturbed.alerts
    assert alerts_by_place(disturbed) == alerts_by_place(undisturbed)
    assert len({one["metadata"]["uid"] for one in disturbed.alerts}) == len(alerts_by_place(disturbed))
