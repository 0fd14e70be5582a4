"""An alert in the shape of the Elastic Common Schema (8.17), for ``output.format = "ecs"``.

What ECS has no field for is under ``oddflow``. Fields that would be null are left out.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from detector.alerts.content import Content
from detector.decisions.severity import Severity

ECS_VERSION = "8.17.0"

MOST = (1 << 63) - 1024
"""The largest float that a field of type long holds."""

RISK = {Severity.LOW: 21, Severity.MEDIUM: 47, Severity.HIGH: 73, Severity.CRITICAL: 99}
"""``event.severity`` in the numbers that Elastic's detection rules use."""


def ecs(content: Content) -> dict[str, Any]:
    """Lay out an alert's content."""
    flow = content.flow
    severity = Severity(content.severity)
    event = {
        "id": content.id,
        "kind": "alert",
        "category": ["network"],
        "type": ["info"],
        "module": "oddflow",
        "dataset": "oddflow.alerts",
        "severity": RISK[severity],
        "start": iso(content.start_ms),
        "end": iso(content.end_ms),
        "reason": content.why,
    }
    if "duration_s" in flow:
        event["duration"] = round(min(max(flow["duration_s"] * 1e9, 0.0), MOST))  # ECS wants nanoseconds
    return {
        "@timestamp": iso(content.time_ms),
        "ecs": {"version": ECS_VERSION},
        "event": event,
        "message": content.why,
        "observer": {"product": "oddflow", "type": "ids"},
        "source": _endpoint(flow, "src"),
        "destination": _endpoint(flow, "dst"),
        "network": _network(content),
        "oddflow": content.ours() | {"severity": severity.word},
    }


def _endpoint(flow: dict[str, Any], side: str) -> dict[str, Any]:
    names = {"ip": "ip", "port": "port", "bytes": "bytes", "packets": "packets"}
    return {name: flow[f"{side}_{ours}"] for ours, name in names.items() if f"{side}_{ours}" in flow}


def _network(content: Content) -> dict[str, Any]:
    flow = content.flow
    network: dict[str, Any] = {
        "transport": flow["proto"],
        "type": f"ipv{content.ip_version}",
        "direction": content.direction,
    }
    if content.protocol is not None:
        network["iana_number"] = str(content.protocol)
    if content.community_id is not None:
        network["community_id"] = content.community_id
    if "service" in flow:
        network["protocol"] = flow["service"]
    return network


def iso(ms: int) -> str:
    """A time in milliseconds since 1970 as ISO 8601, UTC."""
    return datetime.fromtimestamp(ms / 1000.0, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
