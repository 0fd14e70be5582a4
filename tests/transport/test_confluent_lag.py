"""How far behind a topic the source is, told without waiting for a broker that is away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event as Flag
from typing import Any

import pytest
from confluent_kafka import TopicPartition

from detector.deadline import Deadline
from detector.errors import BrokerError
from detector.transport.confluent import ConfluentSource


class SilentBroker:
    """A consumer whose broker answers no commit until it is told to; nobody may ask it for a position meanwhile."""

    def __init__(self) -> None:
        self.answering = Flag()
        self.committing = False

    def commit(self, **_: Any) -> list[TopicPartition]:
        """Wait for the broker, as librdkafka does."""
        self.committing = True
        self.answering.wait(30.0)
        self.committing = False
        return []

    def position(self, places: list[TopicPartition]) -> list[TopicPartition]:
        """Where reading goes on: at 70."""
        assert not self.committing, "librdkafka would wait for the commit"
        return [TopicPartition(place.topic, place.partition, 70) for place in places]

    def get_watermark_offsets(self, _: TopicPartition, *, cached: bool) -> tuple[int, int]:
        """The topic has 100 records."""
        assert cached
        return 0, 100


@contextmanager
def reading(consumer: SilentBroker) -> Iterator[ConfluentSource]:
    """A source of one partition with this consumer."""
    source = ConfluentSource(topic="flows", properties={"bootstrap.servers": "localhost:9", "group.id": "g"})
    source._consumer, source._assigned = consumer, {0}  # type: ignore[assignment] # no broker is asked
    yield source
    consumer.answering.set()


def test_lag_does_not_wait_for_a_commit() -> None:
    """While a commit is not answered the lag is as it was last known, and nobody waits; afterwards it is told anew."""
    consumer = SilentBroker()
    with reading(consumer) as source:
        assert source.lag() == {0: 30}
        with pytest.raises(BrokerError, match="not answered in time"):
            source.commit({0: 70}, Deadline.after(0.01))
        assert source.lag() == {0: 30}
        consumer.answering.set()
        source.commit({0: 70}, Deadline.after(10.0))
        assert source.lag() == {0: 30}
