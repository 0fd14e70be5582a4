"""What is sent: a message about one incident, one about many, or one that only tries the way."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Literal

from detector.casebook.told import LEVELS, Told

Why = Literal["opened", "risen", "ended"]
"""What is new about an incident: it, its severity, or that it is over."""

WORST = 100
"""Incidents that a message about many names, to programs; to people fewer."""

MOST_GATHERED = 100_000
"""Incidents in one message about many; beyond, reading waits until it is sent."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an incident's document is, and since when."""

    partition: int = 0
    offset: int = 0
    since: float | None = None
    """When it came into the topic, seconds since 1970; None where nobody knows."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One incident, as one document tells it."""

    told: Told
    document: bytes
    why: Why
    place: Place = Place()

    @property
    def key(self) -> str:
        """The same for the same document, however often it is sent."""
        return f"{self.told.ours.id}:{self.told.ours.revision}"

    def followed_by(self, later: Notice) -> Notice:
        """Both in one, where this was not sent yet; its place remains that of the first document."""
        why = "opened" if self.why == "opened" and later.why == "risen" else later.why
        return Notice(later.told, later.document, why, self.place)


@dataclass(slots=True)
class Digest:
    """Many incidents in one message: more came than may be sent one by one, or they waited for too long."""

    began: float
    """By the clock of whoever gathers."""
    worst: list[Notice] = field(default_factory=list)
    """The gravest first, :data:`WORST` at most; of each incident the latest."""
    messages: int = 0
    late: int = 0
    """How many of the messages waited for too long; the others were too many."""
    severities: Counter[str] = field(default_factory=Counter)
    """Of messages."""
    since: float | None = None
    """When the first of them came into the topic."""
    offsets: dict[int, int] = field(default_factory=dict)
    """By partition, the first that is in here."""
    ids: set[str] = field(default_factory=set)
    keys: str = ""
    """A digest of all keys, in their order."""

    @property
    def key(self) -> str:
        """The same for the same incidents in the same order."""
        return f"digest:{self.keys}"

    @property
    def full(self) -> bool:
        """Whether no more should be added."""
        return len(self.ids) >= MOST_GATHERED

    def add(self, notice: Notice, *, late: bool) -> None:
        """Take one in."""
        ours, place = notice.told.ours, notice.place
        self.messages += 1
        self.late += late
        self.severities[notice.told.severity] += 1
        self.ids.add(ours.id)
        self.keys = sha256(f"{self.keys}{notice.key}".encode()).hexdigest()[:32]
        self.offsets.setdefault(place.partition, place.offset)
        if place.since is not None:
            self.since = place.since if self.since is None else min(self.since, place.since)
        others = [each for each in self.worst if each.told.ours.id != ours.id]
        self.worst = sorted([*others, notice], key=_gravity, reverse=True)[:WORST]


@dataclass(frozen=True, slots=True)
class Trial:
    """Tries a way, and tells of no incident."""

    key: str
    at: float
    """Seconds since 1970."""


Message = Notice | Digest | Trial


def kind_of(message: Message) -> Literal["incident", "digest", "test"]:
    """What it is, in a word."""
    match message:
        case Notice():
            return "incident"
        case Digest():
            return "digest"
        case Trial():
            return "test"


def level_of(message: Message) -> int:
    """How severe it is, by its place in :data:`LEVELS`: of many the worst."""
    match message:
        case Notice(told=told):
            return told.level
        case Digest(worst=worst):
            return max((each.told.level for each in worst), default=0)
        case Trial():
            return 0


def severity_of(message: Message) -> str:
    """The same in a word."""
    return LEVELS[level_of(message)]


def _gravity(notice: Notice) -> tuple[int, int, float]:
    ours = notice.told.ours
    return notice.told.level, -1 if ours.risk is None else ours.risk, ours.last_seen
