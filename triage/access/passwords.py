"""Passwords as argon2id hashes, by the library's parameters (RFC 9106, low memory: 64 MiB and three passes)."""

from __future__ import annotations

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from detector.errors import ConfigurationError

SHORTEST, LONGEST = 12, 1_024
"""Characters. A long one is refused before it is hashed, as hashing it costs."""

_HASHER = PasswordHasher()


def hashed(password: str) -> str:
    """What is kept of a password. Raises ConfigurationError for one that is too short or too long."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise ConfigurationError(f"the password has {len(password):,} characters; give {SHORTEST} to {LONGEST:,}")
    return _HASHER.hash(password)


def fits(password: str, kept: str | None) -> bool:
    """Whether a password is the one; where there is none (``kept`` is None) it takes as long, and is not."""
    if len(password) > LONGEST:
        return False
    try:
        _HASHER.verify(kept or _nobody(), password)
    except (VerificationError, InvalidHashError):
        return False
    return kept is not None


@cache
def _nobody() -> str:
    """The hash that names which nobody has are held to."""
    return _HASHER.hash("nobody has this one")
