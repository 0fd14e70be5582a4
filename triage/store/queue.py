"""The queue of what to judge next: incidents whose label would teach most, by :mod:`triage.instructive`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, select, true
from sqlalchemy.orm import Session

from triage.instructive import Candidate, Labelled, queue
from triage.store.rows import IncidentRow, incident_row, incident_rows
from triage.store.tables import INCIDENTS

LATEST = 5_000
"""Unlabelled incidents that are looked at, and labelled ones that are learnt from."""

I = INCIDENTS.c  # noqa: E741 - its columns


@dataclass(frozen=True, slots=True)
class Instructive:
    """An incident to judge, and why it."""

    row: IncidentRow
    value: float
    chance: float
    """That it is true, as far as labels tell."""
    why: str


def most_instructive(session: Session, limit: int = 20) -> list[Instructive]:
    """What to judge next, that whose label would teach most first."""
    labelled = Labelled(_latest(session, I.verdict.is_not(None)))
    ranked = queue(_latest(session, I.verdict.is_(None)), labelled, limit)
    query = incident_rows().where(I.id.in_([each.id for each in ranked]))
    rows: dict[str, Any] = {row.id: row for row in session.execute(query)}
    return [Instructive(incident_row(rows[each.id]), each.value, each.chance, each.words) for each in ranked]


def _latest(session: Session, condition: ColumnElement[bool]) -> list[Candidate]:
    rows = session.execute(
        select(I.id, I.kind, I.source, I.destination, I.port, I.verdict)
        .where(I.shown == true(), condition)
        .order_by(I.last_seen.desc(), I.id.desc())
        .limit(LATEST)
    )
    return [Candidate(*row) for row in rows]
