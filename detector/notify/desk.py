"""What waits for one way, and what is done with it next: sent, put together with others, tried again, or given up.

Takes documents in the order of their partitions; gives the positions up to which all is settled. Whatever was not
settled is read again after a restart: nothing is lost, and a message may be sent twice, with the same key. It waits for
nothing itself, but for one attempt of its way at a time.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import msgspec

from detector.casebook.told import LEVELS, ours_of, read_told
from detector.errors import InputError
from detector.notify.events import AttemptFailed, DocumentsUnfit, Gathered, MessageSent, WaitingSeen
from detector.notify.ledger import Ledger
from detector.notify.message import Digest, Notice, Place, kind_of
from detector.notify.pace import WINDOW_S, Pace
from detector.notify.retry import Outcome, pause_s
from detector.notify.ways import Way
from detector.settings.notify import Notify
from detector.telemetry.events import Tell

MOST_WAITING = 1_000
"""Messages that wait here; the others wait in the topic."""

SUPPRESSED = 3
"""OCSF's ``status_id`` of what a rule keeps quiet."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A message that was not tried yet, the only one of its incident."""

    notice: Notice
    due: float


@dataclass(slots=True)
class _Sending:
    """A message that is tried."""

    message: Notice | Digest
    since: float
    attempts: int = 0


class Desk:
    """``now`` is the time of day and ``clock`` one that never goes back, in seconds; ``chance`` is within 0 and 1.

    ``most_attempts``: how often a message is tried at most; None: as the kind of failure has it.
    """

    def __init__(
        self,
        way: Way,
        chosen: Notify,
        tell: Tell,
        *,
        most_attempts: int | None = None,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._way = way
        self._chosen = chosen
        self._tell = tell
        self._most_attempts = most_attempts
        self._now = now
        self._clock = clock
        self._chance = chance
        self._pace = Pace(chosen.messages_per_minute)
        self._ledgers: dict[int, Ledger] = {}
        self._next: dict[int, int] = {}
        self._queue: dict[str, _Waiting] = {}
        self._gathered: Digest | None = None
        self._sending: _Sending | None = None
        self._not_before = 0.0
        self._finishing = False
        self.sent = 0
        """Messages that were taken."""
        self.given_up = 0
        self.hopeless = False
        """Whether the receiver was tried as often as may be, and took nothing."""
        self.last_failure = ""

    @property
    def name(self) -> str:
        """Of its way."""
        return self._way.name

    @property
    def full(self) -> bool:
        """Whether no more documents should be taken for now."""
        return len(self._queue) >= MOST_WAITING or (self._gathered is not None and self._gathered.full)

    @property
    def idle(self) -> bool:
        """Whether nothing waits."""
        return not self._queue and self._gathered is None and self._sending is None

    # --- documents ----------------------------------------------------------------------------------------------

    def take(self, document: bytes | None, place: Place, *, known: bool = False) -> None:
        """Take a document; of one that is ``known``, sent before a restart, only remember what it told."""
        if not known:
            self._next[place.partition] = place.offset + 1
        if not document or document.isspace():
            return
        try:
            told = read_told(document)
        except InputError as error:
            if not known:
                self.pass_over(1, str(error))
            return
        ledger = self._ledgers.get(place.partition)
        if ledger is None:
            least = LEVELS.index(self._chosen.least_severity)
            ledger = self._ledgers[place.partition] = Ledger(least, ended=self._chosen.ended)
        why = ledger.see(told, suppressed=is_suppressed(document))
        if why is not None and not known:
            self._put(Notice(told, document, why, place))

    def pass_over(self, count: int, why: str) -> None:
        """Tell of documents that are no incident's; ``why`` the first one is none."""
        self._tell(DocumentsUnfit(self._way.name, count, why))

    def _put(self, notice: Notice) -> None:
        """Wait with it; where a message of its incident waits already, they become one."""
        incident = notice.told.ours.id
        before = self._queue.get(incident)
        if before is None:
            self._queue[incident] = _Waiting(notice, self._clock() + self._chosen.settle_s)
        else:
            self._queue[incident] = _Waiting(before.notice.followed_by(notice), before.due)

    def positions(self) -> dict[int, int]:
        """By partition, the next offset to read again after a restart: everything before it is settled."""
        found = dict(self._next)
        for partition, offset in self._unsettled():
            found[partition] = min(found.get(partition, offset), offset)
        return found

    def forget(self, partitions: Iterable[int]) -> None:
        """Another reader has these now, and begins at what was committed of them."""
        gone = set(partitions)
        for partition in gone:
            self._ledgers.pop(partition, None)
            self._next.pop(partition, None)
            if self._gathered is not None:
                self._gathered.offsets.pop(partition, None)
        self._queue = {
            incident: each for incident, each in self._queue.items() if each.notice.place.partition not in gone
        }
        sending = self._sending
        if sending is not None and isinstance(sending.message, Notice) and sending.message.place.partition in gone:
            self._sending = None
        elif sending is not None and isinstance(sending.message, Digest):
            for partition in gone:
                sending.message.offsets.pop(partition, None)

    def finish(self) -> None:
        """No more will come: what was put together need not wait for more."""
        self._finishing = True

    # --- messages -----------------------------------------------------------------------------------------------

    def step(self) -> bool:
        """Make one attempt, if one is due; whether it was."""
        now = self._clock()
        if now < self._not_before:
            self._see_waiting()
            return False
        self._put_late_aside()
        if self._sending is None:
            message = self._choose(now)
            self._sending = None if message is None else _Sending(message, now)
        if self._sending is None:
            self._see_waiting()
            return False
        self._try(self._sending)
        self._see_waiting()
        return True

    def wait_s(self) -> float:
        """Seconds until ``step`` has something to do again, unless more documents come."""
        now = self._clock()
        if self.idle:
            return WINDOW_S
        dues = [each.due for each in self._first()]
        dues += [self._gathered.began + WINDOW_S] if self._gathered is not None else []
        due = now if self._sending is not None or self._finishing else min(dues)
        return max(0.0, self._not_before - now, due - now)

    def _choose(self, now: float) -> Notice | Digest | None:
        while (notice := self._take_due(now)) is not None:
            if self._is_late(notice):
                self._gather(notice, now, "age")
            elif self._pace.take(now):
                return notice
            else:
                self._gather(notice, now, "rate")
        gathered = self._gathered
        if gathered is None or (now < gathered.began + WINDOW_S and not self._finishing and not gathered.full):
            return None
        self._gathered = None
        return gathered

    def _first(self) -> list[_Waiting]:
        """The message that has waited longest, if any does."""
        return [next(iter(self._queue.values()))] if self._queue else []

    def _take_due(self, now: float) -> Notice | None:
        """Take the next one out of the queue, if one is to go."""
        if self._gathered is not None and self._gathered.full:
            return None
        for each in self._first():
            if each.due <= now or self._finishing or self._is_late(each.notice):
                return self._queue.pop(each.notice.told.ours.id).notice
        return None

    def _gather(self, notice: Notice, now: float, why: Literal["rate", "age"]) -> None:
        if self._gathered is None:
            self._gathered = Digest(now)
        self._gathered.add(notice, late=why == "age")
        self._tell(Gathered(self._way.name, why))

    def _put_late_aside(self) -> None:
        """What was tried for too long is put together with others."""
        sending = self._sending
        if sending is not None and isinstance(sending.message, Notice) and self._is_late(sending.message):
            self._sending = None
            self._gather(sending.message, self._clock(), "age")

    def _is_late(self, notice: Notice) -> bool:
        since = notice.place.since
        return since is not None and self._now() - since > self._chosen.most_age_s

    def _try(self, sending: _Sending) -> None:
        outcome = self._way.deliver(sending.message)
        sending.attempts += 1
        if outcome.fate == "sent":
            self._sending = None
            self.sent += 1
            self._tell(MessageSent(self._way.name, kind_of(sending.message), sending.attempts))
            return
        given_up = self._is_given_up(sending, outcome)
        wait_s = 0.0 if given_up else pause_s(sending.attempts, self._chance())
        if outcome.wait_s is not None:
            wait_s = max(outcome.wait_s, pause_s(1, self._chance()))
        self._not_before = self._clock() + wait_s
        self.last_failure = outcome.detail
        reason = outcome.reason or "server"
        self._tell(AttemptFailed(self._way.name, reason, outcome.detail, wait_s, given_up, sending.message.key))
        if given_up:
            self._sending = None
            self.given_up += 1

    def _is_given_up(self, sending: _Sending, outcome: Outcome) -> bool:
        if outcome.fate == "unfit":
            return True
        if self._most_attempts is not None:
            self.hopeless = sending.attempts >= self._most_attempts
            return self.hopeless
        return outcome.fate == "refused" and self._clock() - sending.since >= self._chosen.most_age_s

    # --- what waits ---------------------------------------------------------------------------------------------

    def _unsettled(self) -> Iterable[tuple[int, int]]:
        for each in self._queue.values():
            yield each.notice.place.partition, each.notice.place.offset
        for message in (self._gathered, self._sending.message if self._sending else None):
            match message:
                case Notice(place=place):
                    yield place.partition, place.offset
                case Digest(offsets=offsets):
                    yield from offsets.items()

    def _see_waiting(self) -> None:
        starts = [each.notice.place.since for each in self._queue.values()]
        starts += [self._gathered.since] if self._gathered else []
        match self._sending.message if self._sending else None:
            case Notice(place=place):
                starts.append(place.since)
            case Digest(since=since):
                starts.append(since)
        oldest = min((each for each in starts if each is not None), default=None)
        self._tell(WaitingSeen(self._way.name, 0.0 if oldest is None else max(0.0, self._now() - oldest)))


def is_suppressed(document: bytes) -> bool:
    """Whether a rule keeps the incident quiet; ``document`` is an incident's."""
    whole = msgspec.json.decode(document)
    return whole.get("status_id") == SUPPRESSED or bool(ours_of(whole).get("suppressed_by"))
