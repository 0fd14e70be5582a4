"""Searching by text: what is found is the same with an index and without, in old databases and in new ones."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, text, update
from sqlalchemy.orm import Session

from tests.feedback.labels import uid
from tests.postgres import Server
from tests.triage.documents import incident, put
from triage.store import searching
from triage.store.engine import Database
from triage.store.filters import Filter, Paging
from triage.store.incidents import list_incidents
from triage.store.tables import INCIDENT_TEXTS
from triage.store.versions import FOLDER

T = INCIDENT_TEXTS.c

NUMBERS = {uid(number): number for number in range(6)}

SIGNS = 'ab0.%_\\"*é '


def found(session: Session, wanted: str, limit: int = 50) -> list[int]:
    """Numbers of the incidents that have it."""
    return sorted(NUMBERS[row.id] for row in list_incidents(session, Filter(text=wanted), Paging(limit)).rows)


def set_texts(session: Session, texts: list[str]) -> None:
    """Have the incidents that are there have these texts."""
    for number, each in enumerate(texts):
        session.execute(update(INCIDENT_TEXTS).where(T.id == uid(number)).values(text=each))


@contextmanager
def forgotten(session: Session) -> Iterator[None]:
    """Take back what was changed."""
    point = session.begin_nested()
    yield
    point.rollback()
    session.expire_all()


@pytest.fixture(params=["indexed", "unindexed"])
def either(request: pytest.FixtureRequest, url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """A database with an index of texts, and one that can have none; with six incidents."""
    if request.param == "unindexed":
        monkeypatch.setattr(searching, "_SQLITE", (searching._SQLITE[0], ("CREATE VIRTUAL TABLE x USING fts9(y)",)))
        monkeypatch.setattr(searching, "_POSTGRESQL", (searching._POSTGRESQL[0], ("CREATE EXTENSION none_such",)))
    database = Database(url)
    database.start()
    assert bool(database.unindexed) == (request.param == "unindexed")
    with database.write() as session:
        put(session, [incident(number) for number in range(6)])
    yield database
    database.stop()


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(st.text(SIGNS, max_size=12), min_size=6, max_size=6),
    wanted=st.text(SIGNS, min_size=1, max_size=5),
    few=st.sampled_from([1, 1_000]),
)
def test_a_text_is_found_wherever_it_is(either: Database, texts: list[str], wanted: str, few: int) -> None:
    """Whatever signs it has, short or long, rare or common, those are found whose text has it, and no others."""
    with either.write() as session, forgotten(session), pytest.MonkeyPatch.context() as patched:
        patched.setattr(searching, "FEW", few)
        set_texts(session, texts)
        sought = wanted.strip()
        expected = [n for n, each in enumerate(texts) if sought in each or uid(n).startswith(sought)]
        assert found(session, wanted) == expected


def test_the_index_follows_what_is_put_changed_and_taken_away(either: Database) -> None:
    """A text is found from when it is put; when it is another one, that; when it is gone, nothing."""
    with either.write() as session:
        set_texts(session, ["a sparrow", "a sparrow"])
    with either.read() as session:
        assert found(session, "sparrow") == [0, 1]
    with either.write() as session:
        set_texts(session, ["an eagle"])
        session.execute(delete(INCIDENT_TEXTS).where(T.id == uid(1)))
    with either.read() as session:
        assert (found(session, "sparrow"), found(session, "eagle")) == ([], [0])


def test_an_id_is_found_by_how_it_begins(either: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The beginning of an id finds it, be there few or many with that; its middle does not."""
    with either.read() as session:
        assert found(session, uid(3)) == [3]
        assert found(session, uid(3).upper()) == [3]
        assert found(session, uid(3)[9:]) == []
        monkeypatch.setattr(searching, "FEW", 2)
        assert found(session, uid(3)[:6]) == list(range(6))


def test_pages_of_a_search_are_all_of_it_once(either: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Page after page, a search gives each incident once, whether it is looked up or looked for."""
    for few in (2, 1_000):
        monkeypatch.setattr(searching, "FEW", few)
        seen, after = [], ""
        with either.read() as session:
            while True:
                page = list_incidents(session, Filter(text="10.0."), Paging(2, after))
                seen += [NUMBERS[row.id] for row in page.rows]
                if not (after := page.after):
                    break
        assert sorted(seen) == list(range(6))


def test_what_cannot_be_shown_is_sought_as_it_is_kept(either: Database) -> None:
    """A search for what a terminal would act on finds the text in which it is spelt out, and is no error."""
    with either.write() as session:
        set_texts(session, [r"evil \x00\x1b[2j", "fine"])
    with either.read() as session:
        assert found(session, "\x00\x1b[2J") == [0]
        assert found(session, "\ud800") == []


def old(url: str, texts: dict[str, str]) -> None:
    """Make a database as oddflow had it before there was an index, with these texts."""
    before = Database(url)
    engine = before._opened()
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    with engine.execution_options(writes=True).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
        rows = [{"id": name, "text": each} for name, each in texts.items()]
        connection.execute(text("INSERT INTO incident_texts (id, text) VALUES (:id, :text)"), rows)
    engine.dispose()


def test_an_old_database_gets_the_index(url: str) -> None:
    """What a database of before has is found after it was brought up to date, and what comes then, too."""
    old(url, {uid(0): "an old sparrow", uid(1): "an old eagle"})
    database = Database(url)
    database.start()
    try:
        assert database.unindexed == ""
        with database.write() as session:
            rows = session.execute(text("SELECT number, id, text FROM incident_texts ORDER BY id")).all()
            assert [(row.id, row.text) for row in rows] == [(uid(0), "an old sparrow"), (uid(1), "an old eagle")]
            assert len({row.number for row in rows}) == 2
            put(session, [incident(number) for number in range(3)])  # each comes anew, two in the place of old texts
            assert found(session, "sparrow") == []
            session.execute(insert(INCIDENT_TEXTS), [{"id": "other", "text": "a late sparrow"}])
            set_texts(session, ["a sparrow after all"])
            assert found(session, "sparrow") == [0]
            assert found(session, "10.0.") == [1, 2]
    finally:
        database.stop()


def test_sqlites_index_stands_after_the_file_was_compacted(tmp_path: Path) -> None:
    """VACUUM, which gives rows new places, leaves the index as true as it was."""
    path = tmp_path / "triage.db"
    database = Database(f"sqlite:///{path}")
    database.start()
    with database.write() as session:
        put(session, [incident(number) for number in range(6)])
        set_texts(session, [f"number{n}" for n in range(6)])
        session.execute(delete(INCIDENT_TEXTS).where(T.id.in_([uid(0), uid(2)])))
    database.stop()
    with sqlite3.connect(path) as connection:
        connection.execute("VACUUM")
    connection.close()
    database.start()
    with database.write() as session:
        assert [found(session, f"number{n}") for n in range(6)] == [[], [1], [], [3], [4], [5]]
        session.execute(text("INSERT INTO incident_trigrams (incident_trigrams, rank) VALUES ('integrity-check', 1)"))
    database.stop()


@pytest.mark.slow
def test_without_the_right_to_an_extension_all_is_looked_through(postgres: Server) -> None:
    """A user who may not make pg_trgm gets a database that searches, and the reason why it takes longer; once somebody
    made the extension, the next start makes the index.
    """
    url = postgres.database()
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute("DO $$ BEGIN CREATE ROLE plain LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
        owner.execute("GRANT CREATE ON SCHEMA public TO plain")
    database = Database(url.replace("postgres@", "plain@"))
    database.start()
    assert database.unindexed == 'permission denied to create extension "pg_trgm"'
    with database.write() as session:
        put(session, [incident(number) for number in range(3)])
        assert found(session, "10.0.") == [0, 1, 2]
    database.stop()
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute("CREATE EXTENSION pg_trgm")
    database.start()
    assert database.unindexed == ""
    with database.read() as session:
        session.execute(text("SET enable_seqscan = off"))
        plan = session.scalars(text("EXPLAIN SELECT id FROM incident_texts WHERE text LIKE '%sparrow%'")).all()
        assert any("ix_incident_texts_trigrams" in line for line in plan)
    database.stop()
