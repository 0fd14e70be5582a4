"""An incident's document, OCSF or ECS, as data for people: what both shapes have in common, and their techniques.

Documents come from a topic or a file that others may write too. Every text in a :class:`Told` is printable and bounded;
what a document lacks has its default, and what is in it besides is passed over.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple

import msgspec

from detector.errors import InputError
from detector.printable import printable
from detector.structs import resolved

LEVELS = ("low", "medium", "high", "critical")
"""Severities, the least first."""

LONGEST_TEXT = 4_096
"""Characters of one text that are kept."""

MOST_LISTED = 100
"""Entries of one list that are kept."""

_LARGEST = 1e15
"""A time, count or size beyond this is none."""

FIRST_LEVEL_ID = 2
"""OCSF's ``severity_id`` of the first of :data:`LEVELS`."""

Figure = Annotated[float, msgspec.Meta(ge=-_LARGEST, le=_LARGEST)]
Count = Annotated[int, msgspec.Meta(ge=0)]


class Distinct(msgspec.Struct, frozen=True):
    """How many different ones there were, or more."""

    distinct: Count
    or_more: bool = False


class Strong(msgspec.Struct, kw_only=True, frozen=True):
    """One of the rarest alerts."""

    alert: str = ""
    score: Figure = 0.0
    decades: Figure = 0.0
    view: str = ""
    ts: Figure = 0.0
    src_ip: str = ""
    dst_ip: str = ""
    dst_port: Count | None = None
    proto: str = ""
    why: str = ""


class FlowPlace(msgspec.Struct, kw_only=True, frozen=True):
    """One of the first flows: where its record is."""

    topic: str = ""
    partition: Count = 0
    offset: Count = 0
    uid: str = ""


class Technique(NamedTuple):
    """Of MITRE ATT&CK; the name is empty where only the id is told."""

    id: str
    name: str


class Ours(msgspec.Struct, kw_only=True, frozen=True):
    """The part of a document that OCSF has under ``unmapped.oddflow`` and ECS under ``oddflow``."""

    id: Annotated[str, msgspec.Meta(min_length=1)]
    revision: Count
    step: Literal["open", "update", "close"]
    kind: str
    alerts: Count
    first_seen: Figure
    last_seen: Figure
    severity: str = ""
    risk: Annotated[int, msgspec.Meta(ge=0, le=100)] | None = None
    severity_why: str = ""
    assets: dict[str, str] = {}
    headline: str = ""
    size: str = ""
    worked: str = ""
    first_contact: str = ""
    rule: str = ""
    confidence: str = ""
    check: list[str] | str = ""
    innocent: list[str] | str = ""
    tactic: str = ""
    techniques: list[str] = []
    merged_into: str = ""
    suppressed_by: list[str] = []
    focus: str = ""
    unanswered_share: Figure = 0.0
    src_bytes: Count = 0
    dst_bytes: Count = 0
    counts: dict[str, Distinct] = {}
    sources: list[str] = []
    destinations: list[str] = []
    ports: list[Count] = []
    strongest: list[Strong] = []
    flows: list[FlowPlace] = []
    model_versions: list[str] = []


class Told(NamedTuple):
    """An incident as one document tells it, or several."""

    ours: Ours
    severity: str
    """One of :data:`LEVELS`."""
    headline: str
    tactic: str
    """Name and id, or what of them is told; empty where the kind has none."""
    techniques: tuple[Technique, ...]
    parts: tuple[Told, ...] = ()
    """What several partitions told of it, that which began first at the beginning; empty where one document tells all.
    """

    @property
    def level(self) -> int:
        """Where its severity is in :data:`LEVELS`."""
        return LEVELS.index(self.severity)


def read_told(document: bytes) -> Told:
    """Read a document. Raises InputError, saying what is wrong with it, where it is no incident's."""
    try:
        whole = msgspec.json.decode(document)
        if not isinstance(whole, dict):
            raise InputError("it is no JSON object")
        ours = msgspec.convert(_clean(ours_of(whole)), resolved(Ours))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(printable(str(error))) from error
    severity = _severity(whole, ours)
    if severity not in LEVELS:
        raise InputError("it has no severity")
    title = ours.headline or _text(whole.get("message")) or f"{ours.kind}, {ours.id}"
    tactic, techniques = _attack(whole, ours)
    return Told(ours, severity, title, tactic, techniques)


def ours_of(whole: dict[str, Any]) -> dict[str, Any]:
    """The part of a document that is ours. Raises InputError where there is none."""
    for part in (_within(whole, "unmapped"), whole):
        if ours := _within(part, "oddflow"):
            return ours
    raise InputError("it has neither unmapped.oddflow nor oddflow: is it an incident of oddflow's?")


def _within(part: dict[str, Any], name: str) -> dict[str, Any]:
    found = part.get(name)
    return found if isinstance(found, dict) else {}


def _listed(part: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found = part.get(name)
    return [each for each in found[:MOST_LISTED] if isinstance(each, dict)] if isinstance(found, list) else []


def _severity(whole: dict[str, Any], ours: Ours) -> str:
    number = whole.get("severity_id")
    if ours.severity or not isinstance(number, int):
        return ours.severity
    at = number - FIRST_LEVEL_ID
    return LEVELS[at] if 0 <= at < len(LEVELS) else ""


def _attack(whole: dict[str, Any], ours: Ours) -> tuple[str, tuple[Technique, ...]]:
    """The tactic and the techniques, with their names where the shape's own fields have them."""
    names: dict[str, str] = {}
    threat = _within(whole, "threat")
    for attack in (*_listed(_within(whole, "finding_info"), "attacks"), *_listed(whole, "attacks")):
        technique, sub = _within(attack, "technique"), _within(attack, "sub_technique")
        for part in (_within(attack, "tactic"), technique):
            names[_text(part.get("uid"))] = _text(part.get("name"))
        if sub:
            names[_text(sub.get("uid"))] = f"{_text(technique.get('name'))}: {_text(sub.get('name'))}"
    techniques = _within(threat, "technique")
    for part in (_within(threat, "tactic"), techniques, _within(techniques, "subtechnique")):
        ids, captions = part.get("id"), part.get("name")
        if isinstance(ids, list) and isinstance(captions, list):
            names.update(zip(map(_text, ids), map(_text, captions), strict=False))
    tactic = " ".join(part for part in (ours.tactic, names.get(ours.tactic, "")) if part)
    return tactic, tuple(Technique(each, names.get(each, "")) for each in ours.techniques)


def _clean(value: Any) -> Any:
    """The same without nulls, and with every text made printable and bounded."""
    match value:
        case str():
            return _text(value)
        case list():
            return [_clean(each) for each in value[:MOST_LISTED] if each is not None]
        case dict():
            return {_text(name): _clean(each) for name, each in value.items() if each is not None}
    return value


def _text(value: object) -> str:
    return printable(value[:LONGEST_TEXT]) if isinstance(value, str) else ""
