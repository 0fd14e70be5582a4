"""Documents as rows of the tables: whatever others may have written, texts are printable and bounded, numbers fit.

Pure: bytes in, values out. What is no document of its sort raises InputError, which says why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from detector.alerts.read_alert import ReadAlert, read_alert
from detector.casebook.hosts import ToldHost, read_host
from detector.casebook.told import Told, ours_of, read_told
from detector.casebook.words import who
from detector.errors import InputError
from detector.printable import printable
from triage.store.tables import ID, NAME, WORD

LARGEST = 2**53
"""A count beyond it is that."""

LONGEST = 1_000
"""Characters of a sentence that is kept in a row; the document has the rest."""

SEARCHED = 2_000
"""Characters that a search looks through."""

LOWEST_SEVERITY = 2
"""OCSF's number of the lowest severity."""


@dataclass(frozen=True, slots=True)
class ReadIncident:
    """An incident's document, and what of it no :class:`Told` has."""

    told: Told
    document: bytes
    came: float
    """By the broker's clock, in seconds since 1970."""
    p_value: float | None

    @property
    def id(self) -> str:
        """The incident's."""
        return self.told.ours.id


class Row(NamedTuple):
    """A row of a table, and its document."""

    values: dict[str, Any]
    document: bytes


def read_incident(document: bytes, came: float) -> ReadIncident:
    """Read an incident's document. Raises InputError."""
    told = read_told(document)
    if len(told.ours.id) > ID:
        raise InputError(f"its id is longer than {ID} characters")
    p_value = ours_of(msgspec.json.decode(document)).get("lowest_p_value")
    return ReadIncident(told, document, came, float(p_value) if isinstance(p_value, int | float) else None)


def incident_values(told: Told, *, quiet: bool, closed: bool) -> dict[str, Any]:
    """What a row tells of an incident, be it of one document or of several; all but ids, times of telling, verdicts."""
    ours = told.ours
    flow = ours.flows[0] if ours.flows else None
    return {
        "state": "merged" if ours.merged_into else "closed" if closed else "open",
        "merged_into": _cut(ours.merged_into, ID),
        "quiet": quiet,
        "place": _cut(f"{flow.topic} {flow.partition}", NAME) if flow else "",
        "kind": _cut(ours.kind, WORD),
        "severity": told.level,
        "risk": -1 if ours.risk is None else ours.risk,
        "headline": _cut(told.headline, LONGEST),
        "who": _cut(who(told), LONGEST),
        "size": _cut(ours.size, LONGEST),
        "source": _cut(ours.sources[0], ID) if ours.sources else "",
        "destination": _cut(ours.destinations[0], ID) if ours.destinations else "",
        "port": _port(ours.ports[0]) if ours.ports else None,
        "alerts": min(ours.alerts, LARGEST),
        "first_seen": ours.first_seen,
        "last_seen": ours.last_seen,
        "model_version": _cut(ours.model_versions[0], NAME) if ours.model_versions else "",
        "suppressed": bool(ours.suppressed_by),
    }


def hosts_of(told: Told) -> list[tuple[str, str]]:
    """Hosts and roles of an incident, each once."""
    ours = told.ours
    both = (("source", ours.sources), ("destination", ours.destinations))
    return list(dict.fromkeys((_cut(host, ID), role) for role, hosts in both for host in hosts if host))


def searched(told: Told) -> str:
    """What a search looks through."""
    ours = told.ours
    parts: Sequence[str] = (
        *(told.headline, ours.kind, ours.size, ours.worked),
        *(*ours.sources, *ours.destinations, *ours.assets.values()),
        *(ours.severity_why, *(" ".join(each) for each in told.techniques)),
    )
    return _cut(" ".join(dict.fromkeys(filter(None, parts))).lower(), SEARCHED)


def alert_of(document: bytes, came: float) -> Row:
    """Read an alert's document. Raises InputError, also where what no field needs is nothing that JSON can have."""
    read = read_alert(document)
    try:
        msgspec.json.decode(document)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise InputError(printable(f"reading an alert: {error}")) from error
    decided = read.decided
    values = {
        "id": read.id,
        "incident": read.incident,
        "ts": _start(document, read),
        "told": came,
        "src_ip": _cut(read.src_ip, ID),
        "src_port": read.src_port,
        "dst_ip": _cut(read.dst_ip, ID),
        "dst_port": read.dst_port,
        "proto": _cut(read.proto, WORD),
        "service": _cut(read.service or "", WORD),
        "state": _cut(read.state or "", WORD),
        "src_bytes": _count(read.src_bytes),
        "dst_bytes": _count(read.dst_bytes),
        "severity": read.severity - LOWEST_SEVERITY,
        "risk": read.risk,
        "message": _cut(read.message, LONGEST),
        "model_version": _cut(read.model_version, NAME),
        "score": None if decided is None else decided.score,
        "p_value": None if decided is None else decided.p_value,
        "topic": _cut(read.topic, NAME),
        "partition": min(read.partition, LARGEST),
        "offset": min(read.offset, LARGEST),
        "uid": _cut(read.uid or "", LONGEST),
        "bytes": len(document),
    }
    return Row(values, document)


def host_of(document: bytes) -> tuple[ToldHost, bytes]:
    """Read a host's risk. Raises InputError."""
    told = read_host(document)
    if len(told.host) > ID:
        raise InputError(f"its host is longer than {ID} characters")
    return told, document


class _Event(msgspec.Struct):
    start: str = ""


class _Start(msgspec.Struct):
    """When the flow began, as either shape has it."""

    start_time: int | None = None
    event: _Event | None = None


_starts = msgspec.json.Decoder(_Start)


def _start(document: bytes, read: ReadAlert) -> float:
    found = _starts.decode(document)
    if found.start_time is not None:
        return min(found.start_time, LARGEST) / 1000
    try:
        return datetime.fromisoformat(found.event.start).timestamp() if found.event else read.time_ms / 1000
    except (ValueError, OverflowError):
        return read.time_ms / 1000


def _cut(text: str, most: int) -> str:
    return printable(text[:most])[:most]


def _count(number: int | None) -> int | None:
    return None if number is None else min(max(number, -LARGEST), LARGEST)


def _port(number: int) -> int | None:
    return number if number <= 65_535 else None
