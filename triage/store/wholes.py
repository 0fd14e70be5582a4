"""What several partitions told of one thing, as one row: as :mod:`detector.casebook.parts` puts it together.

A daemon joins alerts within a partition. Here, whenever a part comes, those that are one with it are found anew among
all that is stored; the row of the part that began first shows them all, and the others point to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import and_, bindparam, exists, or_, select, update
from sqlalchemy.orm import Session

from detector.casebook.parts import GAP_S, Index, whole
from detector.casebook.told import Told, read_told
from detector.incidents.wholes import named
from triage.reading import ReadIncident, hosts_of, incident_values
from triage.store.chunks import chunks
from triage.store.tables import INCIDENT_DOCUMENTS, INCIDENT_HOSTS, INCIDENTS
from triage.store.upsert import upsert

MOST_PARTS = 2_000
"""Incidents that may be one with those of a batch; beyond it they stay apart."""

I = INCIDENTS.c  # noqa: E741 - its columns


class Near(NamedTuple):
    """Where and when an incident was, as far as decides whether another may be one with it."""

    id: str
    source: str
    destination: str
    place: str
    first_seen: float
    last_seen: float
    whole: str

    def may_be_one_with(self, other: Near) -> bool:
        """Whether it is worth a closer look."""
        shares = self.source == other.source != "" or self.destination == other.destination != ""
        apart = max(self.first_seen, other.first_seen) - min(self.last_seen, other.last_seen)
        return shares and apart <= GAP_S


def put_together(session: Session, new: Sequence[ReadIncident]) -> set[str]:
    """Find anew what these are one with; the ids of all whose row changed by that."""
    asked = {each.id for each in new}
    for some in chunks(list(asked)):  # what they were part of has to be looked at, too
        asked |= set(session.scalars(select(I.whole).where(I.id.in_(some), I.whole != I.id)))
        asked |= set(session.scalars(select(I.id).where(I.whole.in_(some), I.whole != I.id)))
    near = _near(session, asked)
    if not _are_several(session, {each.place for each in near}):
        return set()
    candidates = _candidates(session, near)
    index, told = Index(), dict[str, Told]()
    for name, each in _told(session, candidates):
        told[name] = each
        index.add(each)
    groups: dict[str, list[Told]] = {}
    grouped: set[str] = set()
    for name, each in told.items():
        if name not in grouped:
            group = [each] if each.ours.merged_into else index.together(each)
            groups[group[0].ours.id] = group
            grouped |= {part.ours.id for part in group}
    _write(session, groups)
    return grouped


def _are_several(session: Session, places: set[str]) -> bool:
    """Whether incidents are of more than one partition; if not, what was told apart stays apart."""
    known = places - {""}
    if len(known) != 1:
        return bool(known)
    (place,) = known
    return bool(session.scalar(select(exists().where(or_(I.place > place, and_(I.place < place, I.place > ""))))))


def _near(session: Session, names: Iterable[str]) -> list[Near]:
    columns = (I.id, I.source, I.destination, I.place, I.first_seen, I.last_seen, I.whole)
    rows = [row for some in chunks(list(names)) for row in session.execute(select(*columns).where(I.id.in_(some)))]
    return [Near(*row) for row in rows]


def _candidates(session: Session, asked: Sequence[Near]) -> set[str]:
    """Those that have to be looked at together: near each other in time, by way of a common source or destination."""
    found = {each.id: each for each in asked}
    frontier = list(asked)
    columns = (I.id, I.source, I.destination, I.place, I.first_seen, I.last_seen, I.whole)
    while frontier and len(found) < MOST_PARTS:
        others: dict[str, Near] = {}
        for some in chunks(frontier):
            hosts = or_(
                I.source.in_({each.source for each in some}), I.destination.in_({each.destination for each in some})
            )
            since, until = min(each.first_seen for each in some), max(each.last_seen for each in some)
            query = select(*columns).where(hosts, I.last_seen >= since - GAP_S, I.first_seen <= until + GAP_S)
            others |= {row.id: Near(*row) for row in session.execute(query.limit(MOST_PARTS)) if row.id not in found}
        frontier = [each for each in others.values() if any(each.may_be_one_with(known) for known in frontier)]
        found |= {each.id: each for each in frontier}
    return set(found)


def _told(session: Session, names: Iterable[str]) -> Iterable[tuple[str, Told]]:
    for some in chunks(list(names)):
        documents = INCIDENT_DOCUMENTS.c
        for row in session.execute(select(documents.id, documents.document).where(documents.id.in_(some))):
            yield row.id, read_told(row.document)


def _write(session: Session, groups: dict[str, list[Told]]) -> None:
    rows: list[dict[str, Any]] = []
    hosts: list[dict[str, Any]] = []
    for name, parts in groups.items():
        closed = all(part.ours.step == "close" for part in parts)
        together = named(whole(parts, over=closed)) if len(parts) > 1 else parts[0]
        quiet = all(part.ours.alerts == 1 or part.ours.step == "close" for part in parts)
        for part in parts:
            shows = part.ours.id == name
            told = together if shows else part
            alone = part.ours.alerts == 1
            values = incident_values(
                told, quiet=quiet if shows else alone, closed=closed if shows else part.ours.step == "close"
            )
            rows.append({"name": part.ours.id, "whole": name, "shown": shows and not part.ours.merged_into} | values)
        if len(parts) > 1:
            hosts += [
                {"incident": name, "host": host, "role": role, "last_seen": together.ours.last_seen}
                for host, role in hosts_of(together)
            ]
    session.connection().execute(update(INCIDENTS).where(I.id == bindparam("name")), rows)
    upsert(session, INCIDENT_HOSTS, hosts)
