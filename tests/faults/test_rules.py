"""Alert rules fire where they should: provoked at a daemon that runs, by its own metrics; and not at a well one."""

from __future__ import annotations

import math
import os
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import AclOperation
from confluent_kafka.admin._resource import ResourceType

from detector.cli.healthcheck import ask
from tests.bundles import bundle, ordinary_flows
from tests.conftest import MakeTopic
from tests.faults.recorder import Recorder
from tests.kafka.fixtures import MakeDaemon
from tests.kafka.world import Daemon, Trickle, challenge, damage, limit, promote, publish, send, simulated, wait_for
from tests.notify.made import document
from tests.notify.receivers import Reply, receiving
from tests.schemas.small_registry import SmallRegistry
from tests.transport.guarded import PASSWORD, GuardedKafka, right
from training.demo.ports import free_port
from training.simulator.scenario import DEFAULT_START

PROVOKED = {
    "a busy day of everything": {
        "OddflowAlertsLate",
        "OddflowClocksOff",
        "OddflowIncidentsAboveBudget",
        "OddflowInputRejected",
        "OddflowModelRefused",
        "OddflowOutputsOversized",
        "OddflowPartitionsDiffer",
        "OddflowRegistryUnreadable",
        "OddflowStateNotSaved",
    },
    "a quiet end": {"OddflowNoRecords"},
    "outputs that nobody takes": {
        "OddflowFallingBehind",
        "OddflowOutputsNotAcknowledged",
        "OddflowStandsStill",
    },
    "no broker": {"OddflowBrokerUnreachable"},
    "a right that is taken away": {"OddflowCommitsFail"},
    "a killed member": {"OddflowDown", "OddflowPartitionsUnread"},
    "other traffic": {"OddflowRetrain"},
    "another network": {"OddflowHostsUnknown", "OddflowNetworkUnknown"},
    "a topic that loses records and goes": {"OddflowRecordsLost", "OddflowTopicMissing"},
    "no schema registry": {"OddflowSchemaRegistryLost"},
    "a challenger that is late and crashes": {"OddflowChallengerBehind", "OddflowChallengerFailed"},
    "receivers of messages that are away or refuse": {"OddflowNotifyGivenUp", "OddflowNotifyWaits"},
    "a bad champion": {"OddflowRolledBack"},  # by tests/kafka/test_shadow.py
}
"""What each test here makes fire; tests/test_deployment.py sees that no rule is missing."""

ELSEWHERE = {
    "OddflowNotifyMissed",  # the daemon counts these three: tests of notify and suppression see that
    "OddflowNotifyStopped",
    "OddflowSuppressionsUnfit",
    "OddflowRetrainDown",
    "OddflowRetrainFailed",  # tests/boards/test_live.py: a real retraining has it fire
    "OddflowRetrainLeaseLost",
    "OddflowRetrainOverdue",  # the same
    "OddflowRetrainRefused",
    "OddflowTriageBehind",
    "OddflowTriageDatabaseFails",
    "OddflowTriageDown",
    "OddflowTriageForeignDocuments",
    "OddflowTriageLabelsWait",
    "OddflowTriageSignInsRefused",
    "OddflowTriageStandsStill",
}
"""Not provoked here, as most are of other processes: scenarios of config/prometheus/alerts.test.yaml have them fire."""

pytestmark = [pytest.mark.kafka, pytest.mark.faults, pytest.mark.slow]

RATE = 500.0

LATE = """
import os, time
from detector.shadow.comparison import Comparison
def compare(self):
    while not os.path.exists({flag!r}):
        time.sleep(0.05)
    raise RuntimeError("the challenger's time is up")
Comparison.compare = compare
"""
"""Run at the start of a process, it has a challenger keep everything waiting until a file is there, and then crash."""


def readiness(daemon: Daemon) -> tuple[int, str]:
    """What ``/readyz`` says."""
    return ask("127.0.0.1", daemon.port, "/readyz")


def usual(count: int) -> list[bytes]:
    """So many flows as those that the model with windows was trained on, right after them, in Zeek's words."""
    flows = ordinary_flows(count, 0, DEFAULT_START)
    return [
        msgspec.json.encode({ZEEK[name]: value for name, value in row.items() if name in ZEEK})
        for row in flows.to_dicts()
    ]


ZEEK = {
    "ts": "ts",
    "uid": "uid",
    "src_ip": "id.orig_h",
    "src_port": "id.orig_p",
    "dst_ip": "id.resp_h",
    "dst_port": "id.resp_p",
    "proto": "proto",
    "service": "service",
    "duration_s": "duration",
    "src_bytes": "orig_bytes",
    "dst_bytes": "resp_bytes",
    "state": "conn_state",
    "src_packets": "orig_pkts",
    "dst_packets": "resp_pkts",
}


def test_a_well_daemon_raises_nothing(make_daemon: MakeDaemon, kafka: str, tmp_path: Path) -> None:
    """Records that are read as they come make no rule fire."""
    daemon = make_daemon(windows=True, state={"snapshot_interval_s": 1.0})
    daemon.start()
    with Trickle(kafka, daemon.topics.flows, usual(20_000), RATE):
        daemon.wait_until_handled(1_000)
        with Recorder(daemon.port) as recorder:
            recorder.wait(60)
    assert readiness(daemon) == (200, "ready")
    assert daemon.stop() == 0
    assert recorder.fired(tmp_path) == set()


def late_and_broken() -> list[bytes]:
    """Flows of the simulator of which every fourth is dated days back; broken ones between, a large one first."""
    values = [b"{" + os.urandom(50_000)]
    for number, value in enumerate(simulated(6_000)):
        flow = msgspec.json.decode(value)
        if number % 4 == 3:
            flow["ts"] -= 3 * 86_400.0
        values.append(msgspec.json.encode(flow))
        if number % 20 == 0:
            values.append(b"{broken")
    return values


def test_a_day_of_everything_with_a_quiet_end(make_daemon: MakeDaemon, kafka: str, tmp_path: Path) -> None:
    """Clocks, input, outputs, registry, state, model, partitions and budget, all at once; then no record at all."""
    daemon = make_daemon(
        partitions=2,
        windows=True,
        state={"url": str(tmp_path / "state"), "snapshot_interval_s": 0.2},
        alerts={"false_incidents_per_day": 1.0},
    )
    limit(kafka, daemon.topics.dead_letters, 10_000)
    daemon.start()
    with Recorder(daemon.port) as recorder:
        recorder.wait(2)
        damaged = publish(daemon.registry, 1, promote=False)
        damage(daemon.registry, damaged)
        promote(daemon.registry, damaged)
        wait_for(lambda: bool(daemon.events("model.refused")))
        recorder.wait(3)
        daemon.registry.rename(daemon.registry.with_name("away"))
        (tmp_path / "state").rename(tmp_path / "state-away")
        (tmp_path / "state").write_text("in the way")
        producer = Producer({"bootstrap.servers": kafka})
        hour_ago = int(time.time() * 1_000) - 3_600_000
        for number, value in enumerate(late_and_broken()):
            producer.produce(daemon.topics.flows, value, partition=number % 2, timestamp=hour_ago)
            if number % 100 == 0:
                producer.flush()
                time.sleep(0.1)
        producer.flush()
        wait_for(lambda: daemon.total("oddflow_lag_records") == 0)
        recorder.wait(20)
    assert recorder.fired(tmp_path) >= PROVOKED["a busy day of everything"] | PROVOKED["a quiet end"]
    assert daemon.stop() == 0


def test_outputs_that_nobody_takes(make_daemon: MakeDaemon, kafka: str, tmp_path: Path) -> None:
    """An output topic that is deleted: the lag goes on being told as it grows, and readiness says what holds."""
    daemon = make_daemon()
    daemon.start()
    send(kafka, daemon.topics.flows, simulated(1_000))
    daemon.wait_until_handled(1_000)
    admin = AdminClient({"bootstrap.servers": kafka})
    admin.delete_topics([daemon.topics.scores])[daemon.topics.scores].result(30)
    backlog = [simulated(3_000)[number % 3_000] for number in range(120_000)]
    send(kafka, daemon.topics.flows, backlog)
    with Trickle(kafka, daemon.topics.flows, simulated(3_000), RATE) as load:
        with Recorder(daemon.port, period_s=2.0) as recorder:  # an attempt to send takes 5 s
            recorder.wait(31)
            wait_for(lambda: readiness(daemon)[0] == 503)
        lag, sent = daemon.total("oddflow_lag_records"), load.sent
        assert readiness(daemon)[0] == 503
        assert readiness(daemon)[1].startswith("outputs have not been acknowledged for ")
    read = daemon.total("oddflow_stage_records_out_total", stage="poll") - 1_000
    assert lag == pytest.approx(120_000 + sent - read, abs=5 * RATE)
    assert recorder.fired(tmp_path) >= PROVOKED["outputs that nobody takes"]


def test_a_killed_member(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    """A member that is killed is told of as down, and its partitions as read by nobody until its session ends."""
    patient: dict[str, Any] = {"kafka": {"consumer_properties": {"session.timeout.ms": 40_000}}}
    killed = make_daemon(2, **patient)
    survivor = make_daemon(2, beside=killed, **patient)
    for daemon in (killed, survivor):
        daemon.start()
    wait_for(lambda: survivor.total("oddflow_partitions_assigned") == killed.total("oddflow_partitions_assigned") == 1)
    with Recorder(killed.port, survivor.port) as recorder:
        recorder.wait(2)
        killed.kill()
        recorder.wait(15)
    assert recorder.fired(tmp_path) >= PROVOKED["a killed member"]


def test_other_traffic_than_the_model_knows(make_daemon: MakeDaemon, kafka: str, tmp_path: Path) -> None:
    """A model of other traffic is told to be retrained, once that has held for an hour."""
    # Half of that traffic is alerts: to write each takes a slow machine minutes.
    daemon = make_daemon(batch={"max_records": 20_000}, alerts={"repeat": "doubling"})
    daemon.start()
    values = [simulated(3_000)[number % 3_000] for number in range(180_000)]
    send(kafka, daemon.topics.flows, values)
    wait_for(lambda: daemon.total("oddflow_drift_retrain_advised") > 0, patience_s=190)
    assert daemon.total("oddflow_drift_retrain_advised") > 0
    with Recorder(daemon.port, period_s=0.1) as recorder:
        recorder.wait(65)
    assert recorder.fired(tmp_path) >= PROVOKED["other traffic"]


def test_another_network_than_the_model_knows(make_daemon: MakeDaemon, kafka: str, tmp_path: Path) -> None:
    """A model of another network, which raises nearly every flow and knows none of its hosts, is told of."""
    daemon = make_daemon(windows=True)
    daemon.start()
    with Trickle(kafka, daemon.topics.flows, simulated(3_000, seed=3), RATE), Recorder(daemon.port) as recorder:
        wait_for(lambda: daemon.total("oddflow_raised_ratio") >= 0.8 and daemon.total("oddflow_strangers_ratio") >= 0.5)
        recorder.wait(10)
    assert recorder.fired(tmp_path) >= PROVOKED["another network"]


def test_a_challenger_that_is_late_and_crashes(make_daemon: MakeDaemon, kafka: str, tmp_path: Path) -> None:
    """Flows that are left out of the comparison are told of, and so is a challenger that is given up."""
    daemon = make_daemon(windows=True, shadow={"share": 1.0}, batch={"max_records": 100})
    challenge(daemon.registry, bundle(1, windows=True))
    over = tmp_path / "over"
    daemon.start(harm=LATE.format(flag=str(over)))
    with Trickle(kafka, daemon.topics.flows, simulated(3_000), RATE), Recorder(daemon.port) as recorder:
        wait_for(lambda: daemon.total("oddflow_shadow_dropped_records_total") > 0)
        recorder.wait(40)
        over.touch()
        wait_for(lambda: daemon.total("oddflow_shadow_failures_total") > 0)
        recorder.wait(3)
    assert recorder.fired(tmp_path) >= PROVOKED["a challenger that is late and crashes"]


def test_a_topic_that_loses_records_and_goes(make_daemon: MakeDaemon, kafka: str, tmp_path: Path) -> None:
    """Records that were deleted before they were read, and a topic that was deleted, are told of."""
    daemon = make_daemon()
    daemon.start()
    send(kafka, daemon.topics.flows, simulated(1_000)[:100])
    daemon.wait_until_handled(100)
    assert daemon.stop() == 0
    send(kafka, daemon.topics.flows, simulated(1_000)[100:600])
    admin = AdminClient({"bootstrap.servers": kafka})
    for gone in admin.delete_records([TopicPartition(daemon.topics.flows, 0, 400)]).values():
        gone.result(30)
    with Recorder(daemon.port) as recorder:
        daemon.start()
        daemon.wait_until_handled(200)
        recorder.wait(3)
        admin.delete_topics([daemon.topics.flows])[daemon.topics.flows].result(30)
        wait_for(lambda: daemon.total("oddflow_topic_partitions") == 0)
        recorder.wait(5)
    assert recorder.fired(tmp_path) >= PROVOKED["a topic that loses records and goes"]


def test_no_schema_registry(make_daemon: MakeDaemon, kafka: str, tmp_path: Path) -> None:
    """Records whose schemas nobody tells wait, and that is told."""
    with SmallRegistry() as registry:
        daemon = make_daemon(input={"encoding": "avro"}, schema_registry={"url": registry.url, "timeout_s": 1.0})
        daemon.start()
    send(kafka, daemon.topics.flows, [b"\x00\x00\x00\x00\x01\x02"])
    wait_for(lambda: daemon.total("oddflow_schema_registry_lost") == 1)
    with Recorder(daemon.port) as recorder:
        recorder.wait(10)
    assert recorder.fired(tmp_path) >= PROVOKED["no schema registry"]


def test_receivers_that_are_away_or_refuse(
    make_daemon: MakeDaemon, kafka: str, topic: MakeTopic, tmp_path: Path
) -> None:
    """Messages about incidents that wait for a receiver, and those that one refuses, are told; records are scored."""
    name = topic()
    producer = Producer({"bootstrap.servers": kafka, "log_level": 0})
    producer.produce(name, document(), timestamp=int((time.time() - 3_000) * 1000))
    assert producer.flush(30) == 0
    with receiving() as refusing:
        refusing.replies += [Reply(400)] * 10
        slack = {"url_file": str(tmp_path / "slack")}
        (tmp_path / "slack").write_text(f"http://127.0.0.1:{free_port()}/")
        (tmp_path / "webhook").write_text(refusing.url)
        webhook = {"url_file": str(tmp_path / "webhook")}
        daemon = make_daemon(output={"incidents_topic": name}, slack=slack, webhook=webhook)
        with Recorder(daemon.port) as recorder:
            daemon.start()
            wait_for(lambda: daemon.total("oddflow_notify_given_up_total", way="webhook") >= 1)
            wait_for(lambda: daemon.total("oddflow_notify_oldest_waiting_seconds", way="slack") > 0)
            recorder.wait(10)
        assert daemon.stop() == 0
    assert recorder.fired(tmp_path) >= PROVOKED["receivers of messages that are away or refuse"]
    assert "top-secret-path" not in daemon.log


# --- brokers that are the test's own ----------------------------------------------------------------------------------


def test_a_right_that_is_taken_away(own_kafka: GuardedKafka, daemon: Daemon, tmp_path: Path) -> None:
    """Commits that are refused are told of, and go on once the right to read the topic is given back."""
    for kind in (ResourceType.TOPIC, ResourceType.GROUP):
        own_kafka.allow(right("daemon", AclOperation.ALL, kind))
    (tmp_path / "password").write_text(PASSWORD)
    daemon.settings["kafka"] = {
        "bootstrap_servers": own_kafka.sasl,
        "sasl_username": "daemon",
        "sasl_password_file": str(tmp_path / "password"),
        "properties": {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN"},
    }
    daemon.start()
    taken = right("daemon", AclOperation.READ, ResourceType.TOPIC, daemon.topics.flows, denied=True)
    with Trickle(daemon.bootstrap, daemon.topics.flows, simulated(3_000), RATE):
        daemon.wait_until_handled(500)
        own_kafka.allow(taken)
        wait_for(lambda: daemon.total("oddflow_commits_total", result="failed") > 0)
        with Recorder(daemon.port) as recorder:
            recorder.wait(30)
        own_kafka.take_back(taken)
        committed = daemon.committed()
        wait_for(lambda: daemon.committed() > committed)
        assert daemon.committed() > committed
    assert recorder.fired(tmp_path) >= PROVOKED["a right that is taken away"]
    assert daemon.stop() == 0


@pytest.mark.parametrize("transport", ["confluent", "kafka-python"])
def test_no_broker(own_kafka: GuardedKafka, daemon: Daemon, tmp_path: Path, transport: str) -> None:
    """Without a broker nobody knows the lag: it is no number, not the last one; and readiness says what holds."""
    daemon.settings["input"] = {"transport": transport}
    # Partitions whose session ends, after 3 s, have no lag at all any more.
    daemon.settings["kafka"] = {"consumer_properties": {"session.timeout.ms": 40_000}}
    daemon.start()
    send(daemon.bootstrap, daemon.topics.flows, simulated(1_000))
    daemon.wait_until_handled(1_000)
    wait_for(lambda: daemon.total("oddflow_lag_records") == 0)
    wait_for(lambda: readiness(daemon) == (200, "ready"))
    assert readiness(daemon) == (200, "ready")
    own_kafka.kill()
    no_broker = (503, "no broker answers: records wait in the topic")
    wait_for(lambda: readiness(daemon) == no_broker)
    assert readiness(daemon) == no_broker
    with Recorder(daemon.port) as recorder:
        recorder.wait(8)
    wait_for(lambda: math.isnan(daemon.total("oddflow_lag_records")))
    assert math.isnan(daemon.total("oddflow_lag_records"))
    assert recorder.fired(tmp_path) >= PROVOKED["no broker"]
    own_kafka.start()
    wait_for(lambda: readiness(daemon) == (200, "ready"))
    assert readiness(daemon) == (200, "ready")
    wait_for(lambda: daemon.total("oddflow_lag_records") == 0)
    assert daemon.total("oddflow_lag_records") == 0
