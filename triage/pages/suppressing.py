"""Keeping known false alarms quiet for a while: an offer made of an incident, its preview, and the list of rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from detector.errors import ConfigurationError, InputError
from detector.suppression.make import Subject, make_rule, of_incident
from detector.suppression.objections import Objection, objections
from detector.suppression.preview import DAYS, Preview
from detector.suppression.rule import LONGEST, SCOPES, Scope, Suppression
from triage.access.identity import Analyst, Identity, Viewer
from triage.pages.incident import known
from triage.pages.site import Site, form_of, then
from triage.reasons import Reason
from triage.store.rows import Incident
from triage.store.suppressions import list_rules, remove_rule
from triage.suppressing import lasting, preview_rule, rule_of, save_checked

TIMES: Mapping[int, str] = {1: "1 hour", 8: "8 hours", 24: "1 day", 168: "7 days", 720: "30 days"}
"""In hours: for how long a rule may be."""

USUAL_HOURS = 168

SCOPE_WORDS: Mapping[Scope, str] = {
    "pair": "these two hosts",
    "service": "this source, at this port of any host",
    "source": "all that this source begins",
    "pattern": "flows of this source with numbers like these",
}
"""The narrowest first."""

CHOICES: Mapping[str, str] = {"src_ip": "Source", "dst_ip": "Destination", "dst_port": "Port", "proto": "Protocol"}

MOST_CHOICES = 30

DAY_HOURS = 24


@dataclass(frozen=True, slots=True)
class Seen:
    """A rule that could be made, and what it would have hidden."""

    rule: Suppression
    recent: Preview
    against: list[Objection]

    @property
    def words(self) -> str:
        """What is told of it."""
        return self.recent.words(DAYS)

    def is_kind(self, kind: str) -> bool:
        """Whether something of this kind speaks against it."""
        return any(each.kind == kind for each in self.against)


def routes(site: Site) -> APIRouter:
    """The pages of suppressions."""
    router = APIRouter(include_in_schema=False)

    @router.get("/incidents/{name}/suppress")
    def show_offer(request: Request, name: str, who: Viewer) -> Response:
        return _offer(site, request, name, who, request.query_params)

    @router.post("/incidents/{name}/suppress")
    def suppress(request: Request, name: str, who: Analyst) -> Response:
        form, now = form_of(request), site.clock()
        try:
            with site.store.write() as session:
                found = known(session, name)
                rule = _rule(found, who, form, now)
                forced, confirmed = form.get("forced") == "yes", form.get("confirmed") == "yes"
                save_checked(session, rule, now, forced=forced, confirmed=confirmed)
        except (ConfigurationError, InputError) as error:
            return _offer(site, request, name, who, form, why=str(error))
        return then("/suppressions")

    @router.get("/suppressions")
    def show_rules(request: Request) -> Response:
        ended = request.query_params.get("ended") == "yes"
        with site.store.read() as session:
            rules = list_rules(session, site.clock(), ended=ended)
        return site.page(request, "suppressions.html", rules=rules, ended=ended)

    @router.post("/suppressions/{name}/withdraw")
    def withdraw(name: str) -> Response:
        with site.store.write() as session:
            remove_rule(session, name, site.clock())
        return then("/suppressions")

    return router


def _offer(  # noqa: PLR0917 - what a form is made of
    site: Site, request: Request, name: str, who: Identity, given: Mapping[str, str], why: str = ""
) -> Response:
    """The form, with a preview once what it needs is there; with ``why`` for what was refused."""
    now = site.clock()
    with site.store.read() as session:
        found = known(session, name)
        subject = of_incident(found.told.ours)
        seen = None
        if given.get("scope"):
            try:
                seen = _seen(session, _rule(found, who, given, now), now)
            except (ConfigurationError, InputError) as error:
                why = why or str(error)
    return site.page(
        request,
        "suppress.html",
        HTTPStatus.BAD_REQUEST if why else HTTPStatus.OK,
        row=found.row,
        scopes=_scopes(subject),
        choices=_choices(subject),
        bounds=_bounds_offered(found.reasons),
        given=_filled(given),
        times=TIMES.items(),
        seen=seen,
        why=why,
    )


def _scopes(subject: Subject) -> list[tuple[Scope, str]]:
    """What a rule of each scope would be of: in the subject's own words, where it has one of each end."""
    found: list[tuple[Scope, str]] = []
    now, lasts = lasting(0.0, USUAL_HOURS / DAY_HOURS)
    for scope, words in SCOPE_WORDS.items():
        try:
            told = make_rule(subject, scope, owner="-", reason="-", now=now, lasts=lasts).words
        except (ConfigurationError, InputError):
            told = words
        found.append((scope, told))
    return found


def _filled(given: Mapping[str, str]) -> dict[str, Any]:
    names = ("reason", "label", *CHOICES, "bounds")
    return {
        "scope": given.get("scope", "pair"),
        "hours": given.get("hours", str(USUAL_HOURS)),
        **{name: given.get(name, "") for name in names},
    }


def _seen(session: Session, rule: Suppression, now: float) -> Seen:
    foreseen = preview_rule(session, rule, now)
    return Seen(rule, foreseen.recent, objections(rule, foreseen.whole))


def _rule(found: Incident, who: Identity, given: Mapping[str, str], now: float) -> Suppression:
    """The rule that a form asks for. Raises ConfigurationError, InputError."""
    scope = next((each for each in SCOPES if each == given.get("scope")), None)
    if scope is None:
        raise ConfigurationError(f"scope: choose one of {', '.join(SCOPES)}")
    reason = given.get("reason", "").strip()
    if not reason:
        raise ConfigurationError("reason: say why it is harmless, for whoever looks next")
    said = None if found.standing is None else found.standing.last
    return rule_of(
        found,
        scope,
        owner=who.name,
        reason=reason,
        now=now,
        days=_hours(given.get("hours", "")) / DAY_HOURS,
        ends=_ends(of_incident(found.told.ours), given),
        bounds=given.get("bounds", "").split() if scope == "pattern" else (),
        label=None if said is None else said.id,
    )


def _hours(given: str) -> float:
    most = LONGEST.days * DAY_HOURS
    try:
        hours = float(given)
    except ValueError:
        hours = 0.0
    if not 0.0 < hours <= most:
        raise ConfigurationError(f"hours: give more than 0 and at most {most}")
    return hours


def _ends(subject: Subject, given: Mapping[str, str]) -> dict[str, Any]:
    """Those of several ends that the form names."""
    return {
        name: value
        for name in CHOICES
        for values in [getattr(subject, name)]
        for value in values
        if len(values) > 1 and str(value) == given.get(name)
    }


def _choices(subject: Subject) -> list[tuple[str, str, list[str]]]:
    """Ends of which there are several, one of which a rule may be of."""
    found = [(name, words, [str(each) for each in getattr(subject, name)]) for name, words in CHOICES.items()]
    return [(name, words, values[:MOST_CHOICES]) for name, words, values in found if len(values) > 1]


def _bounds_offered(reasons: tuple[Reason, ...]) -> str:
    """Bounds around this incident's own numbers, where its alerts tell features; else none."""
    named = {each.name: each for each in reversed(reasons) if each.name and each.contribution is not None}
    offered = sorted(named.values(), key=lambda each: -(each.contribution or 0.0))[:3]
    return " ".join(f"{each.name}={_rough(each.value, -1)}..{_rough(each.value, 1)}" for each in offered)


def _rough(value: float, side: int) -> str:
    return f"{value + side * max(abs(value) * 0.1, 0.01):.4g}"
