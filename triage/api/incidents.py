"""Incidents, alerts, hosts and figures, as programs read them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import msgspec
from fastapi import APIRouter, HTTPException, Response

from detector.feedback.latest import Standing
from triage.api.given import PageQuery
from triage.store.engine import Database
from triage.store.figures import Figures, figures
from triage.store.hosts import HostAtRisk, hosts_by_risk
from triage.store.incidents import alert, incident, list_incidents, similar, timeline
from triage.store.queue import Instructive, most_instructive
from triage.store.rows import Incident, IncidentPage, Similar, Timeline

UNKNOWN = 404

DAY_S = 86_400.0


def routes(database: Database, clock: Callable[[], float], budget_per_day: float) -> APIRouter:
    """What is read."""
    router = APIRouter(tags=["read"])

    @router.get("/incidents", summary="Incidents, a page at a time")
    def incidents(asked: PageQuery) -> IncidentPage:
        with database.read() as session:
            return list_incidents(session, asked.filter(), asked.paging())

    @router.get("/incidents/{name}", summary="All that is known of an incident")
    def one_incident(name: str) -> dict[str, Any]:
        with database.read() as session:
            found = incident(session, name)
        return incident_body(known(found, "incident", name))

    @router.get("/incidents/{name}/document", summary="An incident's raw document, OCSF or ECS")
    def document(name: str) -> Response:
        with database.read() as session:
            found = incident(session, name)
        return Response(known(found, "incident", name).document, media_type="application/json")

    @router.get("/incidents/{name}/similar", summary="Past incidents that are like one, with their labels")
    def alike(name: str, limit: int = 10) -> list[Similar]:
        with database.read() as session:
            return similar(session, name, max(1, min(limit, 100)))

    @router.get("/queue", summary="What to judge next: that whose label would teach most first")
    def queue(limit: int = 20) -> list[Instructive]:
        with database.read() as session:
            return most_instructive(session, max(1, min(limit, 200)))

    @router.get("/alerts/{name}", summary="An alert")
    def one_alert(name: str) -> dict[str, Any]:
        with database.read() as session:
            found = alert(session, name)
        row, raw, reasons = known(found, "alert", name)
        return {"row": asdict(row), "reasons": [asdict(each) for each in reasons], "document": msgspec.json.decode(raw)}

    @router.get("/hosts", summary="Hosts by risk")
    def hosts(limit: int = 50) -> list[HostAtRisk]:
        with database.read() as session:
            return hosts_by_risk(session, max(1, min(limit, 500)))

    @router.get("/hosts/{host}/timeline", summary="What a host did in a time; the last day if none is given")
    def one_host(host: str, since: float | None = None, until: float | None = None, buckets: int = 96) -> Timeline:
        end = clock() if until is None else until
        with database.read() as session:
            return timeline(session, host, end - DAY_S if since is None else since, end, buckets)

    @router.get("/figures", summary="Precision, labels, time to label and budget, by model version")
    def all_figures() -> list[Figures]:
        with database.read() as session:
            return figures(session, clock(), budget_per_day)

    return router


def known(found: Any, what: str, name: str) -> Any:
    """What was found. Raises HTTPException 404 where nothing was."""
    if found is None:
        raise HTTPException(UNKNOWN, f"{what} {name[:80]}: there is none with this id")
    return found


def incident_body(found: Incident) -> dict[str, Any]:
    """An incident as JSON has it."""
    return {
        "row": asdict(found.row),
        "told": msgspec.to_builtins(found.told.ours) | {"tactic": found.told.tactic},
        "parts": [part.ours.id for part in found.told.parts],
        "merged_into": found.merged_into,
        "alerts": [asdict(each) for each in found.alerts],
        "alerts_stored": found.alerts_stored,
        "reasons": [asdict(each) for each in found.reasons],
        "labels": _labels(found.standing),
    }


def _labels(standing: Standing | None) -> list[dict[str, Any]]:
    """What was said, the last word at the end."""
    words = () if standing is None else standing.history
    withdrawn = frozenset[str]() if standing is None else standing.withdrawn
    return [msgspec.to_builtins(word.label) | {"withdrawn": word.label.id in withdrawn} for word in words]
