"""A batch of messages, put into the database in one transaction with the offsets to go on from.

So a batch is there as a whole, or is read again; and read again it changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from detector.errors import InputError
from detector.feedback.label import read_label
from detector.feedback.latest import Word
from detector.settings.tree import Settings
from detector.suppression.rule import read_rule
from triage.reading import alert_of, host_of, read_incident
from triage.store.labels import take
from triage.store.put import forget_risks, put_alerts, put_incidents, put_risks
from triage.store.suppressions import Heard, take_rules
from triage.store.tables import POSITIONS
from triage.store.upsert import upsert

T = TypeVar("T")

Place = tuple[str, int]
"""A topic and a partition."""


class Message(NamedTuple):
    """A record as it came."""

    topic: str
    partition: int
    offset: int
    came: float
    """By the broker's clock, in seconds since 1970."""
    key: bytes | None
    value: bytes | None


@dataclass(slots=True)
class Counted:
    """Of one kind: how many documents there were, and how many of them were none."""

    topic: str
    documents: int = 0
    foreign: int = 0
    why: str = ""


@dataclass(frozen=True, slots=True)
class Topics:
    """Which topic has what."""

    kinds: dict[str, str] = field(default_factory=dict)
    """By topic."""

    @classmethod
    def of(cls, settings: Settings) -> Topics:
        """Those that the settings name."""
        output = settings.output
        named = {
            output.incidents_topic: "incident",
            output.alerts_topic: "alert",
            output.risk_topic: "risk",
            settings.feedback.topic: "label",
            settings.suppression.topic: "suppression",
        }
        return cls({topic: kind for topic, kind in named.items() if topic})


def positions(session: Session) -> dict[Place, int]:
    """Where to go on."""
    return {(row.topic, row.partition): row.next for row in session.execute(select(POSITIONS))}


def take_batch(session: Session, messages: Sequence[Message], topics: Topics) -> dict[str, Counted]:
    """Put messages, and the offsets after them; what there was, by kind."""
    by_kind: dict[str, list[Message]] = {}
    for message in messages:
        by_kind.setdefault(topics.kinds[message.topic], []).append(message)
    counted = {kind: Counted(some[0].topic) for kind, some in by_kind.items()}
    for kind, some in by_kind.items():
        _TAKES[kind](session, some, counted[kind])
    after = {(each.topic, each.partition): each.offset + 1 for each in messages}
    upsert(session, POSITIONS, [{"topic": t, "partition": p, "next": n} for (t, p), n in after.items()])
    return counted


def pass_over(session: Session, message: Message) -> None:
    """Go on after a message that cannot be put."""
    upsert(
        session,
        POSITIONS,
        [{"topic": message.topic, "partition": message.partition, "next": message.offset + 1}],
    )


def where_of(message: Message) -> str:
    """Where a message is in its topic, in words."""
    return f"partition {message.partition} offset {message.offset}"


def read_all(messages: Sequence[Message], read: Callable[[Message], T], counted: Counted) -> list[T]:
    """Read those that are documents of their kind; the others are counted."""
    found: list[T] = []
    for message in messages:
        if not message.value or message.value.isspace():
            continue
        counted.documents += 1
        try:
            found.append(read(message))
        except InputError as error:
            counted.foreign += 1
            counted.why = counted.why or f"{where_of(message)}: {error}"
    return found


def _incidents(session: Session, messages: Sequence[Message], counted: Counted) -> None:
    put_incidents(session, read_all(messages, lambda each: read_incident(each.value or b"", each.came), counted))


def _alerts(session: Session, messages: Sequence[Message], counted: Counted) -> None:
    put_alerts(session, read_all(messages, lambda each: alert_of(each.value or b"", each.came), counted))


def _risks(session: Session, messages: Sequence[Message], counted: Counted) -> None:
    put_risks(session, read_all(messages, lambda each: host_of(each.value or b""), counted))
    last = {each.key: each for each in messages if each.key is not None}
    gone = [key.decode(errors="replace").rpartition(" ") for key, each in last.items() if not each.value and key]
    forget_risks(session, [(host, int(partition)) for host, _, partition in gone if partition.isdecimal()])


def _labels(session: Session, messages: Sequence[Message], counted: Counted) -> None:
    take(
        session,
        read_all(messages, lambda each: Word(read_label(each.value or b""), each.offset, each.came), counted),
    )


def _suppressions(session: Session, messages: Sequence[Message], counted: Counted) -> None:
    told = read_all(messages, lambda each: (each, _heard(each)), counted)
    read = {(each.partition, each.offset) for each, _ in told}
    gone = [  # what is no rule takes the place of one with its key, as it does for daemons
        Heard(each.key.decode(errors="replace"), None, each.came, each.offset)
        for each in messages
        if each.key and (each.partition, each.offset) not in read
    ]
    stand = [heard for _, heard in told]
    take_rules(session, sorted([*gone, *stand], key=lambda each: (each.came, each.place)))


def _heard(message: Message) -> Heard:
    rule = read_rule(message.value or b"")
    if message.key != rule.id.encode():
        raise InputError(f"id: it is {rule.id}, and the message's key is another one; make them alike")
    return Heard(rule.id, rule, message.came, message.offset)


_TAKES: dict[str, Callable[[Session, Sequence[Message], Counted], None]] = {
    "incident": _incidents,
    "alert": _alerts,
    "risk": _risks,
    "label": _labels,
    "suppression": _suppressions,
}
