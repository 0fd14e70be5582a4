"""What queries give: rows of lists, and one incident with all that is known of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Row as SqlRow
from sqlalchemy import Select, select

from detector.casebook.told import LEVELS, Told
from detector.feedback.latest import Standing
from triage.reasons import Reason
from triage.store.filters import is_open
from triage.store.tables import INCIDENTS

State = Literal["open", "closed", "merged"]


@dataclass(frozen=True, slots=True)
class Judged:
    """The last word on an incident."""

    verdict: str
    """true, false or unsure."""
    of: str
    """``incident``; or ``alert`` or ``flows``, where that is all that was judged of it."""
    by: str
    at: float
    conflicting: bool
    """Whether the last words of different people say true and false."""


@dataclass(frozen=True, slots=True)
class IncidentRow:
    """A line of a list; what several partitions told of one thing is one line."""

    id: str
    kind: str
    severity: str
    risk: int | None
    headline: str
    who: str
    """Such as ``10.0.0.7 → 30 or more hosts port 445``."""
    size: str
    source: str
    """The one with the most alerts; empty where none is told. So is ``destination``."""
    destination: str
    port: int | None
    alerts: int
    first_seen: float
    last_seen: float
    state: State
    model_version: str
    suppressed: bool
    first_told: float
    """When it was first heard of, by the broker's clock."""
    label: Judged | None


@dataclass(frozen=True, slots=True)
class IncidentPage:
    """Some rows of a list."""

    rows: tuple[IncidentRow, ...]
    after: str
    """What to ask for the page after this one by; empty where this is the last."""
    count: int
    """Of all that is asked for …"""
    or_more: bool
    """… or more: counted no further; where a text is searched for, no further than this page."""


@dataclass(frozen=True, slots=True)
class AlertRow:
    """An alert, which is of one flow."""

    id: str
    incident: str | None
    ts: float
    src_ip: str
    src_port: int | None
    dst_ip: str
    dst_port: int | None
    proto: str
    service: str
    state: str
    src_bytes: int | None
    dst_bytes: int | None
    severity: str
    risk: int
    message: str
    model_version: str
    score: float | None
    p_value: float | None
    topic: str
    partition: int
    offset: int
    uid: str
    verdict: str | None
    """The last word on this alert itself."""


@dataclass(frozen=True, slots=True)
class Incident:
    """All that is known of one incident."""

    row: IncidentRow
    told: Told
    """What its document says; of one that several partitions told, all of them together."""
    merged_into: str
    """The incident that it became part of; empty where it did not."""
    document: bytes
    """The raw record, JSON."""
    alerts: tuple[AlertRow, ...]
    """Those that were written, the highest risk first; the daemon writes the 1st, 2nd, 4th, 8th … of an incident."""
    alerts_stored: int
    """How many there are, of which ``alerts`` are some."""
    reasons: tuple[Reason, ...]
    """The most telling first."""
    standing: Standing | None
    """What people said of the incident itself, the last word at the end; None where nobody did."""


@dataclass(frozen=True, slots=True)
class Similar:
    """A past incident that is like another one."""

    row: IncidentRow
    likeness: float
    """0 to 1."""
    why: str
    """What they have in common, in words."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """A part of a timeline."""

    since: float
    as_source: int
    """Alerts of flows that the host began."""
    as_destination: int
    severity: str
    """The highest of them; empty where there is none."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """What a host did, as far as alerts and incidents tell."""

    host: str
    since: float
    until: float
    buckets: tuple[Bucket, ...]
    incidents: tuple[IncidentRow, ...]
    """That list it, the latest first."""


def incident_rows() -> Select[Any]:
    """The query that gives what :func:`incident_row` wants."""
    return select(INCIDENTS, is_open().label("is_open"))


def incident_row(row: SqlRow[Any]) -> IncidentRow:
    """Of a row of :func:`incident_rows`."""
    state: State = "merged" if row.state == "merged" else "open" if row.is_open else "closed"
    judged = (
        Judged(row.verdict, row.verdict_of, row.said_by, row.said_at, bool(row.conflicting)) if row.verdict else None
    )
    return IncidentRow(
        id=row.id,
        kind=row.kind,
        severity=LEVELS[row.severity],
        risk=None if row.risk < 0 else row.risk,
        headline=row.headline,
        who=row.who,
        size=row.size,
        source=row.source,
        destination=row.destination,
        port=row.port,
        alerts=row.alerts,
        first_seen=row.first_seen,
        last_seen=row.last_seen,
        state=state,
        model_version=row.model_version,
        suppressed=bool(row.suppressed),
        first_told=row.first_told,
        label=judged,
    )


def alert_row(row: SqlRow[Any]) -> AlertRow:
    """Of a row of the table."""
    names = [name for name in AlertRow.__dataclass_fields__ if name != "severity"]
    return AlertRow(severity=LEVELS[row.severity], **{name: getattr(row, name) for name in names})
