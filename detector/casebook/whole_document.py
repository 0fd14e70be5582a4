"""The document of an incident that several partitions told: one of theirs, with what is summed up in its place."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from detector.casebook.told import FIRST_LEVEL_ID, Told, ours_of
from detector.casebook.words import LAST_S

SUMMED = (
    "id", "revision", "step", "alerts", "first_seen", "last_seen", "size", "sources", "destinations", "ports",
    "unanswered_share", "src_bytes", "dst_bytes", "model_versions", "kind", "rule", "confidence", "check", "innocent",
    "techniques"
)  # fmt: skip
"""Of our own part, what the whole has in place of the part's; the rest is that of the part with most alerts."""

ECS_LEVELS = (21, 47, 73, 99)
"""ECS's ``event.severity`` of each of :data:`~detector.casebook.told.LEVELS`."""


def whole_document(told: Told, documents: Mapping[str, bytes]) -> bytes:
    """The whole's document, by those of its parts; that of an incident with one document is the document itself."""
    if not told.parts:
        return documents[told.ours.id]
    chief = max(told.parts, key=lambda part: part.ours.alerts)
    whole = msgspec.json.decode(documents[chief.ours.id])
    ours = ours_of(whole)
    ours |= {name: getattr(told.ours, name) for name in SUMMED} | {"parts": [part.ours.id for part in told.parts]}
    ours |= {"headline": told.headline, "tactic": told.ours.tactic or None}
    ours.pop("facts", None)  # of the part alone, as OCSF's analyses are
    whole.pop("anomaly_analyses", None)
    if told.ours.kind != chief.ours.kind:
        _rename(whole, told)
    ours["counts"] = msgspec.to_builtins(told.ours.counts)
    _put(ours, {"severity": told.severity, "severity_why": told.ours.severity_why} | _risk("risk", told))
    _put(whole, _as_ocsf(told) | _as_ecs(told))
    for part, values in _within(told).items():
        if isinstance(whole.get(part), dict):
            _put(whole[part], values)
    return msgspec.json.encode(whole)


def _rename(whole: dict[str, Any], told: Told) -> None:
    """Give a document the technique of another kind than it had."""
    uid, _, name = told.tactic.partition(" ")
    if "unmapped" in whole:
        finding = whole["finding_info"] if isinstance(whole.get("finding_info"), dict) else whole
        finding["attacks"] = [
            {"tactic": {"uid": uid, "name": name}, "technique": {"uid": each.id, "name": each.name}}
            for each in told.techniques
        ]
        _put(finding, {"types": [told.ours.kind]})
        if isinstance(finding.get("analytic"), dict):
            _put(finding["analytic"], {"name": told.ours.kind, "desc": told.ours.rule})
        for name in ("confidence", "confidence_id"):
            whole.pop(name, None)
        return
    ids, names = [each.id for each in told.techniques], [each.name for each in told.techniques]
    whole["threat"] = {
        "framework": "MITRE ATT&CK",
        "tactic": {"id": [uid], "name": [name]},
        "technique": {"id": ids, "name": names},
    }
    _put(whole, {"rule": {"name": told.ours.kind, "description": told.ours.rule}})


def _put(part: dict[str, Any], values: Mapping[str, Any]) -> None:
    """Replace what is there."""
    part |= {name: value for name, value in values.items() if name in part}


def _risk(name: str, told: Told) -> dict[str, Any]:
    return {} if told.ours.risk is None else {name: told.ours.risk}


def _as_ocsf(told: Told) -> dict[str, Any]:
    ours = told.ours
    return {
        "message": told.headline,
        "desc": f"{told.headline}. {ours.size}",
        "count": ours.alerts,
        "time": _ms(ours.last_seen),
        "start_time": _ms(ours.first_seen),
        "end_time": _ms(ours.last_seen),
        "severity_id": told.level + FIRST_LEVEL_ID,
        "severity": told.severity.capitalize(),
        "risk_level_id": told.level + 1,
        "risk_level": told.severity.capitalize(),
        "risk_details": ours.severity_why,
    } | _risk("risk_score", told)


def _as_ecs(told: Told) -> dict[str, Any]:
    return {"@timestamp": _iso(told.ours.last_seen)}


def _within(told: Told) -> dict[str, dict[str, Any]]:
    """What is replaced within objects of OCSF or ECS."""
    ours = told.ours
    number = f"{ours.id}:{ours.revision}"
    return {
        "metadata": {"uid": number, "correlation_uid": ours.id, "sequence": ours.revision},
        "finding_info": {
            "uid": ours.id,
            "title": told.headline,
            "desc": f"{told.headline}. {ours.size}",
            "first_seen_time": _ms(ours.first_seen),
            "last_seen_time": _ms(ours.last_seen),
            "related_events_count": ours.alerts,
        },
        "event": {
            "severity": ECS_LEVELS[told.level],
            **_risk("risk_score", told),
            "id": number,
            "sequence": ours.revision,
            "start": _iso(ours.first_seen),
            "end": _iso(ours.last_seen),
            "reason": f"{told.headline}. {ours.size}",
        },
        "related": {"ip": sorted({*ours.sources, *ours.destinations})},
    }


def _ms(seconds: float) -> int:
    return round(1000.0 * min(max(seconds, 0.0), LAST_S))


def _iso(seconds: float) -> str:
    moment = datetime.fromtimestamp(_ms(seconds) / 1000.0, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
