"""A rule of an incident: made, what it would have hidden, and saved unless something speaks against it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import UNSET
from sqlalchemy import func, select, true
from sqlalchemy.orm import Session

from detector.casebook.told import Ours, read_told
from detector.suppression.make import make_rule, narrowed, of_incident, parse_bound
from detector.suppression.objections import check
from detector.suppression.preview import DAYS, Foreseen, foresee
from detector.suppression.rule import Scope, Suppression
from triage.store.labels import all_said
from triage.store.rows import Incident
from triage.store.suppressions import save_rule
from triage.store.tables import INCIDENT_DOCUMENTS, INCIDENT_HOSTS, INCIDENTS

LOOKED_AT = 20_000
"""Incidents that a rule is held against at most, the latest."""

DAY_S = 86_400.0

I = INCIDENTS.c  # noqa: E741 - its columns


def rule_of(
    found: Incident,
    scope: Scope,
    *,
    owner: str,
    reason: str,
    now: float,
    days: float,
    ends: Mapping[str, Any],
    bounds: Sequence[str] = (),
    label: str | None = None,
) -> Suppression:
    """Make the rule of what an incident is of, with ``ends`` in place of its own.

    Raises ConfigurationError, InputError.
    """
    begins, lasts = lasting(now, days)
    return make_rule(
        narrowed(of_incident(found.told.ours), **ends),
        scope,
        owner=owner,
        reason=reason,
        now=begins,
        lasts=lasts,
        pattern=[parse_bound(each) for each in bounds],
        label=label,
    )


def save_checked(session: Session, rule: Suppression, now: float, *, forced: bool, confirmed: bool) -> None:
    """Have it in force. Raises ConfigurationError for what speaks against it, unless it is forced or confirmed."""
    check(rule, preview_rule(session, rule, now).whole, forced=forced, confirmed=confirmed)
    save_rule(session, rule, now)


def preview_rule(session: Session, rule: Suppression, now: float) -> Foreseen:
    """Hold a rule against what is stored: in the last seven days, and in all."""
    found = foresee(rule, _covered(session, rule), all_said(session), now)
    total = select(func.count()).where(I.shown == true(), ~I.suppressed)
    recent = session.scalar(total.where(I.last_seen >= now - DAYS * DAY_S)) or 0
    whole = session.scalar(total) or 0
    return Foreseen(replace(found.recent, incidents=recent), replace(found.whole, incidents=whole))


def lasting(now: float, days: float) -> tuple[datetime, timedelta]:
    """When a rule begins and for how long it is, as :func:`detector.suppression.make.make_rule` wants them."""
    return datetime.fromtimestamp(now, UTC), timedelta(days=days)


def _covered(session: Session, rule: Suppression) -> list[Ours]:
    """What incidents tell that the rule may be of: those that list its source."""
    query = select(INCIDENT_DOCUMENTS.c.document).join(INCIDENTS, I.id == INCIDENT_DOCUMENTS.c.id)
    if rule.src_ip is not UNSET:
        query = query.where(I.id.in_(select(INCIDENT_HOSTS.c.incident).where(INCIDENT_HOSTS.c.host == rule.src_ip)))
    rows = session.scalars(query.order_by(I.last_seen.desc()).limit(LOOKED_AT))
    return [read_told(document).ours for document in rows]
