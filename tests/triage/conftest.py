"""What tests of triage share: its database, as SQLite and as PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from sqlalchemy import text

from tests.postgres import Server
from triage.access import passwords
from triage.store.engine import Database
from triage.store.tables import METADATA


@pytest.fixture(autouse=True)
def _hashes_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash with 8 KiB and one pass instead of 64 MiB and three."""
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    passwords._nobody.cache_clear()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def sort(request: pytest.FixtureRequest) -> str:
    """Of the databases: each of them."""
    return str(request.param)


@pytest.fixture
def url(request: pytest.FixtureRequest, sort: str, tmp_path: Path) -> str:
    """Where an empty database is, of each sort, without tables."""
    if sort == "sqlite":
        return f"sqlite:///{tmp_path}/triage.db"
    made: str = request.getfixturevalue("postgres").database()
    return made


@pytest.fixture(scope="session")
def emptied(postgres: Server) -> str:
    """Where a PostgreSQL is that one test after the other has: to make each its own takes long."""
    return postgres.database()


@pytest.fixture
def database(request: pytest.FixtureRequest, sort: str, tmp_path: Path) -> Iterator[Database]:
    """A database that is open, and has its tables and nothing in them."""
    opened = Database(f"sqlite:///{tmp_path}/triage.db" if sort == "sqlite" else request.getfixturevalue("emptied"))
    opened.start()
    if sort == "postgresql":
        with opened.write() as session:
            tables = ", ".join(table.name for table in METADATA.sorted_tables)
            session.execute(text(f"TRUNCATE {tables} RESTART IDENTITY"))
    yield opened
    opened.stop()
