"""What a young pair has done, in words: how much, how fast, what is usual for its host, since when, who else goes."""

from __future__ import annotations

import math
from collections.abc import Mapping

from detector.alerts.facts import Clause, Fact
from detector.alerts.quantities import number, rounded, said
from detector.decisions.volume_counts import AMOUNTS
from detector.features.meanings import Unit

_DID = (
    ("bytes sent", Unit.BYTES, "sent at least {}"),
    ("bytes sent", Unit.BYTES, "sent at least {}"),
    ("bytes sent beside the largest flow", Unit.BYTES, "sent at least {} beside its largest flow"),
    ("flows that sent more than came back", Unit.FLOWS, "sent more than came back in at least {}"),
    ("connections", Unit.FLOWS, "connected by at least {}"),
    ("connections", Unit.FLOWS, "connected by at least {}"),
    ("visits a minute or more apart", Unit.FLOWS, "came again and again, by at least {}"),
    ("time connected", Unit.SECONDS, "was connected for at least {} in all"),
    ("failed connections", Unit.FLOWS, "tried in vain by at least {}"),
)
"""Of each amount its fact, its unit, and the words around it."""


def of_something_new(told: Mapping[str, float]) -> Clause:
    """Say what :class:`~detector.decisions.volume.Volumes` tells of a pair; without it, that it is much."""
    if not told.get("amount"):
        return Clause("does more than others do where they have come lately")
    usual = [_usually(told)] if 0 < told["usual"] < told["amount"] else []
    parts = [_did(told), *usual, _since(told), _others(told)]
    return Clause(", ".join(part.text for part in parts), tuple(fact for part in parts for fact in part.facts))


def _did(told: Mapping[str, float]) -> Clause:
    place = int(told["done"])
    what, unit, words = _DID[place]
    fact = Fact(what, _whole(told["amount"], unit), unit.value, window_s=AMOUNTS[place].half_life_s)
    within = said(AMOUNTS[place].half_life_s, Unit.SECONDS)
    return Clause(f"{words.format(said(fact.value, unit))} within about {within}", (fact,))


def _whole(amount: float, unit: Unit) -> float:
    """What is told of a step: there are no parts of flows."""
    return rounded(math.ceil(amount) if unit is Unit.FLOWS else amount, unit)


def _usually(told: Mapping[str, float]) -> Clause:
    _, unit, _ = _DID[int(told["done"])]
    fact = Fact("below which it stays at nearly all new places", _whole(told["usual"], unit), unit.value)
    return Clause(f"where it stays below {said(fact.value, unit)} at nearly all new places", (fact,))


def _since(told: Mapping[str, float]) -> Clause:
    age = Fact("time since the first flow there", rounded(told["age"], Unit.SECONDS), Unit.SECONDS.value)
    if not age.value:
        return Clause("for the first time")
    return Clause(f"to where it first went {said(age.value, Unit.SECONDS)} ago", (age,))


def _others(told: Mapping[str, float]) -> Clause:
    others = Fact("other hosts that went there", rounded(told["visitors"] - 1.0, Unit.HOSTS), Unit.HOSTS.value)
    if not others.value:
        return Clause("no other host goes there")
    return Clause(f"about {number(others.value)} other host{'s go' if others.value != 1 else ' goes'} there", (others,))
