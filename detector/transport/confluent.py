"""Kafka by confluent-kafka (librdkafka): the default, and the fast one.

``properties`` are librdkafka's own, by its names; they win over the defaults in :mod:`detector.transport.librdkafka`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from queue import Empty, SimpleQueue
from threading import Event as Flag
from threading import Thread
from typing import cast

import numpy as np
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from detector.deadline import Deadline
from detector.errors import BrokerError
from detector.events import FetchFailed, Tell, silent
from detector.transport.base import (
    AssignmentListener,
    Channel,
    Envelope,
    OutRecord,
    RawBatch,
    StaleCommitError,
)
from detector.transport.connection import Connection
from detector.transport.librdkafka import consumer_properties, opened, producer_properties, said, statistics
from detector.transport.topics import CONNECT_S, complaints, require, servers

COMMIT_S = 10.0
"""How long a commit may take before it counts as not accepted; librdkafka itself would wait a minute."""

_FIRST_GUESS_BYTES = 16_384.0
"""A record's size before any was seen: high, so that the first batch keeps its bound too."""

_STALE = frozenset(
    {
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.FENCED_INSTANCE_ID,
        KafkaError.STALE_MEMBER_EPOCH,
        KafkaError.FENCED_MEMBER_EPOCH,
        KafkaError._ASSIGNMENT_LOST,  # noqa: SLF001 - librdkafka's own codes have names like this
    }
)
_second = itemgetter(1)


class ConfluentSource:
    """A member of a consumer group that reads one topic.

    ``connect_s`` bounds the search for a broker at start.
    """

    def __init__(
        self, *, topic: str, properties: Mapping[str, object], tell: Tell = silent, connect_s: float = CONNECT_S
    ) -> None:
        self._topic = topic
        self._properties = consumer_properties(properties)
        self._tell = tell
        self._connect_s = connect_s
        self._connection = Connection(tell)
        self._consumer: Consumer | None = None
        self._listener: AssignmentListener | None = None
        self._assigned: set[int] = set()
        self._moved: set[int] = set()
        self._generation = 0
        self._paused = False
        self._held: set[int] = set()
        self._committed: dict[int, int] = {}
        self._mean_bytes = _FIRST_GUESS_BYTES
        self._last_rejection = ""
        self._commits = _CommitThread()

    # --- life ---------------------------------------------------------------------------------------------------

    def start(self, listener: AssignmentListener) -> None:
        """Connect and join the group. Raises BrokerError where no broker answers or the topic is missing."""
        self._listener = listener
        callbacks = {"error_cb": complaints(self._connection), "stats_cb": self._on_statistics}
        consumer = opened(Consumer, {**self._properties, **callbacks})
        try:
            require(consumer, [self._topic], servers(self._properties), self._connect_s, self._connection)
        except BrokerError:
            consumer.close()
            raise
        self._consumer = consumer
        self._consumer.subscribe(
            [self._topic], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
        )
        self._connection.worked()

    def stop(self, deadline: Deadline) -> None:
        """Leave the group and close within the deadline. Does not commit."""
        consumer, self._consumer = self._consumer, None
        self._listener = None
        self._assigned.clear()
        self._connection.closed()
        if consumer is not None:
            closing = Thread(target=consumer.close, daemon=True, name="close-consumer")
            closing.start()
            closing.join(deadline.remaining_s)

    @property
    def ended(self) -> bool:
        """A topic never ends."""
        return False

    @property
    def connected(self) -> bool:
        """Whether a broker was connected when last seen (at most a second ago, while ``poll`` is called)."""
        return self._connection.up

    # --- reading ------------------------------------------------------------------------------------------------

    def poll(self, max_records: int, max_bytes: int, timeout_s: float) -> RawBatch | None:
        """Give up to ``max_records``, about ``max_bytes``, after ``timeout_s`` at most. See the base."""
        deadline = Deadline.after(timeout_s)
        messages: list[Message] = []
        size = 0
        while True:
            room = min(max_records - len(messages), int((max_bytes - size) / self._mean_bytes))
            chunk = self._consume(max(room, 1), deadline.remaining_s)
            if chunk:
                chunk_bytes = sum(map(len, chunk))
                self._mean_bytes += 0.5 * (max(chunk_bytes / len(chunk), 1.0) - self._mean_bytes)
                size += chunk_bytes
                messages = messages + chunk if messages else chunk
            full = len(messages) >= max_records or max_bytes - size < self._mean_bytes
            if full or deadline.passed:
                return self._batch(messages) if messages else None

    def _consume(self, count: int, timeout_s: float) -> list[Message]:
        """Take up to ``count`` from librdkafka, which waits for them without holding the interpreter's lock."""
        consumer = self._open()
        self._moved.clear()
        chunk: list[Message] = consumer.consume(count, timeout_s)
        if any(map(Message.error, chunk)):
            chunk = self._without_errors(chunk)
        if self._moved:
            chunk = self._without_moved(consumer, chunk)
            if self._paused:
                self._hold(consumer)
        return chunk

    def _without_errors(self, chunk: list[Message]) -> list[Message]:
        for message in chunk:
            error = message.error()
            if error is not None and (rejection := said(error)) != self._last_rejection:
                self._last_rejection = rejection  # a topic that is gone complains at every attempt
                self._tell(FetchFailed(error=rejection))
        return [message for message in chunk if message.error() is None]

    def _without_moved(self, consumer: Consumer, chunk: list[Message]) -> list[Message]:
        """Leave out what was fetched of a partition before it went away in this very call.

        It is read again, here or elsewhere, from the committed offset: given twice, it would be scored twice.
        """
        places = [(message.partition() or 0, message.offset() or 0) for message in chunk]
        here = sorted({number for number, _ in places} & self._moved)
        ends = {
            place.partition: place.offset if place.partition in self._assigned else -1
            for place in consumer.position([TopicPartition(self._topic, number) for number in here])
        }
        kept: list[Message] = []
        for message, (number, offset) in zip(reversed(chunk), reversed(places), strict=True):
            if number not in ends:
                kept.append(message)
            elif offset < ends[number]:
                kept.append(message)
                ends[number] = offset
        kept.reverse()
        return kept

    def _batch(self, messages: Sequence[Message]) -> RawBatch:
        # Unbound methods under map: about 0.5 µs a record for everything, half of what attribute access would cost.
        count = len(messages)
        self._last_rejection = ""
        return RawBatch(
            topic=self._topic,
            values=list(map(Message.value, messages)),
            partitions=np.fromiter(map(Message.partition, messages), np.int32, count),
            offsets=np.fromiter(map(Message.offset, messages), np.int64, count),
            timestamps_ms=np.fromiter(map(_second, map(Message.timestamp, messages)), np.int64, count),
            envelope=lambda row: _envelope(messages[row]),
            generation=self._generation,
        )

    # --- keeping up ---------------------------------------------------------------------------------------------

    def commit(self, positions: Mapping[int, int]) -> None:
        """Record the next offset to read, by partition. Raises BrokerError or StaleCommitError; see the base."""
        own = [TopicPartition(self._topic, number, at) for number, at in positions.items() if number in self._assigned]
        if own:
            self._commits.commit(self._open(), own)
        if foreign := sorted(positions.keys() - self._assigned):
            raise StaleCommitError(f"committing {self._topic!r}: partitions {foreign} are no longer read here")

    def pause(self) -> None:
        """Stop fetching; ``poll`` still keeps the membership alive."""
        self._paused = True
        self._hold(self._open())

    def resume(self) -> None:
        """Fetch again."""
        self._paused = False
        if held := self._held & self._assigned:
            self._open().resume([TopicPartition(self._topic, number) for number in held])
        self._held = set()

    def _hold(self, consumer: Consumer) -> None:
        if fresh := self._assigned - self._held:
            consumer.pause([TopicPartition(self._topic, number) for number in fresh])
        self._held = set(self._assigned)

    def lag(self) -> dict[int, int]:
        """Records not yet read, by assigned partition, as of the last fetch. No request is made."""
        if self._consumer is None or not self._assigned:
            return {}
        places = self._consumer.position([TopicPartition(self._topic, number) for number in sorted(self._assigned)])
        found = {}
        for place in places:
            low, high = self._consumer.get_watermark_offsets(place, cached=True)
            at = place.offset if place.offset >= 0 else self._committed.get(place.partition, max(low, 0))
            if high >= 0:
                found[place.partition] = max(high - at, 0)
        return found

    # --- what librdkafka tells, from within consume ---------------------------------------------------------------

    def _on_assign(self, _: Consumer, partitions: Sequence[TopicPartition]) -> None:
        numbers = [one.partition for one in partitions]
        self._generation += 1
        self._moved.update(numbers)
        self._assigned.update(numbers)
        if self._listener:
            self._listener.on_assigned(numbers)

    def _on_revoke(self, _: Consumer, partitions: Sequence[TopicPartition]) -> None:
        numbers = [one.partition for one in partitions]
        try:
            if self._listener:
                self._listener.on_revoked(numbers)
        finally:
            self._forget(numbers)

    def _on_lost(self, _: Consumer, partitions: Sequence[TopicPartition]) -> None:
        numbers = [one.partition for one in partitions]
        self._forget(numbers)
        if self._listener:
            self._listener.on_lost(numbers)

    def _forget(self, numbers: Iterable[int]) -> None:
        self._generation += 1
        self._moved.update(numbers)
        self._assigned.difference_update(numbers)
        self._held.difference_update(numbers)

    def _on_statistics(self, text: str) -> None:
        seen = statistics(text)
        self._committed = seen.committed(self._topic)
        if seen.connected:
            self._connection.worked()
        else:
            self._connection.failed()

    def _open(self) -> Consumer:
        if self._consumer is None:
            raise BrokerError(f"reading topic {self._topic!r}: the source is not started, or stopped")
        return self._consumer


def _envelope(message: Message) -> Envelope:
    headers = cast("list[tuple[str, bytes | None]]", message.headers() or [])  # never a dict, never str, when consumed
    return Envelope(message.key(), headers)


class _CommitThread:
    """Commits with a bound: librdkafka's own wait, while no broker answers, ends only with the session."""

    def __init__(self) -> None:
        self._pending: Thread | None = None

    def commit(self, consumer: Consumer, offsets: list[TopicPartition]) -> None:
        if self._pending is not None and self._pending.is_alive():
            raise BrokerError("committing offsets: an earlier commit is still not answered")
        answer: SimpleQueue[KafkaError | None] = SimpleQueue()
        self._pending = Thread(target=self._ask, args=(consumer, offsets, answer), daemon=True, name="commit")
        self._pending.start()
        try:
            error = answer.get(timeout=COMMIT_S)
        except Empty:
            raise BrokerError(f"committing offsets: not answered within {COMMIT_S:g} s") from None
        if error is not None:
            kind = StaleCommitError if error.code() in _STALE else BrokerError
            raise kind(f"committing offsets: {said(error)}")

    @staticmethod
    def _ask(consumer: Consumer, offsets: list[TopicPartition], answer: SimpleQueue[KafkaError | None]) -> None:
        try:
            results = consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            answer.put(error.args[0])
        except RuntimeError:  # closed meanwhile
            answer.put(KafkaError(KafkaError.UNKNOWN_MEMBER_ID))
        else:
            answer.put(next((one.error for one in results if one.error), None))


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
    ) -> None:
        self._topics = dict(topics)
        self._properties = producer_properties(properties)
        self._connect_s = connect_s
        self._connection = Connection(tell)
        self._producer: Producer | None = None
        self._refused: list[tuple[Channel, OutRecord]] = []
        self._refusal = ""
        self._fatal = False
        self._stopping = Flag()

    def start(self) -> None:
        """Connect. Raises BrokerError where no broker answers or a topic is missing."""
        producer = self._opened()
        require(producer, self._topics.values(), servers(self._properties), self._connect_s, self._connection)
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
            except KafkaException as error:
                self._refuse(channel, record, error.args[0])
                return
            else:
                return

    def _refuse(self, channel: Channel, record: OutRecord, error: KafkaError) -> None:
        """Keep a record that was not taken: the next flush sends it again."""
        self._refused.append((channel, record))
        self._fatal = self._fatal or error.fatal() or error.code() == KafkaError._FATAL  # noqa: SLF001
        self._refusal = f"topic {self._topics[channel]!r}: {said(error)}"
        if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
            size = len(record.value or b"") + len(record.key or b"")
            self._refusal += f" ({size} bytes); raise the topic's max.message.bytes"

    def flush(self, deadline: Deadline) -> None:
        """Return once all is acknowledged. Raises BrokerError with the number that is not; flush again."""
        if self._fatal:
            self._reopen()
        again, self._refused = self._refused, []
        for channel, record in again:
            self._produce(channel, record)
        waiting = self._open().flush(deadline.remaining_s)
        if unacknowledged := waiting + len(self._refused):
            why = self._refusal if self._refused else (self._connection.reason or "no answer in time")
            raise BrokerError(
                f"sending to Kafka at {servers(self._properties)}: {unacknowledged} not acknowledged: {why}"
            )

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
        if error.code() == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001
            self._connection.failed()

    def _open(self) -> Producer:
        if self._producer is None:
            raise BrokerError(f"sending to Kafka at {servers(self._properties)}: the sink is not started, or stopped")
        return self._producer
