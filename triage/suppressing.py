"""A rule before it is saved: what it would have hidden, and what speaks against it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from msgspec import UNSET
from sqlalchemy import func, select, true
from sqlalchemy.orm import Session

from detector.casebook.told import Ours, read_told
from detector.suppression.preview import DAYS, Foreseen, foresee
from detector.suppression.rule import Suppression
from triage.store.labels import all_said
from triage.store.tables import INCIDENT_DOCUMENTS, INCIDENT_HOSTS, INCIDENTS

LOOKED_AT = 20_000
"""Incidents that a rule is held against at most, the latest."""

DAY_S = 86_400.0

I = INCIDENTS.c  # noqa: E741 - its columns


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
