"""What topics and files tell, put into the tables; the same document again changes nothing.

Of each incident the document with the highest revision stays, whatever order they come in; an alert never changes; of
each host and partition the risk that is the latest by event time stays.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from detector.casebook.hosts import COUNTED, ToldHost
from detector.casebook.told import Told
from triage.reading import LARGEST, ReadIncident, Row, hosts_of, incident_values, searched
from triage.store.chunks import chunks
from triage.store.tables import (
    ALERT_DOCUMENTS,
    ALERTS,
    COVERED,
    INCIDENT_DOCUMENTS,
    INCIDENT_HOSTS,
    INCIDENT_TEXTS,
    INCIDENTS,
    LABELS,
    RISKS,
)
from triage.store.upsert import upsert
from triage.store.verdicts import cover, judge, judge_alerts, subjects_of_alerts
from triage.store.wholes import put_together
from triage.store.words import digest_of

I = INCIDENTS.c  # noqa: E741 - its columns


def put_incidents(session: Session, read: Sequence[ReadIncident]) -> int:
    """Put incidents; how many documents told something new."""
    latest: dict[str, ReadIncident] = {}
    came: dict[str, float] = {}
    for each in read:
        known = latest.get(each.id)
        if known is None or each.told.ours.revision > known.told.ours.revision:
            latest[each.id] = each
        came[each.id] = min(each.came, came.get(each.id, each.came))
    there: dict[str, Any] = {}
    for some in chunks(latest):
        rows = session.execute(select(I.id, I.revision, I.first_told).where(I.id.in_(some)))
        there |= {row.id: row for row in rows}
    new = [
        each
        for each in latest.values()
        if each.id not in there or min(each.told.ours.revision, LARGEST) > there[each.id].revision
    ]
    if not new:
        return 0
    first = {name: min(came[name], there[name].first_told) if name in there else came[name] for name in latest}
    upsert(session, INCIDENTS, [_row(each, first[each.id]) for each in new], later="revision")
    upsert(session, INCIDENT_DOCUMENTS, [{"id": each.id, "document": each.document} for each in new])
    upsert(session, INCIDENT_TEXTS, [{"id": each.id, "text": searched(each.told)} for each in new], key="id")
    put_hosts(session, {each.id: each.told for each in new})
    changed = put_together(session, new)
    judge(session, {*changed, *_labelled(session, [each.id for each in new if each.id not in there])})
    return len(new)


def put_alerts(session: Session, read: Sequence[Row]) -> int:
    """Put alerts; how many are new."""
    rows = {each.values["id"]: each for each in read}
    for some in chunks(list(rows)):
        for name in session.scalars(select(ALERTS.c.id).where(ALERTS.c.id.in_(some))):
            del rows[name]
    if not rows:
        return 0
    upsert(session, ALERTS, [each.values for each in rows.values()])
    upsert(session, ALERT_DOCUMENTS, [{"id": name, "document": each.document} for name, each in rows.items()])
    if said := subjects_of_alerts(session, {name: each.values for name, each in rows.items()}):
        cover(session, said)
        judge_alerts(session, rows.keys() & {of.alert for of in said})
        digests = [digest_of(of) for of in said]
        judge(session, session.scalars(select(COVERED.c.incident).where(COVERED.c.subject_digest.in_(digests))).all())
    return len(rows)


def put_risks(session: Session, read: Sequence[tuple[ToldHost, bytes]]) -> int:
    """Put hosts' risks; how many documents there were that count."""
    latest: dict[tuple[str, int], tuple[ToldHost, bytes]] = {}
    for told, document in read:
        key = told.host, min(told.partition, LARGEST)
        if key not in latest or told.as_of >= latest[key][0].as_of:
            latest[key] = told, document
    rows = [
        {
            "host": host,
            "partition": partition,
            "risk": (risk := _risk(told)),
            "as_of": told.as_of,
            "rank": told.as_of / told.half_life_s + math.log2(max(risk, 1e-9)),
            "document": document,
        }
        for (host, partition), (told, document) in latest.items()
    ]
    upsert(session, RISKS, rows, later="as_of")
    return len(rows)


def forget_risks(session: Session, keys: Sequence[tuple[str, int]]) -> None:
    """Take away hosts whose risk has faded, as their topic's deletions say."""
    for host, partition in keys:
        session.execute(delete(RISKS).where(RISKS.c.host == host, RISKS.c.partition == partition))


def put_hosts(session: Session, told: Mapping[str, Told]) -> None:
    """Put the hosts that incidents list, in place of those that they listed before."""
    for some in chunks(list(told)):
        session.execute(delete(INCIDENT_HOSTS).where(INCIDENT_HOSTS.c.incident.in_(some)))
    rows = [
        {"incident": name, "host": host, "role": role, "last_seen": each.ours.last_seen}
        for name, each in told.items()
        for host, role in hosts_of(each)
    ]
    if rows:
        session.connection().execute(insert(INCIDENT_HOSTS), rows)


def _row(read: ReadIncident, first_told: float) -> dict[str, Any]:
    ours = read.told.ours
    own = {"id": read.id, "revision": min(ours.revision, LARGEST), "whole": read.id, "shown": not ours.merged_into}
    told = {"p_value": read.p_value, "first_told": first_told, "told": read.came}
    return own | told | incident_values(read.told, quiet=ours.alerts == 1, closed=ours.step == "close")


def _labelled(session: Session, incidents: Sequence[str]) -> set[str]:
    """Those of which something was said before they came, be it of an alert of theirs."""
    found: set[str] = set()
    for some in chunks(incidents):
        found |= set(session.scalars(select(LABELS.c.of_id).where(LABELS.c.of_id.in_(some))))
        found |= set(session.scalars(select(COVERED.c.incident).where(COVERED.c.incident.in_(some))))
    return found


def _risk(told: ToldHost) -> float:
    """Of its incidents, each for half as much as the one before."""
    highest = sorted((each.risk for each in told.incidents), reverse=True)[:COUNTED]
    return sum(risk * 0.5**place for place, risk in enumerate(highest))
