"""What triage raises on purpose, beside what the daemon's package does."""

from __future__ import annotations

from detector.errors import OddflowError


class StoreError(OddflowError):
    """The database is away, locked, full, of a newer version, or no database: it says which."""

    exit_code = 11
    retryable = True


class NewerError(StoreError):
    """The database was written by a newer oddflow: trying again is no use."""

    retryable = False
