"""Suppressions, as made here or come from their topic; what is made here is sent by the outbox."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import insert, or_, select, update
from sqlalchemy.orm import Session

from detector.errors import ConfigurationError
from detector.printable import printable
from detector.suppression.rule import Suppression, read_rule, write_rule
from triage.store.tables import OUTBOX, SUPPRESSIONS
from triage.store.upsert import upsert

CHANNEL = "suppressions"
"""The outbox's."""

S = SUPPRESSIONS.c


@dataclass(frozen=True, slots=True)
class SuppressionRow:
    """A rule, and what became of it."""

    rule: Suppression
    removed: float | None
    """When it was withdrawn, in seconds since 1970; None while it stands."""
    sent: bool
    """Whether it was read from the topic, so that daemons have it."""

    def holds(self, now: float) -> bool:
        """Whether it hides anything now."""
        return self.removed is None and now < self.rule.expires_s


class Heard(NamedTuple):
    """A message of the topic: a rule, or that the one with this id is withdrawn."""

    id: str
    rule: Suppression | None
    came: float
    place: int


def save_rule(session: Session, rule: Suppression, now: float) -> None:
    """Have a rule in force, in the place of the one with its id, and have it sent. What speaks against it is not asked
    here: see :mod:`detector.suppression.objections`.
    """
    upsert(session, SUPPRESSIONS, [_values(rule, None)])
    session.execute(insert(OUTBOX).values(channel=CHANNEL, key=rule.id.encode(), value=write_rule(rule), created=now))


def remove_rule(session: Session, name: str, now: float) -> None:
    """Withdraw a rule, and have that sent. Raises ConfigurationError where there is none that stands."""
    changed = session.execute(update(SUPPRESSIONS).where(S.id == name, S.removed.is_(None)).values(removed=now))
    if not getattr(changed, "rowcount", 0):
        raise ConfigurationError(f"suppression {printable(name[:80])}: there is none with this id that stands")
    session.execute(insert(OUTBOX).values(channel=CHANNEL, key=name.encode(), value=None, created=now))


def list_rules(session: Session, now: float, *, ended: bool = False) -> list[SuppressionRow]:
    """Those that stand, that which ends first at the beginning; with ``ended`` also those that do not any more."""
    query = select(SUPPRESSIONS)
    if not ended:
        query = query.where(S.removed.is_(None), S.expires > now)
    return [_row(row) for row in session.execute(query.order_by(S.expires, S.id))]


def rule_of(session: Session, name: str) -> SuppressionRow | None:
    """The one with this id; None where there is none."""
    found = session.execute(select(SUPPRESSIONS).where(S.id == name)).first()
    return None if found is None else _row(found)


def take_rules(session: Session, heard: Sequence[Heard]) -> None:
    """Keep what came from the topic, of each id what came last. What was changed here and is not sent yet stays."""
    waiting = set(session.scalars(select(OUTBOX.c.key).where(OUTBOX.c.channel == CHANNEL)))
    latest = {each.id: each for each in heard if each.id.encode() not in waiting}
    upsert(session, SUPPRESSIONS, [_values(each.rule, each.place) for each in latest.values() if each.rule is not None])
    for each in latest.values():
        if each.rule is None:
            stands = or_(S.removed.is_(None), S.place.is_(None))
            session.execute(
                update(SUPPRESSIONS).where(S.id == each.id, stands).values(removed=each.came, place=each.place)
            )


def _row(row: Any) -> SuppressionRow:
    return SuppressionRow(read_rule(row.document), row.removed, row.place is not None)


def _values(rule: Suppression, place: int | None) -> dict[str, Any]:
    return {
        "id": rule.id,
        "document": write_rule(rule),
        "scope": rule.scope,
        "words": rule.words,
        "owner": rule.owner,
        "reason": rule.reason,
        "created": rule.created.timestamp(),
        "expires": rule.expires_s,
        "removed": None,
        "place": place,
    }
