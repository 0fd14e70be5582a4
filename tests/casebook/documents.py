"""Documents of incidents, as the daemon writes them and as nobody should."""

from __future__ import annotations

import json
from typing import Any

ID = "3bc9adf7-af85-5304-8f4b-5fd5e3a6f50a"

START = 1_764_000_000.0

EVIL = "\x1b[31mred\x1b]0;title\x07 \u202egnp.exe <script>alert(1)</script> &amp; \"'"
"""What a terminal acts on, what turns text around, and what a browser takes for its own."""


def ours(**changes: Any) -> dict[str, Any]:
    """The part that both shapes share: a port scan that goes on."""
    return {
        "incident_version": 2,
        "id": ID,
        "revision": 4,
        "step": "update",
        "kind": "scan",
        "rule": "one source; 10 ports or more",
        "confidence": "sure",
        "headline": "Port scan of 10.0.10.35 by 10.0.10.17",
        "risk": 91,
        "severity_why": "benign traffic is this odd once in 139 days; raised by 276 alerts",
        "size": "276 alerts in 15 s, 99 % unanswered",
        "worked": "answered: 10.0.10.35 port 143/tcp",
        "check": ["is the source a scanner of yours", "who was logged in there"],
        "innocent": ["an inventory of yours"],
        "tactic": "TA0007",
        "techniques": ["T1046"],
        "focus": "both",
        "alerts": 276,
        "counts": {"ports": {"distinct": 276, "or_more": False}},
        "first_seen": START,
        "last_seen": START + 15.0,
        "sources": ["10.0.10.17"],
        "destinations": ["10.0.10.35"],
        "ports": list(range(1, 31)),
        "strongest": [{"alert": "a1", "score": 0.9, "ts": START, "why": "tried about 140 ports"}],
        "flows": [{"alert": "a1", "topic": "flows", "partition": 2, "offset": 761, "uid": "CIy"}],
        "model_versions": ["20261124T034500Z-6813d1"],
    } | changes


def ocsf(*, severity_id: int = 5, **changes: Any) -> bytes:
    """A document in the shape of OCSF."""
    attack = {
        "tactic": {"uid": "TA0007", "name": "Discovery"},
        "technique": {"uid": "T1046", "name": "Network Service Discovery"},
    }
    whole = {
        "class_uid": 2005,
        "severity_id": severity_id,
        "message": "a title",
        "attacks": [attack],
        "unmapped": {"oddflow": ours(**changes)},
    }
    return json.dumps(whole).encode()


def ecs(*, severity: str = "critical", **changes: Any) -> bytes:
    """The same in the shape of ECS."""
    threat = {
        "tactic": {"id": ["TA0007"], "name": ["Discovery"]},
        "technique": {"id": ["T1046"], "name": ["Network Service Discovery"]},
    }
    whole = {"message": "a title", "threat": threat, "oddflow": ours(**changes) | {"severity": severity}}
    return json.dumps(whole).encode()


def plain(**changes: Any) -> bytes:
    """A document with no more than the first version had."""
    names = ("id", "revision", "step", "kind", "alerts", "first_seen", "last_seen", "sources", "destinations", "ports")
    part = {name: value for name, value in ours(**changes).items() if name in names}
    return json.dumps({"severity_id": 3, "message": "a title", "unmapped": {"oddflow": part}}).encode()
