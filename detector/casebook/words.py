"""What a list and a page say of an incident: one row, and its sections; printable text without any layout."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from detector.casebook.alike import distinct
from detector.casebook.latest import SHORT_ID, Latest
from detector.casebook.parts import number
from detector.casebook.told import Distinct, FlowPlace, Strong, Told

LAST_S = 253_402_300_799.0
"""The end of the year 9999: no later time can be written."""

SHOWN = 12
"""Addresses or ports that a page names."""


Order = Literal["time", "risk"]
"""How a list is sorted."""


class Row(NamedTuple):
    """A line of the list."""

    when: str
    """Its last flow, UTC."""
    severity: str
    risk: str
    """0 to 100; empty where it is not told."""
    kind: str
    who: str
    alerts: str
    state: str
    id: str


COLUMNS = Row("last seen (UTC)", "severity", "risk", "kind", "who → whom", "alerts", "state", "id")


class Section(NamedTuple):
    """A part of the page: its name, and one item a line."""

    name: str
    items: tuple[str, ...]


def row(told: Told, latest: Latest) -> Row:
    """The incident's line."""
    ours = told.ours
    return Row(
        moment(ours.last_seen),
        told.severity,
        "" if ours.risk is None else f"{ours.risk}",
        ours.kind,
        who(told),
        f"{ours.alerts:,}",
        latest.state(told),
        ours.id[:SHORT_ID],
    )


def ordered(incidents: Iterable[Told], by: Order = "time") -> list[Told]:
    """By ``time``: the latest flow last; by ``risk``: the gravest first, and of two alike the later."""
    if by == "time":
        return sorted(incidents, key=lambda told: told.ours.last_seen)
    return sorted(incidents, key=lambda told: (-_risk(told), -told.level, -told.ours.last_seen))


def _risk(told: Told) -> int:
    """Its risk; the least of all where it is not told."""
    return -1 if told.ours.risk is None else told.ours.risk


def rows(latest: Latest, by: Order = "time") -> list[Row]:
    """A line for each incident but those that turned out to be part of another, in this order."""
    return [row(told, latest) for told in ordered(latest.wholes(), by)]


def who(told: Told) -> str:
    """Such as ``10.0.0.7 → 30 or more hosts port 445``."""
    ours = told.ours
    ports = ours.ports
    port = f" port {ports[0]}" if len(ports) == 1 else f" {_counted(told, 'ports', ports)} ports" if ports else ""
    source = (
        _named(told, ours.sources[0])
        if len(ours.sources) == 1
        else f"{_counted(told, 'sources', ours.sources)} sources"
    )
    destinations = ours.destinations
    destination = (
        _named(told, destinations[0])
        if len(destinations) == 1
        else f"{_counted(told, 'destinations', destinations)} hosts"
    )
    return f"{source} → {destination}{port}"


def _named(told: Told, address: str) -> str:
    """Such as ``10.0.1.5 (db-prod, database)``, where that is known."""
    label = told.ours.assets.get(address)
    return f"{address} ({label})" if label else address


def title(told: Told) -> str:
    """Such as ``CRITICAL Port scan of 10.0.0.7 by 10.0.0.9``."""
    return f"{told.severity.upper()} {told.headline}"


def sections(told: Told, latest: Latest) -> list[Section]:
    """All that a page says of the incident, without the parts for which it has nothing."""
    ours = told.ours
    techniques = [" ".join(each) if each.name else each.id for each in told.techniques]
    attack = [*techniques, *([f"tactic {told.tactic}"] if told.tactic else [])]
    how_sure = [ours.confidence] if ours.confidence else []
    parts = {
        "what": (ours.size, ours.worked, ours.first_contact),
        "severity": (_graded(told),),
        "kind": (ours.kind, ours.rule),
        "att&ck": (", ".join([*attack, *how_sure]) if attack else "",),
        "check": _list(ours.check),
        "often only": _list(ours.innocent),
        "when": (f"{moment(ours.first_seen)} to {moment(ours.last_seen)} UTC",),
        "state": (_state(told, latest),),
        "sources": (_addresses(told, "sources", ours.sources),),
        "destinations": (_addresses(told, "destinations", ours.destinations),),
        "ports": (_addresses(told, "ports", ours.ports),),
        "parts": tuple(f"{part.ours.id[:SHORT_ID]} {part.headline}: {part.ours.size}" for part in told.parts),
        "strongest alerts": _strongest(ours.strongest),
        "first flows": tuple(map(_place, ours.flows)),
        "models": (", ".join(ours.model_versions),),
        "id": (ours.id,),
    }
    told_of = {name: tuple(filter(None, items)) for name, items in parts.items()}
    return [Section(name, items) for name, items in told_of.items() if items]


def _strongest(alerts: Sequence[Strong]) -> tuple[str, ...]:
    """A sentence for each that says something else than those before."""
    told = ((each, alerts[each.place]) for each in distinct([alert.why for alert in alerts]))
    return tuple(each.words(f"{moment(alert.ts)} {alert.why} ({alert.alert})") for each, alert in told)


def moment(seconds: float) -> str:
    """Such as ``2026-11-24 08:00:00``, in UTC."""
    return f"{datetime.fromtimestamp(min(max(seconds, 0.0), LAST_S), UTC):%Y-%m-%d %H:%M:%S}"


def _graded(told: Told) -> str:
    """Such as ``high, risk 61 of 100: benign traffic is this odd …``; empty where nothing but the severity is known."""
    ours = told.ours
    risk = "" if ours.risk is None else f", risk {ours.risk} of 100"
    return f"{told.severity}{risk}: {ours.severity_why}" if ours.severity_why else ""


def _state(told: Told, latest: Latest) -> str:
    ours = told.ours
    whole = None if told.parts else latest.whole(ours.id)
    larger = ours.merged_into or ("" if whole is None else whole.ours.id)
    into = f": part of {larger}" if larger not in {"", ours.id} else ""
    alerts = "1 alert" if ours.alerts == 1 else f"{ours.alerts:,} alerts"
    return f"{latest.state(told)}{into}, {alerts}, told {'once' if ours.revision == 1 else f'{ours.revision:,} times'}"


def _counted(told: Told, name: str, listed: Sequence[object]) -> str:
    """How many: counted in full where the document says so, else those that it lists."""
    return number(told.ours.counts.get(name, Distinct(len(listed))))


def _addresses(told: Told, name: str, listed: Sequence[object]) -> str:
    if not listed:
        return ""
    named = ", ".join(_named(told, str(each)) for each in listed[:SHOWN])
    return named if len(listed) <= SHOWN else f"{named}, …: {_counted(told, name, listed)}"


def _place(flow: FlowPlace) -> str:
    return f"{flow.topic} partition {flow.partition} offset {flow.offset}{f', uid {flow.uid}' if flow.uid else ''}"


def _list(texts: str | Iterable[str]) -> tuple[str, ...]:
    return (texts,) if isinstance(texts, str) else tuple(texts)
