"""Searching incidents by text: by an index of trigrams where the database has one, else by looking through all texts.

SQLite's is an FTS5 table that triggers keep beside the texts, so it changes in the same transaction; PostgreSQL's is
``pg_trgm``'s. Both only narrow down where to look: a text is found wherever it is in another one, index or not. They
are made at the start, outside the migrations, since whether they can be had is the server's to say, and may change.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Integer, Select, or_, select, text
from sqlalchemy import table as table_named
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from detector.errors import ConfigurationError
from detector.printable import printable
from triage.store.tables import INCIDENT_TEXTS, INCIDENTS

LONGEST_TEXT = 200
"""Characters of a search."""

FEW = 1_000
"""So many incidents are looked up one by one; of more, a list finds the first ones soon by looking at each."""

GRAM = 3
"""Characters that the indices know: a shorter text is looked for in all."""

LAST_SIGN = "\U0010ffff"
"""After it nothing comes in SQLite's order of texts."""

I, T = INCIDENTS.c, INCIDENT_TEXTS.c  # noqa: E741 - their columns

_PUT = "INSERT INTO incident_trigrams (rowid, text) VALUES (new.number, new.text)"
_TAKE_AWAY = "INSERT INTO incident_trigrams (incident_trigrams, rowid, text) VALUES ('delete', old.number, old.text)"

_SQLITE = (
    "SELECT 1 FROM sqlite_master WHERE name = 'incident_texts_changed'",
    (
        """CREATE VIRTUAL TABLE IF NOT EXISTS incident_trigrams USING fts5(
            text, content='incident_texts', content_rowid='number',
            detail=none, columnsize=0, tokenize='trigram case_sensitive 1'
        )""",
        "INSERT INTO incident_trigrams (incident_trigrams) VALUES ('rebuild')",
        f"CREATE TRIGGER IF NOT EXISTS incident_texts_came AFTER INSERT ON incident_texts BEGIN {_PUT}; END",
        f"CREATE TRIGGER IF NOT EXISTS incident_texts_went AFTER DELETE ON incident_texts BEGIN {_TAKE_AWAY}; END",
        f"""CREATE TRIGGER IF NOT EXISTS incident_texts_changed AFTER UPDATE OF text ON incident_texts
        WHEN old.text <> new.text BEGIN {_TAKE_AWAY}; {_PUT}; END""",
    ),
)

_POSTGRESQL = (
    "SELECT to_regclass('ix_incident_texts_trigrams')",
    (
        "CREATE EXTENSION IF NOT EXISTS pg_trgm",
        "CREATE INDEX ix_incident_texts_trigrams ON incident_texts USING gin (text gin_trgm_ops)",
    ),
)


class _Place(FunctionElement[int]):
    """Where a text is in another one, from 1; 0 where it is not. Many times as quick as LIKE in SQLite."""

    type = Integer()
    inherit_cache = True


@compiles(_Place, "sqlite")
def _in_sqlite(element: _Place, compiler: SQLCompiler, **options: Any) -> str:
    return f"instr({compiler.process(element.clauses, **options)})"


@compiles(_Place, "postgresql")
def _in_postgresql(element: _Place, compiler: SQLCompiler, **options: Any) -> str:
    return f"strpos({compiler.process(element.clauses, **options)})"


def prepare(connection: Connection) -> str:
    """Make the index, unless it is there. Why it cannot be made, in the server's words; empty where it is there."""
    is_there, statements = _SQLITE if connection.dialect.name == "sqlite" else _POSTGRESQL
    if connection.scalar(text(is_there)):
        return ""
    try:
        with connection.begin_nested():
            for statement in statements:
                connection.exec_driver_sql(statement)
    except DBAPIError as error:
        return printable(str(error.orig).partition("\n")[0])
    return ""


def has_text(session: Session, wanted: str) -> ColumnElement[bool]:
    """Whether an incident has a text in its headline, hosts or kind, or at the beginning of its id.

    Raises ConfigurationError.
    """
    if len(wanted) > LONGEST_TEXT:
        raise ConfigurationError(f"text: it is too long; give at most {LONGEST_TEXT} characters")
    wanted = printable(wanted.lower())  # as texts are kept
    ids = list(session.scalars(_texts(session, wanted).limit(FEW + 1)))
    if len(ids) <= FEW:
        ids += session.scalars(_ids(session, wanted).limit(FEW + 1))
    if len(ids) <= FEW:
        return I.id.in_(ids)
    place = select(_Place(T.text, wanted)).where(T.id == I.id).scalar_subquery()  # EXISTS may be worked out for all
    return or_(place > 0, I.id.startswith(wanted, autoescape=True))


def grams_of(wanted: str) -> str:
    """What FTS5 is asked for: trigrams side by side, of at least three characters; whatever has the text has them."""
    places = (*range(0, len(wanted) - GRAM, GRAM), len(wanted) - GRAM)
    grams = dict.fromkeys(wanted[at : at + GRAM] for at in places)
    return " AND ".join('"' + gram.replace('"', '""') + '"' for gram in grams)


def _texts(session: Session, wanted: str) -> Select[tuple[str]]:
    """Ids of incidents with it in their texts."""
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    if len(wanted) >= GRAM and not is_sqlite:
        return select(T.id).where(T.text.contains(wanted, autoescape=True))  # the planner knows if there is an index
    query = select(T.id).where(_Place(T.text, wanted) > 0)
    if len(wanted) < GRAM or not session.scalar(text(_SQLITE[0])):
        return query
    index = table_named("incident_trigrams", Column("rowid", Integer))
    return query.join(index, index.c.rowid == T.number).where(
        text("incident_trigrams MATCH :grams").bindparams(grams=grams_of(wanted))
    )


def _ids(session: Session, wanted: str) -> Select[tuple[str]]:
    """Those that begin with it."""
    query = select(I.id)
    if session.get_bind().dialect.name == "sqlite":  # LIKE would look at all of them
        return query.where(I.id >= wanted, I.id < wanted + LAST_SIGN)
    return query.where(I.id.startswith(wanted, autoescape=True))
