"""What both Kafka clients do about a position that the log does not have: ask, decide by one rule, read on from there.

A client strands a partition where its broker refuses the position; ``look``, called before each fetch, has those read
on, and all of them read from the start once the topic is another one of its name.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Protocol

from detector.errors import BrokerError
from detector.transport.base import AssignmentListener
from detector.transport.kafka.positions import Commit, Identity, Positions, Span

AGAIN_S = 1.0
"""How often to ask for what a log has that did not answer."""

NO_POSITION = -1


class Log(Protocol):
    """What a client can say and do of its topic's log."""

    def spans(self, numbers: Iterable[int]) -> dict[int, Span]:
        """What the logs of these partitions have; one that does not answer within a bound is left out."""
        ...

    def commits(self, numbers: Iterable[int]) -> dict[int, Commit]:
        """What the group has committed of these. Raises BrokerError."""
        ...

    def read_from(self, starts: Mapping[int, int]) -> None:
        """Read assigned partitions from other places on; what was fetched of them is dropped."""
        ...


class Recovery:
    """The partitions that cannot be read where they were. Used by the thread that polls."""

    def __init__(self, positions: Positions, log: Log) -> None:
        self._positions = positions
        self._log = log
        self._stranded: dict[int, int] = {}
        self._outdated: set[int] = set()
        self._asked_at = 0.0

    def strand(self, number: int, at: int) -> None:
        """Note that a partition's log does not have a position; ``NO_POSITION`` where the group had none."""
        self._stranded[number] = at

    def forget(self, numbers: Iterable[int]) -> None:
        """Note that these are read elsewhere."""
        for number in numbers:
            self._stranded.pop(number, None)
            self._outdated.discard(number)

    def clear(self) -> None:
        """Note that none is read any more."""
        self._stranded.clear()
        self._outdated.clear()

    def notice(self, seen: Identity, assigned: Iterable[int], unread: int) -> None:
        """Take in what the brokers say of the topic; see :meth:`Positions.notice`."""
        held = set(assigned)
        if self._positions.notice(seen, unread, held=bool(held)):
            self._outdated = held

    def beginnings(self, numbers: list[int]) -> dict[int, int]:
        """Where to begin with partitions that came.

        What is not answered in time is left out: the client goes on at the commit, or says that there is none.
        """
        spans = self._log.spans(numbers)
        try:
            return self._positions.begin(numbers, self._commits(), spans) if spans else {}
        except BrokerError as error:
            if not error.retryable:
                raise
            return {}

    def look(self, listener: AssignmentListener | None) -> None:
        """Have what cannot be read where it was read from where it can."""
        if not (self._outdated or self._stranded) or time.monotonic() - self._asked_at < AGAIN_S:
            return
        self._asked_at = time.monotonic()
        outdated, self._outdated = self._outdated, set()
        spans = self._log.spans(sorted(outdated | self._stranded.keys()))
        self._outdated = outdated - spans.keys()
        starts = {number: spans[number].oldest for number in outdated & spans.keys()}
        replaced = set(starts)
        for number in sorted(self._stranded.keys() & spans.keys()):
            at = self._stranded.pop(number)
            if number in starts:
                continue
            if at < 0:
                starts |= self._positions.begin([number], self._commits(), spans)
                continue
            starts[number], anew = self._positions.resume(number, at, spans[number])
            replaced |= {number} if anew else set()
        if starts:
            self._log.read_from(starts)
        if listener is not None and replaced:
            listener.on_replaced(sorted(replaced))

    def _commits(self) -> dict[int, Commit]:
        """Of the whole topic: which partitions it had when the group last committed tells which were added."""
        return self._log.commits(range(self._positions.identity.partitions))
