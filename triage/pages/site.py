"""What all pages share: the database, who asks, and the templates, in which every text is printable and escaped."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlencode

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import Scope

from detector.casebook.told import LEVELS
from detector.casebook.words import moment
from detector.errors import ConfigurationError
from detector.printable import printable
from triage.access.accounts import Store
from triage.access.guard import SIGN_IN
from triage.access.identity import identity_of
from triage.access.rules import AccessRules
from triage.access.sign_in import SignIn
from triage.pages import grafana, words
from triage.telemetry import Tell, silent

FOLDER = Path(__file__).parent

STATIC = FOLDER / "static"

MOST_FIELDS = 200
"""Of a form."""

NAVIGATION = (
    ("/incidents", "Incidents"),
    ("/queue", "Queue"),
    ("/hosts", "Hosts"),
    ("/suppressions", "Suppressions"),
    ("/labels", "Labels"),
    ("/figures", "Figures"),
)


@dataclass(frozen=True)
class Site:
    """What pages are made with."""

    store: Store
    rules: AccessRules
    sign_in: SignIn
    clock: Callable[[], float]
    grafana_url: str | None = None
    budget_per_day: float = 0.0
    tell: Tell = silent

    def page(self, request: Request, template: str, status: int = HTTPStatus.OK, **given: Any) -> Response:
        """A page, or a piece of one, of a template."""
        context = {"request": request, "identity": identity_of(request), "now": self.clock(), "site": self, **given}
        return HTMLResponse(templates().get_template(template).render(context), status)

    def grafana(self, host: str, since: float, until: float, incident: str = "") -> str:
        """A link for a host and a time; empty where there is no Grafana, or no host."""
        return grafana.link(self.grafana_url, host, since, until, incident) if self.grafana_url and host else ""


def form_of(request: Request) -> Mapping[str, str]:
    """The fields of a form, each once: the last one of several. Raises ConfigurationError for too many."""
    body = request.scope.get("body", b"")
    try:
        fields = parse_qs(body.decode(errors="replace"), max_num_fields=MOST_FIELDS)
    except ValueError:
        raise ConfigurationError(f"the form has more than {MOST_FIELDS} fields; send those of the page") from None
    return {name: values[-1] for name, values in fields.items()}


def is_piece(request: Request) -> bool:
    """Whether htmx asks, for a piece of a page."""
    return request.headers.get("hx-request") == "true"


def then(address: str) -> Response:
    """Go on to another page after a change."""
    return RedirectResponse(address, HTTPStatus.SEE_OTHER)


def local(address: str, otherwise: str = "/incidents") -> str:
    """An address of this server's, or the other one: nobody is led elsewhere."""
    fine = address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()
    return address if fine else otherwise


def refuse(scope: Scope, status: int, why: str) -> Response:
    """The answer to what was refused: JSON for programs, words for htmx, a page or the sign-in for people."""
    request = Request(scope)
    if scope["path"].startswith("/api/"):
        return JSONResponse({"detail": why}, status)
    if is_piece(request):
        return Response(why, status, media_type="text/plain")
    if status == HTTPStatus.UNAUTHORIZED and scope["method"] == "GET":
        if request.headers.get("sec-fetch-site") == "cross-site":
            # A strict cookie does not come along from another site's link, as Grafana's; from here it does.
            return HTMLResponse(templates().get_template("again.html").render(address=_address(scope)))
        return then(f"{SIGN_IN}?{urlencode({'next': _address(scope)})}")
    page = templates().get_template("refused.html")
    title = HTTPStatus(status).phrase
    context = {"request": request, "identity": None, "why": why, "title": title, "status": int(status), "now": 0.0}
    return HTMLResponse(page.render(context), status)


def _address(scope: Scope) -> str:
    query = scope.get("query_string", b"").decode("latin-1")
    return local(quote(scope["path"], safe="/:@-._~!$&'()*+,;=") + (f"?{query}" if query else ""))


@cache
def templates() -> Environment:
    """The templates, and what they tell things by."""
    made = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
        auto_reload=False,
    )
    made.filters |= {
        "iso_time": words.iso_time,
        "short_time": words.short_time,
        "lasting": words.lasting,
        "octets": words.octets,
        "share": words.share,
        "quoted": lambda text: quote(text, safe=""),
    }
    made.globals |= {
        "amount": words.amount,
        "moment": moment,
        "static": static_address,
        "navigation": NAVIGATION,
        "levels": LEVELS,
    }
    return made


@cache
def static_address(name: str) -> str:
    """Where a file is, with its digest, so that it may be kept for ever."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"


def _shown(value: object) -> object:
    """What a template shows: nothing that hides or turns other text."""
    if value is None:
        return ""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value
