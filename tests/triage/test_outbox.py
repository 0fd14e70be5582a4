"""What was said here is sent in its order until it is acknowledged, whoever is killed in between."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from confluent_kafka import Producer

from detector.deadline import Deadline
from detector.errors import BrokerError, OutputError
from detector.feedback.label import read_label
from detector.telemetry.events import silent as untold
from detector.transport.base import Channel
from detector.transport.kafka.confluent import ConfluentSink
from detector.transport.kafka.topics import Topic, ensure_topics
from detector.transport.memory import MemorySink
from tests.casebook.documents import START
from tests.conftest import MakeTopic
from tests.suppression.rules import rule
from tests.triage.documents import incident, judge, put
from triage.ingest.follower import Follower
from triage.ingest.service import Ingest
from triage.ingest.taking import Message, Topics
from triage.outbox import Outbox, waiting
from triage.store.engine import Database
from triage.store.incidents import list_incidents
from triage.store.labels import list_labels
from triage.store.suppressions import remove_rule, save_rule
from triage.telemetry import BrokerFailed, Event, Sent, Taken, TopicMissing, silent

PATIENCE_S = 60.0


class Failing(MemorySink):
    """A sink that is not acknowledged so many times."""

    def __init__(self, times: int) -> None:
        super().__init__(channels=[Channel.FEEDBACK])
        self.times = times

    def flush(self, deadline: Deadline) -> None:
        """Acknowledge, or not."""
        self.times -= 1
        if self.times >= 0:
            raise BrokerError("1 not acknowledged")
        super().flush(deadline)


def said(database: Database, count: int) -> list[str]:
    """Labels that somebody said, one after the other; their ids."""
    with database.write() as session:
        put(session, [incident(1)])
        return [judge(session, 1, "true", at=100 + n) for n in range(count)]


def left(database: Database) -> tuple[int, float | None]:
    """What waits."""
    with database.read() as session:
        return waiting(session)


def test_all_is_sent_in_order_and_leaves_the_outbox(database: Database) -> None:
    """Labels and suppressions are sent in the order in which they were made, each to its channel; then none waits."""
    names, kept = said(database, 3), rule()
    with database.write() as session:
        save_rule(session, kept, START + 300)
        remove_rule(session, kept.id, START + 301)
    assert left(database) == (5, START + 100)
    labels, rules = MemorySink(channels=[Channel.FEEDBACK]), MemorySink(channels=[Channel.SUPPRESSIONS])
    told: list[Event] = []
    outbox = Outbox(database, {"feedback": lambda: labels, "suppressions": lambda: rules}, told.append)
    assert (outbox.send_waiting(), outbox.send_waiting()) == (5, 0)
    sent = [read_label(record.value or b"").id for record in labels.records[Channel.FEEDBACK]]
    assert sent == names
    assert [(record.key, bool(record.value)) for record in rules.records[Channel.SUPPRESSIONS]] == [
        (kept.id.encode(), True),
        (kept.id.encode(), False),
    ]
    assert told == [Sent("feedback", 3), Sent("suppressions", 2)]
    assert left(database) == (0, None)


def test_what_is_not_acknowledged_stays_and_is_sent_again(database: Database) -> None:
    """While brokers do not acknowledge, it waits and that is told; then it is sent and waits no more."""
    (name,) = said(database, 1)
    sink, told, done = Failing(2), list[Event](), threading.Event()

    def tell(event: Event) -> None:
        told.append(event)
        if isinstance(event, Sent):
            done.set()

    outbox = Outbox(database, {"feedback": lambda: sink}, tell, again_s=0.01)
    outbox.start()
    assert done.wait(PATIENCE_S)
    outbox.stop(PATIENCE_S)
    assert not outbox.alive
    assert [each.error for each in told if isinstance(each, BrokerFailed)] == ["1 not acknowledged"] * 2
    assert {read_label(record.value or b"").id for record in sink.records[Channel.FEEDBACK]} == {name}
    assert left(database)[0] == 0


def test_a_channel_that_is_away_holds_up_no_other(database: Database) -> None:
    """While one topic takes nothing, its messages wait, and those of the other are sent."""
    with database.write() as session:
        put(session, [incident(1)])
        judge(session, 1, "true", at=100)
        save_rule(session, rule(), START + 101)
        judge(session, 1, "false", at=102)
    rules = MemorySink(channels=[Channel.SUPPRESSIONS])
    outbox = Outbox(database, {"feedback": lambda: Failing(1), "suppressions": lambda: rules}, silent)
    with pytest.raises(BrokerError, match="1 not acknowledged"):
        outbox.send_waiting()
    assert len(rules.records[Channel.SUPPRESSIONS]) == 1
    assert left(database) == (2, START + 100)


def test_without_a_topic_it_waits_and_says_so(database: Database) -> None:
    """Where the settings name no topic for it, nothing is thrown away."""
    said(database, 1)
    with pytest.raises(OutputError, match=r"there is no topic; set feedback.topic"):
        Outbox(database, {}, silent).send_waiting()
    assert left(database)[0] == 1


@pytest.mark.kafka
@pytest.mark.faults
def test_a_kill_between_kafka_and_the_database_sends_the_same_again(
    kafka: str, topic: MakeTopic, tmp_path: Path
) -> None:
    """Killed after Kafka acknowledged and before the database knew: sent again with the same id, and it counts once."""
    url, where = f"sqlite:///{tmp_path}/triage.db", topic(2)
    database = Database(url)
    database.start()
    names = said(database, 3)
    command = [sys.executable, "-m", "tests.triage.sender", url, kafka, where]
    killed = subprocess.run(command, capture_output=True, timeout=120, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert left(database)[0] == 3
    sink = ConfluentSink(topics={Channel.FEEDBACK: where}, properties={"bootstrap.servers": kafka}, tell=untold)
    outbox = Outbox(database, {"feedback": lambda: sink}, silent)
    assert outbox.send_waiting() == 3
    sink.stop(Deadline.after(10))
    messages = read(kafka, where, 6)
    assert [read_label(each.value or b"").id for each in messages] == [*names, *names]
    told, all_read = list[Event](), threading.Event()
    ingest = Ingest(
        database, Topics({where: "label"}), Follower([where], {"bootstrap.servers": kafka}).start, told.append
    )
    ingest.start()
    for _ in range(600):
        with database.read() as session:
            rows = list_labels(session)
        if all(row.sent for row in rows):
            break
        all_read.wait(0.1)
    ingest.stop(PATIENCE_S)
    assert [row.label.id for row in rows] == names[::-1]
    assert all(row.sent for row in rows)
    database.stop()


@pytest.mark.kafka
def test_a_follower_waits_for_what_is_not_there_yet(
    kafka: str, topic: MakeTopic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A topic that is missing is told and read once it is there; the others meanwhile; a restart goes on after both."""
    monkeypatch.setattr("triage.ingest.follower.LOOK_S", 0.2)
    first = topic()
    second = f"{first}-later"
    database = Database(f"sqlite:///{tmp_path}/triage.db")
    database.start()
    missing: list[str] = []
    topics = Topics({first: "incident", second: "incident"})

    def ingest(tell: list[Event]) -> Ingest:
        return Ingest(
            database, topics, Follower([first, second], {"bootstrap.servers": kafka}, missing.append).start, tell.append
        )

    def until(count: int) -> None:
        for _ in range(600):
            with database.read() as session:
                if list_incidents(session).count == count:
                    return
            threading.Event().wait(0.1)
        pytest.fail(f"there are not {count} incidents")

    running = ingest([])
    running.start()
    produce(kafka, first, [incident(1)])
    until(1)
    assert second in missing
    ensure_topics({"bootstrap.servers": kafka}, [Topic(second, 2)])
    produce(kafka, second, [incident(2), incident(3)])
    until(3)
    running.stop(PATIENCE_S)
    produce(kafka, first, [incident(4)])
    told: list[Event] = []
    again = ingest(told)
    again.start()
    until(4)
    again.stop(PATIENCE_S)
    assert sum(each.count for each in told if isinstance(each, Taken)) == 1
    assert not any(isinstance(each, TopicMissing) for each in told)
    database.stop()


def produce(servers: str, topic: str, documents: list[bytes]) -> None:
    """Write documents to a topic."""
    producer = Producer({"bootstrap.servers": servers})
    for document in documents:
        producer.produce(topic, document)
    assert producer.flush(PATIENCE_S) == 0


def read(servers: str, topic: str, count: int) -> list[Message]:
    """So many messages of a topic."""
    follower = Follower([topic], {"bootstrap.servers": servers}).start({})
    found: list[Message] = []
    for _ in range(600):
        found += follower.poll(100, 0.1)
        if len(found) >= count:
            break
    follower.stop()
    return found
