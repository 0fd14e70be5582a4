"""What waits for a broker that is away holds nothing else back, and only what waits says that it is away."""

from __future__ import annotations

from threading import Thread

import pytest
from confluent_kafka import Consumer, KafkaError

from detector.deadline import Deadline
from detector.errors import BrokerError
from detector.telemetry.events import Event
from detector.transport.events import BrokerLost
from detector.transport.kafka.confluent import ConfluentSink, ConfluentSource

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
    """A producer of whose records so many are not acknowledged."""

    def __init__(self, count: int) -> None:
        self.count = count

    def flush(self, _: float) -> int:
        """Wait, in vain for some."""
        return self.count


def test_a_sink_tells_of_a_loss_where_records_wait() -> None:
    """That brokers were down is heard late where nothing was sent: no loss, until something waits for them."""
    told: list[Event] = []
    sink = ConfluentSink(topics={}, properties={}, tell=told.append)
    producer = sink._producer = Waiting(0)  # type: ignore[assignment] # in a client's place: no broker is asked
    sink._on_error(KafkaError(KafkaError._ALL_BROKERS_DOWN, "1/1 brokers are down"))
    sink.flush(Deadline.after(0.0))
    assert told == []
    producer.count = 3
    with pytest.raises(BrokerError, match="3 not acknowledged"):
        sink.flush(Deadline.after(0.0))
    assert told == [BrokerLost(error="1/1 brokers are down")]
