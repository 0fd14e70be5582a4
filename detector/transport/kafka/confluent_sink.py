"""The sink of the transport by confluent-kafka; see :mod:`detector.transport.kafka.confluent`."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from concurrent.futures import TimeoutError as FutureTimeoutError
from threading import Event as Flag

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource

from detector.deadline import Deadline
from detector.errors import BrokerError
from detector.telemetry.events import Tell, silent
from detector.transport.base import Channel, OutRecord
from detector.transport.kafka.connection import Connection
from detector.transport.kafka.librdkafka import QUIET, common_properties, opened, producer_properties, said
from detector.transport.kafka.sizes import Sizes
from detector.transport.kafka.topics import CONNECT_S, require, require_write, servers

TELL_S = 1.0
"""How long to wait for acknowledgements before it is told that no broker is there to give any."""


class ConfluentSink:
    """An idempotent producer, ``acks=all``, that gives no record up.

    ``topics`` says where each channel goes; all must exist at start. ``send`` and ``flush`` belong to one thread.
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
        self._properties = producer_properties(properties)
        self._connect_s = connect_s
        self._connection = Connection(tell)
        self._producer: Producer | None = None
        self._refused: list[tuple[Channel, OutRecord]] = []
        self._too_large: deque[tuple[Channel, OutRecord]] = deque()
        own_bytes = int(str(self._properties["message.max.bytes"]))
        self._sizes = Sizes(self._asked_limit, tell, own_bytes=own_bytes, whole=whole)
        self._refusal = ""
        self._fatal = False
        self._all_down = False
        self._stopping = Flag()

    def start(self) -> None:
        """Connect. Raises BrokerError where no broker answers or a topic is missing."""
        producer = self._opened()
        require(producer, self._topics.values(), self._properties, self._connect_s, self._connection)
        require_write(self._properties, self._topics.values())
        self._stopping.clear()
        self._producer = producer
        self._connection.worked()

    def _opened(self) -> Producer:
        return opened(Producer, {**self._properties, "error_cb": self._on_error})

    def send(self, channel: Channel, records: Iterable[OutRecord]) -> None:
        """Hand over records. Blocks while the buffer is full; ``stop`` ends the wait with a BrokerError."""
        if channel not in self._topics:
            raise BrokerError(f"sending to {channel.value}: no topic is set for it")
        for record in records:
            self._produce(channel, record)
        self._open().poll(0)

    def _produce(self, channel: Channel, record: OutRecord) -> None:
        def acknowledged(error: KafkaError | None, _: Message) -> None:
            if error is None:
                self._all_down = False
                self._connection.worked()
            else:
                self._refuse(channel, record, error)

        headers: list[tuple[str, str | bytes | None]] = [*record.headers]
        while True:
            try:
                self._open().produce(
                    self._topics[channel], record.value, record.key, headers=headers or None, on_delivery=acknowledged
                )
            except BufferError:
                if self._stopping.is_set():
                    raise BrokerError(
                        f"sending to topic {self._topics[channel]!r}: stopped with a full buffer"
                    ) from None
                self._open().poll(0.1)
                self._tell_if_down()
            except KafkaException as error:
                self._refuse(channel, record, error.args[0])
                return
            else:
                return

    def _refuse(self, channel: Channel, record: OutRecord, error: KafkaError) -> None:
        """Keep a record that was not taken: the next flush sends it again, or what fits of it."""
        self._refusal = f"topic {self._topics[channel]!r}: {said(error)}"
        if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
            self._too_large.append((channel, record))
            return
        self._refused.append((channel, record))
        self._fatal = self._fatal or error.fatal() or error.code() == KafkaError._FATAL  # noqa: SLF001

    def flush(self, deadline: Deadline) -> None:
        """Return once all is acknowledged. Raises BrokerError with the number that is not; flush again."""
        if self._fatal:
            self._reopen()
        again, self._refused = self._refused, []
        for channel, record in again:
            self._produce(channel, record)
        waiting = self._flushed(deadline)
        while self._too_large and not (waiting or self._refused or deadline.passed):
            waiting = self._send_alone(*self._too_large.popleft(), deadline)
        self._refused += self._too_large
        self._too_large.clear()
        if unacknowledged := waiting + len(self._refused):
            self._tell_if_down()
            why = self._refusal if self._refused else (self._connection.reason or "no answer in time")
            raise BrokerError(
                f"sending to Kafka at {servers(self._properties)}: {unacknowledged} not acknowledged: {why}"
            )

    def _flushed(self, deadline: Deadline) -> int:
        """Wait until all is acknowledged, and give how many are not; that nobody answers is told before the end.

        Told at the end alone, it might be news when the source has its brokers back already.
        """
        waiting = self._open().flush(min(TELL_S, deadline.remaining_s))
        if waiting:
            self._tell_if_down()
            waiting = self._open().flush(deadline.remaining_s)
        return waiting

    def _send_alone(self, channel: Channel, record: OutRecord, deadline: Deadline) -> int:
        """Send what fits of a record that was refused for its size, or whose batch was; give how many wait.

        Each is a batch of its own: Kafka's bound is one of batches.
        """
        topic, waiting = self._topics[channel], 0
        for one in self._sizes.fit(channel, topic, record):
            before = len(self._too_large)
            self._produce(channel, one)
            waiting = self._open().flush(deadline.remaining_s)
            if len(self._too_large) > before:  # refused again: the limit is lower than was thought
                while len(self._too_large) > before:
                    self._too_large.pop()
                self._sizes.refused(topic, one)
                self._too_large.append((channel, record))
                break
        return waiting

    def _asked_limit(self, topic: str) -> int | None:
        """The topic's ``max.message.bytes``; None where that is not told, such as without the permission to ask."""
        resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
        admin = opened(AdminClient, {**QUIET, **common_properties(self._properties)})
        try:
            found = admin.describe_configs([resource], request_timeout=CONNECT_S)[resource].result(CONNECT_S + 1.0)
            return int(found["max.message.bytes"].value)
        except (KafkaException, FutureTimeoutError, KeyError):
            return None

    def _reopen(self) -> None:
        """Start over with a new producer: librdkafka refuses everything after a fatal error, such as being fenced."""
        old = self._open()
        old.purge()
        old.flush(1.0)
        self._producer = self._opened()
        self._fatal = False

    def stop(self, deadline: Deadline) -> None:
        """Close within the deadline; what is not acknowledged by then is given up."""
        self._stopping.set()
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.flush(deadline.remaining_s)
            producer.purge()
            producer.flush(0)
        self._connection.closed()

    def _on_error(self, error: KafkaError) -> None:
        self._connection.complained(said(error))
        self._fatal = self._fatal or error.fatal()
        self._all_down = self._all_down or error.code() == KafkaError._ALL_BROKERS_DOWN  # noqa: SLF001

    def _tell_if_down(self) -> None:
        """Tell that brokers are away where records wait for them: the client's own word may be an hour old by now."""
        if self._all_down:
            self._connection.failed()

    def _open(self) -> Producer:
        if self._producer is None:
            raise BrokerError(f"sending to Kafka at {servers(self._properties)}: the sink is not started, or stopped")
        return self._producer
