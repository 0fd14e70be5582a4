"""An incident as a document: OCSF's Incident Finding (class 2005, schema 1.5.0), or ECS; keyed by its id.

Each document tells the whole incident as it was then; the one with the highest ``revision`` is the latest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from detector.alerts.ecs import ECS_VERSION, RISK, iso
from detector.alerts.ocsf import OCSF_VERSION
from detector.decisions.severity import Severity
from detector.errors import ConfigurationError
from detector.incidents.book import Change, Step
from detector.incidents.incident import MAX_DISTINCT
from detector.printable import printable_json
from detector.transport.base import OutRecord

INCIDENT_VERSION = 1
"""Of the part that is ours; rises when a field changes its meaning or goes away, not when one is added."""

CLASS, CATEGORY = 2005, 2

ACTIVITIES: dict[Step, tuple[int, str]] = {"open": (1, "Create"), "update": (2, "Update"), "close": (3, "Close")}

STATUSES: dict[Step, tuple[int, str]] = {"open": (1, "New"), "update": (1, "New"), "close": (5, "Closed")}

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
    title = _title(change)
    severity = Severity(incident.severity)
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
        "desc": title,
        "message": title,
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
    title = _title(change)
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
            "reason": title,
        },
        "message": title,
        "observer": {"product": "oddflow", "type": "ids"},
        "related": {"ip": sorted({*incident.sources, *incident.destinations})},
        "oddflow": ours(change) | {"severity": Severity(incident.severity).word},
    }


SHAPES: dict[str, Callable[[Change], dict[str, Any]]] = {"ocsf": ocsf, "ecs": ecs}


def ours(change: Change) -> dict[str, Any]:
    """The part that neither OCSF nor ECS has fields for; the same in both."""
    incident = change.incident
    return {
        "incident_version": INCIDENT_VERSION,
        "id": incident.id,
        "revision": incident.revision,
        "step": change.step,
        "kind": change.rule.kind,
        "rule": change.rule.states,
        "focus": incident.focus,
        "alerts": incident.count,
        "first_seen": incident.first_seen,
        "last_seen": incident.last_seen,
        "peak_score": incident.peak_score,
        "lowest_p_value": incident.lowest_p,
        "sources": incident.sources,
        "destinations": incident.destinations,
        "ports": incident.ports,
        "unanswered_share": incident.unanswered_share,
        "src_bytes": incident.src_bytes,
        "dst_bytes": incident.dst_bytes,
        "leading_features": incident.themes,
        "strongest": [msgspec.to_builtins(strong) for strong in incident.strongest],
        "model_versions": incident.models,
    }


def _title(change: Change) -> str:
    """Such as ``Scan: 10.0.0.5 to 32 or more destinations, 310 alerts``."""
    incident, kind = change.incident, change.rule.kind
    source = incident.src_ip if incident.focus != "destination" else _some(incident.sources, "sources")
    target = incident.dst_ip if incident.focus != "source" else _some(incident.destinations, "destinations")
    alerts = "1 alert" if incident.count == 1 else f"{incident.count} alerts"
    return f"{'Unusual flows' if kind == 'other' else kind.capitalize()}: {source} to {target}, {alerts}"


def _some(seen: list[str], what: str) -> str:
    return f"{len(seen)}{' or more' if len(seen) >= MAX_DISTINCT else ''} {what}"


def _ms(seconds: float) -> int:
    return round(min(max(seconds * 1000.0, 0.0), 253402300799999))  # readers hold no year beyond 9999
