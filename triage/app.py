"""Puts together what triage serves: pages, the interface for programs, static files, and the guard before them all."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DataError, SQLAlchemyError
from starlette.exceptions import HTTPException as AnyHTTPException
from starlette.responses import JSONResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from detector.errors import OddflowError
from detector.printable import printable, printable_json
from triage.access.accounts import Store
from triage.access.guard import Guard
from triage.access.rules import AccessRules
from triage.access.sign_in import SignIn
from triage.errors import StoreError
from triage.pages import figures, incident, judging, lists, signing, suppressing
from triage.pages.grafana import checked_template
from triage.pages.site import STATIC, Site, refuse, then
from triage.telemetry import AnswerFailed, Tell, silent

KEPT = "public, max-age=31536000, immutable"
"""Of static files: their addresses have their digests."""


class Files(StaticFiles):
    """The styles and scripts, which browsers may keep."""

    def file_response(self, *given: Any, **named: Any) -> Response:
        """Give one."""
        answer = super().file_response(*given, **named)
        answer.headers["cache-control"] = KEPT
        return answer


class PrintableJson(JSONResponse):
    """JSON in which nothing acts on a terminal: what is not printable is escaped."""

    def render(self, content: Any) -> bytes:
        """As bytes."""
        return printable_json(super().render(content))


def create_app(
    store: Store,
    rules: AccessRules,
    *,
    routers: Iterable[APIRouter] = (),
    grafana_url: str | None = None,
    budget_per_day: float = 10.0,
    clock: Callable[[], float] = time.time,
    tell: Tell = silent,
) -> Guard:
    """Make the application; ``routers`` are the interface for programs, below ``/api/``, and what probes ask."""
    site = Site(
        store,
        rules,
        SignIn(store, rules.session_s),
        clock,
        checked_template(grafana_url) if grafana_url else None,
        budget_per_day,
        tell,
    )
    app = FastAPI(
        title="oddflow triage",
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        default_response_class=PrintableJson,
    )
    for router in (
        *routers,
        *(part.routes(site) for part in (signing, lists, judging, suppressing, incident, figures)),
    ):
        app.include_router(router)
    app.mount("/static", Files(directory=STATIC))

    @app.get("/", include_in_schema=False)
    def begin() -> Response:
        return then("/incidents")

    def store_failed(request: Request, error: Exception) -> Response:
        """Who asked is told what sort of database fails and why; the log has where."""
        if not isinstance(error, StoreError):
            return _refused(request, error)
        if isinstance(error.__cause__, DataError):
            why = "what was asked for holds what no database takes, such as a NUL character; leave it out"
            return refuse(request.scope, HTTPStatus.BAD_REQUEST, why)
        tell(AnswerFailed(str(error)))
        status = HTTPStatus.SERVICE_UNAVAILABLE if error.retryable else HTTPStatus.BAD_REQUEST
        return refuse(request.scope, status, f"{error.told}; triage's log says more")

    app.add_exception_handler(StoreError, store_failed)
    app.add_exception_handler(AnyHTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _refused)
    app.add_exception_handler(OddflowError, _refused)
    app.add_exception_handler(SQLAlchemyError, _refused)
    app.add_exception_handler(Exception, _refused)
    return Guard(app, rules, store, refuse, clock, tell=tell)


def _refused(request: Request, error: Exception) -> Response:
    """What went wrong, in words."""
    scope: Scope = request.scope
    match error:
        case HTTPException() | AnyHTTPException():
            known = {HTTPStatus.NOT_FOUND: "there is no such page", HTTPStatus.METHOD_NOT_ALLOWED: "not in this way"}
            told = error.detail if isinstance(error, HTTPException) else ""
            return refuse(
                scope, error.status_code, printable(str(told or known.get(HTTPStatus(error.status_code), error.detail)))
            )
        case RequestValidationError():
            first = error.errors()[0]
            where = ".".join(str(each) for each in first.get("loc", ())[1:])
            return refuse(scope, HTTPStatus.UNPROCESSABLE_ENTITY, printable(f"{where}: {first.get('msg', '')}"))
        case OddflowError():
            status = HTTPStatus.SERVICE_UNAVAILABLE if error.retryable else HTTPStatus.BAD_REQUEST
            return refuse(scope, status, printable(str(error)))
        case SQLAlchemyError():
            return refuse(scope, HTTPStatus.SERVICE_UNAVAILABLE, f"the database fails ({type(error).__name__})")
    return refuse(scope, HTTPStatus.INTERNAL_SERVER_ERROR, f"this failed ({type(error).__name__}); see triage's log")
