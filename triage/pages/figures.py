"""How well each model does, by what people say."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from triage.pages.site import Site
from triage.store.figures import BOUNDS_S, Figures, figures


def routes(site: Site) -> APIRouter:
    """The page."""
    router = APIRouter(include_in_schema=False)

    @router.get("/figures")
    def show_figures(request: Request) -> Response:
        with site.store.read() as session:
            found = figures(session, site.clock(), site.budget_per_day)
        rows = [(each, typical_wait(each)) for each in found]
        return site.page(request, "figures.html", rows=rows, budget=site.budget_per_day)

    return router


def typical_wait(found: Figures) -> tuple[float, bool] | None:
    """Within what time half of the labels were said, by the histogram's bounds; the second says that it took longer."""
    count = found.waits[-1]
    if not count:
        return None
    place = next(at for at, within in enumerate(found.waits) if 2 * within >= count)
    return (BOUNDS_S[place], False) if place < len(BOUNDS_S) else (BOUNDS_S[-1], True)
