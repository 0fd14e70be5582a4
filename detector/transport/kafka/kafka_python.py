"""Kafka by kafka-python: pure Python, for machines without librdkafka, at about a fiftieth of its rate.

``properties`` are named as librdkafka's, so that a setting means the same with either client; those that kafka-python
does not have are refused. It has no KIP-848 groups, and its record headers cannot be null (they become empty).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from threading import Thread
from typing import Any

import numpy as np
from kafka import AsyncConsumerRebalanceListener, KafkaConsumer, TopicPartition, errors
from kafka.future import Future
from kafka.structs import OffsetAndMetadata

from detector.deadline import Deadline
from detector.errors import BrokerError
from detector.telemetry.events import Tell, silent
from detector.transport.base import AssignmentListener, Envelope, RawBatch, StaleCommitError
from detector.transport.events import FetchFailed
from detector.transport.kafka.connection import Connection
from detector.transport.kafka.kafka_python_client import no_codec, opened, options, quiet, require, require_group, said
from detector.transport.kafka.kafka_python_sink import KafkaPythonSink
from detector.transport.kafka.librdkafka import CLASSIC_GROUP, METADATA_MS
from detector.transport.kafka.positions import Commit, Identity, Positions, Span
from detector.transport.kafka.recovery import NO_POSITION, Recovery
from detector.transport.kafka.topics import CONNECT_S

__all__ = ["KafkaPythonSink", "KafkaPythonSource"]

COMMITTED_S = 10.0
"""How long to ask for what is committed."""

_COMMIT_STEP_S = 2.5
"""The longest single wait for a commit: bounds how late a stop is noticed; committing again does no harm."""

_POLL_STEP_S = 0.25
"""The longest single wait inside the client: bounds how late a stop or a lost broker is noticed."""
_LOOK_S = 1.0
"""How often the connection's state is looked at."""
_ENDS_S = 2.0
"""How often partitions' ends are asked for."""
_ENDS_WAIT_MS = 500
"""How long their answer may take: nothing is read meanwhile."""
_FIRST_GUESS_BYTES = 16_384.0
_STALE = (
    errors.CommitFailedError,
    errors.IllegalGenerationError,
    errors.UnknownMemberIdError,
    errors.FencedInstanceIdError,
)
_Record = Any
"""kafka-python's ConsumerRecord; the package publishes no types."""


class KafkaPythonSource:
    """A member of a consumer group that reads one topic."""

    def __init__(
        self, *, topic: str, properties: Mapping[str, object], tell: Tell = silent, connect_s: float = CONNECT_S
    ) -> None:
        self._topic = topic
        self._properties = dict(properties)
        self._tell = tell
        self._connect_s = connect_s
        self._connection = Connection(tell)
        self._consumer: Any = None
        self._listener: AssignmentListener | None = None
        self._positions = Positions(topic, self._properties.pop("auto.offset.reset", "earliest"), tell)
        self._recovery = Recovery(self._positions, self)
        self._unread = 0
        self._assigned: set[int] = set()
        self._moved: set[int] = set()
        self._next: dict[int, int] = {}
        self._generation = 0
        self._paused = False
        self._mean_bytes = _FIRST_GUESS_BYTES
        self._looked_at = 0.0
        self._ends: dict[int, int] = {}
        self._ends_at = 0.0
        self._raised: BaseException | None = None
        self._last_rejection = ""

    # --- life ---------------------------------------------------------------------------------------------------

    def start(self, listener: AssignmentListener) -> None:
        """Connect and join the group. Raises BrokerError where no broker answers or the topic is missing."""
        defaults = {
            "client_id": "oddflow",
            "auto_offset_reset": "none",  # see detector.transport.kafka.positions
            "metadata_max_age_ms": METADATA_MS,
            "allow_auto_create_topics": False,
            "enable_auto_commit": False,
            "fetch_max_wait_ms": 100,
            "reconnect_backoff_max_ms": 2000,
        }
        quiet()
        given = options({**CLASSIC_GROUP, **self._properties}, KafkaConsumer.DEFAULT_CONFIG)
        consumer = opened(KafkaConsumer, {**defaults, **given}, self._properties, self._connect_s)
        try:
            require(consumer.topics, [self._topic], self._properties, self._connect_s)
            require_group(consumer, self._topic, self._properties, self._connect_s)
        except BrokerError:
            consumer.close(timeout_ms=0)
            raise
        self._listener = listener
        self._consumer = consumer
        self._positions.notice(self._seen())
        consumer.subscribe([self._topic], listener=_Rebalances(self, consumer))
        self._connection.worked()

    def stop(self, deadline: Deadline) -> None:
        """Leave the group and close within the deadline. Does not commit."""
        consumer, self._consumer = self._consumer, None
        self._listener = None
        self._assigned.clear()
        self._recovery.clear()
        self._connection.closed()
        if consumer is not None:
            closing = Thread(
                target=consumer.close,
                kwargs={"autocommit": False, "timeout_ms": deadline.remaining_s * 1000},
                daemon=True,
                name="close-consumer",
            )
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
        self._recovery.look(self._listener)
        records: list[_Record] = []
        size = 0
        while True:
            room = min(max_records - len(records), int((max_bytes - size) / self._mean_bytes))
            fresh = self._fetch(max(room, 1), min(deadline.remaining_s, _POLL_STEP_S))
            if self._moved:  # read again by whoever has them now, from the committed offset
                records = [record for record in records if record.partition not in self._moved]
            if fresh:
                fresh_bytes = sum(len(record.value or b"") for record in fresh)
                self._mean_bytes += 0.5 * (max(fresh_bytes / len(fresh), 1.0) - self._mean_bytes)
                size += fresh_bytes
                records += fresh
            if len(records) >= max_records or max_bytes - size < self._mean_bytes or deadline.passed:
                return self._batch(records) if records else None

    def _fetch(self, count: int, timeout_s: float) -> list[_Record]:
        consumer = self._open()
        self._moved.clear()
        _end_joining(consumer)
        try:
            found = consumer.poll(timeout_ms=timeout_s * 1000, max_records=count)
        except (errors.OffsetOutOfRangeError, errors.LogTruncationError, errors.NoOffsetForPartitionError) as error:
            self._strand(error)
            return []
        except errors.KafkaError as error:
            if self._raised is not None:  # by the listener: the client wraps it
                raised, self._raised = self._raised, None
                raise raised from None
            if isinstance(error, errors.UnsupportedCodecError):
                raise no_codec(f"reading topic {self._topic!r}", error) from error
            self._rejected(error)
            time.sleep(timeout_s)
            return []
        self._look()
        if self._paused and self._moved:
            self.pause()
        return [record for part, records in found.items() if part.partition in self._assigned for record in records]

    def _rejected(self, error: errors.KafkaError) -> None:
        self._connection.complained(said(error))
        if (rejection := said(error)) != self._last_rejection:
            self._last_rejection = rejection
            self._tell(FetchFailed(error=rejection))

    def _look(self) -> None:
        """Ask the client's own metrics how many connections are open: no request is made."""
        if (now := time.monotonic()) - self._looked_at < _LOOK_S:
            return
        self._looked_at = now
        if self._consumer.metrics()["consumer-metrics"]["connection-count"] > 0:
            self._connection.worked()
        else:
            self._connection.failed()
        self._recovery.notice(self._seen(), self._assigned, self._unread)
        self._unread = sum(self.lag().values())

    # --- positions that the log does not have -------------------------------------------------------------------

    def _seen(self) -> Identity:
        """The topic as in the client's metadata, which is seconds old at most."""
        cluster = self._open()._cluster  # noqa: SLF001 - nothing public tells the id, or tells without asking
        topic_id = cluster.topic_id(self._topic)
        numbers = cluster.partitions_for_topic(self._topic) or ()
        return Identity.of_bytes(topic_id.bytes if topic_id else b"", len(numbers))

    def _strand(self, error: errors.KafkaError) -> None:
        """Note which partitions cannot be read where they were, and where that was."""
        told = error.args[0] if error.args else {}
        for part in told:
            at = told[part] if isinstance(error, errors.OffsetOutOfRangeError) else self._at(part)
            if part.partition in self._assigned:
                self._recovery.strand(part.partition, at)

    def _at(self, part: Any) -> int:
        held = self._open()._subscription.assignment.get(part)  # noqa: SLF001 - position() would ask and raise again
        return NO_POSITION if held is None or held.position is None else int(held.position.offset)

    def spans(self, numbers: Iterable[int]) -> dict[int, Span]:
        """What the logs of these partitions have; none where that is not answered in time."""
        parts = [TopicPartition(self._topic, number) for number in numbers]
        try:
            oldest = self._open().beginning_offsets(parts, timeout_ms=COMMITTED_S * 1000)
            ends = self._open().end_offsets(parts, timeout_ms=COMMITTED_S * 1000)
        except errors.KafkaError as error:
            self._connection.complained(said(error))
            return {}
        return {part.partition: Span(oldest[part], ends[part]) for part in parts}

    def commits(self, numbers: Iterable[int]) -> dict[int, Commit]:
        """What the group has committed of these partitions. Raises BrokerError."""
        consumer = self._open()
        parts = [TopicPartition(self._topic, number) for number in numbers]
        try:
            found = {part.partition: consumer.committed(part, True, COMMITTED_S * 1000) for part in parts}
        except errors.KafkaError as error:
            raise BrokerError(f"asking for committed offsets: {said(error)}") from error
        return {
            number: Commit(one.offset, Identity.of_mark(one.metadata))
            for number, one in found.items()
            if one is not None and one.offset >= 0
        }

    def read_from(self, starts: Mapping[int, int]) -> None:
        """Read assigned partitions from other places on; what was fetched of them is dropped."""
        self._generation += 1
        for number, at in starts.items():
            self._open().seek(TopicPartition(self._topic, number), at)
            self._next.pop(number, None)

    def _batch(self, records: list[_Record]) -> RawBatch:
        count = len(records)
        self._last_rejection = ""
        batch = RawBatch(
            topic=self._topic,
            values=[record.value for record in records],
            partitions=np.fromiter((record.partition for record in records), np.int32, count),
            offsets=np.fromiter((record.offset for record in records), np.int64, count),
            timestamps_ms=np.fromiter((record.timestamp for record in records), np.int64, count),
            envelope=lambda row: Envelope(records[row].key, list(records[row].headers)),
            generation=self._generation,
        )
        self._next.update(batch.positions())
        return batch

    # --- keeping up ---------------------------------------------------------------------------------------------

    def commit(self, positions: Mapping[int, int], deadline: Deadline) -> None:
        """Record the next offset to read, by partition. Raises BrokerError or StaleCommitError; see the base."""
        consumer, mark = self._open(), self._positions.identity.mark()
        own = {
            TopicPartition(self._topic, number): OffsetAndMetadata(at, mark, -1)
            for number, at in positions.items()
            if number in self._assigned
        }
        try:
            if own:
                _commit(consumer, own, deadline, lambda: bool(self._seen().partitions))
        except _STALE as error:
            raise StaleCommitError(f"committing offsets: {said(error)}") from error
        except errors.KafkaError as error:
            raise BrokerError(f"committing offsets: {said(error)}") from error
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
        for number, at in positions.items():
            self._open().seek(TopicPartition(self._topic, number), at)

    def pause(self) -> None:
        """Stop fetching; ``poll`` still keeps the membership alive."""
        self._paused = True
        self._open().pause(*self._parts())

    def resume(self) -> None:
        """Fetch again."""
        self._paused = False
        self._open().resume(*self._parts())

    def lag(self) -> dict[int, int]:
        """Records not yet read, by assigned partition whose end is known; asks for ends every other second."""
        if self._consumer is None or not self._connection.up:
            return {}
        parts = self._parts()
        self._ask_for_ends(parts)
        found = {}
        for part in parts:
            at, end = self._position(part), self._ends.get(part.partition)
            if at is not None and end is not None:
                found[part.partition] = max(max(end, self._consumer.highwater(part) or 0) - at, 0)
        return found

    def _position(self, part: Any) -> int | None:
        place = self._consumer._subscription.assignment[part].position  # noqa: SLF001 - its public way may wait
        return self._next.get(part.partition, None if place is None else int(place.offset))

    def _ask_for_ends(self, parts: list[Any]) -> None:
        """Ask where the partitions end: what a fetch tells stands still while they are paused."""
        if not parts or (now := time.monotonic()) - self._ends_at < _ENDS_S:
            return
        self._ends_at = now
        try:
            ends = self._consumer.end_offsets(parts, timeout_ms=_ENDS_WAIT_MS)
        except errors.KafkaError as error:
            self._connection.complained(said(error))
            self._ends = {}
        else:
            self._ends = {part.partition: end for part, end in ends.items()}

    def _parts(self) -> list[Any]:
        held = self._open().assignment()
        return [part for part in held if part.partition in self._assigned]

    # --- what the client tells; poll waits meanwhile, in another thread ------------------------------------------

    def assigned(self, numbers: list[int]) -> None:
        """Partitions came."""
        self._generation += 1
        self._moved.update(numbers)
        self._assigned.update(numbers)
        self._recovery.notice(self._seen(), self._assigned.difference(numbers), self._unread)
        self.rewind(self._recovery.beginnings(numbers))
        if self._listener:
            self._listener.on_assigned(numbers)

    def revoked(self, numbers: list[int]) -> None:
        """Partitions are about to go."""
        try:
            if self._listener and numbers:
                self._listener.on_revoked(numbers)
        finally:
            self._forget(numbers)

    def lost(self, numbers: list[int]) -> None:
        """Partitions are gone."""
        self._forget(numbers)
        if self._listener and numbers:
            self._listener.on_lost(numbers)

    def failed(self, error: BaseException) -> None:
        """The listener raised this."""
        self._raised = error

    def _forget(self, numbers: Iterable[int]) -> None:
        self._generation += 1
        self._recovery.forget(numbers)
        for number in numbers:
            self._moved.add(number)
            self._assigned.discard(number)
            self._next.pop(number, None)

    def _open(self) -> Any:
        if self._consumer is None:
            raise BrokerError(f"reading topic {self._topic!r}: the source is not started, or stopped")
        return self._consumer


def _commit(consumer: Any, positions: Mapping[Any, Any], deadline: Deadline, there: Callable[[], bool]) -> None:
    """Commit within the deadline; not for a topic that is not ``there``: the client would try until then."""
    while True:
        try:
            consumer.commit(positions, timeout_ms=max(min(_COMMIT_STEP_S, deadline.remaining_s), 0.001) * 1000)
        except errors.KafkaTimeoutError:
            if deadline.passed or not there():
                raise
        else:
            return


def _end_joining(consumer: Any) -> None:
    """Have a join that was begun ended by the next poll.

    A join that the topic's metadata gave rise to and that is answered between two polls is forgotten by kafka-python
    3.0: its coordinator's ``need_rejoin`` looks at the metadata, which is right again, and not at the join. It sends no
    heartbeat any more, and the group drops the member, which goes on reading.
    """
    coordinator = consumer._coordinator  # noqa: SLF001 - nothing public tells or asks it
    if coordinator.rejoining:
        coordinator.request_rejoin()


class _Rebalances(AsyncConsumerRebalanceListener):  # type: ignore[misc]  # a client without types
    """Hands the client's notices to the source, in a thread: the client's loop must go on, or no commit could pass.

    The thread that polls waits meanwhile, so the source is in one thread's hands at a time.
    """

    def __init__(self, source: KafkaPythonSource, consumer: Any) -> None:
        self._source = source
        self._wake = consumer._net.call_soon_threadsafe  # noqa: SLF001 - it has no public way to wake its loop

    async def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
        await self._in_thread(self._source.assigned, assigned)

    async def on_partitions_revoked(self, revoked: Iterable[Any]) -> None:
        await self._in_thread(self._source.revoked, revoked)

    async def on_partitions_lost(self, lost: Iterable[Any]) -> None:
        await self._in_thread(self._source.lost, lost)

    def _in_thread(self, notice: Callable[[list[int]], None], parts: Iterable[Any]) -> Future:
        numbers = sorted(part.partition for part in parts)
        done = Future()

        def run() -> None:
            try:
                notice(numbers)
            except BaseException as error:  # noqa: BLE001 - raised again from poll
                self._source.failed(error)
                done_with(error)
            else:
                done_with(None)

        def done_with(error: BaseException | None) -> None:
            def tell() -> None:  # the client's loop takes plain functions only
                done.failure(error) if error else done.success(None)

            self._wake(tell)

        Thread(target=run, daemon=True, name="rebalance").start()
        return done
