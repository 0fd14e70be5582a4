"""What a list is asked for, as conditions; and its pages, which go on where the one before ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Column, ColumnElement, and_, false, or_, select, true, tuple_
from sqlalchemy.orm import Session

from detector.casebook.latest import QUIET_S
from detector.errors import ConfigurationError
from detector.printable import printable
from triage.store.searching import has_text
from triage.store.tables import INCIDENT_HOSTS, INCIDENTS

Order = Literal["time", "risk"]
"""The latest first, or the gravest first."""

LabelState = Literal["none", "true", "false", "unsure", "conflicting"]

MOST_ROWS = 500
"""On one page."""

I = INCIDENTS.c  # noqa: E741 - its columns


@dataclass(frozen=True, slots=True)
class Filter:
    """Incidents that are asked for: all of these hold; what is not given holds for each."""

    since: float | None = None
    """Its last flow is not before it, in seconds since 1970 …"""
    until: float | None = None
    """… and before this."""
    severity: int = 0
    """At least this place in :data:`~detector.casebook.told.LEVELS`."""
    kinds: tuple[str, ...] = ()
    host: str = ""
    """An address that it lists."""
    model_version: str = ""
    labels: tuple[LabelState, ...] = ()
    status: Literal["open", "closed", ""] = ""
    suppressed: bool | None = None
    text: str = ""
    """In its headline, hosts, kind, or at the beginning of its id."""


@dataclass(frozen=True, slots=True)
class Paging:
    """Which page."""

    limit: int = 50
    after: str = ""
    """Where the page before ended, as it says; empty for the first one."""
    order: Order = "time"


def conditions(session: Session, asked: Filter) -> list[ColumnElement[bool]]:
    """What rows have to be. Raises ConfigurationError for what cannot be asked."""
    found: list[ColumnElement[bool]] = [I.shown == true()]
    if asked.since is not None:
        found.append(I.last_seen >= asked.since)
    if asked.until is not None:
        found.append(I.last_seen < asked.until)
    if asked.severity:
        found.append(I.severity >= asked.severity)
    if asked.kinds:
        found.append(I.kind.in_(asked.kinds))
    if asked.host:
        listed = select(INCIDENT_HOSTS.c.incident).where(INCIDENT_HOSTS.c.host == asked.host)
        found.append(I.id.in_(listed))
    if asked.model_version:
        found.append(I.model_version == asked.model_version)
    if asked.labels:
        found.append(or_(*map(_labelled, asked.labels)))
    if asked.status:
        found.append(is_open() if asked.status == "open" else ~is_open())
    if asked.suppressed is not None:
        found.append(I.suppressed == (true() if asked.suppressed else false()))
    if text := asked.text.strip().lower():
        found.append(has_text(session, text))
    return found


def is_open() -> ColumnElement[bool]:
    """Whether an incident goes on; one of a single alert is over after a while, though nobody tells."""
    latest = select(I.last_seen).where(I.shown == true()).order_by(I.last_seen.desc()).limit(1).scalar_subquery()
    return and_(I.state == "open", or_(I.quiet == false(), I.last_seen >= latest - QUIET_S))


def ordering(order: Order) -> tuple[Column[Any], ...]:
    """The columns that a list goes by, all of them from the highest down; they name one row."""
    return (I.last_seen, I.id) if order == "time" else (I.risk, I.severity, I.last_seen, I.id)


def beyond(paging: Paging) -> ColumnElement[bool]:
    """Rows after the page before. Raises ConfigurationError for a mark that is none."""
    columns = ordering(paging.order)
    if not paging.after:
        return true()
    *numbers, name = paging.after.split("_", len(columns) - 1)
    try:
        values = [float(each) for each in numbers]
    except ValueError:
        values = []
    if len(values) != len(columns) - 1:
        raise ConfigurationError(
            f"after {printable(paging.after[:80])!r}: it is no mark of a page in the order {paging.order}; take the one"
            " that the page before gave, or leave it out"
        )
    return tuple_(*columns) < (*values, name)


def mark(values: Sequence[float | str]) -> str:
    """The mark of a row, by its values of :func:`ordering`."""
    return "_".join(map(str, values))


def limit_of(paging: Paging) -> int:
    """How many rows. Raises ConfigurationError."""
    if not 1 <= paging.limit <= MOST_ROWS:
        raise ConfigurationError(f"limit {paging.limit}: give 1 to {MOST_ROWS}")
    return paging.limit


def _labelled(state: LabelState) -> ColumnElement[bool]:
    match state:
        case "none":
            return I.verdict.is_(None)
        case "conflicting":
            return I.conflicting == true()
    return I.verdict == state
