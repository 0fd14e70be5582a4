"""A transport without anything behind it, for tests: a topic in memory, and faults on request.

Several :class:`MemorySource` on one :class:`MemoryTopic` share its committed offsets, as a consumer group would.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock

import numpy as np

from detector.deadline import Deadline
from detector.errors import BrokerError
from detector.telemetry.events import Tell, silent
from detector.transport.base import (
    AssignmentListener,
    Channel,
    Envelope,
    Headers,
    OutRecord,
    RawBatch,
    StaleCommitError,
)
from detector.transport.events import PartitionsAdded, RecordsLost, TopicReplaced

_POLL_S = 0.005


@dataclass(frozen=True, slots=True)
class _Stored:
    value: bytes | None
    timestamp_ms: int
    envelope: Envelope


@dataclass(slots=True)
class MemoryTopic:
    """A topic: ``partitions`` lists of records, and the offsets that its readers committed."""

    name: str = "flows"
    partitions: int = 1
    committed: dict[int, int] = field(default_factory=dict)
    number: int = 0
    """Which topic of its name it is."""
    _records: list[list[_Stored]] = field(init=False)
    _oldest: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self._records = [[] for _ in range(self.partitions)]
        self._oldest = [0] * self.partitions

    def trim(self, partition: int, before: int) -> None:
        """Delete the records before an offset, as retention does."""
        self._oldest[partition] = before

    def replace(self, partitions: int | None = None) -> None:
        """Delete the topic and make it again: empty, and nothing is committed."""
        self.partitions = partitions or self.partitions
        self.number += 1
        self.committed.clear()
        self.__post_init__()

    def add_partitions(self, count: int) -> None:
        """Have so many partitions."""
        self._records += [[] for _ in range(self.partitions, count)]
        self._oldest += [0] * (count - self.partitions)
        self.partitions = count

    def oldest(self, partition: int) -> int:
        """The offset of the oldest record that there is, or of the next one."""
        return self._oldest[partition]

    def append(
        self,
        value: bytes | None,
        *,
        partition: int = 0,
        key: bytes | None = None,
        headers: Headers = (),
        timestamp_ms: int | None = None,
    ) -> int:
        """Add a record and give its offset; its timestamp is now where none is given."""
        stamp = int(time.time() * 1000) if timestamp_ms is None else timestamp_ms
        records = self._records[partition]
        records.append(_Stored(value, stamp, Envelope(key, headers)))
        return len(records) - 1

    def extend(self, values: Iterable[bytes | None], partition: int = 0) -> None:
        """Add a record for each value."""
        for value in values:
            self.append(value, partition=partition)

    def end(self, partition: int) -> int:
        """The offset that the next record of the partition will get."""
        return len(self._records[partition])

    def slice(self, partition: int, start: int, count: int) -> Sequence[_Stored]:
        """Up to ``count`` records from the offset ``start``."""
        return self._records[partition][start : start + count]


class MemorySource:
    """Reads a :class:`MemoryTopic` from its committed offsets; ``ends`` makes it end as a file does.

    Faults: ``assign`` moves partitions at the next poll; ``lose`` does so without a chance to commit;
    ``fail_next_commit``; ``disconnected`` makes polls come back empty, as with brokers that are away; ``missing`` says
    that there is no such topic any more.
    """

    def __init__(
        self,
        *,
        topic: MemoryTopic,
        partitions: Iterable[int] | None = None,
        ends: bool = False,
        tell: Tell = silent,
    ) -> None:
        self._topic = topic
        self._tell = tell
        self._number = topic.number
        self._seen = topic.partitions
        self._wanted: deque[tuple[set[int], bool]] = deque()
        self._first = set(range(topic.partitions)) if partitions is None else set(partitions)
        self._ends = ends
        self._listener: AssignmentListener | None = None
        self._next: dict[int, int] = {}
        self._paused = False
        self._turn = 0
        self._generation = 0
        self._commit_error = ""
        self.disconnected = False
        self.missing = False
        self.started = False
        self.commits: list[dict[int, int]] = []
        """Every commit that was accepted, in order."""

    # --- faults -------------------------------------------------------------------------------------------------

    def assign(self, partitions: Iterable[int]) -> None:
        """Have a rebalance at the next poll: these partitions are then this source's."""
        self._wanted.append((set(partitions), False))

    def lose(self, partitions: Iterable[int]) -> None:
        """Lose these at the next poll, as a member does that was away too long."""
        self._wanted.append((set(partitions), True))

    def fail_next_commit(self, error: str = "the coordinator is not available") -> None:
        """Have the next commit refused."""
        self._commit_error = error

    # --- the source ---------------------------------------------------------------------------------------------

    def start(self, listener: AssignmentListener) -> None:
        """Begin; the partitions are assigned by the first poll."""
        self._listener = listener
        self.started = True
        self.assign(self._first)

    def poll(self, max_records: int, max_bytes: int, timeout_s: float) -> RawBatch | None:
        """Give what is there; see the base."""
        if not self.started:
            raise BrokerError(f"reading topic {self._topic.name!r}: the source is not started, or stopped")
        while self._wanted:
            self._rebalance(*self._wanted.popleft())
        self._look()
        deadline = Deadline.after(timeout_s)
        rows: list[tuple[int, int, _Stored]] = []
        size = 0
        while True:
            if not (self._paused or self.disconnected):
                taken = self._take(max_records - len(rows), max_bytes - size)
                rows += taken
                size += sum(len(stored.value or b"") for _, _, stored in taken)
            if len(rows) >= max_records or size >= max_bytes or deadline.passed or self.ended or self._wanted:
                return self._batch(rows) if rows else None
            time.sleep(min(_POLL_S, deadline.remaining_s))

    def _look(self) -> None:
        """Notice a topic that was made again, partitions that were added, and records that are gone."""
        topic, before = self._topic, self._seen
        if topic.number != self._number:
            self._tell(TopicReplaced(topic.name, str(self._number), str(topic.number)))
            self._number = topic.number
            self._next = dict.fromkeys(self._next, 0)
            if self._listener:
                self._listener.on_replaced(sorted(self._next))
        if topic.partitions > before:
            self._seen = topic.partitions
            self._tell(PartitionsAdded(topic.name, before, topic.partitions))
            self._rebalance(set(self._next) | set(range(before, topic.partitions)), lost=False)
        for number, at in self._next.items():
            if at < topic.oldest(number):
                self._tell(RecordsLost(topic.name, number, at, topic.oldest(number)))
                self._next[number] = topic.oldest(number)

    def _take(self, max_records: int, max_bytes: int) -> list[tuple[int, int, _Stored]]:
        rows: list[tuple[int, int, _Stored]] = []
        order = sorted(self._next)
        self._turn += 1
        for number in order[self._turn % len(order) :] + order[: self._turn % len(order)] if order else ():
            for stored in self._topic.slice(number, self._next[number], max_records - len(rows)):
                if max_bytes <= 0:
                    return rows
                rows.append((number, self._next[number], stored))
                self._next[number] += 1
                max_bytes -= len(stored.value or b"")
        return rows

    def _batch(self, rows: list[tuple[int, int, _Stored]]) -> RawBatch:
        return RawBatch(
            topic=self._topic.name,
            values=[stored.value for _, _, stored in rows],
            partitions=np.array([number for number, _, _ in rows], np.int32),
            offsets=np.array([at for _, at, _ in rows], np.int64),
            timestamps_ms=np.array([stored.timestamp_ms for _, _, stored in rows], np.int64),
            envelope=lambda row: rows[row][2].envelope,
            generation=self._generation,
        )

    def _rebalance(self, partitions: set[int], lost: bool) -> None:
        gone = partitions & self._next.keys() if lost else self._next.keys() - partitions
        fresh = set() if lost else partitions - self._next.keys()
        if self._listener is None:
            return
        if gone:
            if not lost:
                self._listener.on_revoked(sorted(gone))
            self._generation += 1
            for number in gone:
                del self._next[number]
            if lost:
                self._listener.on_lost(sorted(gone))
        if fresh:
            self._generation += 1
            self._next.update({number: self._topic.committed.get(number, 0) for number in sorted(fresh)})
            self._listener.on_assigned(sorted(fresh))

    def commit(self, positions: Mapping[int, int], deadline: Deadline) -> None:  # noqa: ARG002 - it takes no time
        """Record the next offset to read, by partition; see the base."""
        if self._commit_error:
            error, self._commit_error = self._commit_error, ""
            raise BrokerError(f"committing offsets: {error}")
        own = {number: at for number, at in positions.items() if number in self._next}
        if own:
            self._topic.committed.update(own)
            self.commits.append(own)
        if foreign := sorted(positions.keys() - own.keys()):
            raise StaleCommitError(f"committing {self._topic.name!r}: partitions {foreign} are no longer read here")

    def committed(self, partitions: Iterable[int]) -> dict[int, int]:
        """The committed offsets of these partitions, of those that have one."""
        return {number: self._topic.committed[number] for number in partitions if number in self._topic.committed}

    def oldest(self, partitions: Iterable[int]) -> dict[int, int]:
        """What each of these begins with."""
        return {number: self._topic.oldest(number) for number in partitions}

    def rewind(self, positions: Mapping[int, int]) -> None:
        """Read these from an earlier offset on."""
        self._next.update(positions)

    def pause(self) -> None:
        """Give nothing until ``resume``."""
        self._paused = True

    def resume(self) -> None:
        """Give records again."""
        self._paused = False

    def lag(self) -> dict[int, int]:
        """Records not yet read, by assigned partition."""
        return {number: self._topic.end(number) - at for number, at in self._next.items()}

    @property
    def partitions(self) -> int | None:
        """How many the topic has, once started."""
        return self._topic.partitions if self.started else None

    @property
    def ended(self) -> bool:
        """Whether all is read, where it was made to end."""
        return self._ends and self.started and not self._wanted and not any(self.lag().values())

    @property
    def connected(self) -> bool:
        """Whether it is started and no fault is on."""
        return self.started and not self.disconnected

    def stop(self, deadline: Deadline) -> None:  # noqa: ARG002 - nothing here takes time
        """Close. Does not commit."""
        self.started = False
        self._next.clear()


class MemorySink:
    """Keeps what is sent; it is in ``records`` once a flush has acknowledged it.

    Faults: ``fail_next_flushes`` has flushes raise and acknowledge nothing, or only ``acknowledging`` records.
    """

    def __init__(self, *, channels: Iterable[Channel] = tuple(Channel)) -> None:
        self._channels = frozenset(channels)
        self._buffer: deque[tuple[Channel, OutRecord]] = deque()
        self._lock = Lock()
        self._failures: deque[int] = deque()
        self._started = False
        self.records: dict[Channel, list[OutRecord]] = {channel: [] for channel in self._channels}
        """What was acknowledged, by channel, in the order sent."""

    def fail_next_flushes(self, times: int = 1, acknowledging: int = 0) -> None:
        """Have so many flushes raise."""
        self._failures.extend([acknowledging] * times)

    def start(self) -> None:
        """Begin."""
        self._started = True

    def send(self, channel: Channel, records: Iterable[OutRecord]) -> None:
        """Buffer records; see the base."""
        if not self._started:
            raise BrokerError(f"sending to {channel.value}: the sink is not started, or stopped")
        if channel not in self._channels:
            raise BrokerError(f"sending to {channel.value}: no topic is set for it")
        with self._lock:
            self._buffer.extend((channel, record) for record in records)

    def flush(self, deadline: Deadline) -> None:  # noqa: ARG002 - nothing here takes time
        """Acknowledge what is buffered; see the base."""
        with self._lock:
            take = min(self._failures.popleft(), len(self._buffer)) if self._failures else len(self._buffer)
            for _ in range(take):
                channel, record = self._buffer.popleft()
                self.records[channel].append(record)
            if self._buffer:
                raise BrokerError(f"sending to memory: {len(self._buffer)} not acknowledged: a fault was asked for")

    def stop(self, deadline: Deadline) -> None:  # noqa: ARG002 - nothing here takes time
        """Close; what is not acknowledged is given up."""
        self._started = False

    def values(self, channel: Channel) -> list[bytes | None]:
        """The values that were acknowledged on a channel."""
        return [record.value for record in self.records[channel]]
