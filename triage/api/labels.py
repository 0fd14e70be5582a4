"""Labels and suppressions, as programs say them; who says it is whoever asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from fastapi import APIRouter
from sqlalchemy.orm import Session

from detector.errors import InputError
from detector.feedback.label import Of
from detector.structs import resolved
from detector.suppression.objections import objections
from detector.suppression.preview import DAYS
from detector.suppression.rule import Suppression
from triage.access.identity import Analyst, Identity, Viewer
from triage.api.given import BulkAsked, BulkWord, Number, RuleAsked, RuleGiven, Word, WordOf
from triage.api.incidents import known
from triage.store.bulk import Bulk, label_all, preview_bulk
from triage.store.engine import Database
from triage.store.incidents import alert, incident
from triage.store.labels import list_labels, new_label, say, withdraw
from triage.store.suppressions import SuppressionRow, list_rules, remove_rule
from triage.suppressing import preview_rule, rule_of, save_checked


def routes(database: Database, clock: Callable[[], float]) -> APIRouter:
    """What is said."""
    router = APIRouter(tags=["judge"])

    @router.get("/labels", summary="Labels, the latest first, a page at a time")
    def labels(limit: int = 50, after: Number | None = None) -> list[dict[str, Any]]:
        with database.read() as session:
            rows = list_labels(session, max(1, min(limit, 500)), after)
        return [
            {
                "number": row.number,
                "label": msgspec.to_builtins(row.label),
                "sent": row.sent,
                "withdrawn": row.withdrawn,
                "unknown": row.unknown,
                "counts": row.counts,
                "odd": list(row.odd),
            }
            for row in rows
        ]

    @router.post("/incidents/{name}/labels", status_code=201, summary="Label an incident")
    def label_incident(name: str, word: Word, who: Analyst) -> dict[str, Any]:
        with database.write() as session:
            version = known(incident(session, name), "incident", name).row.model_version
            return _said(session, _of({"incident": name}), word, who, clock(), version)

    @router.post("/alerts/{name}/labels", status_code=201, summary="Label an alert")
    def label_alert(name: str, word: Word, who: Analyst) -> dict[str, Any]:
        with database.write() as session:
            row, _, _ = known(alert(session, name), "alert", name)
            return _said(session, _of({"alert": name}), word, who, clock(), row.model_version)

    @router.post("/labels", status_code=201, summary="Label an incident, an alert, or flows of a time")
    def label_anything(word: WordOf, who: Analyst) -> dict[str, Any]:
        with database.write() as session:
            return _said(session, _of(word.of), word, who, clock())

    @router.post("/labels/{label}/withdraw", status_code=201, summary="Take a label back")
    def take_back(label: str, who: Analyst) -> dict[str, Any]:
        with database.write() as session:
            return _as_json(withdraw(session, label, who.name, clock()))

    @router.post("/bulk/preview", summary="See what one word would be on")
    def preview_many(asked: BulkAsked) -> Bulk:
        with database.read() as session:
            return preview_bulk(session, asked.filter.filter())

    @router.post("/bulk", status_code=201, summary="Label all that a preview covered")
    def label_many(word: BulkWord, who: Analyst) -> dict[str, int]:
        with database.write() as session:
            asked = word.filter.filter()
            said = label_all(session, asked, word.token, word.verdict, who.name, clock(), word.comment)
        return {"labels": len(said)}

    @router.get("/suppressions", summary="Rules that keep known false alarms quiet")
    def rules(*, ended: bool = False) -> list[dict[str, Any]]:
        now = clock()
        with database.read() as session:
            return [_rule_json(row, now) for row in list_rules(session, now, ended=ended)]

    @router.post("/suppressions/preview", summary="See what a rule would have hidden")
    def preview_one(asked: RuleAsked, who: Viewer) -> dict[str, Any]:
        now = clock()
        with database.read() as session:
            rule = _rule(session, asked, who, now)
            found = preview_rule(session, rule, now)
        against = objections(rule, found.whole)
        return {
            "rule": _as_json(rule),
            "words": found.recent.words(DAYS),
            "hidden": list(found.recent.hidden),
            "judged_true": list(found.whole.judged_true),
            "objections": [each._asdict() for each in against],
        }

    @router.post("/suppressions", status_code=201, summary="Save a rule")
    def save(asked: RuleGiven, who: Analyst) -> dict[str, Any]:
        now = clock()
        with database.write() as session:
            rule = _rule(session, asked, who, now)
            save_checked(session, rule, now, forced=asked.forced, confirmed=asked.confirmed)
        return _as_json(rule)

    @router.delete("/suppressions/{name}", status_code=204, summary="Withdraw a rule")
    def remove(name: str, who: Analyst) -> None:
        del who
        with database.write() as session:
            remove_rule(session, name, clock())

    return router


def _of(given: dict[str, Any]) -> Of:
    """What a label is of. Raises InputError where it is nothing."""
    try:
        return msgspec.convert(given, resolved(Of))
    except (msgspec.ValidationError, UnicodeEncodeError) as error:  # JSON may name half a sign, which is no text
        raise InputError(f"of: {error}") from None


def _said(  # noqa: PLR0917 - as `new_label`
    session: Session, of: Of, word: Word, who: Identity, now: float, model_version: str = ""
) -> dict[str, Any]:
    label = new_label(of, word.verdict, who.name, now, word.comment, model_version)
    say(session, label, now)
    return _as_json(label)


def _rule(session: Session, asked: RuleAsked, who: Identity, now: float) -> Suppression:
    found = known(incident(session, asked.incident), "incident", asked.incident)
    return rule_of(
        found,
        asked.scope,
        owner=who.name,
        reason=asked.reason,
        now=now,
        days=asked.days,
        ends={
            "src_ip": asked.src_ip or None,
            "dst_ip": asked.dst_ip or None,
            "dst_port": asked.dst_port,
            "proto": asked.proto or None,
        },
        bounds=asked.bounds,
        label=asked.label or None,
    )


def _rule_json(row: SuppressionRow, now: float) -> dict[str, Any]:
    rule = row.rule
    told = {"rule": _as_json(rule), "words": rule.words, "removed": row.removed, "sent": row.sent}
    return told | {"holds": row.holds(now)}


def _as_json(document: msgspec.Struct) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(document)
    return found
