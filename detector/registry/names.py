"""Names in the registry: models, versions, aliases and the files of a bundle.

Every name becomes a part of a path, so that each is held to letters, digits and ``. _ -``, starts with none of the
punctuation, and can therefore neither leave its folder nor hide in it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from detector.errors import RegistryError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)
ALIAS = re.compile(r"[a-z][a-z0-9_-]{0,49}", re.ASCII)

CHAMPION = "champion"
CHALLENGER = "challenger"
REJECTED = "rejected"
"""What the gate refused last."""

DIGEST_CHARACTERS = 6
"""Enough to tell apart what was published within the same second."""


def version_name(at: datetime, digest: str) -> str:
    """Name a version by the time and the digest (hex) of its contents, such as ``20261124T034500Z-1f3a9c``.

    Names sort by time. ``at`` must carry a time zone.
    """
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}-{digest[:DIGEST_CHARACTERS]}"


def checked(what: str, name: str) -> str:
    """Give ``name`` back if it may name a ``what``. Raises RegistryError."""
    if not NAME.fullmatch(name):
        raise RegistryError(
            f"{name!r} cannot name a {what}: use letters, digits, dot, dash and underscore, at most 100 of them,"
            " starting with a letter or digit"
        )
    return name


def checked_alias(name: str) -> str:
    """Give ``name`` back if it may name an alias. Raises RegistryError."""
    if not ALIAS.fullmatch(name):
        raise RegistryError(
            f"{name!r} cannot name an alias: use lower-case letters, digits, dash and underscore, starting with a"
            f" letter, such as {CHAMPION} or {CHALLENGER}"
        )
    return name
