"""An alert in the shape of OCSF's Detection Finding (class 2004, schema 1.5.0, schema.ocsf.io).

What OCSF has no attribute for is under ``unmapped.oddflow``, the place that OCSF gives it. Attributes that would be
null are left out.
"""

from __future__ import annotations

from typing import Any

from detector.alerts.content import Content
from detector.decisions.severity import Severity

OCSF_VERSION = "1.5.0"

CLASS, CATEGORY, CREATE = 2004, 2, 1

DIRECTIONS = {
    "inbound": (1, "Inbound"),
    "outbound": (2, "Outbound"),
    "internal": (3, "Lateral"),
    "external": (99, "External"),
}
"""OCSF's ``direction_id`` and its caption; it has none of its own for what goes from outside to outside."""


def ocsf(content: Content) -> dict[str, Any]:
    """Lay out an alert's content."""
    severity = Severity(content.severity)
    return {
        "class_uid": CLASS,
        "class_name": "Detection Finding",
        "category_uid": CATEGORY,
        "category_name": "Findings",
        "activity_id": CREATE,
        "activity_name": "Create",
        "type_uid": CLASS * 100 + CREATE,
        "type_name": "Detection Finding: Create",
        "time": content.time_ms,
        "start_time": content.start_ms,
        "end_time": content.end_ms,
        "severity_id": int(severity),
        "severity": severity.word.capitalize(),
        "status_id": 1,
        "status": "New",
        "is_alert": True,
        "message": content.why,
        "metadata": {
            "version": OCSF_VERSION,
            "uid": content.id,
            "product": {"name": "oddflow", "vendor_name": "oddflow"},
        }
        | ({"correlation_uid": content.incident["id"]} if content.incident else {}),
        "finding_info": {
            "uid": content.id,
            "title": content.title,
            "desc": content.why,
            "analytic": {
                "name": content.model["name"],
                "uid": content.model["digest"],
                "version": content.model["version"],
                "type_id": 4,
                "type": "Learning (ML/DL)",
            },
        },
        "evidences": [_evidence(content)],
        "unmapped": {"oddflow": content.ours()},
    }


def _evidence(content: Content) -> dict[str, Any]:
    flow = content.flow
    direction, caption = DIRECTIONS[content.direction]
    connection: dict[str, Any] = {
        "direction_id": direction,
        "direction": caption,
        "protocol_name": flow["proto"],
        "protocol_ver_id": content.ip_version,
    }
    if content.protocol is not None:
        connection["protocol_num"] = content.protocol
    if content.community_id is not None:
        connection["community_uid"] = content.community_id
    if "uid" in flow:
        connection["uid"] = flow["uid"]
    return {
        "src_endpoint": _endpoint(flow, "src"),
        "dst_endpoint": _endpoint(flow, "dst") | ({"svc_name": flow["service"]} if "service" in flow else {}),
        "connection_info": connection,
    }


def _endpoint(flow: dict[str, Any], side: str) -> dict[str, Any]:
    endpoint = {"ip": flow[f"{side}_ip"]}
    if f"{side}_port" in flow:
        endpoint["port"] = flow[f"{side}_port"]
    return endpoint
