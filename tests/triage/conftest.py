"""What tests of triage share: its database, as SQLite and as PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from triage.access import passwords
from triage.store.engine import Database


@pytest.fixture(autouse=True)
def _hashes_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash with 8 KiB and one pass instead of 64 MiB and three."""
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    passwords._nobody.cache_clear()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty database is, of each sort."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/triage.db"
    made: str = request.getfixturevalue("postgres").database()
    return made


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """A database that is open and has its tables."""
    opened = Database(url)
    opened.start()
    yield opened
    opened.stop()
