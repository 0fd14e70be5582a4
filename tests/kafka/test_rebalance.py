"""Members come and go while records stream: nothing is lost, and what is done is committed before it goes."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from threading import Event as Flag
from threading import Thread

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions

from detector.deadline import Deadline
from detector.errors import BrokerError
from detector.transport.base import RawBatch, Source
from detector.transport.kafka.confluent import ConfluentSource
from detector.transport.kafka.kafka_python import KafkaPythonSource
from tests.conftest import MakeTopic
from tests.kafka.fixtures import MakeDaemon
from tests.kafka.world import Outcome, Place, Trickle, send, simulated, wait_for

pytestmark = pytest.mark.kafka

PARTITIONS = 4
PATIENCE_S = 40.0


class Member:
    """A source that keeps what it has read, and commits it when its partitions go and when told to."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.held: set[int] = set()
        self.seen: Counter[Place] = Counter()
        self.lost: list[int] = []
        self._done: dict[int, int] = {}
        self._leaving = Flag()
        self._timeout_s = 0.1
        self._thread = Thread(target=self._run, name="member", daemon=True)

    def keep_reading(self, timeout_s: float = 0.1) -> None:
        """Read in a thread of its own, until it leaves: a rebalance needs every member to be polling."""
        self._timeout_s = timeout_s
        self._thread.start()

    def leave(self) -> None:
        """Read no more, and leave the group without another commit."""
        self._leaving.set()
        if self._thread.is_alive():
            self._thread.join()
        self.source.stop(Deadline.after(10))

    def _run(self) -> None:
        while not self._leaving.is_set():
            self.read(timeout_s=self._timeout_s)

    def on_assigned(self, partitions: Iterable[int]) -> None:
        """Note them."""
        self.held |= set(partitions)

    def on_revoked(self, partitions: Iterable[int]) -> None:
        """Commit what is done of them."""
        self.commit()
        self.held -= set(partitions)

    def on_lost(self, partitions: Iterable[int]) -> None:
        """Forget them."""
        gone = list(partitions)
        self.lost += gone
        self.held -= set(gone)
        for partition in gone:
            self._done.pop(partition, None)

    def on_replaced(self, partitions: Iterable[int]) -> None:
        """No topic is made again here."""

    def commit(self) -> None:
        """Commit what is done."""
        if self._done:
            done, self._done = self._done, {}
            self.source.commit(done, Deadline.after(10))

    def read(self, max_records: int = 50, timeout_s: float = 0.1) -> RawBatch | None:
        """Poll once and call what came done."""
        batch = self.source.poll(max_records, 1 << 20, timeout_s)
        if batch is not None:
            self.seen.update(zip(batch.partitions.tolist(), batch.offsets.tolist(), strict=True))
            self._done |= batch.positions()
        return batch


Join = Callable[[str], Member]


@pytest.fixture
def join(kafka: str, topic: MakeTopic) -> Iterable[tuple[str, Join]]:
    """A topic, and a way to join one group on it by a client's name; everybody leaves at the end."""
    name, group = topic(PARTITIONS), uuid.uuid4().hex
    with ExitStack() as stack:

        def start(client: str, **more: object) -> Member:
            properties = {"bootstrap.servers": kafka, "group.id": group, "heartbeat.interval.ms": 300, **more}
            if client == "kip-848":
                properties = {"bootstrap.servers": kafka, "group.id": group, "group.protocol": "consumer"}
            kind = KafkaPythonSource if client == "kafka-python" else ConfluentSource
            member = Member(kind(topic=name, properties=properties))
            member.source.start(member)
            stack.callback(member.leave)
            return member

        yield name, start


def total(members: list[Member]) -> Counter[Place]:
    """How often each record was read."""
    return sum((member.seen for member in members), Counter())


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("confluent", "confluent"),
        ("kafka-python", "kafka-python"),
        ("confluent", "kafka-python"),
        ("kafka-python", "confluent"),
        ("kip-848", "kip-848"),
    ],
)
def test_a_second_member_takes_its_share(kafka: str, join: tuple[str, Join], first: str, second: str) -> None:
    """Mid-stream, half of the partitions go to a second member, of either client; each record is read exactly once."""
    name, start = join
    places = send(kafka, name, [b"%d" % number for number in range(4_000)], PARTITIONS)
    one = start(first)
    one.keep_reading()
    wait_for(lambda: len(one.seen) >= 500)
    two = start(second)
    two.keep_reading()
    wait_for(lambda: len(one.held) == len(two.held) == PARTITIONS // 2)
    assert one.held | two.held == set(range(PARTITIONS))
    more = send(kafka, name, [b"%d" % number for number in range(400)], PARTITIONS)
    expected = places | {(partition, 1_000 + offset) for partition, offset in more}
    wait_for(lambda: len(one.seen) + len(two.seen) >= len(expected))
    assert total([one, two]) == dict.fromkeys(expected, 1)
    assert all(two.seen[place] for place in expected if place[0] in two.held and place[1] >= 1_000)


@pytest.mark.parametrize(
    ("client", "refresh"),
    [("confluent", "topic.metadata.refresh.interval.ms"), ("kafka-python", "metadata.max.age.ms")],
)
def test_a_topic_that_grows_is_shared_again(kafka: str, join: tuple[str, Join], client: str, refresh: str) -> None:
    """A member takes a topic's new partitions in polls shorter than a join, and shares them with the next one."""
    name, start = join
    one = start(client, **{refresh: 200})
    one.keep_reading(timeout_s=0.001)
    wait_for(lambda: one.held == set(range(PARTITIONS)))
    admin = AdminClient({"bootstrap.servers": kafka})
    admin.create_partitions([NewPartitions(name, 2 * PARTITIONS)])[name].result(PATIENCE_S)
    wait_for(lambda: one.held == set(range(2 * PARTITIONS)), PATIENCE_S)
    two = start(client)
    two.keep_reading()
    wait_for(lambda: len(one.held) == len(two.held) == PARTITIONS, PATIENCE_S)
    assert sorted([*one.held, *two.held]) == list(range(2 * PARTITIONS))


@pytest.mark.parametrize("client", ["confluent", "kafka-python"])
def test_a_member_that_leaves_is_taken_over(kafka: str, join: tuple[str, Join], client: str) -> None:
    """When a member leaves, the other gets all partitions and reads again what the first had not committed."""
    name, start = join
    one, two = start(client), start(client)
    one.keep_reading()
    two.keep_reading()
    wait_for(lambda: len(one.held) == len(two.held) == PARTITIONS // 2)
    places = send(kafka, name, [b"%d" % number for number in range(2_000)], PARTITIONS)
    wait_for(lambda: len(one.seen) + len(two.seen) >= len(places))
    abandoned = dict(two.seen)
    assert len(abandoned) == len(places) // 2
    two.leave()
    wait_for(lambda: len(one.held) == PARTITIONS and len(one.seen) >= len(places))
    assert one.seen == dict.fromkeys(places, 1)


@pytest.mark.parametrize("client", ["confluent", "kafka-python"])
def test_a_member_that_was_away_too_long_cannot_commit(kafka: str, join: tuple[str, Join], client: str) -> None:
    """Away for longer than allowed, a member is told that partitions are lost, and its commit is refused."""
    name, start = join
    send(kafka, name, [b"%d" % number for number in range(400)], PARTITIONS)
    away = start(client, **{"session.timeout.ms": 1_500, "max.poll.interval.ms": 2_000})
    until = Deadline.after(PATIENCE_S)
    while sum(away.seen.values()) < 100 and not until.passed:
        away.read()
    assert away.held == set(range(PARTITIONS))
    other = start(client)
    other.keep_reading()
    wait_for(lambda: other.held == set(range(PARTITIONS)))
    with pytest.raises(BrokerError):
        away.commit()
    while not away.lost and not until.passed:
        away.read()
    assert away.lost
    wait_for(lambda: len(other.seen) == 400)
    assert len(other.seen) == 400  # nothing of the first one was committed


def test_two_daemons_share_a_topic(make_daemon: MakeDaemon, kafka: str) -> None:
    """A second daemon joins mid-stream and leaves again: every record is scored exactly once, by one or the other."""
    one = make_daemon(partitions=PARTITIONS)
    two = make_daemon(beside=one)
    one.start()
    with Trickle(kafka, one.topics.flows, simulated(3_000), per_s=800, partitions=PARTITIONS) as load:
        wait_for(lambda: one.handled() > 500)
        two.start()
        wait_for(lambda: two.handled() > 500)
        of_two = two.handled()
        assert two.stop() == 0
    wait_for(lambda: one.total("oddflow_partitions_assigned") == PARTITIONS)
    wait_for(lambda: one.total("oddflow_lag_records") == 0 and one.handled() + of_two >= 0.8 * load.sent)
    wait_for(lambda: one.total("oddflow_in_flight_records") == 0)
    assert one.stop() == 0
    outcome = Outcome.read(kafka, one.topics)
    assert outcome.scored() == load.places()
    assert two.events("partitions.assigned")
