"""How alike two incidents are: who, whom, which port, what kind. Pure."""

from __future__ import annotations

from typing import NamedTuple

WEIGHTS = {"source": 0.3, "destination": 0.25, "port": 0.2, "kind": 0.25}
"""What each trait that both have in common counts; all of them make one."""

WORDS = {"source": "same source", "destination": "same destination", "port": "same port", "kind": "same kind"}


class Trait(NamedTuple):
    """What an incident is compared by; empty, or None, where there is none."""

    kind: str
    source: str
    destination: str
    port: int | None


class Likeness(NamedTuple):
    """How alike two are."""

    share: float
    """0 to 1."""
    words: str
    """What they have in common, such as ``same source, same port``."""


def likeness(one: Trait, other: Trait) -> Likeness:
    """Compare two."""
    common = [
        name for name in WEIGHTS if getattr(one, name) not in {"", None} and getattr(one, name) == getattr(other, name)
    ]
    return Likeness(sum(WEIGHTS[name] for name in common), ", ".join(WORDS[name] for name in common))
