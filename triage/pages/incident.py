"""One incident's page: what happened, why it was raised, who else, what to do; and a host's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from detector.casebook.words import moment
from detector.printable import printable
from triage.pages.asking import asked_of
from triage.pages.drawing import bar, picture, telling
from triage.pages.guides import GUIDES
from triage.pages.site import Site
from triage.store.hosts import hosts_by_risk
from triage.store.incidents import incident, similar, timeline
from triage.store.rows import Incident

BARS, MOST_OTHERS = 8, 24
"""Numbers that are drawn: those beyond their usual range, and others on request."""

AROUND_S = 43_200.0
"""So long before and after an incident its host is shown."""

SPANS: Mapping[str, float] = {"24h": 86_400.0, "7d": 604_800.0, "30d": 2_592_000.0}

MOST_RAW = 60_000
"""Characters of a raw record that a page shows; the whole can be fetched."""

HOSTS = 100

ALIKE = 6
"""Incidents before it that are shown."""


def routes(site: Site) -> APIRouter:
    """The pages of one incident, of hosts, and of one host."""
    router = APIRouter(include_in_schema=False)

    @router.get("/incidents/{name}")
    def show_incident(request: Request, name: str) -> Response:
        with site.store.read() as session:
            return site.page(request, "incident.html", **incident_context(site, session, known(session, name)))

    @router.get("/incidents/{name}/raw")
    def give_raw(name: str) -> Response:
        with site.store.read() as session:
            document = known(session, name).document
        return Response(document, media_type="application/json")

    @router.get("/hosts")
    def show_hosts(request: Request) -> Response:
        with site.store.read() as session:
            return site.page(request, "hosts.html", hosts=hosts_by_risk(session, HOSTS))

    @router.get("/hosts/{host:path}")
    def show_host(request: Request, host: str) -> Response:
        last = request.query_params.get("last", "24h")
        last = last if last in SPANS else "24h"
        with site.store.read() as session:
            until = _latest(session, host, site.clock())
            told = timeline(session, host, until - SPANS[last], until)
        return site.page(
            request,
            "host.html",
            host=host,
            told=told,
            drawn=picture(told),
            last=last,
            spans=list(SPANS),
            asked=asked_of({"host": host}),
            grafana=site.grafana(host, told.since, told.until),
            here=f"/hosts/{host}",
            view="row",
        )

    return router


def known(session: Session, name: str) -> Incident:
    """An incident by its id. Raises HTTPException, 404, for one that is not known here."""
    found = incident(session, name)
    if found is None:
        raise HTTPException(
            HTTPStatus.NOT_FOUND,
            f"no incident {printable(name[:80])} is known here; it may be older than what is kept, or of elsewhere",
        )
    return found


def incident_context(site: Site, session: Session, found: Incident) -> dict[str, Any]:
    """What the page of an incident shows."""
    row, ours = found.row, found.told.ours
    host = row.source or row.destination
    beyond, within = telling(found.reasons)
    drawn = None
    if host:
        since, until = row.first_seen - AROUND_S, row.last_seen + AROUND_S
        told = timeline(session, host, since, until)
        drawn = picture(told, (row.first_seen, row.last_seen))
    return {
        "found": found,
        "row": row,
        "ours": ours,
        "bars": [bar(each) for each in beyond[:BARS]],
        "others": [bar(each) for each in within[:MOST_OTHERS]],
        "host": host,
        "drawn": drawn,
        "alike": similar(session, row.id, ALIKE),
        "guide": GUIDES.get(row.kind),
        "check": [ours.check] if isinstance(ours.check, str) else ours.check,
        "innocent": [ours.innocent] if isinstance(ours.innocent, str) else ours.innocent,
        "raw": _pretty(found.document),
        "grafana": site.grafana(host, row.first_seen, row.last_seen, row.id),
        "here": f"/incidents/{row.id}",
        "view": "page",
        **judged_context(found),
    }


def judged_context(found: Incident) -> dict[str, Any]:
    """What the part of it shows that is about labels."""
    standing = found.standing
    history = [] if standing is None else [(word, word.label.id in standing.withdrawn) for word in standing.history]
    return {"history": list(reversed(history)), "when": moment}


def _latest(session: Session, host: str, now: float) -> float:
    """Until when a host is shown: now, or its last incident's end where that is long ago, as of a replayed day."""
    told = timeline(session, host, 0.0, now + AROUND_S, 1)
    last = max((each.last_seen for each in told.incidents), default=now)
    return now if now - last < SPANS["30d"] else last + 1.0


def _pretty(document: bytes) -> str:
    try:
        text = json.dumps(json.loads(document), indent=2, ensure_ascii=True)
    except ValueError:
        text = document.decode(errors="replace")
    return text if len(text) <= MOST_RAW else f"{text[:MOST_RAW]}\n… {len(text) - MOST_RAW:,} characters more"
