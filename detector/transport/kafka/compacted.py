"""A compacted topic, read from its beginning and followed, without a group and without ever raising for what passes.

Used from one thread. Nothing is committed; each start reads the whole topic, which is small.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import cast

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from detector.transport.base import KeyedRecord
from detector.transport.kafka.librdkafka import consumer_properties, opened, said

ANSWER_S = 5.0
"""How long a question for the topic's partitions may take."""

LOOK_S = 2.0
"""Between looks for a topic that is missing, or brokers that are away …"""

COUNT_S = 30.0
"""… and for further partitions of one that is there."""

ROWS = 10_000


class CompactedTopic:
    """What a topic says, by key. ``trouble`` tells why it is not read for now; empty while it is."""

    def __init__(self, topic: str, properties: Mapping[str, object]) -> None:
        self._topic = topic
        self._properties = properties
        self._consumer: Consumer | None = None
        self._unread: set[int] = set()
        self._partitions = 0
        self._next: dict[int, int] = {}
        """By partition, the offset after the last one that was met since it began."""
        self._looked_at = -COUNT_S
        self.trouble = ""
        self.begins = 0
        """How often it was begun from its beginning: what was read before is void then."""

    @property
    def read_whole(self) -> bool:
        """Whether all was read that was there when it began, in every partition."""
        return self._partitions > 0 and not self._unread

    def poll(self, timeout_s: float) -> list[KeyedRecord]:
        """Give what came, waiting so long for it at most. Raises ConfigurationError for bad properties alone."""
        consumer = self._consumer = self._consumer or self._opened()
        self._look(consumer)
        if not self._partitions:
            time.sleep(timeout_s)
            return []
        try:
            messages = consumer.consume(ROWS, timeout_s)
            if self._goes_back(messages):  # it was deleted and made again: what the old one said is void
                self._begin(consumer, self._partitions)
                return []
            return self._taken(messages)
        except KafkaException as error:
            self._lose(said(error))
            return []

    def close(self) -> None:
        """Read no more."""
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None

    def _opened(self) -> Consumer:
        own = {"group.id": "oddflow-compacted", "enable.partition.eof": True, "error_cb": self._complained}
        return opened(Consumer, {**consumer_properties({**self._properties}), **own})

    def _complained(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001 - its name
            self.trouble = self.trouble or said(error)

    def _look(self, consumer: Consumer) -> None:
        """See how many partitions there are, now and then; begin anew where there are others."""
        if time.monotonic() - self._looked_at < (COUNT_S if self._partitions and not self.trouble else LOOK_S):
            return
        self._looked_at = time.monotonic()
        try:
            # All topics are asked for: asking for one by name makes some brokers create it.
            found = consumer.list_topics(timeout=ANSWER_S).topics.get(self._topic)
        except KafkaException as error:
            self.trouble = self.trouble or said(error)
            return
        count = 0 if found is None or found.error is not None else len(found.partitions)
        if not count:
            self._lose(f"there is no topic {self._topic!r}; oddflow detect --create-topics creates it")
            return
        self.trouble = ""
        if count != self._partitions:
            self._begin(consumer, count)

    def _begin(self, consumer: Consumer, count: int) -> None:
        """Read it from its beginning."""
        self._partitions, self._unread, self._next = count, set(range(count)), {}
        self.begins += 1
        consumer.assign([TopicPartition(self._topic, number, OFFSET_BEGINNING) for number in range(count)])

    def _lose(self, why: str) -> None:
        """Begin anew once it is there."""
        self.trouble = self.trouble or why
        self._partitions = 0
        if self._consumer is not None:
            self._consumer.unassign()

    def _goes_back(self, messages: Sequence[Message]) -> bool:
        """Whether a partition now ends, or goes on, before where it was read to; offsets else only rise."""
        for message in messages:
            error = message.error()
            is_end = error is not None and error.code() == KafkaError._PARTITION_EOF  # noqa: SLF001 - its name
            partition, offset = message.partition(), message.offset()
            if (error is not None and not is_end) or partition is None or offset is None:
                continue
            if offset < self._next.get(partition, 0):
                return True
            self._next[partition] = offset if is_end else offset + 1
        return False

    def _taken(self, messages: Sequence[Message]) -> list[KeyedRecord]:
        found: list[KeyedRecord] = []
        for message in messages:
            error = message.error()
            if error is None:
                found.append(_keyed(message))
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its name
                self._unread.discard(cast("int", message.partition()))
            elif error.code() in {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC}:  # noqa: SLF001
                self._lose(said(error))
            else:
                self.trouble = self.trouble or said(error)
        if messages and not any(message.error() for message in messages):
            self.trouble = ""
        return found


def _keyed(message: Message) -> KeyedRecord:
    _, stamp = message.timestamp()
    return KeyedRecord(
        message.key(),
        message.value(),
        stamp,
        cast("int", message.partition()),
        cast("int", message.offset()),
    )
