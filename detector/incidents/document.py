"""An incident as a document: OCSF's Incident Finding (class 2005, schema 1.5.0), or ECS; keyed by its id.

Each document tells the whole incident as it was then; the one with the highest ``revision`` is the latest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from detector.alerts.ecs import ECS_VERSION, RISK, iso
from detector.alerts.ocsf import OCSF_VERSION
from detector.decisions.severity import Severity
from detector.errors import ConfigurationError
from detector.incidents.book import Change, Step
from detector.incidents.incident import LISTED, MAX_DISTINCT
from detector.incidents.kinds import Confidence
from detector.incidents.words import contact, facts, headline, message, size, worked
from detector.printable import printable_json
from detector.transport.base import OutRecord

INCIDENT_VERSION = 2
"""Of the part that is ours; rises when a field changes its meaning or goes away, not when one is added."""

CLASS, CATEGORY = 2005, 2

ACTIVITIES: dict[Step, tuple[int, str]] = {"open": (1, "Create"), "update": (2, "Update"), "close": (3, "Close")}

STATUSES: dict[Step, tuple[int, str]] = {"open": (1, "New"), "update": (1, "New"), "close": (5, "Closed")}

CONFIDENCES: dict[Confidence, tuple[int, str]] = {
    "sure": (3, "High"),
    "likely": (2, "Medium"),
    "possible": (1, "Low"),
    "unknown": (0, "Unknown"),
}
"""OCSF's ``confidence_id`` and its caption."""

ATTACK_VERSION = "18"
"""Of MITRE ATT&CK."""

Value = TypeVar("Value", str, int)

_encoder = msgspec.json.Encoder()


def write_incidents(changes: list[Change], shape: str = "ocsf") -> list[OutRecord]:
    """Write a document for each change, in order. Raises ConfigurationError for a shape that there isn't."""
    if shape not in SHAPES:
        raise ConfigurationError(f"output.format is {shape!r}: choose one of {', '.join(SHAPES)}")
    lay_out = SHAPES[shape]
    return [_document(lay_out(change), change.incident.id) for change in changes]


def _document(laid_out: dict[str, Any], key: str) -> OutRecord:
    return OutRecord(printable_json(_encoder.encode(laid_out)), key=key.encode())


def ocsf(change: Change) -> dict[str, Any]:
    """Lay out a change as OCSF."""
    incident = change.incident
    activity, caption = ACTIVITIES[change.step]
    status, status_caption = STATUSES[change.step]
    title, severity = headline(incident, change.kind), Severity(incident.severity)
    confidence, confidence_caption = CONFIDENCES[change.kind.confidence]
    return {
        "class_uid": CLASS,
        "class_name": "Incident Finding",
        "category_uid": CATEGORY,
        "category_name": "Findings",
        "activity_id": activity,
        "activity_name": caption,
        "type_uid": CLASS * 100 + activity,
        "type_name": f"Incident Finding: {caption}",
        "time": _ms(incident.last_seen),
        "start_time": _ms(incident.first_seen),
        "end_time": _ms(incident.last_seen),
        "count": incident.count,
        "severity_id": int(severity),
        "severity": severity.word.capitalize(),
        "status_id": status,
        "status": status_caption,
        "confidence_id": confidence,
        "confidence": confidence_caption,
        "desc": message(incident, change.kind, change.usual),
        "message": title,
        **_attacks(change),
        "metadata": {
            "version": OCSF_VERSION,
            "uid": f"{incident.id}:{incident.revision}",
            "correlation_uid": incident.id,
            "product": {"name": "oddflow", "vendor_name": "oddflow"},
        },
        "finding_info_list": [
            {"uid": strong.alert, "title": f"Unusual flow: {strong.src_ip} to {strong.dst_ip}", "desc": strong.why}
            for strong in incident.strongest
        ],
        "unmapped": {"oddflow": ours(change)},
    }


def ecs(change: Change) -> dict[str, Any]:
    """Lay out a change as ECS."""
    incident = change.incident
    return {
        "@timestamp": iso(_ms(incident.last_seen)),
        "ecs": {"version": ECS_VERSION},
        "event": {
            "id": f"{incident.id}:{incident.revision}",
            "kind": "event",
            "category": ["network"],
            "type": ["end" if change.step == "close" else "info"],
            "module": "oddflow",
            "dataset": "oddflow.incidents",
            "severity": RISK[Severity(incident.severity)],
            "start": iso(_ms(incident.first_seen)),
            "end": iso(_ms(incident.last_seen)),
            "reason": message(incident, change.kind, change.usual),
        },
        "message": headline(incident, change.kind),
        "observer": {"product": "oddflow", "type": "ids"},
        "related": {"ip": sorted({*_most(incident.sources), *_most(incident.destinations)})},
        "rule": {"name": change.kind.name, "description": change.kind.states},
        **_threat(change),
        "oddflow": ours(change) | {"severity": Severity(incident.severity).word},
    }


SHAPES: dict[str, Callable[[Change], dict[str, Any]]] = {"ocsf": ocsf, "ecs": ecs}


def _attacks(change: Change) -> dict[str, Any]:
    """OCSF's ``attacks``: a technique each, with the kind's tactic; nothing for a kind without one."""
    kind = change.kind
    if kind.tactic is None:
        return {}
    tactic = {"uid": kind.tactic.id, "name": kind.tactic.name}
    return {
        "attacks": [
            {"version": ATTACK_VERSION, "tactic": tactic, "technique": {"uid": each.id, "name": each.name}}
            for each in kind.techniques
        ]
    }


def _threat(change: Change) -> dict[str, Any]:
    """ECS's ``threat``; nothing for a kind without a tactic."""
    kind = change.kind
    if kind.tactic is None:
        return {}
    return {
        "threat": {
            "framework": "MITRE ATT&CK",
            "tactic": {"id": [kind.tactic.id], "name": [kind.tactic.name]},
            "technique": {
                "id": [each.id for each in kind.techniques],
                "name": [each.name for each in kind.techniques],
            },
        }
    }


def ours(change: Change) -> dict[str, Any]:
    """The part that neither OCSF nor ECS has fields for; the same in both."""
    incident, kind = change.incident, change.kind
    optional = {
        "merged_into": incident.merged_into,
        "worked": worked(incident),
        "first_contact": contact(incident),
        "assets": incident.assets,
        "allowed": incident.is_allowed,
    }
    return {
        "incident_version": INCIDENT_VERSION,
        "id": incident.id,
        "revision": incident.revision,
        "step": change.step,
        "kind": kind.name,
        "rule": kind.states,
        "confidence": kind.confidence,
        "headline": headline(incident, kind),
        "size": size(incident, kind, change.usual),
        "facts": facts(incident, kind, change.usual),
        "check": kind.check,
        "innocent": kind.innocent,
        "tactic": None if kind.tactic is None else kind.tactic.id,
        "techniques": [each.id for each in kind.techniques],
        "focus": incident.focus,
        "alerts": incident.count,
        "counts": {
            name: {"distinct": len(seen), "or_more": len(seen) >= MAX_DISTINCT}
            for name, seen in (
                ("sources", incident.sources),
                ("destinations", incident.destinations),
                ("ports", incident.ports),
                ("answered", incident.answered),
            )
        },
        "first_seen": incident.first_seen,
        "last_seen": incident.last_seen,
        "risk": incident.risk,
        "severity_why": incident.severity_why,
        "peak_score": incident.peak_score,
        "lowest_p_value": incident.lowest_p,
        "sources": _most(incident.sources),
        "destinations": _most(incident.destinations),
        "ports": _most(incident.ports),
        "answered": _most(incident.answered),
        "unanswered_share": incident.unanswered_share,
        "src_bytes": incident.src_bytes,
        "dst_bytes": incident.dst_bytes,
        "longest_s": incident.longest_s,
        "strongest": [
            {name: value for name, value in msgspec.to_builtins(strong).items() if name != "measures"}
            for strong in incident.strongest
        ],
        "flows": [msgspec.to_builtins(flow) for flow in incident.flows],
        "model_versions": incident.models,
    } | {name: value for name, value in optional.items() if value}


def _most(seen: dict[Value, int]) -> list[Value]:
    """Those with the most alerts, the earlier of two alike."""
    return sorted(seen, key=lambda each: -seen[each])[:LISTED]


def _ms(seconds: float) -> int:
    return round(min(max(seconds * 1000.0, 0.0), 253402300799999))  # readers hold no year beyond 9999
