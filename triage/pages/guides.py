"""What to know of a kind of incident: the words that its declaration has, for any incident of it."""

from __future__ import annotations

from dataclasses import dataclass

from detector.incidents.kinds import KINDS, Kind

ATTACK = "https://attack.mitre.org"


@dataclass(frozen=True, slots=True)
class Link:
    """Into ATT&CK."""

    words: str
    address: str


@dataclass(frozen=True, slots=True)
class Guide:
    """Of one kind."""

    name: str
    meaning: str
    named_when: tuple[str, ...]
    innocent: tuple[str, ...]
    checks: tuple[str, ...]
    links: tuple[Link, ...]
    """Its techniques and its tactic in ATT&CK."""


def _guide(kind: Kind) -> Guide:
    techniques = [
        Link(f"{each.id} {each.name}", f"{ATTACK}/techniques/{each.id.replace('.', '/')}/") for each in kind.techniques
    ]
    tactic = (
        [Link(f"{kind.tactic.id} {kind.tactic.name}", f"{ATTACK}/tactics/{kind.tactic.id}/")] if kind.tactic else []
    )
    return Guide(
        kind.name,
        kind.meaning,
        tuple(kind.states.split("; ")),
        kind.innocent,
        tuple(kind.checks_in_general()),
        (*techniques, *tactic),
    )


GUIDES = {kind.name: _guide(kind) for kind in KINDS}
"""By the kind's name."""
