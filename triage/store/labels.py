"""Labels: said here, withdrawn here, or come from the topic where others said them; and what was said of a thing.

What is said here goes into the outbox in the same transaction, so that it is sent if and only if it is there. Nothing
is ever changed or thrown away but by retention: a withdrawal is one more label. Which word counts is
:mod:`detector.feedback.latest`'s to say; :mod:`triage.store.verdicts` keeps it beside incidents and alerts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from msgspec import to_builtins
from sqlalchemy import Column, ColumnElement, Row, exists, func, insert, or_, select, true, update
from sqlalchemy.orm import Session

from detector.errors import ConfigurationError
from detector.feedback.label import Label, Of, convert_label, iso, key_of, write_label
from detector.feedback.latest import Said, Standing, Word, weigh
from detector.printable import printable
from triage.store.chunks import chunks
from triage.store.tables import ALERTS, INCIDENTS, LABELS, OUTBOX
from triage.store.verdicts import judge_again
from triage.store.words import NOT_YET, digest_of, id_of, label_values, word_of, words_of

FEEDBACK = "feedback"
"""The outbox's channel of labels."""

ODD = ("conflicting", "late", "reused", "dangling", "ahead")
"""As :mod:`detector.feedback.latest` has them; what is doubled is kept once, and unknown has a field of its own."""

L = LABELS.c


@dataclass(frozen=True, slots=True)
class LabelRow:
    """A line of the list of labels."""

    number: int
    """Where it is in the list; the latest to come has the highest."""
    label: Label
    sent: bool
    """Whether it was read from the topic, so that all others have it."""
    withdrawn: bool
    unknown: bool
    """Whether it is of an incident or alert that is not known here, as of another cluster."""
    counts: bool
    """Whether it is the last word on what it is of; a withdrawal is none."""
    odd: tuple[str, ...]
    """What else is odd about it, of :data:`ODD`."""
    incident: str
    """The incident that it is of, or its alert, or what it withdraws; empty where none is known."""
    headline: str
    """That incident's."""


def new_label(  # noqa: PLR0917 - in the order of the document's fields
    of: Of, verdict: str, by: str, now: float, comment: str = "", model_version: str = ""
) -> Label:
    """Make a label, with an id of its own. Raises InputError where a field is none."""
    given = {"id": str(uuid4()), "verdict": verdict, "of": to_builtins(of), "by": by, "at": _at(now)}
    given |= {"comment": comment} if comment else {}
    given |= {"model_version": model_version} if model_version else {}
    return convert_label(given)


def say(session: Session, label: Label, now: float) -> None:
    """Keep a label that was said here, and have it sent."""
    say_all(session, [label], now)


def say_all(session: Session, labels: Sequence[Label], now: float) -> None:
    """The same of many."""
    if not labels:
        return
    session.execute(insert(LABELS), [label_values(Word(label, NOT_YET, now)) for label in labels])
    session.execute(
        insert(OUTBOX),
        [{"channel": FEEDBACK, "key": key_of(label), "value": write_label(label), "created": now} for label in labels],
    )
    judge_again(session, labels)


def withdraw(session: Session, label: str, by: str, now: float) -> Label:
    """Say that an earlier label no longer counts. Raises ConfigurationError where it is not there, or was withdrawn."""
    if not session.scalar(select(exists().where(L.id == label, L.verdict.is_not(None)))):
        raise ConfigurationError(f"label {printable(label[:80])}: there is none with this id to withdraw")
    if session.scalar(select(exists().where(L.withdraws == label))):
        raise ConfigurationError(f"label {printable(label[:80])}: it was withdrawn already")
    given = convert_label({"id": str(uuid4()), "withdraws": label, "by": by, "at": _at(now)})
    say(session, given, now)
    return given


def take(session: Session, words: Sequence[Word]) -> int:
    """Keep what came from the topic; how many were new. What was said here is known to be sent by that."""
    values = {(each["id"], each["digest"]): (each, word) for word in reversed(words) for each in [label_values(word)]}
    known: dict[tuple[str, str], int | None] = {}
    for some in chunks({name for name, _ in values}):
        rows = session.execute(select(L.id, L.digest, L.place).where(L.id.in_(some)))
        known |= {(row.id, row.digest): row.place for row in rows}
    for key in values.keys() & known.keys():
        if known[key] is None:
            each = values[key][0]
            session.execute(
                update(LABELS).where(L.id == key[0], L.digest == key[1]).values(place=each["place"], came=each["came"])
            )
    new = [each for key, each in reversed(values.items()) if key not in known]
    if new:
        session.execute(insert(LABELS), [each for each, _ in new])
    judge_again(session, [word.label for key, (_, word) in values.items() if known.get(key, None) is None])
    return len(new)


def standing(session: Session, of: Of) -> Standing | None:
    """All that was said of one thing, itself; None where nothing was."""
    return weigh(words_of(session, [digest_of(of)])).standings.get(of)


def all_said(session: Session) -> Said:
    """All that was ever said, and what is odd about it; what is not known here among it."""
    words = [word_of(row) for row in session.execute(select(LABELS))]
    asked = {each for word in words if isinstance(word.label.of, Of) for each in [id_of(word.label.of)] if each}
    known: set[str] = set()
    for some in chunks(asked):
        for column in (INCIDENTS.c.id, ALERTS.c.id):
            known |= set(session.scalars(select(column).where(column.in_(some))))
    return weigh(words, lambda of: not id_of(of) or id_of(of) in known)


def list_labels(session: Session, limit: int = 50, after: int | None = None) -> list[LabelRow]:
    """The latest that came first, withdrawals among them; ``after`` is the last number of the page before."""
    withdrawal = LABELS.alias()
    withdrawn = exists().where(withdrawal.c.withdraws == L.id)
    known = or_(L.of_id == "", exists().where(INCIDENTS.c.id == L.of_id), exists().where(ALERTS.c.id == L.of_id))
    query = select(LABELS, withdrawn.label("withdrawn"), known.label("known"))
    if after is not None:
        query = query.where(L.number < after)
    rows = session.execute(query.order_by(L.number.desc()).limit(limit)).all()
    said = weigh(words_of(session, {row.subject_digest for row in rows if row.subject_digest})).standings
    reused, there = _ids(session, rows)
    incidents = _incidents_of(session, rows)
    found = []
    for row in rows:
        word = word_of(row)
        of = said.get(word.label.of) if isinstance(word.label.of, Of) else None
        signs = {
            "conflicting": of is not None and of.conflicting and not row.withdrawn,
            "late": of is not None and word.label.id in of.late,
            "reused": row.id in reused,
            "dangling": row.withdraws is not None and row.withdraws not in there,
            "ahead": word.ahead,
        }
        counts = of is not None and of.last == word.label
        odd = tuple(each for each in ODD if signs[each])
        sent = row.place is not None
        about = incidents.get(row.number, ("", ""))
        found.append(LabelRow(row.number, word.label, sent, bool(row.withdrawn), not row.known, counts, odd, *about))
    return found


def _ids(session: Session, rows: Sequence[Row[Any]]) -> tuple[set[str], set[str]]:
    """Of these, ids that several labels have; and ids of what they withdraw, where that is there."""
    reused: set[str] = set()
    there: set[str] = set()
    for some in chunks({row.id for row in rows}):
        several = select(L.id).where(L.id.in_(some)).group_by(L.id).having(func.count() > 1)
        reused |= set(session.scalars(several))
    for some in chunks({row.withdraws for row in rows if row.withdraws is not None}):
        there |= set(session.scalars(select(L.id).where(L.id.in_(some), L.verdict.is_not(None))))
    return reused, there


def _incidents_of(session: Session, rows: Sequence[Row[Any]]) -> dict[int, tuple[str, str]]:
    """By number of a label: the incident that it is about, and that one's headline."""
    meant = _named(session, L.id, L.of_id, (row.withdraws for row in rows if row.withdraws), L.verdict.is_not(None))
    about = {row.number: row.of_id or meant.get(row.withdraws, "") for row in rows}
    of_alerts = _named(session, ALERTS.c.id, ALERTS.c.incident, about.values(), ALERTS.c.incident.is_not(None))
    about = {number: of_alerts.get(each, each) for number, each in about.items()}
    headlines = _named(session, INCIDENTS.c.id, INCIDENTS.c.headline, about.values(), true())
    return {number: (each, headlines[each]) for number, each in about.items() if each in headlines}


def _named(
    session: Session, key: Column[Any], value: Column[Any], wanted: Iterable[str], fits: ColumnElement[bool]
) -> dict[str, str]:
    """One column by another, of the rows that are wanted and fit."""
    queries = (select(key, value).where(key.in_(some), fits) for some in chunks(set(wanted)))
    return {row[0]: row[1] for query in queries for row in session.execute(query)}


def _at(now: float) -> str:
    return iso(datetime.fromtimestamp(now, UTC))
