"""The sink of the transport by kafka-python; see :mod:`detector.transport.kafka_python`."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from kafka import KafkaConsumer, KafkaProducer, errors

from detector.deadline import Deadline
from detector.errors import BrokerError
from detector.events import Tell, silent
from detector.transport.base import Channel, OutRecord
from detector.transport.connection import Connection
from detector.transport.kafka_python_client import opened, options, quiet, require, said
from detector.transport.topics import CONNECT_S, servers

_DELIVERY_MS = 2**31 - 1
"""Never give a record up: flush says what is not acknowledged, and the caller decides."""

_GIVE_UP_S = 1.0
"""How long the client may take to drop what it still wanted to send."""


class KafkaPythonSink:
    """An idempotent producer, ``acks=all``, that gives no record up. ``send`` and ``flush`` belong to one thread.

    The client's buffer has no bound: flush after each batch of results.
    """

    def __init__(
        self,
        *,
        topics: Mapping[Channel, str],
        properties: Mapping[str, object],
        tell: Tell = silent,
        connect_s: float = CONNECT_S,
    ) -> None:
        self._topics = dict(topics)
        self._properties = dict(properties)
        self._connect_s = connect_s
        self._connection = Connection(tell)
        self._producer: Any = None
        self._waiting: deque[tuple[Channel, OutRecord, Any]] = deque()
        self._refused: list[tuple[Channel, OutRecord]] = []
        self._refusal = ""
        self._waits = False

    def start(self) -> None:
        """Connect. Raises BrokerError where no broker answers or a topic is missing."""
        quiet()
        at = servers(self._properties)
        known = options(self._properties, KafkaConsumer.DEFAULT_CONFIG | KafkaProducer.DEFAULT_CONFIG)
        asking = {name: value for name, value in known.items() if name in KafkaConsumer.DEFAULT_CONFIG}
        consumer = opened(KafkaConsumer, asking, at, self._connect_s)
        try:
            require(consumer.topics, self._topics.values(), at, self._connect_s)
        finally:
            consumer.close(timeout_ms=0)
        self._producer = self._opened()
        self._connection.worked()

    def _opened(self) -> Any:
        defaults = {
            "client_id": "oddflow",
            "acks": "all",
            "enable_idempotence": True,
            "allow_auto_create_topics": False,
            "linger_ms": 5,
            "batch_size": 256 * 1024,
            "max_request_size": 16 << 20,
            "delivery_timeout_ms": _DELIVERY_MS,
            "max_block_ms": 1000,
            "reconnect_backoff_max_ms": 2000,
        }
        given = options(self._properties, KafkaProducer.DEFAULT_CONFIG)
        return opened(KafkaProducer, {**defaults, **given}, servers(self._properties), self._connect_s)

    def send(self, channel: Channel, records: Iterable[OutRecord]) -> None:
        """Hand over records; the client buffers them."""
        if channel not in self._topics:
            raise BrokerError(f"sending to {channel.value}: no topic is set for it")
        for record in records:
            self._produce(channel, record)

    def _produce(self, channel: Channel, record: OutRecord) -> None:
        producer = self._open()
        if self._waits:  # for the topic's brokers, a second for each record: the next flush tries again
            self._refused.append((channel, record))
            return
        headers = [(name, b"" if value is None else value) for name, value in record.headers]
        key = b"" if record.value is None and record.key is None else record.key  # it refuses a record of nothing
        try:
            future = producer.send(self._topics[channel], record.value, key, headers)
        except errors.KafkaError as error:
            self._waits = isinstance(error, errors.KafkaTimeoutError)
            self._refuse(channel, record, error)
        else:
            self._waiting.append((channel, record, future))

    def _refuse(self, channel: Channel, record: OutRecord, error: BaseException) -> None:
        """Keep a record that was not taken: the next flush sends it again."""
        self._refused.append((channel, record))
        self._refusal = f"topic {self._topics[channel]!r}: {said(error)}"
        if isinstance(error, (errors.MessageSizeTooLargeError, errors.RecordListTooLargeError)):
            size = len(record.value or b"") + len(record.key or b"")
            self._refusal += f" ({size} bytes); raise the topic's max.message.bytes"

    def flush(self, deadline: Deadline) -> None:
        """Return once all is acknowledged. Raises BrokerError with the number that is not; flush again."""
        producer = self._open()
        self._waits = False
        again, self._refused = self._refused, []
        for channel, record in again:
            self._produce(channel, record)
        try:
            producer.flush(timeout=deadline.remaining_s)
        except errors.KafkaTimeoutError:
            self._connection.failed("no answer in time")
        waiting, self._waiting = self._waiting, deque()
        for channel, record, future in waiting:
            if not future.is_done:
                self._waiting.append((channel, record, future))
            elif future.failed():
                self._refuse(channel, record, future.exception)
        if unacknowledged := len(self._waiting) + len(self._refused):
            why = self._refusal if self._refused else "no answer in time"
            raise BrokerError(
                f"sending to Kafka at {servers(self._properties)}: {unacknowledged} not acknowledged: {why}"
            )
        self._connection.worked()

    def stop(self, deadline: Deadline) -> None:
        """Close within the deadline; what is not acknowledged by then is given up."""
        producer, self._producer = self._producer, None
        if producer is not None:
            try:
                producer.close(timeout=deadline.remaining_s)
            except errors.KafkaTimeoutError:  # records that are not acknowledged: it would keep trying to send them
                producer._sender.force_close()  # noqa: SLF001 - it has no public way to give up
                with suppress(errors.KafkaTimeoutError):
                    producer.close(timeout=_GIVE_UP_S)
        self._connection.closed()

    def _open(self) -> Any:
        if self._producer is None:
            raise BrokerError(f"sending to Kafka at {servers(self._properties)}: the sink is not started, or stopped")
        return self._producer
