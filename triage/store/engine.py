"""The database: SQLite in a file, or PostgreSQL by URL, brought up to date at the start.

Reading and writing are apart, since SQLite has one writer at a time: who is going to write says so at the beginning,
and waits in line instead of failing in the middle. What a driver raises becomes a
:class:`~triage.errors.StoreError`, which says in words what is wrong; a password is never in it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session

from detector.errors import ConfigurationError
from detector.printable import printable
from triage.errors import StoreError
from triage.store.searching import prepare
from triage.store.versions import migrate

WAIT_S = 10.0
"""How long to wait for a lock or a connection."""

STATEMENT_S = 30.0
"""A statement of PostgreSQL's may last so long."""

CONNECT_S = 5

POOL = 12
"""Connections: as many as requests that are answered at a time, and the threads that write."""

MIGRATION_LOCK = 0x0DDF_1027
"""PostgreSQL's advisory lock of whoever brings the tables up to date."""


class Database:
    """Opened by :meth:`start`; sessions from any thread."""

    def __init__(self, url: str, password: str | None = None, *, wait_s: float = WAIT_S) -> None:
        self.url = parsed_url(url, password)
        self._wait_s = wait_s
        self._engine: Engine | None = None
        self.unindexed = ""
        """Why a search looks through all texts, in the server's words; empty where there is an index."""

    @property
    def name(self) -> str:
        """Its address without a password."""
        return self.url.render_as_string(hide_password=True)

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file of this machine."""
        return self.url.get_backend_name() == "sqlite"

    def start(self) -> None:
        """Connect, and bring the tables up to date. Raises StoreError."""
        engine = self._opened()
        try:
            with self._told("opening"), engine.execution_options(writes=True).begin() as connection:
                if not self.is_sqlite:
                    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
                    connection.execute(text("SET LOCAL statement_timeout = 0"))  # of many rows it takes its time
                migrate(connection, self.name)
                self.unindexed = prepare(connection)
        except BaseException:
            engine.dispose()
            raise
        self._engine = engine

    def stop(self) -> None:
        """Close all connections."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees one state of the database and changes nothing. Raises StoreError."""
        with self._told("reading"), Session(self._running()) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session whose changes are all there once it ends, or none of them. Raises StoreError."""
        engine = self._running().execution_options(writes=True)
        with self._told("writing"), Session(engine) as session, session.begin():
            yield session

    @property
    def _sort(self) -> str:
        return f"the database ({'SQLite' if self.is_sqlite else 'PostgreSQL'})"

    def _running(self) -> Engine:
        if self._engine is None:
            raise StoreError(f"database {self.name}: it is not open yet", f"{self._sort}: it is not open yet")
        return self._engine

    def _opened(self) -> Engine:
        if self.is_sqlite:
            engine = create_engine(
                self.url, connect_args={"timeout": self._wait_s}, pool_size=POOL, pool_timeout=self._wait_s
            )
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
            return engine
        options = f"-c statement_timeout={STATEMENT_S * 1000:.0f} -c lock_timeout={self._wait_s * 1000:.0f}"
        try:
            return create_engine(
                self.url,
                pool_size=POOL,
                pool_timeout=self._wait_s,
                pool_pre_ping=True,
                connect_args={"connect_timeout": CONNECT_S, "options": options, "application_name": "oddflow triage"},
            )
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                f"triage.database {self.name}: no Python package {error.name}; pip install 'oddflow[postgres]'"
            ) from None

    @contextmanager
    def _told(self, doing: str) -> Iterator[None]:
        try:
            yield
        except PoolTimeoutError as error:
            busy = f"all {POOL} connections are busy; try again"
            raise StoreError(f"{doing} database {self.name}: {busy}", f"{self._sort}: {busy}") from error
        except SQLAlchemyError as error:
            told = f"{self._sort}: {meaning(error) or f'it fails ({type(error).__name__})'}"
            raise StoreError(f"{doing} database {self.name}: {in_words(error)}", told) from error


def parsed_url(url: str, password: str | None = None) -> URL:
    """The database that a setting names. Raises ConfigurationError for one that is neither SQLite nor PostgreSQL."""
    fix = "give sqlite:///PATH, or postgresql://USER@HOST/NAME"
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except (ArgumentError, NoSuchModuleError, ValueError):
        raise ConfigurationError(f"triage.database: it is no URL of a database; {fix}") from None
    if backend in {"postgresql", "postgres"}:
        parsed = parsed.set(drivername="postgresql+psycopg")
        return parsed if password is None else parsed.set(password=password)
    if backend != "sqlite":
        raise ConfigurationError(f"triage.database: {printable(backend)} is not supported; {fix}")
    if not parsed.database or parsed.database == ":memory:":
        raise ConfigurationError(f"triage.database: a database in memory is lost at the end; {fix}")
    if not (folder := Path(parsed.database).absolute().parent).is_dir():
        raise ConfigurationError(f"triage.database: there is no folder {folder}; make it, or choose another")
    return parsed.set(drivername="sqlite+pysqlite")


def in_words(error: SQLAlchemyError) -> str:
    """What a driver said, and what to do."""
    said, means = _said(error), meaning(error)
    return f"{means} ({said})" if means else said


def meaning(error: SQLAlchemyError) -> str:
    """What it means for whoever runs triage, and what to do; empty where that is not known."""
    said = _said(error).lower()
    return next((words for sign, words in WORDS.items() if sign in said), "")


def _said(error: SQLAlchemyError) -> str:
    said = str(error.orig) if isinstance(error, DBAPIError) else str(error)
    return printable(" ".join(said.split()))


WORDS = {
    "database is locked": "another program holds it; end that program, or wait for it",
    "disk is full": "the disk is full; make room, or keep less (triage.keep_days, triage.max_bytes)",
    "no space left": "the disk is full; make room, or keep less (triage.keep_days, triage.max_bytes)",
    "readonly database": "it may not be written to; see the file's owner and its folder's",
    "unable to open": "it cannot be opened; see the file's owner and its folder's",
    "not a database": "the file is no SQLite database; choose another",
    "already exists": "it has tables of another program; choose another database",
    "malformed": "the file is damaged; restore it from a copy, or begin a new one: what the topics keep is read again",
    "password authentication failed": "user or password is wrong; see triage.database and triage.database_password",
    "does not exist": "it lacks something; create the database, or check triage.database",
    "connection refused": "no server answers there; it is tried again",
    "connection is bad": "no server answers there; it is tried again",
    "connection failed": "no server answers there; it is tried again",
    "server closed the connection": "the server went away; it is tried again",
    "terminating connection": "the server went away; it is tried again",
    "starting up": "the server is starting; it is tried again",
    "lock timeout": "another program holds a lock for long; it is tried again",
}
"""By what is in a driver's words: what that means for whoever runs it."""


def _prepare_sqlite(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None  # transactions begin below, and not at the first change
    for pragma in ("journal_mode=WAL", "foreign_keys=ON", "synchronous=FULL", "temp_store=MEMORY", "cache_size=-65536"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
