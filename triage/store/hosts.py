"""Hosts by risk, as the daemon tells it, and what people said of their incidents."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func, select, true
from sqlalchemy.orm import Session

from detector.casebook.hosts import HostRisks, HostRow, read_host
from detector.errors import InputError
from triage.store.tables import INCIDENT_HOSTS, INCIDENTS, RISKS

SPARE = 4
"""So many times as many documents are looked at: a host has one of each partition."""


@dataclass(frozen=True, slots=True)
class HostAtRisk:
    """A host, and how its incidents were judged."""

    row: HostRow
    address: str
    """As incidents have it: ``row.host`` may have its name as well."""
    verdicts: Mapping[str, int]
    """How many of its incidents have each verdict; ``none`` for those without."""


def hosts_by_risk(session: Session, limit: int = 50) -> list[HostAtRisk]:
    """Those with the highest risk as of the latest document, over all partitions."""
    highest = session.execute(select(RISKS.c.host).order_by(RISKS.c.rank.desc()).limit(limit * SPARE)).scalars()
    names = list(dict.fromkeys(highest))
    documents = session.execute(select(RISKS.c.document).where(RISKS.c.host.in_(names))).scalars()
    latest = session.execute(select(RISKS.c.document).order_by(RISKS.c.as_of.desc()).limit(1)).scalars()
    risks, addresses = HostRisks(), dict[str, str]()
    for document in (*documents, *latest):  # the latest document's time is what all are as of
        try:
            told = read_host(document)
        except InputError:
            continue
        risks.put(told)
        addresses[f"{told.host} ({told.name})" if told.name else told.host] = told.host
    rows = risks.rows()[:limit]
    verdicts = _verdicts(session, [addresses.get(row.host, row.host) for row in rows])
    return [HostAtRisk(row, name, verdicts[name]) for row in rows for name in [addresses.get(row.host, row.host)]]


def _verdicts(session: Session, hosts: list[str]) -> Mapping[str, Mapping[str, int]]:
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    rows = session.execute(
        select(INCIDENT_HOSTS.c.host, INCIDENTS.c.verdict, func.count(INCIDENTS.c.id.distinct()))
        .join(INCIDENTS, INCIDENTS.c.id == INCIDENT_HOSTS.c.incident)
        .where(INCIDENT_HOSTS.c.host.in_(hosts), INCIDENTS.c.shown == true())
        .group_by(INCIDENT_HOSTS.c.host, INCIDENTS.c.verdict)
    )
    for host, verdict, count in rows:
        found[host][verdict or "none"] += count
    return found
