"""Incidents as they are read: lists, one in full, a host's timeline, and those alike."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Row, Select, func, or_, select, true
from sqlalchemy.orm import Session

from detector.casebook.parts import whole
from detector.casebook.told import LEVELS, Told, read_told
from detector.casebook.whole_document import whole_document
from detector.errors import ConfigurationError
from detector.feedback.label import Of
from detector.incidents.wholes import named
from triage.likeness import Trait, likeness
from triage.reasons import Reason, of_alert, of_incident
from triage.store.filters import Filter, Paging, beyond, conditions, is_open, limit_of, mark, ordering
from triage.store.labels import standing
from triage.store.rows import (
    AlertRow,
    Bucket,
    Incident,
    IncidentPage,
    Similar,
    Timeline,
    alert_row,
    incident_row,
    incident_rows,
)
from triage.store.tables import ALERT_DOCUMENTS, ALERTS, INCIDENT_DOCUMENTS, INCIDENT_HOSTS, INCIDENTS

COUNTED = 10_000
"""Further a list's length is not counted, unless nothing is asked for."""

SHOWN_ALERTS = 50
"""Of an incident."""

EXPLAINED = 3
"""Alerts whose numbers are given as reasons."""

CANDIDATES = 200
"""Incidents of each trait among which those alike are looked for."""

LEAST_LIKENESS = 0.3

MOST_MARKS = 50_000
"""Alerts that a timeline is made of, the latest."""

MOST_BUCKETS = 500

ALL = Filter()
FIRST_PAGE = Paging()

I = INCIDENTS.c  # noqa: E741 - its columns


def list_incidents(session: Session, asked: Filter = ALL, paging: Paging = FIRST_PAGE) -> IncidentPage:
    """One page of those that are asked for. Raises ConfigurationError for what cannot be asked."""
    wanted, limit, columns = conditions(session, asked), limit_of(paging), ordering(paging.order)
    rows = session.execute(
        incident_rows().where(*wanted, beyond(paging)).order_by(*(column.desc() for column in columns)).limit(limit + 1)
    ).all()
    more = len(rows) > limit
    after = mark([getattr(rows[limit - 1], column.name) for column in columns]) if more else ""
    found = tuple(map(incident_row, rows[:limit]))
    if not more and not paging.after:
        return IncidentPage(found, after, len(found), or_more=False)
    if asked.text:  # to count is to search through all texts once more
        return IncidentPage(found, after, len(found), or_more=True)
    bound = None if asked == ALL else COUNTED
    count = _count(session, select(I.id).where(*wanted), bound)
    or_more = bound is not None and count > bound
    return IncidentPage(found, after, COUNTED if or_more else count, or_more)


def incident(session: Session, name: str) -> Incident | None:
    """All of one, by its id; what is part of another one is shown as itself. None where it is not known."""
    found = session.execute(incident_rows().where(I.id == name)).first()
    if found is None:
        return None
    documents = dict(_documents(session, name)) or {name: b"{}"}
    told = _together(session, documents)
    alerts, stored = _alerts(session, list(documents))
    return Incident(
        row=incident_row(found),
        told=told,
        merged_into=found.merged_into or ("" if found.whole == name else found.whole),
        document=whole_document(told, documents),
        alerts=alerts,
        alerts_stored=stored,
        reasons=_reasons(session, documents[told.ours.id if told.ours.id in documents else name], alerts),
        standing=standing(session, Of(incident=name)),
    )


def alert(session: Session, name: str) -> tuple[AlertRow, bytes, tuple[Reason, ...]] | None:
    """An alert, its document, and its reasons; None where it is not known."""
    found = session.execute(
        select(ALERTS, ALERT_DOCUMENTS.c.document)
        .join(ALERT_DOCUMENTS, ALERT_DOCUMENTS.c.id == ALERTS.c.id)
        .where(ALERTS.c.id == name)
    ).first()
    return None if found is None else (alert_row(found), found.document, of_alert(found.document, name))


def timeline(session: Session, host: str, since: float, until: float, buckets: int = 96) -> Timeline:
    """What a host did in a time. Raises ConfigurationError for a time that is none."""
    if not -math.inf < since < until < math.inf or not 1 <= buckets <= MOST_BUCKETS:
        raise ConfigurationError(f"timeline: give a time that begins before it ends, and 1 to {MOST_BUCKETS} buckets")
    ends = or_(ALERTS.c.src_ip == host, ALERTS.c.dst_ip == host)
    marks = session.execute(
        select(ALERTS.c.ts, ALERTS.c.severity, ALERTS.c.src_ip, ALERTS.c.dst_ip)
        .where(ends, ALERTS.c.ts >= since, ALERTS.c.ts < until)
        .order_by(ALERTS.c.ts.desc())
        .limit(MOST_MARKS)
    ).all()
    width = (until - since) / buckets
    sources, destinations, severities = [0] * buckets, [0] * buckets, [-1] * buckets
    for mark_ in marks:
        place = min(int((mark_.ts - since) / width), buckets - 1)
        sources[place] += mark_.src_ip == host
        destinations[place] += mark_.dst_ip == host
        severities[place] = max(severities[place], mark_.severity)
    listed = select(INCIDENT_HOSTS.c.incident).where(INCIDENT_HOSTS.c.host == host)
    incidents = session.execute(
        incident_rows()
        .where(I.shown == true(), I.id.in_(listed), I.last_seen >= since, I.first_seen < until)
        .order_by(I.last_seen.desc(), I.id.desc())
        .limit(CANDIDATES)
    )
    parts = (
        Bucket(since + place * width, sources[place], destinations[place], LEVELS[level] if level >= 0 else "")
        for place, level in enumerate(severities)
    )
    return Timeline(host, since, until, tuple(parts), tuple(map(incident_row, incidents)))


def similar(session: Session, name: str, limit: int = 10) -> list[Similar]:
    """Past incidents that are like this one, the most alike first and of those the latest; with their labels."""
    own = session.execute(incident_rows().where(I.id == name)).first()
    if own is None:
        return []
    alike = [I.kind == own.kind]
    alike += [I.source == own.source] if own.source else []
    alike += [I.destination == own.destination] if own.destination else []
    candidates: dict[str, Row[Any]] = {}
    for condition in alike:
        for labelled in (I.verdict.is_not(None), I.verdict.is_(None)):
            query = incident_rows().where(I.shown == true(), I.id != name, condition, labelled)
            rows = session.execute(query.order_by(I.last_seen.desc()).limit(CANDIDATES))
            candidates |= {row.id: row for row in rows}
    found = [(likeness(_trait(own), _trait(row)), row) for row in candidates.values()]
    found = [each for each in found if each[0].share >= LEAST_LIKENESS]
    found.sort(key=lambda each: (-each[0].share, each[1].verdict is None, -each[1].last_seen, each[1].id))
    return [Similar(incident_row(row), like.share, like.words) for like, row in found[:limit]]


def told_since(session: Session, since: float) -> Iterator[Told]:
    """The latest documents of those with a flow since then, parts each by itself: what previews are made of."""
    rows = session.execute(
        select(INCIDENT_DOCUMENTS.c.document)
        .join(INCIDENTS, I.id == INCIDENT_DOCUMENTS.c.id)
        .where(I.last_seen >= since)
    )
    for document in rows.scalars():
        yield read_told(document)


def _count(session: Session, query: Select[Any], bound: int | None) -> int:
    counted = query if bound is None else query.limit(bound + 1)
    return session.scalar(select(func.count()).select_from(counted.subquery())) or 0


def _documents(session: Session, name: str) -> Iterator[tuple[str, bytes]]:
    """Of an incident and of its parts."""
    rows = session.execute(
        select(I.id, INCIDENT_DOCUMENTS.c.document)
        .join(INCIDENT_DOCUMENTS, INCIDENT_DOCUMENTS.c.id == I.id)
        .where(or_(I.id == name, I.whole == name), or_(I.merged_into == "", I.id == name))
    )
    for row in rows:
        yield row.id, row.document


def _together(session: Session, documents: dict[str, bytes]) -> Told:
    parts = [read_told(document) for document in documents.values()]
    if len(parts) == 1:
        return parts[0]
    still_open = session.scalar(select(func.count()).where(I.id.in_(documents), is_open())) or 0
    return named(whole(parts, over=not still_open))


def _alerts(session: Session, incidents: Sequence[str]) -> tuple[tuple[AlertRow, ...], int]:
    of = ALERTS.c.incident.in_(incidents)
    rows = session.execute(
        select(ALERTS).where(of).order_by(ALERTS.c.risk.desc(), ALERTS.c.ts.desc(), ALERTS.c.id).limit(SHOWN_ALERTS)
    )
    return tuple(map(alert_row, rows)), session.scalar(select(func.count()).where(of)) or 0


def _reasons(session: Session, document: bytes, alerts: Sequence[AlertRow]) -> tuple[Reason, ...]:
    chosen = [each.id for each in alerts[:EXPLAINED]]
    query = select(ALERT_DOCUMENTS.c.id, ALERT_DOCUMENTS.c.document).where(ALERT_DOCUMENTS.c.id.in_(chosen))
    rows = {row.id: row.document for row in session.execute(query)}
    found = [reason for name in chosen if name in rows for reason in of_alert(rows[name], name)]
    found.sort(key=lambda each: -(each.contribution or 0.0))
    return (*found, *of_incident(document))


def _trait(row: Row[Any]) -> Trait:
    return Trait(row.kind, row.source, row.destination, row.port)
