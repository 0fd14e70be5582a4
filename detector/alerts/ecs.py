"""Lays an alert out in ECS, for ``output.format = "ecs"``: see :mod:`detector.alerts.contract`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from msgspec import UNSET, UnsetType, convert, json

from detector import __version__
from detector.alerts.attack import threat
from detector.alerts.content import Content
from detector.alerts.contract import (
    DIGEST_SIGNS,
    Detail,
    EcsAlert,
    EcsDecided,
    EcsEndpoint,
    EcsEvent,
    EcsIncident,
    EcsNetwork,
    EcsRecord,
    EcsRule,
    EcsVersion,
    Fact,
    Observer,
    Related,
)
from detector.alerts.decided import BANDS, decided, fitting, is_deviation, known, or_unset, why_so_severe
from detector.structs import resolved

MOST = (1 << 63) - 1024
"""The largest float that a field of type long holds."""

VERSION: Final = EcsVersion()

OBSERVER: Final = Observer(version=__version__)

encode: Final = json.Encoder().encode

AROUND: Final = len(',"facts":[]')

UNUSUAL = "unusual flow"
"""The rule's name where incidents are not kept, and where its kind is no pattern that has a name."""


def ecs(content: Content, detail: Detail) -> EcsAlert:
    """Lay out an alert's content, but for its numbers: see :func:`add_numbers`."""
    flow, incident = content.flow, content.incident
    return EcsAlert(
        timestamp=iso(content.time_ms),
        ecs=VERSION,
        event=EcsEvent(
            id=content.id,
            kind="event" if content.suppressed_by else "alert",
            category=["network"],
            type=["info"],
            severity=BANDS[content.severity].ecs,
            risk_score=content.risk,
            start=iso(content.start_ms),
            end=iso(content.end_ms),
            duration=_nanoseconds(flow),
        ),
        message=content.why,
        observer=OBSERVER,
        source=_endpoint(flow, "src"),
        destination=_endpoint(flow, "dst"),
        network=EcsNetwork(
            transport=flow["proto"],
            type="ipv6" if content.ip_version == 6 else "ipv4",
            iana_number=UNSET if content.protocol is None else str(content.protocol),
            protocol=known(flow, "service"),
            direction=content.direction,
            community_id=or_unset(content.community_id),
        ),
        related=Related([flow["src_ip"], flow["dst_ip"]]),
        rule=EcsRule(
            name=UNUSUAL if incident is None else incident.pattern or UNUSUAL,
            ruleset=content.model["name"],
            version=content.model["version"],
            uuid=content.model["digest"][:DIGEST_SIGNS],
        ),
        threat=UNSET if incident is None else threat(incident.tactic, incident.techniques[:1]),
        oddflow=UNSET if detail == "standard" else _ours(content, detail),
    )


def _ours(content: Content, detail: Detail) -> EcsDecided:
    incident, position, flow = content.incident, content.position, content.flow
    return EcsDecided(
        **decided(content, detail),
        severity=BANDS[content.severity].word,
        severity_why=why_so_severe(content),
        confidence="unknown" if incident is None else incident.confidence,
        assets=content.assets or UNSET,
        incident=UNSET if incident is None else EcsIncident(id=incident.id, alerts=incident.alerts),
        record=EcsRecord(**position, uid=known(flow, "uid"), state=known(flow, "state")),
    )


def add_numbers(alert: EcsAlert, content: Content, room: int | None) -> None:
    """Add the numbers of the sentence that fit into so many bytes, those that deviate first; None: all of them."""
    if alert.oddflow is UNSET:
        return
    facts = convert(content.facts, resolved(list[Fact]))
    if room is not None:
        sizes = [len(encode(fact)) + 1 for fact in facts]
        chosen = fitting(sizes, [is_deviation(fact) for fact in content.facts], room - AROUND)
        facts = [fact for fact, fits in zip(facts, chosen, strict=True) if fits]
    alert.oddflow.facts = facts or UNSET


def _endpoint(flow: dict[str, Any], side: str) -> EcsEndpoint:
    return EcsEndpoint(
        ip=flow[f"{side}_ip"],
        port=known(flow, f"{side}_port"),
        bytes=known(flow, f"{side}_bytes"),
        packets=known(flow, f"{side}_packets"),
    )


def _nanoseconds(flow: dict[str, Any]) -> int | UnsetType:
    """How long the flow lasted, as ECS wants it."""
    return round(min(max(flow["duration_s"] * 1e9, 0.0), MOST)) if "duration_s" in flow else UNSET


def iso(ms: int) -> str:
    """A time in milliseconds since 1970 as ISO 8601, UTC."""
    return datetime.fromtimestamp(ms / 1000.0, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
