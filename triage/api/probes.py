"""What probes and Prometheus ask: is it alive, is it ready, and how is it. Nobody signs in for these."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from sqlalchemy import text

from detector.web.server import WithoutCreated
from triage.errors import StoreError
from triage.store.engine import Database

UNWELL = 503


def routes(database: Database, registry: CollectorRegistry, dead: Callable[[], str]) -> APIRouter:
    """``dead`` names a part of this process that ended though it should not have; empty where none did."""
    router = APIRouter(include_in_schema=False)

    @router.get("/healthz")
    def is_alive() -> Response:
        name = dead()
        return _plain(f"{name} ended: see the log; restart" if name else "alive", well=not name)

    @router.get("/readyz")
    def is_ready() -> Response:
        try:
            with database.read() as session:
                session.execute(text("SELECT 1"))
        except StoreError:  # its words may hold names from within: they are in the log
            return _plain("the database cannot be used: see the log", well=False)
        return _plain("ready", well=True)

    @router.get("/metrics")
    def metrics(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(WithoutCreated(registry)), headers={"content-type": content_type})

    return router


def _plain(words: str, *, well: bool) -> Response:
    return Response(f"{words}\n", 200 if well else UNWELL, media_type="text/plain; charset=utf-8")
