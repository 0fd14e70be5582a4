"""A range of a topic, read from end to end without a group: what training, evaluation and scoring read.

Nothing is committed, and no running daemon notices. The range is fixed when reading begins: records that come later
are not part of it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Self, cast

import numpy as np
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from numpy.typing import NDArray

from detector.errors import BrokerError, ConfigurationError, InputError
from detector.telemetry.events import silent
from detector.transport.kafka.connection import Connection
from detector.transport.kafka.librdkafka import consumer_properties, opened, said
from detector.transport.kafka.topics import CONNECT_S, complaints, require, servers

SILENCE_S = 30.0
"""Without a record for so long, the broker is said not to answer."""

_PASSING = frozenset({KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._TIMED_OUT})  # noqa: SLF001
"""Errors that librdkafka gets over by itself."""

_ROWS = 20_000
_TURN_S = 0.5


@dataclass(frozen=True, slots=True)
class Bound:
    """Where a range begins or ends, in every partition alike: at an offset, at a time, or at the topic's own end."""

    offset: int | None = None
    time_ms: int | None = None

    @classmethod
    def parse(cls, text: str | None, flag: str) -> Self:
        """Read an offset, or a time in ISO 8601 (UTC where no zone is given). Raises ConfigurationError."""
        if text is None:
            return cls()
        if text.isdecimal():
            return cls(offset=int(text))
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise ConfigurationError(
                f"{flag} {text}: give an offset such as 12000, or a time such as 2026-11-24T08:00:00Z"
            ) from None
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return cls(time_ms=int(aware.timestamp() * 1000))


@dataclass(frozen=True, slots=True)
class TopicRange:
    """Records from ``start`` up to, not including, ``end``; a time is the broker's, not the flow's."""

    topic: str
    properties: Mapping[str, object]
    """librdkafka's."""
    start: Bound = Bound()
    end: Bound = Bound()
    partition: int | None = None
    """The only one to read; None: all."""

    def read(self, *, may_be_empty: bool = False) -> Iterator[tuple[int, list[bytes | None], NDArray[np.int64]]]:
        """Give partition, values and offsets, some thousands at a time, each partition in order.

        Raises BrokerError where no broker answers or the topic is missing, InputError for a range without records
        unless it ``may_be_empty``.
        """
        connection = Connection(silent)
        own = {"group.id": "oddflow-range", "enable.partition.eof": True, "error_cb": complaints(connection)}
        consumer = opened(Consumer, {**consumer_properties({**self.properties}), **own})
        try:
            yield from self._read(consumer, connection, may_be_empty=may_be_empty)
        except KafkaException as error:
            raise BrokerError(f"reading topic {self.topic!r} at {servers(self.properties)}: {said(error)}") from error
        finally:
            consumer.close()

    def follow(self) -> Iterator[list[bytes | None]]:
        """Give the values from ``start`` on, partitions interleaved, and those that come later, without an end.

        An empty list says that nothing came for a moment. Raises BrokerError where no broker answers at the start, or
        the topic is missing or goes; one that is lost later is waited for.
        """
        connection = Connection(silent)
        own = {"group.id": "oddflow-range", "error_cb": complaints(connection)}
        consumer = opened(Consumer, {**consumer_properties({**self.properties}), **own})
        try:
            starts = {number: self._span(consumer, number)[0] for number in range(self._count(consumer, connection))}
            consumer.assign([TopicPartition(self.topic, number, start) for number, start in starts.items()])
            while True:
                messages = consumer.consume(_ROWS, _TURN_S)
                _check_passing(messages)
                yield [message.value() for message in messages if not message.error()]
        except KafkaException as error:
            raise BrokerError(f"reading topic {self.topic!r} at {servers(self.properties)}: {said(error)}") from error
        finally:
            consumer.close()

    def partitions(self) -> int:
        """How many partitions the topic has. Raises BrokerError as ``read`` does."""
        connection = Connection(silent)
        own = {"group.id": "oddflow-range", "error_cb": complaints(connection)}
        consumer = opened(Consumer, {**consumer_properties({**self.properties}), **own})
        try:
            return self._count(consumer, connection)
        finally:
            consumer.close()

    def _count(self, consumer: Consumer, connection: Connection) -> int:
        return require(consumer, [self.topic], self.properties, CONNECT_S, connection)[self.topic]

    def _read(
        self, consumer: Consumer, connection: Connection, *, may_be_empty: bool
    ) -> Iterator[tuple[int, list[bytes | None], NDArray[np.int64]]]:
        count = self._count(consumer, connection)
        numbers = range(count) if self.partition is None else range(self.partition, min(self.partition + 1, count))
        spans = {number: self._span(consumer, number) for number in numbers}
        open_ends = {number: end for number, (start, end) in spans.items() if start < end}
        if not open_ends and may_be_empty:
            return
        if not open_ends:
            raise InputError(f"reading topic {self.topic!r}: there is no record in this range; see --from and --to")
        consumer.assign([TopicPartition(self.topic, number, spans[number][0]) for number in open_ends])
        heard = time.monotonic()
        while open_ends:
            messages = consumer.consume(_ROWS, _TURN_S)
            if messages:
                heard = time.monotonic()
            elif time.monotonic() - heard > SILENCE_S:
                why = connection.reason or "no record"
                raise BrokerError(
                    f"reading topic {self.topic!r} at {servers(self.properties)}: nothing for {SILENCE_S:g} s ({why})"
                )
            for number, group in groupby(messages, key=lambda message: cast("int", message.partition())):
                if number in open_ends:
                    yield from self._taken(number, list(group), open_ends)

    def _taken(
        self, number: int, messages: list[Message], open_ends: dict[int, int]
    ) -> Iterator[tuple[int, list[bytes | None], NDArray[np.int64]]]:
        """Take those within the range; note where a partition's end is reached."""
        end = open_ends[number]
        within = [message for message in messages if not message.error() and cast("int", message.offset()) < end]
        if within:
            offsets = np.array([message.offset() for message in within], dtype=np.int64)
            yield number, [message.value() for message in within], offsets
        for message in messages:
            error = message.error()
            if error is not None and error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - its name
                raise KafkaException(error)
            if error is not None or cast("int", message.offset()) >= end - 1:
                open_ends.pop(number, None)

    def _span(self, consumer: Consumer, number: int) -> tuple[int, int]:
        """First offset, and the one after the last, of a partition."""
        place = TopicPartition(self.topic, number)
        low, high = consumer.get_watermark_offsets(place, timeout=CONNECT_S)
        return self._offset(consumer, self.start, number, low, low, high), self._offset(
            consumer, self.end, number, high, low, high
        )

    def _offset(  # noqa: PLR0917  (of one partition)
        self, consumer: Consumer, bound: Bound, number: int, unset: int, low: int, high: int
    ) -> int:
        if bound.offset is not None:
            return min(max(bound.offset, low), high)
        if bound.time_ms is None:
            return unset
        found = consumer.offsets_for_times([TopicPartition(self.topic, number, bound.time_ms)], timeout=CONNECT_S)
        return found[0].offset if found[0].offset >= 0 else high  # none is that late


def _check_passing(messages: list[Message]) -> None:
    """Raise KafkaException for an error that does not pass by itself."""
    for error in filter(None, map(Message.error, messages)):
        if not error.retriable() and error.code() not in _PASSING:
            raise KafkaException(error)
