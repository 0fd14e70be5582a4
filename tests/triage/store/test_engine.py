"""Opening the database: its tables, its versions, and what is said where it cannot be used."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import func, insert, select, text

from detector.errors import ConfigurationError
from tests.postgres import Server
from tests.triage.client import TestClient
from triage.access.rules import AccessRules
from triage.app import create_app
from triage.errors import NewerError, StoreError
from triage.store.engine import Database
from triage.store.tables import METADATA, POSITIONS
from triage.telemetry import AnswerFailed, Event

ROW = {"topic": "t", "partition": 0, "next": 1}


def test_migrations_make_the_tables_that_are_declared(database: Database) -> None:
    """A database that went through all migrations has the tables, columns and indices of the declarations."""
    with database.read() as session:
        context = MigrationContext.configure(session.connection())
        differences = compare_metadata(context, METADATA)
    mine = [each for each in differences if "remove" not in str(each[0])]
    assert mine == []


def test_a_write_is_there_as_a_whole_or_not_at_all(database: Database) -> None:
    """Where writing ends in an error, nothing of it stays; where it does not, all of it does."""
    with pytest.raises(StoreError, match="writing database"), database.write() as session:
        session.execute(insert(POSITIONS), [ROW, ROW])  # the second has the key of the first
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(POSITIONS)) == 0
    with database.write() as session:
        session.execute(insert(POSITIONS), [ROW])
    database.stop()
    database.start()
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(POSITIONS)) == 1


def test_several_may_open_it_at_once(url: str) -> None:
    """Processes that start at the same time make the tables once, and all of them can use them."""

    def opened(_: int) -> int | None:
        each = Database(url)
        each.start()
        with each.read() as session:
            count = session.scalar(select(func.count()).select_from(POSITIONS))
        each.stop()
        return count

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(opened, range(4))) == [0] * 4


def test_writers_wait_for_each_other(database: Database) -> None:
    """What several threads count up by reading and writing is counted up by each of them."""
    with database.write() as session:
        session.execute(insert(POSITIONS), [ROW])

    def count_up(_: int) -> None:
        with database.write() as session:
            row = select(POSITIONS.c.next).with_for_update()
            before = session.scalar(row) or 0
            session.execute(POSITIONS.update().values(next=before + 1))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(count_up, range(30)))
    with database.read() as session:
        assert session.scalar(select(POSITIONS.c.next)) == 31


def test_a_newer_database_is_refused(url: str) -> None:
    """A database that a newer oddflow migrated is told as that, and is not touched."""
    first = Database(url)
    first.start()
    with first.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(NewerError, match=r"version 9999, and this oddflow knows \d+ and older; upgrade") as refused:
        Database(url).start()
    assert not refused.value.retryable
    with first.read() as session:
        assert session.scalar(text("SELECT version_num FROM alembic_version")) == "9999"
    first.stop()


def test_a_locked_file_is_said_to_be_locked(tmp_path: Path) -> None:
    """While another program holds the file, writing fails with what to do, and works once it is let go."""
    path = tmp_path / "triage.db"
    database = Database(f"sqlite:///{path}", wait_s=0.1)
    database.start()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="another program holds it") as told, database.write() as session:
        session.execute(insert(POSITIONS), [ROW])
    assert told.value.retryable
    other.execute("ROLLBACK")
    other.close()
    with database.write() as session:
        session.execute(insert(POSITIONS), [ROW])
    database.stop()


def test_users_are_not_told_where_the_database_is(tmp_path: Path) -> None:
    """A page says what sort of database fails, why and what to do; its address stands in the log alone."""
    database, logged = Database(f"sqlite:///{tmp_path}/triage.db", wait_s=0.1), list[Event]()
    database.start()
    app = create_app(database, AccessRules(), tell=logged.append)
    client = TestClient(app, base_url="http://127.0.0.1")
    with closing(sqlite3.connect(tmp_path / "triage.db", isolation_level=None)) as other:
        other.execute("DROP TABLE incidents")
    page = client.get("/incidents")
    database.stop()
    assert (page.status_code, str(tmp_path) in page.text) == (503, False)
    assert "the database (SQLite): it fails (OperationalError); triage&#39;s log says more" in page.text
    (failed,) = [each for each in logged if isinstance(each, AnswerFailed)]
    assert f"{tmp_path}/triage.db: no such table: incidents" in failed.error


def test_a_full_disk_is_said_to_be_full(tmp_path: Path) -> None:
    """Where there is no room for more, it is said, and what was there before still is."""
    database = Database(f"sqlite:///{tmp_path}/triage.db")
    database.start()
    with database.write() as session:
        session.execute(insert(POSITIONS), [ROW])
        pages = session.scalar(text("PRAGMA page_count"))
    many = [{"topic": f"{n:0200}", "partition": 0, "next": 1} for n in range(10_000)]
    with database.write() as session:
        session.execute(text(f"PRAGMA max_page_count = {pages}"))
    with pytest.raises(StoreError, match="the disk is full; make room"), database.write() as session:
        session.execute(insert(POSITIONS), many)
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(POSITIONS)) == 1
    database.stop()


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    """A file of something else is named, and is not overwritten."""
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but long enough to be looked at\n" * 100)
    with pytest.raises(StoreError, match="no SQLite database; choose another"):
        Database(f"sqlite:///{path}").start()
    assert path.read_text().startswith("not a database")


@pytest.mark.slow
def test_a_server_that_goes_away_is_told_and_comes_back(postgres: Server) -> None:
    """While PostgreSQL is down that is said; once it runs again the same object works."""
    database = Database(postgres.database())
    database.start()
    postgres.stop()
    try:
        with pytest.raises(StoreError, match="it is tried again"), database.read() as session:
            session.scalar(select(POSITIONS.c.next))
    finally:
        postgres.start()
    with database.read() as session:
        assert session.scalar(select(POSITIONS.c.next)) is None
    database.stop()


@pytest.mark.slow
def test_no_password_is_in_a_message(postgres: Server) -> None:
    """An error names the database without its password."""
    database = Database(postgres.database().replace("//postgres@/t", "//postgres:hush@/no"))
    with pytest.raises(StoreError, match="create the database, or check") as told:
        database.start()
    assert "hush" not in str(told.value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("mysql://x/y", "mysql is not supported; give sqlite:///PATH, or postgresql://USER@HOST/NAME"),
        ("nonsense", "no URL of a database; give sqlite"),
        ("sqlite://", "in memory is lost"),
        ("sqlite:////no/such/folder/x.db", "there is no folder /no/such/folder"),
    ],
)
def test_what_is_no_database_is_refused(given: str, said: str) -> None:
    """A setting that names no database says so at once, and what to write."""
    with pytest.raises(ConfigurationError, match=said):
        Database(given)


def test_tables_of_another_program_are_told(tmp_path: Path) -> None:
    """A SQLite file that has tables of these names already is no database of ours, and stays as it is."""
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("CREATE TABLE incidents (mine)")
    with pytest.raises(StoreError, match="it has tables of another program; choose another database"):
        Database(f"sqlite:///{path}").start()
    with closing(sqlite3.connect(path)) as other:
        assert [row[0] for row in other.execute("SELECT name FROM sqlite_master")] == ["incidents"]
