"""What is old, or finds no room, is deleted: the oldest first, what has a label last."""

from __future__ import annotations

from pathlib import Path
from random import choices
from string import ascii_letters

import pytest
from sqlalchemy import func, select

from tests.casebook.documents import START
from tests.feedback.labels import uid
from tests.triage.documents import alert, incident, judge, put, risk
from triage import retention
from triage.reading import host_of
from triage.retention import DAY_S, Keep, Retention, size_bytes
from triage.store.engine import Database
from triage.store.hosts import hosts_by_risk
from triage.store.incidents import list_incidents
from triage.store.labels import list_labels
from triage.store.put import put_risks
from triage.store.tables import ALERTS, INCIDENT_DOCUMENTS, INCIDENT_HOSTS
from triage.telemetry import Event, Forgotten, silent

ROOM = 1 << 40


def fill(database: Database, days: range) -> None:
    """Have an incident and an alert told on each of these days; the third is called true."""
    for day in days:
        with database.write() as session:
            put(session, [incident(day)], [alert(100 + day, incident=day)], came=START + day * DAY_S)
            if day == 3:
                judge(session, day, "true", at=day * DAY_S)


def stored(database: Database) -> tuple[list[int], list[int]]:
    """Numbers of the incidents and of the alerts that are there."""
    numbers = {uid(number): number for number in range(300)}
    with database.read() as session:
        incidents = sorted(numbers[row.id] for row in list_incidents(session).rows)
        alerts = sorted(numbers[name] - 100 for name in session.scalars(select(ALERTS.c.id)))
    return incidents, alerts


def test_each_is_kept_for_its_days(database: Database) -> None:
    """Alerts go after their days, incidents after theirs with all that is theirs; what has a label stays longer."""
    fill(database, range(20))
    Retention(database, Keep(10.0, 5.0, ROOM), silent, lambda: START + 19 * DAY_S).run_once()
    assert stored(database) == ([3, *range(9, 20)], [3, *range(14, 20)])
    with database.read() as session:
        for table, column in ((INCIDENT_DOCUMENTS, "id"), (INCIDENT_HOSTS, "incident")):
            assert session.scalar(select(func.count(table.c[column].distinct()))) == 12
    with database.write() as session:
        put(session, [incident(60)], came=START + 60 * DAY_S)
    Retention(database, Keep(10.0, 5.0, ROOM), silent, lambda: START + 60 * DAY_S).run_once()
    assert stored(database) == ([60], [])
    with database.read() as session:
        assert len(list_labels(session)) == 1


def test_a_clock_that_jumps_ahead_deletes_nothing(database: Database) -> None:
    """However far ahead the clock is, ages count from what came last."""
    fill(database, range(5))
    Retention(database, Keep(10.0, 5.0, ROOM), silent, lambda: START + 4_000 * DAY_S).run_once()
    assert stored(database) == (list(range(5)), list(range(5)))


def test_risks_of_a_replay_are_kept_beside_incidents_that_came_today(database: Database) -> None:
    """Hosts' risks have the time of their flows: only those long before the newest one go, however late they came."""
    with database.write() as session:
        put(session, [incident(1)], came=START + 300 * DAY_S)
        for number, day in enumerate((0, 15, 20)):
            put_risks(session, [host_of(risk(f"10.0.0.{number}", as_of=START + day * DAY_S))])
    Retention(database, Keep(10.0, 5.0, ROOM), silent, lambda: START + 300 * DAY_S).run_once()
    with database.read() as session:
        assert [each.address for each in hosts_by_risk(session)] == ["10.0.0.2", "10.0.0.1"]


def test_without_room_the_oldest_go_and_what_has_a_label_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond its size alerts go first, then incidents, the oldest first, until there is room; that is told."""
    database = Database(f"sqlite:///{tmp_path}/triage.db")
    database.start()
    monkeypatch.setattr(retention, "AT_ONCE", 4)
    fill(database, range(12))
    sizes = iter([100, 100, 100, 100, 100, 100, 90])
    monkeypatch.setattr(retention, "size_bytes", lambda _: next(sizes))
    told: list[Event] = []
    Retention(database, Keep(10_000.0, 10_000.0, 95), told.append, lambda: START).run_once()
    assert stored(database) == ([3, 9, 10, 11], [3])
    assert [each for each in told if isinstance(each, Forgotten) and each.for_room] == [
        Forgotten(0, 4, for_room=True),
        Forgotten(0, 4, for_room=True),
        Forgotten(0, 3, for_room=True),
        Forgotten(4, 0, for_room=True),
        Forgotten(4, 0, for_room=True),
    ]
    database.stop()


def in_use(database: Database) -> int:
    """How large it is."""
    with database.read() as session:
        return size_bytes(session)


def test_no_more_goes_than_there_is_no_room_for(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database a third too large is within its size after a pass or two, and the latest half is there, as is what has
    a label.
    """
    monkeypatch.setattr(retention, "AT_ONCE", 20)
    empty = in_use(database)
    with database.write() as session:
        for day in range(30):
            documents = [incident(day * 10 + n, check=["".join(choices(ascii_letters, k=4_000))]) for n in range(10)]
            put(session, documents, came=START + day)
        judge(session, 3, "true")
    full = in_use(database)
    keep = Keep(10_000.0, 10_000.0, int(empty + (full - empty) * 0.67))
    for _ in range(3):
        Retention(database, keep, silent, lambda: START).run_once()
        size = in_use(database)
    assert size <= keep.max_bytes
    with database.read() as session:
        left = set(session.scalars(select(INCIDENT_DOCUMENTS.c.id)))
    assert {uid(3), *(uid(number) for number in range(150, 300))} <= left
    assert uid(0) not in left


def test_the_size_is_of_what_is_in_use(database: Database) -> None:
    """It grows with what is put, and falls when that is deleted, though no file gets smaller."""
    empty = in_use(database)
    for day in range(30):
        with database.write() as session:
            documents = [incident(day * 10 + n, check=["".join(choices(ascii_letters, k=3_000))]) for n in range(10)]
            put(session, documents, came=START + day)
    full = in_use(database)
    Retention(database, Keep(1e-9, 1.0, ROOM), silent, lambda: START + 40).run_once()
    after = in_use(database)
    assert full > empty + 300 * 3_000
    assert after < empty + (full - empty) / 3
