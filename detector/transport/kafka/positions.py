"""Where reading begins and goes on, also where the log no longer has the position: one rule for both Kafka clients.

The clients are told to reset nothing by themselves, so that every jump is decided here and told:

* The log begins behind the position (retention): go on with the oldest record; so many are lost.
* The log ends before the position, or the topic's id is another (it was deleted and made again): begin at its start.
* The group has no position: begin as ``auto.offset.reset`` says; at the start where the partition was added later.

Which topic a position belongs to is kept in the commit's metadata, so that it also holds over restarts.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

from detector.errors import BrokerError, ConfigurationError
from detector.telemetry.events import Tell
from detector.transport.events import PartitionsAdded, RecordsLost, TopicFound, TopicMissing, TopicReplaced

RESETS = {
    **dict.fromkeys(("earliest", "smallest", "beginning"), "earliest"),
    **dict.fromkeys(("latest", "largest", "end"), "latest"),
    **dict.fromkeys(("error", "none"), "error"),
}
"""What ``auto.offset.reset`` may be, by librdkafka's names."""

_MARK = re.compile(r"oddflow topic=(\S*) partitions=(\d+)")


class NoPositionError(BrokerError):
    """The group has no position, and the settings say that there should be one."""

    retryable = False


@dataclass(frozen=True, slots=True)
class Identity:
    """Which topic of its name it is, and how many partitions it has; none: there is no such topic."""

    id: str = ""
    """Empty where the brokers tell none (before Kafka 2.8)."""
    partitions: int = 0

    @classmethod
    def of_bytes(cls, topic_id: bytes, partitions: int) -> Self:
        """Take an id of 16 bytes, written as Kafka's own tools write it; all zero stands for none."""
        text = base64.urlsafe_b64encode(topic_id).decode().rstrip("=") if any(topic_id) else ""
        return cls(text, partitions)

    def mark(self) -> str:
        """Write it down, as a commit's metadata."""
        return f"oddflow topic={self.id} partitions={self.partitions}"

    @classmethod
    def of_mark(cls, text: str | None) -> Self:
        """Read a commit's metadata; another program's tells nothing. librdkafka writes a null byte after it."""
        found = _MARK.fullmatch((text or "").rstrip("\0"))
        return cls(found[1], int(found[2])) if found else cls()

    def differs(self, other: Identity) -> bool:
        """Whether it is certainly another topic."""
        return bool(self.id and other.id and self.id != other.id)


@dataclass(frozen=True, slots=True)
class Commit:
    """A committed offset, and the topic that it was committed for."""

    offset: int
    topic: Identity = Identity()


@dataclass(frozen=True, slots=True)
class Span:
    """What a partition's log has: from ``oldest`` up to, not including, ``end``."""

    oldest: int
    end: int


class Positions:
    """Which topic is read, and where in it. Used by one thread at a time."""

    def __init__(self, topic: str, reset: object, tell: Tell) -> None:
        if str(reset) not in RESETS:
            raise ConfigurationError(
                f"kafka.consumer_properties: auto.offset.reset = {reset!r} is none of {', '.join(RESETS)}"
            )
        self._topic = topic
        self._reset = RESETS[str(reset)]
        self._tell = tell
        self._earlier: set[str] = set()
        self._oldest: dict[int, int] = {}
        self._added_from: int | None = None
        self.missing = False
        """Whether the topic is known not to be there any more."""
        self.identity = Identity()
        """The topic that is read: while it is missing, as it was."""

    @property
    def partitions(self) -> int | None:
        """How many the topic has, as last seen; None before that, and while it is missing."""
        return None if self.missing else self.identity.partitions or None

    def notice(self, seen: Identity, unread: int = 0, *, held: bool = True) -> bool:
        """Take in what the brokers say of the topic now; whether it is another one than before.

        ``unread`` are the records that the earlier one had left; ``held`` whether any of it was read here until now.
        """
        before = self.identity
        if not seen.partitions:
            was_missing, self.missing = self.missing, True
            if before.partitions and not was_missing:
                self._tell(TopicMissing(self._topic))
            return False
        if seen.id in self._earlier:  # from a broker that has not heard of the new one yet
            return False
        was_missing, self.missing = self.missing, False
        self.identity = seen
        if was_missing and not seen.differs(before):  # a broker had not heard of it yet
            self._tell(TopicFound(self._topic, seen.partitions))
        if seen.differs(before):
            self._earlier.add(before.id)
            self._added_from = 0
            self._tell(TopicReplaced(self._topic, before.id, seen.id, unread, held=held))
            return True
        if before.partitions < seen.partitions and before.partitions:
            self._added_from = before.partitions if self._added_from is None else self._added_from
            self._tell(PartitionsAdded(self._topic, before.partitions, seen.partitions))
        return False

    def begin(
        self, numbers: Iterable[int], committed: Mapping[int, Commit], spans: Mapping[int, Span]
    ) -> dict[int, int]:
        """Where to begin with partitions that came; tells what is lost.

        ``committed`` is of the whole topic. Partitions whose span is not known are left out.
        Raises NoPositionError where there is none and ``auto.offset.reset`` is ``error``.
        """
        starts: dict[int, int] = {}
        for number in numbers:
            if (span := spans.get(number)) is None:
                continue
            self._oldest[number] = span.oldest
            commit = committed.get(number)
            if commit is None or commit.offset < 0:
                starts[number] = self._first(number, committed, span)
            elif self.identity.differs(commit.topic):
                if commit.topic.id not in self._earlier:  # of the whole topic, it was told already
                    self._tell(TopicReplaced(self._topic, commit.topic.id, self.identity.id, 0, (number,), held=False))
                starts[number] = span.oldest
            else:
                starts[number], _ = self.resume(number, commit.offset, span)
        return starts

    def _first(self, number: int, committed: Mapping[int, Commit], span: Span) -> int:
        """Where to begin a partition that the group has never committed."""
        known = [commit.topic.partitions for commit in committed.values() if commit.topic.partitions]
        if self._added_from is not None:
            known.append(self._added_from)
        if known and number >= min(known):  # added after the group had begun
            return span.oldest
        if self._reset == "error":
            raise NoPositionError(
                f"reading topic {self._topic!r}: the group has no position in partition {number}, and "
                "auto.offset.reset is error; set it to earliest or latest, or commit one"
            )
        return span.end if self._reset == "latest" else span.oldest

    def resume(self, number: int, at: int, span: Span) -> tuple[int, bool]:
        """Where to go on after ``at``, and whether the log is another one; tells what is lost."""
        self._oldest[number] = span.oldest
        if at > span.end:
            self._tell(TopicReplaced(self._topic, self.identity.id, self.identity.id, 0, (number,), at, span.end))
            return span.oldest, True
        if at < span.oldest:
            self._tell(RecordsLost(self._topic, number, at, span.oldest))
            return span.oldest, False
        return at, False

    def valid(self, committed: Mapping[int, Commit]) -> dict[int, int]:
        """The committed offsets, without those of an earlier topic of this name."""
        return {
            number: commit.offset
            for number, commit in committed.items()
            if commit.offset >= 0 and not self.identity.differs(commit.topic)
        }

    def oldest(self, numbers: Iterable[int]) -> dict[int, int]:
        """The oldest record that the log had when the partition came, of those for which it is known."""
        return {number: self._oldest[number] for number in numbers if number in self._oldest}
