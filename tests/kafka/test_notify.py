"""Messages about incidents on a real Kafka: kills in between, receivers that are away, slow or choosy."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition

from detector.casebook.told import read_told
from detector.transport.base import OutRecord
from tests.conftest import MakeTopic
from tests.kafka.fixtures import MakeDaemon
from tests.kafka.world import PATIENCE_S, send, simulated, wait_for
from tests.notify.made import document
from tests.notify.receivers import Receiver, Reply, listening, receiving
from tests.transport.arena import consume, produce

pytestmark = pytest.mark.kafka

QUICK = json.dumps({"session.timeout.ms": 3_000, "heartbeat.interval.ms": 500})
"""After a kill the group waits for the old member's session: by default 45 s."""


@contextmanager
def notifying(folder: Path, kafka: str, topic: str, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    """``oddflow notify`` as a process of its own while the block runs; what it logs is added to a file."""
    given = {
        "ODDFLOW_KAFKA__GROUP": f"group-{topic}",
        "ODDFLOW_KAFKA__CONSUMER_PROPERTIES": QUICK,
        "ODDFLOW_NOTIFY__MESSAGES_PER_MINUTE": "6000",
        "ODDFLOW_NOTIFY__SETTLE_S": "0",
        **more,
    }
    command = [sys.executable, "-m", "detector", "notify", "--bootstrap-servers", kafka, "--topic", topic]
    with (folder / "notify.log").open("ab") as log:
        process = subprocess.Popen(command, env=os.environ | given, stdout=log, stderr=log)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            try:
                process.wait(PATIENCE_S)
            finally:
                process.kill()


def keys(receiver: Receiver) -> Counter[str]:
    """How often each message came."""
    return Counter(request.headers["Idempotency-Key"] for request in receiver.requests)


def numbered(numbers: range) -> set[str]:
    """The keys of the first messages about these incidents."""
    return {f"00000000-0000-0000-0000-{number:012d}:1" for number in numbers}


def webhook(receiver: Receiver) -> Mapping[str, str]:
    """The setting."""
    return {"ODDFLOW_WEBHOOK__URL": receiver.url}


def committed(kafka: str, topic: str) -> int:
    """The place of the webhook's group in partition 0; below 0 while there is none."""
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": f"group-{topic}-notify-webhook", "log_level": 0})
    (place,) = consumer.committed([TopicPartition(topic, 0)], timeout=20)
    consumer.close()
    return int(place.offset)


def test_a_kill_loses_nothing(kafka: str, topic: MakeTopic, tmp_path: Path) -> None:
    """Killed while a message is on its way, the next start sends it again, and nothing that was settled before."""
    name = topic(2)
    produce(kafka, name, [OutRecord(document(n)) for n in range(5)])
    with receiving() as receiver:
        with notifying(tmp_path, kafka, name, **webhook(receiver)) as process:
            wait_for(lambda: committed(kafka, name) == 5)
            assert set(keys(receiver)) == numbered(range(5))
            receiver.gate.clear()
            produce(kafka, name, [OutRecord(document(n)) for n in range(5, 10)])
            produce(kafka, name, [OutRecord(document(n)) for n in range(10, 15)], partition=1)
            wait_for(lambda: len(receiver.requests) == 6)
            process.kill()
        receiver.gate.set()
        produce(kafka, name, [OutRecord(document(2, revision=2)), OutRecord(document(3, "critical", revision=2))])
        with notifying(tmp_path, kafka, name, **webhook(receiver)):
            wait_for(lambda: len(keys(receiver)) == 16)
        found = keys(receiver)
    assert set(found) == numbered(range(15)) | {"00000000-0000-0000-0000-000000000003:2"}
    assert [found[key] for key in numbered(range(5))] == [1] * 5
    assert max(found.values()) <= 2


def test_a_receiver_that_comes_back_gets_all(kafka: str, topic: MakeTopic, tmp_path: Path) -> None:
    """While it is away messages wait; once it is back on its port they come, in order: by the other client, too."""
    name = topic()
    with receiving() as before:
        port = before.port
    produce(kafka, name, [OutRecord(document(n)) for n in range(5)])
    url = {"ODDFLOW_WEBHOOK__URL": before.url}
    with notifying(tmp_path, kafka, name, **url, ODDFLOW_INPUT__TRANSPORT="kafka-python"):
        wait_for(lambda: "notify.failed" in (tmp_path / "notify.log").read_text())
        with receiving(port) as receiver:
            receiver.replies += [Reply(500), Reply(429, (("Retry-After", "1"),))]
            wait_for(lambda: len(keys(receiver)) == 5)
            order = list(dict.fromkeys(request.headers["Idempotency-Key"] for request in receiver.requests))
    log = (tmp_path / "notify.log").read_text()
    assert order == sorted(numbered(range(5)))
    assert ("notify.restored" in log, "top-secret-path" in log) == (True, False)


def test_a_receiver_that_never_answers_holds_up_nothing(make_daemon: MakeDaemon, kafka: str, topic: MakeTopic) -> None:
    """While a webhook hangs, the daemon scores and commits every record, and the other way sends every incident.

    It stops while the webhook hangs; what waited is sent by whoever serves that group next.
    """
    name, records = topic(), simulated(2_000)
    with receiving() as receiver, listening() as stream:
        receiver.gate.clear()
        secret = {"url_file": str(_written(receiver.url, make_daemon))}
        daemon = make_daemon(
            output={"incidents_topic": name},
            notify={"least_severity": "low", "messages_per_minute": 6_000, "settle_s": 0.0, "timeout_s": 60.0},
            webhook=secret,
            syslog={"address": f"127.0.0.1:{stream.port}", "protocol": "tcp"},
        )
        send(kafka, daemon.topics.flows, records)
        daemon.start()
        daemon.wait_until_handled(2_000)
        wait_for(lambda: daemon.committed() == 2_000)
        wanted = {read_told(each.value or b"").ours.id for each in consume(kafka, name)}
        wait_for(lambda: {external_id(data) for data in stream.received} >= wanted)
        assert {external_id(data) for data in stream.received} == wanted
        assert (daemon.committed(), len(receiver.requests), len(wanted) > 1) == (2_000, 1, True)
        assert daemon.total("oddflow_notify_sent_total", way="syslog") >= len(wanted)
        assert daemon.total("oddflow_notify_sent_total", way="webhook") == 0
        assert daemon.stop() == 0
        receiver.gate.set()
        ours = {"ODDFLOW_KAFKA__GROUP": f"group-{daemon.topics.flows}", "ODDFLOW_NOTIFY__LEAST_SEVERITY": "low"}
        with notifying(daemon.folder, kafka, name, **webhook(receiver), **ours):
            wait_for(lambda: incidents(receiver) >= wanted)
    assert incidents(receiver) == wanted


def external_id(message: bytes) -> str:
    """The incident of a line of CEF."""
    return message.partition(b"externalId=")[2].partition(b" ")[0].decode()


def incidents(receiver: Receiver) -> set[str]:
    """Those that messages came of."""
    return {key.rpartition(":")[0] for key in keys(receiver)}


def _written(secret: str, make_daemon: MakeDaemon) -> Path:
    folder = make_daemon().folder
    path = folder / "webhook-url"
    path.write_text(secret)
    return path
