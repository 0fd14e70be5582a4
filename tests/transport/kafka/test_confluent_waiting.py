"""What waits for a broker that is away holds nothing else back, and only what waits says that it is away."""

from __future__ import annotations

import json
from concurrent.futures import Future
from threading import Thread
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from detector.deadline import Deadline
from detector.errors import BrokerError
from detector.telemetry.events import Event
from detector.transport.events import BrokerLost, BrokerReached, BrokerRestored
from detector.transport.kafka.confluent import ConfluentSink, ConfluentSource

UP, DOWN = (json.dumps({"brokers": {"one": {"state": state}}}) for state in ("UP", "DOWN"))
"""A second's statistics of a client."""

NOBODY = {"bootstrap.servers": "localhost:9", "group.id": "g"}


def test_a_commit_that_waits_holds_nothing_back() -> None:
    """A client that let others wait would stand still for minutes: the group is joined again only within poll."""
    source = ConfluentSource(topic="flows", properties=NOBODY)
    source._consumer, source._assigned = Consumer({**NOBODY, "log_level": 0}), {0}  # as after a start
    with pytest.raises(BrokerError, match="not answered in time"):
        source.commit({0: 70}, Deadline.after(0.1))
    told: list[object] = []
    others = Thread(target=lambda: told.extend([source.lag(), source.poll(10, 1_000, 0.1)]), daemon=True)
    others.start()
    others.join(10.0)
    assert told == [{}, None]


class Waiting:
    """A producer of whose records so many are not acknowledged; it keeps how long it was to wait, and what was told."""

    def __init__(self, count: int, told: list[Event]) -> None:
        self.count = count
        self.waits: list[tuple[float, int]] = []
        self._told = told

    def flush(self, seconds: float) -> int:
        """Wait, in vain for some."""
        self.waits.append((seconds, len(self._told)))
        return self.count


def test_a_sink_tells_of_a_loss_where_records_wait() -> None:
    """That brokers were down is heard late where nothing was sent: no loss, until something waits for them."""
    told: list[Event] = []
    sink = ConfluentSink(topics={}, properties={}, tell=told.append)
    producer = sink._producer = Waiting(0, told)  # type: ignore[assignment] # in a client's place: no broker is asked
    sink._on_error(KafkaError(KafkaError._ALL_BROKERS_DOWN, "1/1 brokers are down"))
    sink.flush(Deadline.after(0.0))
    assert told == []
    producer.count = 3
    with pytest.raises(BrokerError, match="3 not acknowledged"):
        sink.flush(Deadline.after(0.0))
    assert told == [BrokerLost(error="1/1 brokers are down")]


def test_a_sink_tells_of_a_loss_before_its_wait_ends() -> None:
    """Records that nobody takes tell of the loss after a second: later, the source might have its brokers back."""
    told: list[Event] = []
    sink = ConfluentSink(topics={}, properties={}, tell=told.append)
    producer = sink._producer = Waiting(3, told)  # type: ignore[assignment] # in a client's place: no broker is asked
    sink._on_error(KafkaError(KafkaError._ALL_BROKERS_DOWN, "1/1 brokers are down"))
    with pytest.raises(BrokerError, match="3 not acknowledged"):
        sink.flush(Deadline.after(600.0))
    (first, before), (rest, after) = producer.waits
    assert first == 1.0
    assert 500.0 < rest < 600.0
    assert (before, after) == (0, 1)


class Mute:
    """An admin client whose questions nobody answers."""

    def list_offsets(self, wanted: dict[TopicPartition, object], request_timeout: float) -> dict[TopicPartition, Any]:
        """Have each question fail at once."""
        assert request_timeout
        answers = {place: Future[object]() for place in wanted}
        for answer in answers.values():
            answer.set_exception(KafkaException(KafkaError(KafkaError._TIMED_OUT)))
        return answers


def test_brokers_that_are_back_have_time_to_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Questions that nobody could hear, since no broker was connected, make no broker that is back a silent one."""
    now, told = [1_000.0], list[Event]()
    monkeypatch.setattr("detector.transport.kafka.ends.time.monotonic", lambda: now[0])
    source = ConfluentSource(topic="flows", properties=NOBODY, tell=told.append)
    source._ends._admin = Mute()  # type: ignore[assignment] # in a client's place: no broker is asked
    seconds = [*[UP] * 3, *[DOWN] * 12, *[UP] * 15]
    for statistics in seconds:
        now[0] += 1.0
        source._ends.look([0])
        source._on_statistics(statistics)
    assert [type(each) for each in told] == [BrokerReached, BrokerLost, BrokerRestored, BrokerLost]
    assert told[2] == BrokerRestored(after_s=13.0)


def test_a_connection_that_is_dropped_again_is_no_return() -> None:
    """A broker that starts accepts connections before it can serve them: it is back once one stays for a second."""
    told: list[Event] = []
    source = ConfluentSource(topic="flows", properties=NOBODY, tell=told.append)
    for statistics in (UP, UP, DOWN, UP, DOWN, UP, UP, UP):
        source._on_statistics(statistics)
    assert [type(each) for each in told] == [BrokerReached, BrokerLost, BrokerRestored]
