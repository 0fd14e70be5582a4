"""Several topics, read from offsets that are handed in, without a group: who reads them keeps its own place.

A topic that is missing is looked for again and again, and so are new partitions; the others are read meanwhile. Brokers
that are away are waited for. Used from one thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from typing import Self, cast

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from detector.errors import BrokerError
from detector.telemetry.events import silent as untold
from detector.transport.kafka.connection import Connection
from detector.transport.kafka.librdkafka import consumer_properties, opened, said
from detector.transport.kafka.topics import complaints
from triage.ingest.taking import Message, Place

LOOK_S = 5.0
"""So often topics and partitions are looked for."""

ANSWER_S = 5.0
"""How long to wait for brokers to say what topics there are."""

GROUP = "oddflow-triage"
"""Named since librdkafka wants one; it is never joined, and nothing is committed to it."""


class Follower:
    """Reads ``topics``; ``missing`` is called with those that are not there, each time that they are looked for."""

    def __init__(
        self,
        topics: Collection[str],
        properties: Mapping[str, object],
        missing: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._topics = topics
        self._properties = properties
        self._missing = missing
        self._clock = clock
        self._connection = Connection(untold)
        self._consumer: Consumer | None = None
        self._begin: dict[Place, int] = {}
        self._next: dict[Place, int] = {}
        self._looked: float | None = None

    def start(self, begin: Mapping[Place, int]) -> Self:
        """Begin at these offsets; what has none at the oldest record."""
        self._begin = dict(begin)
        own = {"group.id": GROUP, "error_cb": complaints(self._connection)}
        self._consumer = opened(Consumer, {**consumer_properties({**self._properties}), **own})
        return self

    def poll(self, most: int, timeout_s: float) -> list[Message]:
        """Give what is there, in the order of each partition. Raises BrokerError where brokers refuse or are away."""
        consumer = self._opened()
        self._look(consumer)
        found: list[Message] = []
        for each in consumer.consume(most, timeout_s):
            error = each.error()
            if error is not None:
                _check_passing(error)
                continue
            _, stamp = each.timestamp()
            came = stamp / 1000 if stamp > 0 else self._clock()
            topic, partition, offset = (
                cast("str", each.topic()),
                cast("int", each.partition()),
                cast("int", each.offset()),
            )
            found.append(Message(topic, partition, offset, came, _bytes(each.key()), _bytes(each.value())))
            self._next[topic, partition] = offset + 1
        return found

    def behind(self) -> dict[str, int]:
        """How many records are not read yet, by topic, as far as is known without asking."""
        consumer = self._opened()
        lags = dict.fromkeys((topic for topic, _ in self._next), 0)
        for (topic, number), at in self._next.items():
            try:
                low, high = consumer.get_watermark_offsets(TopicPartition(topic, number), cached=True)
            except KafkaException:
                continue
            lags[topic] += max(high - max(at, low), 0) if high >= 0 else 0
        return lags

    def stop(self) -> None:
        """Close it."""
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None

    def _opened(self) -> Consumer:
        if self._consumer is None:
            raise BrokerError("reading topics: not started")
        return self._consumer

    def _look(self, consumer: Consumer) -> None:
        """Look for topics and partitions that were not there before."""
        if self._looked is not None and time.monotonic() - self._looked < LOOK_S:
            return
        try:
            there = consumer.list_topics(timeout=ANSWER_S).topics
        except KafkaException as error:
            why = self._connection.reason or said(error)
            raise BrokerError(f"reading topics: no broker answers ({why})") from error
        self._looked = time.monotonic()
        new: list[TopicPartition] = []
        for topic in self._topics:
            if topic not in there or there[topic].error is not None:
                self._missing(topic)
                continue
            for number in there[topic].partitions:
                if (topic, number) not in self._next:
                    begin = self._begin.get((topic, number))
                    self._next[topic, number] = begin or 0
                    new.append(TopicPartition(topic, number, _OLDEST if begin is None else begin))
        if new:
            consumer.incremental_assign(new)


_OLDEST = -2
"""librdkafka's OFFSET_BEGINNING."""


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value


def _check_passing(error: KafkaError) -> None:
    """Raise BrokerError for what does not pass by itself."""
    if error.code() in {KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED} or error.fatal():
        raise BrokerError(f"reading topics: {said(error)}")
