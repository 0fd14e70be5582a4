"""Tactics and techniques of MITRE ATT&CK as OCSF and ECS have them."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated

from msgspec import UNSET, Struct, UnsetType

from detector.alerts.content import Named
from detector.alerts.fields import said


class Term(Struct, frozen=True, gc=False):
    """A tactic, technique or sub-technique."""

    uid: Annotated[str, said("Its id, such as TA0007, T1046 or T1071.004.")]
    name: Annotated[str, said("Its name.")]


class Attack(Struct, frozen=True, gc=False):
    """A technique, with the tactic that the kind of incident is known by."""

    tactic: Annotated[Term, said("What it is done for.")]
    technique: Annotated[Term, said("How it is done.")]
    sub_technique: Annotated[Term | UnsetType, said("How exactly, where the kind tells.")] = UNSET


class EcsTerms(Struct, frozen=True, gc=False):
    """Tactics or sub-techniques: ids and names in the same order."""

    id: Annotated[list[str], said("Their ids.")]
    name: Annotated[list[str], said("Their names.")]


class EcsTechniques(Struct, frozen=True, gc=False):
    """Techniques: ids and names in the same order."""

    id: Annotated[list[str], said("Their ids.")]
    name: Annotated[list[str], said("Their names.")]
    subtechnique: Annotated[EcsTerms | UnsetType, said("How exactly, where the kind tells.")] = UNSET


class Threat(Struct, frozen=True, gc=False):
    """What the kind of incident is known by."""

    tactic: Annotated[EcsTerms, said("What it is done for.")]
    technique: Annotated[EcsTechniques, said("How it is done; the chief one first.")]
    framework: Annotated[str, said("Whose names these are.")] = "MITRE ATT&CK"


@lru_cache(64)
def attacks(tactic: Named | None, techniques: tuple[Named, ...]) -> list[Attack] | UnsetType:
    """For OCSF, an entry for each technique; unset for a kind without a tactic."""
    if tactic is None:
        return UNSET
    found = []
    for each in techniques:
        technique, sub = _split(each)
        found.append(Attack(Term(*tactic), Term(*technique), UNSET if sub is None else Term(*sub)))
    return found or UNSET


@lru_cache(64)
def threat(tactic: Named | None, techniques: tuple[Named, ...]) -> Threat | UnsetType:
    """For ECS; unset for a kind without a tactic."""
    if tactic is None:
        return UNSET
    parts = [_split(each) for each in techniques]
    subs = [sub for _, sub in parts if sub is not None]
    return Threat(
        EcsTerms([tactic[0]], [tactic[1]]),
        EcsTechniques(
            [technique[0] for technique, _ in parts],
            [technique[1] for technique, _ in parts],
            EcsTerms([each[0] for each in subs], [each[1] for each in subs]) if subs else UNSET,
        ),
    )


def _split(technique: Named) -> tuple[Named, Named | None]:
    """A technique, and the sub-technique that its id and name tell: T1071.004, ``Application Layer Protocol: DNS``."""
    uid, _, sub = technique[0].partition(".")
    if not sub:
        return technique, None
    name, _, sub_name = technique[1].partition(": ")
    return (uid, name), (technique[0], sub_name)
