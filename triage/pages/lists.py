"""The list of incidents: as a page, as the piece that it renews itself by, and for a spreadsheet."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from detector.casebook.told import LEVELS
from detector.feedback.files import inert
from triage.pages.asking import LABEL_WORDS, LAST_WORDS, Asked, asked_of, kinds_with
from triage.pages.site import Site
from triage.pages.words import iso_time
from triage.store.filters import Paging
from triage.store.incidents import list_incidents
from triage.store.queue import most_instructive
from triage.store.rows import IncidentPage, IncidentRow

ROWS = 50
"""On a page."""

QUEUE, MOST_QUEUE = 20, 200
"""Of the queue at first, and at most: to choose among many takes longer than to judge some and ask again."""

CSV_PAGE, MOST_CSV = 500, 10_000
"""Rows that are read at a time, and that a file has at most."""

CSV_COLUMNS = (
    *("id", "last_seen", "first_seen", "severity", "risk", "kind", "headline", "who", "size", "source", "destination"),
    *("port", "alerts", "state", "model_version", "suppressed", "verdict", "said_by", "said_at"),
)


def routes(site: Site) -> APIRouter:
    """The pages of lists."""
    router = APIRouter(include_in_schema=False)

    @router.get("/incidents")
    def show_list(request: Request) -> Response:
        asked = asked_of(request.query_params)
        found = _found(site, asked)
        severities = [("", "any"), *((each, f"{each} or worse") for each in reversed(LEVELS[1:]))]
        answer = site.page(
            request,
            "incidents.html",
            **found,
            times=LAST_WORDS.items(),
            severities=severities,
            kinds=[("", "any kind"), *((each, each) for each in kinds_with(asked["kind"]))],
            labels=LABEL_WORDS.items(),
            models=sorted({row.model_version for row in found["page"].rows} - {""}),
        )
        answer.headers["hx-push-url"] = found["here"]  # without the fields that are empty
        return answer

    @router.get("/incidents/rows")
    def show_rows(request: Request) -> Response:
        found = _found(site, asked_of(request.query_params))
        if request.headers.get("x-seen") == found["seen"]:
            return Response(status_code=HTTPStatus.NO_CONTENT)
        return site.page(request, "rows.html", **found)

    @router.get("/incidents.csv")
    def give_csv(request: Request) -> Response:
        asked = asked_of(request.query_params)
        with site.store.read() as session:
            body = write_csv(_all(session, asked, site.clock()))
        name = {"content-disposition": 'attachment; filename="incidents.csv"'}
        return Response(body, media_type="text/csv; charset=utf-8", headers=name)

    @router.get("/queue")
    def show_queue(request: Request) -> Response:
        given = request.query_params.get("most", "")
        most = min(int(given), MOST_QUEUE) if given.isdecimal() and 0 < len(given) < 9 else QUEUE
        with site.store.read() as session:
            chosen = most_instructive(session, most + 1)
        more = min(most + QUEUE, MOST_QUEUE) if len(chosen) > most else 0
        return site.page(
            request, "queue.html", chosen=chosen[:most], most=most, more=more, here=f"/queue?most={most}", view="row"
        )

    return router


def write_csv(rows: Iterator[IncidentRow]) -> bytes:
    """A file for a spreadsheet; no cell of it is a formula."""
    out = io.StringIO()
    lines = csv.writer(out)
    lines.writerow(CSV_COLUMNS)
    for row in rows:
        label = row.label
        given: dict[str, Any] = {
            **{name: getattr(row, name) for name in CSV_COLUMNS if hasattr(row, name)},
            "last_seen": iso_time(row.last_seen),
            "first_seen": iso_time(row.first_seen),
            "suppressed": "yes" if row.suppressed else "no",
            "verdict": label.verdict if label else "",
            "said_by": label.by if label else "",
            "said_at": iso_time(label.at) if label else "",
        }
        cells = [given[name] for name in CSV_COLUMNS]
        lines.writerow("" if each is None else inert(each) if isinstance(each, str) else each for each in cells)
    return out.getvalue().encode()


def _found(site: Site, asked: Asked) -> dict[str, Any]:
    with site.store.read() as session:
        page = list_incidents(session, asked.filter(site.clock()), asked.paging(ROWS))
    here = f"/incidents?{asked.query}" if asked.query else "/incidents"
    return {"asked": asked, "page": page, "seen": _seen(page), "here": here, "view": "row"}


def _seen(page: IncidentPage) -> str:
    """What a page shows, in short: it is sent again only where that changed."""
    return hashlib.sha256(repr((page.rows, page.count)).encode()).hexdigest()[:16]


def _all(session: Session, asked: Asked, now: float) -> Iterator[IncidentRow]:
    wanted, paging = asked.filter(now), asked.paging(CSV_PAGE)
    for _ in range(MOST_CSV // CSV_PAGE):
        page = list_incidents(session, wanted, paging)
        yield from page.rows
        if not page.after:
            return
        paging = Paging(CSV_PAGE, page.after, paging.order)
