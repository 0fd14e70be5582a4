"""The daemon is killed, told to end, or loses its brokers in mid-stream: nothing that went in is missing after."""

from __future__ import annotations

import time

import pytest

from tests.kafka.fixtures import MakeDaemon
from tests.kafka.world import Daemon, Outcome, Trickle, simulated, wait_for
from tests.transport.guarded import GuardedKafka

pytestmark = [pytest.mark.kafka, pytest.mark.faults]

RATE = 1_000.0


def nothing_left(daemon: Daemon) -> bool:
    """Whether it has read and handled all that there is."""
    return daemon.total("oddflow_lag_records") == 0 == daemon.total("oddflow_in_flight_records")


def test_killed_in_mid_stream_nothing_is_missing(make_daemon: MakeDaemon, kafka: str) -> None:
    """Killed twice while records stream in, every record comes out; what comes twice comes with the same id."""
    daemon = make_daemon(batch={"max_records": 200, "commit_interval_s": 0.5})
    with Trickle(kafka, daemon.topics.flows, simulated(3_000), RATE) as load:
        for _ in range(2):
            daemon.start()
            daemon.wait_until_handled(500)
            daemon.kill()
    daemon.start()
    wait_for(lambda: daemon.handled() > 0 and nothing_left(daemon))
    assert daemon.stop() == 0
    outcome = Outcome.read(kafka, daemon.topics)
    assert set(outcome.places()) == set(load.places())
    by_place: dict[tuple[int, int], set[str]] = {}
    for score in outcome.scores:
        by_place.setdefault((score["partition"], score["offset"]), set()).add(score["id"])
    assert {len(ids) for ids in by_place.values()} == {1}
    assert daemon.committed() == load.sent


def test_told_to_end_it_finishes_and_commits(make_daemon: MakeDaemon, kafka: str) -> None:
    """On SIGTERM in mid-stream it ends in order, in time: what came out is exactly what is committed."""
    daemon = make_daemon(batch={"commit_interval_s": 600.0}, shutdown={"deadline_s": 15.0})
    with Trickle(kafka, daemon.topics.flows, simulated(3_000), RATE):
        daemon.start()
        daemon.wait_until_handled(500)
        assert daemon.stop() == 0
    outcome = Outcome.read(kafka, daemon.topics)
    assert outcome.scored() == {(0, offset): 1 for offset in range(daemon.committed())}
    assert daemon.committed() >= 500
    (told,) = daemon.events("daemon.stopped")
    assert told["in_flight"] == 0
    assert told["seconds"] < 15.0


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_brokers_that_go_and_come_back(own_kafka: GuardedKafka, daemon: Daemon, how: str) -> None:
    """While the broker is away it keeps trying and says so once; back, everything comes out, nothing is missing."""
    with Trickle(daemon.bootstrap, daemon.topics.flows, simulated(3_000), RATE) as load:
        daemon.start()
        daemon.wait_until_handled(500)
        assert daemon.total("oddflow_broker_up") == 1
        getattr(own_kafka, how)()
        wait_for(lambda: daemon.total("oddflow_broker_up") == 0)
        time.sleep(3)  # long enough for many attempts
        assert daemon.running
        assert daemon.total("oddflow_broker_up") == 0
        own_kafka.start()
        wait_for(lambda: daemon.total("oddflow_broker_up") == 1)
        handled = daemon.handled()
        wait_for(lambda: daemon.handled() > handled + 500)
    wait_for(lambda: nothing_left(daemon) and daemon.handled() >= load.sent)
    assert daemon.stop() == 0
    assert set(Outcome.read(daemon.bootstrap, daemon.topics).places()) == set(load.places())
    assert len(daemon.events("broker.lost")) == 1
    assert daemon.events("broker.restored")
    assert len(daemon.events("daemon.started")) == 1


@pytest.mark.parametrize("transport", ["confluent", "kafka-python"])
def test_told_to_end_without_brokers(own_kafka: GuardedKafka, daemon: Daemon, transport: str) -> None:
    """On SIGTERM while the broker is away it ends by its deadline, commit and all; nothing is missing after."""
    daemon.settings["input"] = {"transport": transport}
    daemon.settings["shutdown"] = {"deadline_s": 6.0}
    daemon.settings["batch"] = {"max_records": 100}
    daemon.settings["alerts"] = {"repeat": "doubling"}  # what waits meanwhile is handled in time on a slow machine, too
    with Trickle(daemon.bootstrap, daemon.topics.flows, simulated(3_000), RATE / 4) as load:
        daemon.start()
        daemon.wait_until_handled(500)
        own_kafka.kill()
        wait_for(lambda: daemon.total("oddflow_broker_up") == 0)
        time.sleep(2)
        assert daemon.stop() == 0  # by itself: one that hangs is killed after a while
        (told,) = daemon.events("daemon.stopped")
        assert told["seconds"] < 6.0 + 4.0  # a commit that waited for its own bound would take ten more
        own_kafka.start()
    daemon.start()
    wait_for(lambda: daemon.handled() > 0 and nothing_left(daemon))
    assert daemon.stop() == 0
    assert set(Outcome.read(daemon.bootstrap, daemon.topics).places()) == set(load.places())
