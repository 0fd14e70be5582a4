"""The sink of the transport by kafka-python; see :mod:`detector.transport.kafka.kafka_python`."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, errors
from kafka.admin import ConfigResource, ConfigResourceType

from detector.deadline import Deadline
from detector.errors import BrokerError
from detector.telemetry.events import Tell, silent
from detector.transport.base import Channel, OutRecord
from detector.transport.kafka.connection import Connection
from detector.transport.kafka.kafka_python_client import opened, options, quiet, require, require_write, said
from detector.transport.kafka.sizes import Sizes
from detector.transport.kafka.topics import CONNECT_S, servers

_DELIVERY_MS = 2**31 - 1
"""Never give a record up: flush says what is not acknowledged, and the caller decides."""

_SPLIT_S = 0.01
"""A pause for the client to send the halves of a batch."""

_OWN_BYTES = 16 << 20
"""What the client itself takes: the topic decides what is too large."""

_GIVE_UP_S = 1.0
"""How long the client may take to drop what it still wanted to send."""


_TOO_LARGE = (errors.MessageSizeTooLargeError, errors.RecordListTooLargeError)


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
        whole: bool = False,
    ) -> None:
        self._topics = dict(topics)
        self._properties = dict(properties)
        self._connect_s = connect_s
        self._connection = Connection(tell)
        self._producer: Any = None
        self._waiting: deque[tuple[Channel, OutRecord, Any]] = deque()
        self._refused: list[tuple[Channel, OutRecord]] = []
        self._too_large: deque[tuple[Channel, OutRecord]] = deque()
        own_bytes = int(str(self._properties.get("message.max.bytes", _OWN_BYTES)))
        self._sizes = Sizes(self._asked_limit, tell, own_bytes=own_bytes, whole=whole)
        self._refusal = ""
        self._waits = False
        self._fatal = False

    def start(self) -> None:
        """Connect. Raises BrokerError where no broker answers or a topic is missing."""
        quiet()
        known = options(self._properties, KafkaConsumer.DEFAULT_CONFIG | KafkaProducer.DEFAULT_CONFIG)
        asking = {name: value for name, value in known.items() if name in KafkaConsumer.DEFAULT_CONFIG}
        consumer = opened(KafkaConsumer, asking, self._properties, self._connect_s)
        try:
            require(consumer.topics, self._topics.values(), self._properties, self._connect_s)
        finally:
            consumer.close(timeout_ms=0)
        require_write(self._properties, self._topics.values(), self._connect_s)
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
            "max_request_size": _OWN_BYTES,
            "delivery_timeout_ms": _DELIVERY_MS,
            "max_block_ms": 1000,
            "reconnect_backoff_max_ms": 2000,
        }
        given = options(self._properties, KafkaProducer.DEFAULT_CONFIG)
        return opened(KafkaProducer, {**defaults, **given}, self._properties, self._connect_s)

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
        """Keep a record that was not taken: the next flush sends it again, or what fits of it."""
        self._refusal = f"topic {self._topics[channel]!r}: {said(error)}"
        if isinstance(error, _TOO_LARGE):
            self._too_large.append((channel, record))
            return
        self._refused.append((channel, record))

    def flush(self, deadline: Deadline) -> None:
        """Return once all is acknowledged. Raises BrokerError with the number that is not; flush again."""
        self._open()
        self._waits = False
        again, self._refused = self._refused, []
        for channel, record in again:
            self._produce(channel, record)
        self._flush(deadline)
        while self._too_large and not (self._waiting or self._refused or deadline.passed):
            self._send_alone(*self._too_large.popleft(), deadline)
        self._refused += self._too_large
        self._too_large.clear()
        if unacknowledged := len(self._waiting) + len(self._refused):
            why = self._refusal if self._refused else "no answer in time"
            raise BrokerError(
                f"sending to Kafka at {servers(self._properties)}: {unacknowledged} not acknowledged: {why}"
            )
        self._connection.worked()

    def _send_alone(self, channel: Channel, record: OutRecord, deadline: Deadline) -> None:
        """Send what fits of a record that was refused for its size, or whose batch was: each as a batch of its own."""
        topic = self._topics[channel]
        for one in self._sizes.fit(channel, topic, record):
            before = len(self._too_large)
            self._produce(channel, one)
            self._flush(deadline)
            if len(self._too_large) > before:  # refused again: the limit is lower than was thought
                while len(self._too_large) > before:
                    self._too_large.pop()
                self._sizes.refused(topic, one)
                self._too_large.append((channel, record))
                break

    def _asked_limit(self, topic: str) -> int | None:
        """The topic's ``max.message.bytes``; None where that is not told, such as without the permission to ask."""
        known = options(self._properties, KafkaAdminClient.DEFAULT_CONFIG | KafkaProducer.DEFAULT_CONFIG)
        given = {name: value for name, value in known.items() if name in KafkaAdminClient.DEFAULT_CONFIG}
        admin = opened(KafkaAdminClient, given, self._properties, self._connect_s)
        try:
            found = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
            return int(found["topic"][topic]["max.message.bytes"]["value"])
        except (errors.KafkaError, LookupError, TypeError, ValueError):
            return None
        finally:
            admin.close()

    def _flush(self, deadline: Deadline) -> None:
        """Have the client send what it holds, and take in what became of it."""
        while True:
            try:
                self._open().flush(timeout=deadline.remaining_s)
            except errors.KafkaTimeoutError:
                self._connection.failed("no answer in time")
            except errors.UnknownError:  # what it waited for was split, since it was too large
                if not deadline.passed:
                    time.sleep(_SPLIT_S)
                    continue
            break
        waiting, self._waiting = self._waiting, deque()
        for channel, record, future in waiting:
            if not future.is_done:
                self._waiting.append((channel, record, future))
            elif future.failed():
                self._refuse(channel, record, future.exception)
                self._fatal = self._fatal or isinstance(future.exception, _TOO_LARGE)
        if self._fatal:
            self._reopen()

    def _reopen(self) -> None:
        """Start over: after a refusal that it cannot split, kafka-python's idempotent producer refuses everything."""
        old, self._producer = self._open(), self._opened()
        self._fatal = False
        self._refused += [(channel, record) for channel, record, _ in self._waiting]
        self._waiting.clear()
        old._sender.force_close()  # noqa: SLF001 - it has no public way to give up
        with suppress(errors.KafkaTimeoutError):
            old.close(timeout=_GIVE_UP_S)

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
