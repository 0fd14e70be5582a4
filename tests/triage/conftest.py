"""What tests of triage share."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher

from triage.access import passwords


@pytest.fixture(autouse=True)
def _hashes_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash with 8 KiB and one pass instead of 64 MiB and three."""
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    passwords._nobody.cache_clear()
