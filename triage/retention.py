"""What is old is deleted, and what there is no room for: the oldest first, what has a label last.

A label is a person's work, so it stays with its incident four times as long, and after that in the topic.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import ColumnElement, delete, exists, func, literal_column, select, text
from sqlalchemy.orm import Session

from triage.errors import StoreError
from triage.store.chunks import chunks
from triage.store.engine import Database
from triage.store.tables import (
    ALERT_DOCUMENTS,
    ALERTS,
    COVERED,
    INCIDENT_DOCUMENTS,
    INCIDENT_HOSTS,
    INCIDENT_TEXTS,
    INCIDENTS,
    METADATA,
    RISKS,
)
from triage.telemetry import DatabaseFailed, Forgotten, Tell, Worked

EVERY_S = 60.0

AT_ONCE = 1_000
"""Rows deleted in one transaction: readers and the ingest go on in between."""

MOST_ROUNDS = 200
"""Transactions of one pass: a large backlog is worked off in several."""

DAY_S = 86_400.0

LABELLED = 4.0
"""So many times as long are those with a label kept."""

ROOM = 0.95
"""Of the bytes that are allowed, what is aimed at when there is no room."""

SAMPLED, ROW_BYTES = 2_000, 28
"""Of PostgreSQL's tables: rows by which the mean is told, and what each takes besides its columns."""

I, A = INCIDENTS.c, ALERTS.c  # noqa: E741 - their columns


@dataclass(frozen=True, slots=True)
class Keep:
    """For how long, and how much."""

    days: float
    alerts_days: float
    max_bytes: int


class Retention:
    """Deletes until it is stopped."""

    def __init__(self, database: Database, keep: Keep, tell: Tell, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._keep = keep
        self._tell = tell
        self._clock = clock
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="retention", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """End after the transaction in hand."""
        self._stopping.set()
        self._thread.join(timeout_s)

    def run_once(self) -> None:
        """Delete what is to go now. Raises StoreError."""
        self._forget_old(self._clock())
        self._make_room()

    def _forget_old(self, now: float) -> None:
        # of a clock that jumped ahead nothing is believed: what came last is never deleted for its age
        with self._database.read() as session:
            latest = session.scalar(select(I.told).order_by(I.told.desc()).limit(1))
            latest_alert = session.scalar(select(A.told).order_by(A.told.desc()).limit(1))
        now = min(now, max(latest or 0.0, latest_alert or 0.0))
        age = now - self._keep.days * DAY_S
        judged_age = now - self._keep.days * LABELLED * DAY_S
        self._repeat(
            lambda session: forget_alerts(session, A.told < now - self._keep.alerts_days * DAY_S), is_alert=True
        )
        self._repeat(lambda session: forget_incidents(session, I.told < age, I.verdict.is_(None)))
        self._repeat(lambda session: forget_incidents(session, I.told < judged_age))
        with self._database.write() as session:
            # risks have the time of their flows, which a replay of old days has long behind the clock
            newest = session.scalar(select(RISKS.c.as_of).order_by(RISKS.c.as_of.desc()).limit(1))
            if newest is not None:
                session.execute(delete(RISKS).where(RISKS.c.as_of < min(now, newest) - self._keep.days * DAY_S))

    def _make_room(self) -> None:
        with self._database.read() as session:
            if (size := size_bytes(session)) <= self._keep.max_bytes:
                return
            each = None if self._database.is_sqlite else bytes_each(session)
        beyond = size - ROOM * self._keep.max_bytes
        for _ in range(MOST_ROUNDS):
            with self._database.write() as session:
                if each is None:
                    beyond = size_bytes(session) - ROOM * self._keep.max_bytes
                if self._stopping.is_set() or beyond <= 0:
                    return
                alerts = forget_alerts(session, most=_rows(beyond, each and each.alert))
                most = _rows(beyond, each and each.incident)
                incidents = 0 if alerts else forget_incidents(session, I.verdict.is_(None), most=most)
                incidents = incidents or (0 if alerts else forget_incidents(session, most=most))
            if each is not None:
                beyond -= alerts * each.alert + incidents * each.incident
            self._tell(Forgotten(incidents, alerts, for_room=True))
            if not alerts and not incidents:
                return

    def _repeat(self, forget: Callable[[Session], int], *, is_alert: bool = False) -> None:
        for _ in range(MOST_ROUNDS):
            if self._stopping.is_set():
                return
            with self._database.write() as session:
                count = forget(session)
            self._tell(Forgotten(0 if is_alert else count, count if is_alert else 0, for_room=False))
            if count < AT_ONCE:
                return

    def _run(self) -> None:
        failed = False
        while not self._stopping.wait(EVERY_S):
            try:
                self.run_once()
                self._tell(Worked("retention", failed))
                failed = False
            except StoreError as error:
                failed = True
                self._tell(DatabaseFailed("retention", str(error)))


def forget_alerts(session: Session, *which: ColumnElement[bool], most: int | None = None) -> int:
    """Delete the oldest alerts of these, but those of incidents with a label; how many."""
    labelled = exists().where(I.id == A.incident, I.verdict.is_not(None))
    query = select(A.id).where(~labelled, *which).order_by(A.told).limit(most or AT_ONCE)
    names = list(session.scalars(query))
    for some in chunks(names):
        session.execute(delete(ALERT_DOCUMENTS).where(ALERT_DOCUMENTS.c.id.in_(some)))
        session.execute(delete(ALERTS).where(A.id.in_(some)))
    return len(names)


def forget_incidents(session: Session, *which: ColumnElement[bool], most: int | None = None) -> int:
    """Delete those of these that were told longest ago, with their parts and alerts; how many."""
    names = list(session.scalars(select(I.id).where(*which).order_by(I.told).limit(most or AT_ONCE)))
    for some in chunks(names):
        _forget(session, some)
    return len(names)


def size_bytes(session: Session) -> int:
    """How large the database is, free pages left out; of PostgreSQL all rows, without indices."""
    if session.get_bind().dialect.name == "sqlite":
        used = text(
            "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count,"
            " pragma_page_size"
        )
        return int(session.scalar(used) or 0)
    return sum(_table_bytes(session).values())


class Each(NamedTuple):
    """How many bytes an alert and an incident take, in the mean: never none."""

    alert: float
    incident: float


def bytes_each(session: Session) -> Each:
    """Of PostgreSQL's tables: to ask anew how large they are costs more than to work out what a round frees."""
    size = _table_bytes(session)
    alerts = session.scalar(select(func.count()).select_from(ALERTS)) or 0
    incidents = session.scalar(select(func.count()).select_from(INCIDENTS)) or 0
    of_alerts = sum(size.get(table.name, 0) for table in (ALERTS, ALERT_DOCUMENTS))
    of_incidents = sum(
        size.get(table.name, 0) for table in (INCIDENTS, INCIDENT_DOCUMENTS, INCIDENT_TEXTS, INCIDENT_HOSTS)
    )
    return Each(max(of_alerts / max(alerts, 1), 1.0), max(of_incidents / max(incidents, 1), 1.0))


def _rows(beyond: float, each: float | None) -> int:
    """How many rows to delete at once, where so many bytes are beyond and each takes so many, if that is known."""
    return AT_ONCE if each is None else min(AT_ONCE, math.ceil(beyond / each))


def _table_bytes(session: Session) -> dict[str, int]:
    """Of PostgreSQL's tables, by their rows: what is deleted is room for more, though no file gets smaller.

    Its statistics are not asked: they come seconds late, and forget what is dead once that is vacuumed away.
    """
    found = {}
    for table in METADATA.sorted_tables:
        sample = select(table).limit(SAMPLED).subquery("sample")
        mean = session.scalar(select(func.avg(func.pg_column_size(literal_column("sample")))).select_from(sample))
        rows = session.scalar(select(func.count()).select_from(table)) or 0
        found[table.name] = math.ceil(rows * (float(mean or 0.0) + ROW_BYTES))
    return found


def _forget(session: Session, names: Sequence[str]) -> None:
    of_alerts = select(A.id).where(A.incident.in_(names))
    session.execute(delete(ALERT_DOCUMENTS).where(ALERT_DOCUMENTS.c.id.in_(of_alerts)))
    session.execute(delete(ALERTS).where(A.incident.in_(names)))
    for table, column in (
        (INCIDENT_HOSTS, "incident"),
        (COVERED, "incident"),
        (INCIDENT_DOCUMENTS, "id"),
        (INCIDENT_TEXTS, "id"),
        (INCIDENTS, "id"),
    ):
        session.execute(delete(table).where(table.c[column].in_(names)))
