"""The routers of the interface for programs, for whoever makes the application."""

from __future__ import annotations

import time
from collections.abc import Callable

from fastapi import APIRouter, Depends
from prometheus_client import CollectorRegistry

from triage.access.identity import viewer
from triage.api import incidents, labels, probes
from triage.store.engine import Database

PREFIX = "/api/v1"


def routers(
    database: Database,
    registry: CollectorRegistry,
    *,
    budget_per_day: float,
    dead: Callable[[], str] = lambda: "",
    clock: Callable[[], float] = time.time,
) -> list[APIRouter]:
    """All of them; whoever asks is found by what :mod:`triage.access` puts before."""
    api = APIRouter(prefix=PREFIX, dependencies=[Depends(viewer)])
    api.include_router(incidents.routes(database, clock, budget_per_day))
    api.include_router(labels.routes(database, clock))
    return [api, probes.routes(database, registry, dead)]
