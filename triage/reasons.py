"""Why something was raised: the numbers of a document beside what is usual. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
from msgspec import UNSET, UnsetType

from detector.alerts.contract import Fact, Weight
from detector.alerts.read_alert import read_alert
from detector.casebook.told import ours_of
from detector.errors import InputError
from detector.printable import printable
from detector.structs import resolved

MOST = 20
"""Reasons of one document."""

LONGEST = 200
"""Characters of a name or a unit."""


@dataclass(frozen=True, slots=True)
class Reason:
    """A number that made an alert odd, beside what is usual."""

    name: str
    """Of the feature, as in the reference; empty where only words are told."""
    what: str
    value: float
    unit: str
    usual_low: float | None
    usual_high: float | None
    contribution: float | None
    """What it adds to the score's sum; None where alerts have no ``features``."""
    alert: str
    """Whose number it is; empty for one of the whole incident."""


def of_alert(document: bytes, name: str) -> tuple[Reason, ...]:
    """Those of an alert with this id: what each feature adds where it says so, else the numbers of its sentence."""
    try:
        read = read_alert(document)
    except InputError:
        return ()
    weights = UNSET if read.decided is None else read.decided.features
    if isinstance(weights, UnsetType) or not weights:
        return tuple(_of_fact(fact, name) for fact in read.facts[:MOST])
    told = [_of_weight(weight, name) for weight in weights[:MOST]]
    return tuple(sorted(told, key=lambda each: -(each.contribution or 0.0)))


def of_incident(document: bytes) -> tuple[Reason, ...]:
    """Those of an incident: the numbers of its headline and what follows."""
    try:
        facts = msgspec.convert(ours_of(msgspec.json.decode(document)).get("facts", []), resolved(list[Fact]))
    except (msgspec.MsgspecError, InputError):
        return ()
    return tuple(_of_fact(fact, "") for fact in facts[:MOST])


def _of_fact(fact: Fact, alert: str) -> Reason:
    return Reason(
        name="",
        what=_text(fact.what),
        value=fact.value,
        unit=_text(fact.unit),
        usual_low=None if isinstance(fact.usual_least, UnsetType) else fact.usual_least,
        usual_high=None if isinstance(fact.usual_most, UnsetType) else fact.usual_most,
        contribution=None,
        alert=alert,
    )


def _of_weight(weight: Weight, alert: str) -> Reason:
    return Reason(
        name=_text(weight.name),
        what=_text(weight.name).replace("_", " "),
        value=weight.value,
        unit="",
        usual_low=weight.usual_low,
        usual_high=weight.usual_high,
        contribution=weight.contribution,
        alert=alert,
    )


def _text(text: str) -> str:
    return printable(text[:LONGEST])
