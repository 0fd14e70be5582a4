"""Kafka by confluent-kafka (librdkafka): the default, and the fast one.

``properties`` are librdkafka's own, by its names; they win over the defaults in
:mod:`detector.transport.kafka.librdkafka`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import itemgetter
from threading import Thread
from typing import cast

import numpy as np
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from detector.deadline import Deadline
from detector.errors import BrokerError
from detector.telemetry.events import Tell, silent
from detector.transport.base import AssignmentListener, Envelope, RawBatch, StaleCommitError
from detector.transport.events import FetchFailed
from detector.transport.kafka.confluent_commits import Commits
from detector.transport.kafka.confluent_sink import ConfluentSink
from detector.transport.kafka.connection import Connection
from detector.transport.kafka.ends import Ends
from detector.transport.kafka.librdkafka import Statistics, consumer_properties, incremental, opened, said, statistics
from detector.transport.kafka.positions import Commit, Identity, Positions, Span
from detector.transport.kafka.recovery import NO_POSITION, Recovery
from detector.transport.kafka.topic_watch import TopicWatch
from detector.transport.kafka.topics import CONNECT_S, complaints, require, require_group

__all__ = ["ConfluentSink", "ConfluentSource"]

COMMITTED_S = 10.0
"""How long to ask for what is committed, or for what a partition's log has."""

_GONE = frozenset(
    {KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE, KafkaError._LOG_TRUNCATION}  # noqa: SLF001
)
"""The log does not have the position; librdkafka is told to leave it to us what to do then."""

_FIRST_GUESS_BYTES = 16_384.0
"""A record's size before any was seen: high, so that the first batch keeps its bound too."""

_second = itemgetter(1)

AT_ONCE = 250
"""Messages that are taken or unpacked by one call, which keeps the interpreter's lock to its end: some 0.05 ms. Of
20,000 it would be milliseconds, and the stages wait for the lock after each kernel."""


class ConfluentSource:
    """A member of a consumer group that reads one topic.

    ``connect_s`` bounds the search for a broker at start.
    """

    def __init__(
        self, *, topic: str, properties: Mapping[str, object], tell: Tell = silent, connect_s: float = CONNECT_S
    ) -> None:
        self._topic = topic
        self._properties = consumer_properties(properties)
        self._positions = Positions(topic, self._properties["auto.offset.reset"], tell)
        self._recovery = Recovery(self._positions, self)
        self._watch: TopicWatch | None = None
        self._incremental = incremental(self._properties)
        self._tell = tell
        self._connect_s = connect_s
        self._connection = Connection(tell)
        self._consumer: Consumer | None = None
        self._listener: AssignmentListener | None = None
        self._assigned: set[int] = set()
        self._moved: set[int] = set()
        self._starts: dict[int, int] = {}
        self._unread = 0
        self._rebalancing = False
        self._rewound: dict[int, int] = {}
        self._generation = 0
        self._paused = False
        self._held: set[int] = set()
        self._seen = Statistics()
        self._mean_bytes = _FIRST_GUESS_BYTES
        self._last_rejection = ""
        self._commits = Commits()
        self._ends = Ends(topic, self._properties)

    # --- life ---------------------------------------------------------------------------------------------------

    def start(self, listener: AssignmentListener) -> None:
        """Connect and join the group. Raises BrokerError where no broker answers or the topic is missing."""
        self._listener = listener
        callbacks = {"error_cb": complaints(self._connection), "stats_cb": self._on_statistics}
        consumer = opened(Consumer, {**self._properties, **callbacks, "auto.offset.reset": "error"})
        try:
            found = require(consumer, [self._topic], self._properties, self._connect_s, self._connection)
            require_group(self._properties, str(self._properties.get("group.id")))
        except BrokerError:
            consumer.close()
            raise
        self._watch = TopicWatch(self._topic, self._properties)
        self._positions.notice(self._watch.wait(self._connect_s) or Identity("", found[self._topic]))
        self._consumer = consumer
        self._consumer.subscribe(
            [self._topic], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
        )
        self._connection.worked()

    def stop(self, deadline: Deadline) -> None:
        """Leave the group and close within the deadline. Does not commit."""
        consumer, self._consumer = self._consumer, None
        self._listener = self._watch = None
        self._assigned.clear()
        self._ends.close()
        self._recovery.clear()
        self._connection.closed()
        if consumer is not None:
            closing = Thread(target=consumer.close, daemon=True, name="close-consumer")
            closing.start()
            closing.join(deadline.remaining_s)

    @property
    def partitions(self) -> int | None:
        """How many partitions the topic has, as last seen; None while it is missing."""
        return self._positions.partitions

    @property
    def missing(self) -> bool:
        """Whether the topic was deleted, or its brokers came back without it."""
        return self._positions.missing

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
        self._look()
        messages: list[Message] = []
        size = 0
        while True:
            room = min(max_records - len(messages), int((max_bytes - size) / self._mean_bytes))
            chunk = self._consume(min(max(room, 1), AT_ONCE), deadline.remaining_s)
            if self._moved and messages:  # read again by whoever has them now, from the committed offset
                messages = [message for message in messages if message.partition() not in self._moved]
            if chunk:
                chunk_bytes = sum(map(len, chunk))
                self._mean_bytes += 0.5 * (max(chunk_bytes / len(chunk), 1.0) - self._mean_bytes)
                size += chunk_bytes
                messages += chunk
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
            elif here := self._moved & self._assigned:
                # A partition that was lost while it was paused comes back paused.
                consumer.resume([TopicPartition(self._topic, number) for number in here])
        return chunk

    def _without_errors(self, chunk: list[Message]) -> list[Message]:
        for message in chunk:
            error = message.error()
            if error is not None and error.code() in _GONE and message.partition() in self._assigned:
                self._recovery.strand(message.partition() or 0, _offset(message))
            elif error is not None and (rejection := said(error)) != self._last_rejection:
                self._last_rejection = rejection  # a topic that is gone complains at every attempt
                self._tell(FetchFailed(error=rejection))
        return [message for message in chunk if message.error() is None]

    # --- positions that the log does not have -------------------------------------------------------------------

    def _look(self) -> None:
        """See whether it is still the same topic, with so many partitions; go on where the log has no more."""
        if self._watch is not None and (seen := self._watch.look()) is not None:
            self._recovery.notice(seen, self._assigned, self._unread)
            self._unread = sum(self.lag().values())
        self._recovery.look(self._listener)

    def spans(self, numbers: Iterable[int]) -> dict[int, Span]:
        """What the logs of these partitions have; one that does not answer in time is left out."""
        deadline, found = Deadline.after(COMMITTED_S), {}
        for number in numbers:
            place = TopicPartition(self._topic, number)
            try:
                found[number] = Span(*self._open().get_watermark_offsets(place, timeout=max(deadline.remaining_s, 0.1)))
            except KafkaException as error:
                self._connection.complained(said(error))
        return found

    def commits(self, numbers: Iterable[int]) -> dict[int, Commit]:
        """What the group has committed of these partitions. Raises BrokerError."""
        asked = [TopicPartition(self._topic, number) for number in numbers]
        try:
            places = self._open().committed(asked, timeout=COMMITTED_S)  # it tries again by itself, until then
        except KafkaException as error:
            raise BrokerError(f"asking for committed offsets: {said(error)}") from error
        if failures := [place.error for place in places if place.error]:
            raise BrokerError(f"asking for committed offsets: {said(failures[0])}")
        return {
            place.partition: Commit(place.offset, Identity.of_mark(place.metadata))
            for place in places
            if place.offset >= 0
        }

    def read_from(self, starts: Mapping[int, int]) -> None:
        """Read assigned partitions from other places on; what was fetched of them is dropped."""
        consumer = self._open()
        self._generation += 1
        self._starts.update(starts)
        if self._incremental:
            consumer.incremental_unassign([TopicPartition(self._topic, number) for number in starts])
            consumer.incremental_assign([TopicPartition(self._topic, number, at) for number, at in starts.items()])
        else:
            rest = [TopicPartition(self._topic, number) for number in self._assigned - starts.keys()]
            going_on = consumer.position(rest) if rest else []
            self._starts.update({place.partition: place.offset for place in going_on if place.offset >= 0})
            places = [TopicPartition(self._topic, number, self._starts.get(number, -1001)) for number in self._assigned]
            consumer.assign(places)
        if self._paused:
            self._held.difference_update(starts)
            self._hold(consumer)

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
        self._last_rejection = ""
        values: list[bytes | None] = []
        partitions = np.empty(len(messages), np.int32)
        offsets, timestamps_ms = np.empty((2, len(messages)), np.int64)
        for first in range(0, len(messages), AT_ONCE):
            some = messages[first : first + AT_ONCE]
            rows = slice(first, first + len(some))
            # Unbound methods under map: about 0.5 µs a record for everything, half of what attribute access would cost.
            values += map(Message.value, some)
            partitions[rows] = np.fromiter(map(Message.partition, some), np.int32, len(some))
            offsets[rows] = np.fromiter(map(Message.offset, some), np.int64, len(some))
            timestamps_ms[rows] = np.fromiter(map(_second, map(Message.timestamp, some)), np.int64, len(some))
        return RawBatch(
            topic=self._topic,
            values=values,
            partitions=partitions,
            offsets=offsets,
            timestamps_ms=timestamps_ms,
            envelope=lambda row: _envelope(messages[row]),
            generation=self._generation,
        )

    # --- keeping up ---------------------------------------------------------------------------------------------

    def commit(self, positions: Mapping[int, int], deadline: Deadline) -> None:
        """Record the next offset to read, by partition. Raises BrokerError or StaleCommitError; see the base."""
        mark = self._positions.identity.mark()
        own = [
            TopicPartition(self._topic, number, at, mark)
            for number, at in positions.items()
            if number in self._assigned
        ]
        if own:
            self._commits.commit(self._open(), own, deadline, rebalancing=self._rebalancing)
        if foreign := sorted(positions.keys() - self._assigned):
            raise StaleCommitError(f"committing {self._topic!r}: partitions {foreign} are no longer read here")

    def committed(self, partitions: Iterable[int]) -> dict[int, int]:
        """The group's committed offsets of these partitions. Raises BrokerError; see the base."""
        return self._positions.valid(self.commits(partitions))

    def oldest(self, partitions: Iterable[int]) -> dict[int, int]:
        """The oldest offset of each of these; see the base."""
        return self._positions.oldest(partitions)

    def rewind(self, positions: Mapping[int, int]) -> None:
        """Read these from an earlier offset on; see the base."""
        self._rewound = dict(positions)

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
        """Records not yet read, by assigned partition whose end is known; asks for ends without waiting for them."""
        if self._consumer is None or not self._assigned:
            return {}
        self._ends.look(self._assigned)
        if not self._connection.up:
            return {}
        places = self._consumer.position([TopicPartition(self._topic, number) for number in sorted(self._assigned)])
        found = {}
        for place in places:
            at = place.offset if place.offset >= 0 else self._start(place.partition)
            if (end := self._ends.of(place.partition)) is not None and at is not None:
                _, fetched = self._consumer.get_watermark_offsets(place, cached=True)
                found[place.partition] = max(max(fetched, end) - at, 0)
        return found

    def _start(self, partition: int) -> int | None:
        """Where reading begins of a partition that nothing was read of yet; None before the client knows that."""
        at = self._starts.get(partition)
        return self._seen.next_offsets(self._topic).get(partition) if at is None else at

    # --- what librdkafka tells, from within consume ---------------------------------------------------------------

    def _on_assign(self, consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
        if self._consumer is None:  # a group that settles while this leaves it: none of these will be read
            return
        numbers = [one.partition for one in partitions]
        self._generation += 1
        self._moved.update(numbers)
        self._assigned.update(numbers)
        self._rewound = {}
        starts = self._beginnings(numbers)
        if self._listener:
            with self._in_rebalance():
                self._listener.on_assigned(numbers)
        starts |= self._rewound
        self._starts.update(starts)
        if starts:
            for place in partitions:
                place.offset = starts.get(place.partition, place.offset)
            assign = consumer.incremental_assign if self._incremental else consumer.assign
            assign(list(partitions))

    def _beginnings(self, numbers: list[int]) -> dict[int, int]:
        """Where to begin, in the topic as it is now."""
        if self._watch is not None and (seen := self._watch.wait(COMMITTED_S)) is not None:
            self._recovery.notice(seen, self._assigned.difference(numbers), self._unread)
        return self._recovery.beginnings(numbers)

    def _on_revoke(self, _: Consumer, partitions: Sequence[TopicPartition]) -> None:
        numbers = [one.partition for one in partitions]
        try:
            if self._listener:
                with self._in_rebalance():
                    self._listener.on_revoked(numbers)
        finally:
            self._forget(numbers)

    def _on_lost(self, _: Consumer, partitions: Sequence[TopicPartition]) -> None:
        numbers = [one.partition for one in partitions]
        self._forget(numbers)
        if self._listener:
            self._listener.on_lost(numbers)

    @contextmanager
    def _in_rebalance(self) -> Iterator[None]:
        self._rebalancing = True
        try:
            yield
        finally:
            self._rebalancing = False

    def _forget(self, numbers: Iterable[int]) -> None:
        self._generation += 1
        self._moved.update(numbers)
        self._assigned.difference_update(numbers)
        self._held.difference_update(numbers)
        self._ends.forget(list(numbers))
        self._recovery.forget(numbers)
        for number in numbers:
            self._starts.pop(number, None)

    def _on_statistics(self, text: str) -> None:
        before, seen = self._seen, statistics(text)
        self._seen = seen
        if not seen.connected:
            self._ends.apart()
        if not seen.connected or self._ends.silent:
            self._connection.failed()
        elif before.connected:  # a broker that starts may accept a connection and drop it again
            self._connection.worked()

    def _open(self) -> Consumer:
        if self._consumer is None:
            raise BrokerError(f"reading topic {self._topic!r}: the source is not started, or stopped")
        return self._consumer


def _offset(message: Message) -> int:
    at = message.offset()
    return NO_POSITION if at is None else at


def _envelope(message: Message) -> Envelope:
    headers = cast("list[tuple[str, bytes | None]]", message.headers() or [])  # never a dict, never str, when consumed
    return Envelope(message.key(), headers)
