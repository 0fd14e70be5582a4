"""What the pipeline asks of a transport: a :class:`Source` to poll and commit, a :class:`Sink` to send and flush.

Promises, held to by one contract test suite over all transports:

* ``poll`` is bounded in records, bytes and time, and gives each partition's records in offset order, none twice
  between two assignments.
* ``commit`` is called with the next offset to read, only after everything before it is acknowledged.
* ``flush`` returns only when every record sent is acknowledged; otherwise it raises.
* A position that the log no longer has is told, with what is lost; reading goes on with the oldest record there is.
* What passes by itself (a broker lost for a while) is told as an event, once, and never raised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from detector.deadline import Deadline
from detector.errors import BrokerError

Headers = Sequence[tuple[str, bytes | None]]


class StaleCommitError(BrokerError):
    """The partitions went to another member meanwhile: it reads these records again, and trying again is no use."""

    retryable = False


@dataclass(frozen=True, slots=True)
class Envelope:
    """What came with a value: needed only for dead letters, so it is fetched one record at a time."""

    key: bytes | None
    headers: Headers


@dataclass(frozen=True, slots=True)
class RawBatch:
    """Records as they came, in arrays of one length; row ``i`` of each belongs together."""

    topic: str
    values: list[bytes | None]
    partitions: NDArray[np.int32]
    offsets: NDArray[np.int64]
    timestamps_ms: NDArray[np.int64]
    """The broker's timestamp, milliseconds since 1970; -1 where there is none."""
    envelope: Callable[[int], Envelope]
    generation: int = 0
    """Counts assignments: a batch of an older generation must not be committed by position any more."""

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: NDArray[np.intp]) -> RawBatch:
        """Only these rows, in the order given."""
        return RawBatch(
            topic=self.topic,
            values=[self.values[row] for row in rows.tolist()],
            partitions=self.partitions[rows],
            offsets=self.offsets[rows],
            timestamps_ms=self.timestamps_ms[rows],
            envelope=lambda row: self.envelope(int(rows[row])),
            generation=self.generation,
        )

    def positions(self) -> dict[int, int]:
        """The next offset to read, by partition, once this whole batch is done."""
        return {int(p): int(self.offsets[self.partitions == p].max()) + 1 for p in np.unique(self.partitions)}


class Channel(StrEnum):
    """The outputs: a sink knows which topic or file each goes to."""

    ALERTS = "alerts"
    DEAD_LETTERS = "dead_letters"
    SCORES = "scores"
    INCIDENTS = "incidents"
    RISKS = "risks"
    FEEDBACK = "feedback"
    SUPPRESSIONS = "suppressions"


class OutRecord(NamedTuple):
    """One record to send."""

    value: bytes | None
    key: bytes | None = None
    headers: Headers = ()


class KeyedRecord(NamedTuple):
    """One record as it came, where keys count, as in a compacted topic."""

    key: bytes | None
    value: bytes | None
    """None: what the key stands for is deleted."""
    timestamp_ms: int
    """The broker's, since 1970; -1 where there is none."""
    partition: int
    offset: int


class AssignmentListener(Protocol):
    """Told of changes from within ``poll``; on ``revoked`` it commits what is done before it returns.

    On ``assigned`` it may ask the source for what is ``committed`` and ``oldest``, and ``rewind`` it.
    """

    def on_assigned(self, partitions: Iterable[int]) -> None:
        """These partitions are now read by this source."""
        ...

    def on_revoked(self, partitions: Iterable[int]) -> None:
        """These are about to go to another member; ``commit`` still works for them."""
        ...

    def on_lost(self, partitions: Iterable[int]) -> None:
        """These are gone already; committing them would fail."""
        ...

    def on_replaced(self, partitions: Iterable[int]) -> None:
        """These are read from their start from now on, of another topic of the same name.

        Positions in the earlier one mean nothing any more; nothing of it can be committed.
        """
        ...


class Source(Protocol):
    """Where records come from."""

    def start(self, listener: AssignmentListener) -> None:
        """Connect. Raises BrokerError or InputError where that cannot work at all, such as a missing topic."""
        ...

    def poll(self, max_records: int, max_bytes: int, timeout_s: float) -> RawBatch | None:
        """Give what is there: up to ``max_records`` or about ``max_bytes``, waiting ``timeout_s`` at most to fill it.

        None when nothing came. Errors that can pass are counted and retried, never raised.
        """
        ...

    def commit(self, positions: Mapping[int, int], deadline: Deadline) -> None:
        """Record the next offset to read, by partition, within the deadline.

        Raises BrokerError if it was not accepted in time (try again), StaleCommitError if it never will be: those
        partitions are no longer this source's. What is still its own has been recorded all the same.
        """
        ...

    def committed(self, partitions: Iterable[int]) -> dict[int, int]:
        """The group's committed offsets of these partitions; one without any is left out.

        Raises BrokerError if that is not answered within a bound.
        """
        ...

    def oldest(self, partitions: Iterable[int]) -> dict[int, int]:
        """The oldest offset that each of these had when it was assigned; one for which it is not known is left out."""
        ...

    def rewind(self, positions: Mapping[int, int]) -> None:
        """Read these partitions from an earlier offset on; only from within ``on_assigned``, for those just assigned.

        Nothing committed changes by that.
        """
        ...

    def pause(self) -> None:
        """Stop fetching while the pipeline cannot take more; ``poll`` still keeps the group membership alive."""
        ...

    def resume(self) -> None:
        """Fetch again."""
        ...

    def lag(self) -> dict[int, int]:
        """Records not yet read, by assigned partition; one whose end is not known now is left out.

        Called every second, paused or not. It may ask the brokers, and must not wait longer than a moment for them.
        """
        ...

    @property
    def partitions(self) -> int | None:
        """How many partitions the topic has, as last seen; None before the start, while it is missing, for files."""
        ...

    @property
    def missing(self) -> bool:
        """Whether what is read was there at the start and is known not to be any more."""
        ...

    @property
    def ended(self) -> bool:
        """Whether there can be no more, as with a file read to its end. A topic never ends."""
        ...

    @property
    def connected(self) -> bool:
        """Whether the last contact with the broker worked."""
        ...

    def stop(self, deadline: Deadline) -> None:
        """Leave the group and close within the deadline. Does not commit."""
        ...


class Sink(Protocol):
    """Where records go."""

    def start(self) -> None:
        """Connect. Raises BrokerError or OutputError where that cannot work at all."""
        ...

    def send(self, channel: Channel, records: Iterable[OutRecord]) -> None:
        """Hand over records; they may be buffered. Blocks while the buffer is full; ``stop`` ends the wait.

        Raises BrokerError or OutputError then, or where the channel goes nowhere.
        """
        ...

    def flush(self, deadline: Deadline) -> None:
        """Return once all that was sent is acknowledged.

        Raises BrokerError or OutputError with the number that is not. They stay buffered: flush again.
        """
        ...

    def stop(self, deadline: Deadline) -> None:
        """Close within the deadline."""
        ...
