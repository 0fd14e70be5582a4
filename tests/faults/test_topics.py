"""The input topic is made again, grows, or goes with its broker's data, under a daemon that runs: it is read on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions

from detector.cli.healthcheck import ask
from detector.state.store import SnapshotStore
from detector.transport.kafka.topics import Topic, ensure_topics
from tests.kafka.fixtures import MakeDaemon
from tests.kafka.sensor import Sensor, ids
from tests.kafka.world import PATIENCE_S, TICK_S, Daemon, Topics, promote, publish, wait_for
from training.demo.broker import EmbeddedKafka

pytestmark = [pytest.mark.kafka, pytest.mark.faults]

CLIENTS = ("confluent", "kafka-python")

RATE = 300.0


def create(daemon: Daemon, *names: str, partitions: int = 1) -> None:
    """Create topics where it reads and writes."""
    ensure_topics({"bootstrap.servers": daemon.bootstrap}, [Topic(name, partitions) for name in names])


def outputs(daemon: Daemon) -> tuple[str, ...]:
    """The topics that it writes to."""
    return daemon.topics.alerts, daemon.topics.dead_letters, daemon.topics.scores


def delete(daemon: Daemon) -> None:
    """Delete its input."""
    admin, flows = AdminClient({"bootstrap.servers": daemon.bootstrap}), daemon.topics.flows
    admin.delete_topics([flows])[flows].result(PATIENCE_S)


def read(daemon: Daemon) -> float:
    """How many records it has read since its start."""
    return daemon.total("oddflow_stage_records_in_total", stage="poll")


def readiness(daemon: Daemon) -> tuple[int, str]:
    """What ``/readyz`` says."""
    return ask("127.0.0.1", daemon.port, "/readyz")


def gone(daemon: Daemon) -> tuple[int, str]:
    """What it is to say while there is no such topic."""
    return 503, f"topic {daemon.topics.flows!r} does not exist any more: create it again, and it is read from its start"


def left_out(daemon: Daemon) -> set[str]:
    """The flows that its topic holds and that were not scored, once it has had time to."""
    held = ids(daemon.bootstrap, daemon.topics.flows)
    wait_for(lambda: held <= ids(daemon.bootstrap, daemon.topics.scores))
    return held - ids(daemon.bootstrap, daemon.topics.scores)


@pytest.mark.parametrize("transport", CLIENTS)
def test_a_topic_made_again_under_load_is_read_whole(make_daemon: MakeDaemon, kafka: str, transport: str) -> None:
    """Deleted and made again while records flow: all of the new one's are scored; commits and state are of it alone."""
    daemon = make_daemon(windows=True, input={"transport": transport})
    daemon.start()
    with Sensor(kafka, daemon.topics.flows, RATE):
        daemon.wait_until_handled(500)
        remembered = daemon.total("oddflow_window_keys")
        delete(daemon)
        create(daemon, daemon.topics.flows)
        wait_for(lambda: bool(daemon.events("topic.replaced")))
        before = read(daemon)
        wait_for(lambda: read(daemon) >= before + 300)
    assert left_out(daemon) == set()
    scraped = daemon.scrape()
    assert daemon.stop() == 0
    told = daemon.events("topic.replaced")  # twice where the new log's end was noticed before the topic's id
    assert told[-1]["partitions"] == "all"
    # Where the daemon happened to look while there was no topic, it has let the partitions go before they came again.
    goes_on, begins = "what is remembered goes on", "begins with what the model brings"
    states = {one["state"] for one in told}
    assert states <= {goes_on, begins}
    assert scraped.total("oddflow_topic_replacements_total") == len(told)
    assert scraped.total("oddflow_window_keys") >= (remembered if states == {goes_on} else 1) > 0
    held = len(ids(kafka, daemon.topics.flows))
    assert daemon.committed() == held
    assert snapshot(daemon, held) == held


def snapshot(daemon: Daemon, committed: int) -> int | None:
    """The place in partition 0 of the snapshot that a next start would take."""
    store = SnapshotStore(f"{daemon.registry}/.state", f"group-{daemon.topics.flows}", daemon.topics.flows)
    found = store.load(0, committed)
    return found.offset if found else None


@pytest.mark.parametrize("transport", CLIENTS)
def test_partitions_added_under_load_are_read(make_daemon: MakeDaemon, kafka: str, transport: str) -> None:
    """Partitions that come while records flow are read from their start, and compared with the model's."""
    daemon = make_daemon(windows=True, input={"transport": transport})
    daemon.start()
    flows = daemon.topics.flows
    with Sensor(kafka, flows, RATE) as sensor:
        daemon.wait_until_handled(300)
        assert daemon.events("partitions.differ") == []
        admin = AdminClient({"bootstrap.servers": kafka})
        admin.create_partitions([NewPartitions(flows, 3)])[flows].result(PATIENCE_S)
        sensor.partitions = 3
        wait_for(lambda: daemon.total("oddflow_committed_offset", partition="2") > 0)
    assert left_out(daemon) == set()
    scraped = daemon.scrape()
    assert daemon.stop() == 0
    (added,), (differ,) = daemon.events("partitions.added"), daemon.events("partitions.differ")
    assert (added["before"], added["partitions"]) == (1, 3)
    assert (differ["partitions"], differ["model_partitions"]) == (3, 1)
    assert scraped.total("oddflow_partitions_assigned") == scraped.total("oddflow_topic_partitions") == 3


def on_it(kafka: EmbeddedKafka, folder: Path, transport: str) -> Daemon:
    """A daemon there, whose topic has two partitions and its model's windows one; not started."""
    names = (f"{transport}-{name}" for name in ("flows", "alerts", "dead-letters", "scores"))
    folder.mkdir()
    publish(folder / "registry", windows=True)
    daemon = Daemon(folder, folder / "registry", kafka.bootstrap_servers, Topics(*names))
    daemon.settings["input"] = {"transport": transport}
    create(daemon, *outputs(daemon))
    create(daemon, daemon.topics.flows, partitions=2)
    return daemon


@pytest.fixture
def daemons(own_kafka: EmbeddedKafka, tmp_path: Path) -> Iterator[list[Daemon]]:
    """A daemon of each client, not started; they end with the test."""
    made = [on_it(own_kafka, tmp_path / transport, transport) for transport in CLIENTS]
    yield made
    for daemon in made:
        if daemon.running:
            daemon.kill()


def test_a_broker_back_without_its_data(own_kafka: EmbeddedKafka, daemons: list[Daemon]) -> None:
    """While its topic is gone no daemon says ready; made again, it is read and compared, by either client."""
    with ExitStack() as sensors:
        for daemon in daemons:
            daemon.start()
            sensors.enter_context(Sensor(daemon.bootstrap, daemon.topics.flows, RATE, partitions=2))
        for daemon in daemons:
            daemon.wait_until_handled(300)
        own_kafka.wipe()
        own_kafka.start()
        for daemon in daemons:
            create(daemon, *outputs(daemon))
            wait_for(lambda: readiness(daemon) == gone(daemon))  # noqa: B023 - called at once
            promote(daemon.registry, publish(daemon.registry, 1, promote=False, windows=True))
        said = observed(daemons, seconds=5.0)
        assert said >= {gone(daemon) for daemon in daemons}
        assert [text for code, text in said if code == 200] == []
        for daemon in daemons:
            wait_for(lambda: len(daemon.events("model.swapped")) == 2)  # noqa: B023
            assert daemon.total("oddflow_topic_partitions") == 0
            create(daemon, daemon.topics.flows, partitions=3)
            wait_for(lambda: readiness(daemon)[0] == 200)  # noqa: B023
            assert readiness(daemon)[0] == 200
    for daemon in daemons:
        assert left_out(daemon) == set()
        assert daemon.stop() == 0
        compared = [(told["partitions"], told["model_partitions"]) for told in daemon.events("partitions.differ")]
        assert compared[0] == (2, 1)
        assert set(compared[1:]) == {(3, 1)}
        assert len(daemon.events("daemon.started")) == 1


def observed(daemons: list[Daemon], seconds: float) -> set[tuple[int, str]]:
    """All that these say of their readiness within that time."""
    until = time.monotonic() + seconds
    said: set[tuple[int, str]] = set()
    while time.monotonic() < until:
        said |= {readiness(daemon) for daemon in daemons}
        time.sleep(TICK_S)
    return said
