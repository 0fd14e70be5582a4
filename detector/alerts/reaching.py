"""What a host's reach is, in words: how many contacts it made by remote administration, and who of its kind does so."""

from __future__ import annotations

from collections.abc import Mapping

from detector.alerts.facts import Clause, Fact
from detector.alerts.quantities import number, rounded, said
from detector.decisions.reach_kernel import HALF_LIFE_S
from detector.features.meanings import Unit

WINDOW_S = 1.5 * HALF_LIFE_S
"""As all fading counts are told: a steady stream has as many in that time."""

KIN = "other hosts of its kind that administer any"
LIKEWISE = "other hosts of its kind that did likewise"
"""What facts call them; incidents look for these."""


def reaches(told: Mapping[str, float], source: str) -> Clause:
    """Say what :class:`~detector.decisions.reach.Reach` tells of a contact; without it, no more than that it is one."""
    parts = [_contacts(told, source), by_kin(told)]
    kept = [part for part in parts if part is not None]
    return Clause(", ".join(part.text for part in kept), tuple(fact for part in kept for fact in part.facts))


def _contacts(told: Mapping[str, float], source: str) -> Clause:
    made = rounded(told.get("contacts", 0.0), Unit.HOSTS)
    if made < 2:
        return Clause(f"{source} begins to administer it")
    count = Fact("new contacts by remote administration", made, Unit.PLAIN.value, window_s=WINDOW_S)
    window = said(WINDOW_S, Unit.SECONDS)
    return Clause(f"one of about {number(made)} hosts or ports that {source} began to administer in {window}", (count,))


def by_kin(told: Mapping[str, float]) -> Clause | None:
    """How many hosts of its kind do likewise; None where nothing tells of it, or there are no others."""
    others, likewise = (rounded(told.get(name, 0.0), Unit.HOSTS) for name in ("kin", "likewise"))
    if others < 1:
        return None
    facts = (Fact(KIN, others, Unit.HOSTS.value), Fact(LIKEWISE, min(likewise, others), Unit.HOSTS.value))
    return kin_clause(facts)


def kin_clause(facts: tuple[Fact, Fact]) -> Clause:
    """Such as ``none of about 57 hosts of its kind does likewise``; of the facts KIN and LIKEWISE."""
    kin, likewise = facts
    who = f"of about {said(kin.value, Unit.HOSTS)} of its kind"
    if not likewise.value:
        return Clause(f"none {who} does likewise", facts)
    return Clause(f"{number(likewise.value)} {who} {'does' if likewise.value == 1 else 'do'} likewise", facts)
