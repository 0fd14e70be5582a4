"""Labels: one key press, undo, many at once by what they have in common, and the list of all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from detector.errors import ConfigurationError
from detector.feedback.label import VERDICTS, Of
from triage.access.identity import Analyst
from triage.pages.asking import Asked, asked_of
from triage.pages.incident import judged_context, known
from triage.pages.site import Site, form_of, is_piece, local, then
from triage.store.bulk import ChangedError, label_all, preview_bulk
from triage.store.labels import list_labels, new_label, say, withdraw

LABELS = 100
"""On a page."""

ODD = {
    "conflicting": "People's last words on this are true and false; the last one counts",
    "late": "It came after a word that was said later, and does not count",
    "reused": "Another label has the same id; the one in the first place counts",
    "dangling": "It takes back a label that is not known here",
    "ahead": "Its clock was ahead: it counts as said when it came",
}
"""What is odd about a label, in words."""


def routes(site: Site) -> APIRouter:
    """What says a label, and takes it back."""
    router = APIRouter(include_in_schema=False)

    @router.post("/incidents/{name}/label")
    def label_one(request: Request, name: str, who: Analyst) -> Response:
        form, now = form_of(request), site.clock()
        verdict = _verdict(form)
        with site.store.write() as session:
            model = known(session, name).row.model_version
            label = new_label(Of(incident=name), verdict, who.name, now, form.get("comment", ""), model)
            say(session, label, now)
        return _answer(site, request, name, form, f"Labelled {verdict}.", label.id, offer=verdict == "false")

    @router.post("/labels/{label}/withdraw")
    def undo(request: Request, label: str, who: Analyst) -> Response:
        form = form_of(request)
        with site.store.write() as session:
            withdraw(session, label, who.name, site.clock())
        if name := form.get("incident", ""):
            return _answer(site, request, name, form, "Taken back.")
        return then("/labels")

    @router.get("/labels")
    def show_labels(request: Request) -> Response:
        after = request.query_params.get("after", "")
        with site.store.read() as session:
            rows = list_labels(session, LABELS, int(after) if after.isdecimal() and len(after) < 19 else None)
        older = rows[-1].number if len(rows) == LABELS else None
        return site.page(request, "labels.html", rows=rows, older=older, odd=ODD)

    @router.get("/bulk")
    def show_bulk(request: Request) -> Response:
        return _bulk(site, request, asked_of(request.query_params), {})

    @router.post("/bulk")
    def label_many(request: Request, who: Analyst) -> Response:
        form, now = form_of(request), site.clock()
        asked, verdict = asked_of(form), _verdict(form)
        if form.get("confirmed") != "yes":
            return _bulk(site, request, asked, form, asks=True)
        try:
            with site.store.write() as session:
                comment, token = form.get("comment", ""), form.get("token", "")
                labels = label_all(session, _dated(asked, form, now), token, verdict, who.name, now, comment)
        except ChangedError as error:
            return _bulk(site, request, asked, form, changed=str(error))
        return site.page(request, "bulk_done.html", count=len(labels), verdict=verdict, asked=asked)

    return router


def _bulk(
    site: Site, request: Request, asked: Asked, form: Mapping[str, str], *, asks: bool = False, changed: str = ""
) -> Response:
    now = site.clock()
    with site.store.read() as session:
        covered = preview_bulk(session, _dated(asked, form if asks else {}, now))
    return site.page(
        request,
        "bulk.html",
        asked=asked,
        covered=covered,
        verdict=form.get("verdict", ""),
        comment=form.get("comment", ""),
        asks=asks,
        changed=changed,
        as_of=f"{now:.3f}" if not asks else form.get("as_of", f"{now:.3f}"),
        here="",
        view="",
    )


def _dated(asked: Asked, form: Mapping[str, str], now: float) -> Any:
    """The filter, as of when it was first looked at: «the last 24 hours» would cover others by the time of a click."""
    as_of = form.get("as_of", "")
    try:
        return asked.filter(min(float(as_of), now) if as_of else now)
    except ValueError:
        raise ConfigurationError("as_of: it is no time; look at the preview again") from None


def _answer(  # noqa: PLR0917 - what is told of one change
    site: Site, request: Request, name: str, form: Mapping[str, str], words: str, undo: str = "", *, offer: bool = False
) -> Response:
    """After a change: the row or the part of the page that shows it, or for browsers without scripts the page."""
    here, view = local(form.get("next", "")), form.get("view", "")
    if not is_piece(request) or view not in {"row", "page"}:
        return then(local(form.get("next", ""), f"/incidents/{name}"))
    with site.store.read() as session:
        found = known(session, name)
    return site.page(
        request,
        "judged_row.html" if view == "row" else "judged_page.html",
        found=found,
        row=found.row,
        here=here,
        view=view,
        words=words,
        undo=undo,
        target=f'[data-incident="{name}"]',
        suppress=f"/incidents/{name}/suppress" if offer else "",
        **judged_context(found),
    )


def _verdict(form: Mapping[str, str]) -> str:
    verdict = form.get("verdict", "")
    if verdict not in VERDICTS:
        raise ConfigurationError(f"verdict: give {', '.join(VERDICTS)}")
    return verdict
