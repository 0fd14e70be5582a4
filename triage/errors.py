"""What triage raises on purpose, beside what the daemon's package does."""

from __future__ import annotations

from detector.errors import OddflowError


class StoreError(OddflowError):
    """The database is away, locked, full, of a newer version, or no database: it says which.

    Its words are for whoever runs triage: they name the database's address. ``told`` is for whoever uses its pages.
    """

    exit_code = 11
    retryable = True

    def __init__(self, words: str, told: str = "the database cannot be used") -> None:
        super().__init__(words)
        self.told = told
        """What sort of database fails and why, without an address or a name from within."""


class NewerError(StoreError):
    """The database was written by a newer oddflow: trying again is no use."""

    retryable = False
