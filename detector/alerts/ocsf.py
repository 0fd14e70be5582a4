"""Lays an alert out as OCSF's Detection Finding: see :mod:`detector.alerts.contract`.

Numbers of its sentence are ``anomaly_analyses``: each an anomaly, and what is usual for it a baseline. How rare the
alert is, the last of them, is under ``unmapped``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

from msgspec import UNSET, UnsetType, json

from detector import __version__
from detector.alerts.attack import attacks
from detector.alerts.content import Confidence, Content
from detector.alerts.contract import (
    DIGEST_SIGNS,
    Alert,
    Analysis,
    Analytic,
    Anomaly,
    Baseline,
    Connection,
    Decided,
    Detail,
    Endpoint,
    Evidence,
    FindingInfo,
    FlowData,
    Metadata,
    Observable,
    Observation,
    Product,
    Target,
    Timespan,
    Unmapped,
)
from detector.alerts.decided import BANDS, decided, fitting, is_deviation, known, or_unset, why_so_severe
from detector.alerts.rarity import RARITIES

DIRECTIONS: Final[dict[str, Literal[1, 2, 3, 99]]] = {"inbound": 1, "outbound": 2, "internal": 3, "external": 99}
"""OCSF's ``direction_id``: inbound, outbound, lateral; it has none of its own for what goes from outside to outside."""

EXTERNAL: Final = "External"
"""The caption of that one."""

TITLE: Final = "Unusual flow"

CONFIDENCES: Final[dict[Confidence, Literal[0, 1, 2, 3]]] = {"sure": 3, "likely": 2, "possible": 1, "unknown": 0}
"""OCSF's ``confidence_id``."""

PRODUCT: Final = Product(version=__version__)

HIGHEST: Final = "at most"
LOWEST: Final = "at least"

encode: Final = json.Encoder().encode

AROUND: Final = len(',"anomaly_analyses":[{"analysis_targets":[{"name":""}],"anomalies":[],"baselines":[]}]')
"""Bytes around the numbers, besides the target's name."""


def ocsf(content: Content, detail: Detail) -> Alert:
    """Lay out an alert's content, but for its numbers: see :func:`add_numbers`."""
    incident, position, flow, band = content.incident, content.position, content.flow, BANDS[content.severity]
    part = f"/{position['part']}" if "part" in position else ""
    return Alert(
        time=content.time_ms,
        start_time=content.start_ms,
        end_time=content.end_ms,
        severity_id=band.number,
        severity=band.caption,
        status_id=3 if content.suppressed_by else 1,
        status_detail=content.suppressed_by or UNSET,
        is_alert=not content.suppressed_by,
        message=content.why,
        confidence_id=0 if incident is None else CONFIDENCES[incident.confidence],
        risk_score=content.risk,
        risk_level_id=band.risk_level,
        risk_details=why_so_severe(content),
        metadata=Metadata(
            uid=content.id,
            correlation_uid=UNSET if incident is None else incident.id,
            product=PRODUCT,
            log_source=position["topic"],
            original_event_uid=f"{position['partition']}/{position['offset']}{part}",
        ),
        finding_info=FindingInfo(
            uid=content.id,
            title=TITLE if incident is None or not incident.pattern else f"{TITLE}: {incident.pattern}",
            types=UNSET if incident is None else [incident.kind],
            attacks=UNSET if incident is None else attacks(incident.tactic, incident.techniques[:1]),
            analytic=Analytic(
                name=content.model["name"],
                uid=content.model["digest"][:DIGEST_SIGNS],
                version=content.model["version"],
            ),
            related_events_count=UNSET if incident is None else incident.alerts,
        ),
        observables=[Observable(value=flow["src_ip"]), Observable(value=flow["dst_ip"])],
        evidences=[_evidence(content)],
        unmapped=UNSET if detail == "standard" else Unmapped(Decided(**decided(content, detail))),
    )


def _evidence(content: Content) -> Evidence:
    flow = content.flow
    return Evidence(
        src_endpoint=Endpoint(
            ip=flow["src_ip"], port=known(flow, "src_port"), name=content.assets.get(flow["src_ip"], UNSET)
        ),
        dst_endpoint=Endpoint(
            ip=flow["dst_ip"],
            port=known(flow, "dst_port"),
            name=content.assets.get(flow["dst_ip"], UNSET),
            svc_name=known(flow, "service"),
        ),
        connection_info=Connection(
            direction_id=DIRECTIONS[content.direction],
            direction=EXTERNAL if content.direction == "external" else UNSET,
            protocol_name=flow["proto"],
            protocol_num=or_unset(content.protocol),
            protocol_ver_id=6 if content.ip_version == 6 else 4,
            community_uid=or_unset(content.community_id),
            uid=known(flow, "uid"),
        ),
        data=FlowData(
            src_bytes=known(flow, "src_bytes"),
            dst_bytes=known(flow, "dst_bytes"),
            src_packets=known(flow, "src_packets"),
            dst_packets=known(flow, "dst_packets"),
            state=known(flow, "state"),
        ),
    )


def add_numbers(alert: Alert, content: Content, room: int | None) -> None:
    """Add the numbers of the sentence that fit into so many bytes, those that deviate first; None: all of them.

    How rare the alert is is none of them.
    """
    facts = [fact for fact in content.facts if fact["what"] not in RARITIES]
    parts = [(_anomaly(fact), _baseline(fact)) for fact in facts]
    if room is not None:
        sizes = [sum(len(encode(each)) + 1 for each in part if each is not None) for part in parts]
        room -= AROUND + len(content.flow["src_ip"])
        chosen = fitting(sizes, [is_deviation(fact) for fact in facts], room)
        parts = [part for part, fits in zip(parts, chosen, strict=True) if fits]
    alert.anomaly_analyses = _analysis(parts, content.flow["src_ip"])


def analyses(facts: Sequence[dict[str, Any]], target: str) -> list[Analysis] | UnsetType:
    """Numbers, and what is usual for those that are told with it, of a target; unset where there are none."""
    return _analysis([(_anomaly(fact), _baseline(fact)) for fact in facts], target)


def _analysis(parts: Sequence[tuple[Anomaly, Baseline | None]], target: str) -> list[Analysis] | UnsetType:
    if not parts:
        return UNSET
    return [
        Analysis(
            analysis_targets=[Target(name=target)],
            anomalies=[anomaly for anomaly, _ in parts],
            baselines=[baseline for _, baseline in parts if baseline is not None] or UNSET,
        )
    ]


def _anomaly(fact: dict[str, Any]) -> Anomaly:
    window = fact.get("window_s")
    return Anomaly(
        observation_parameter=fact["what"],
        observed_pattern="HIGH" if "usual_most" in fact else "LOW" if "usual_least" in fact else UNSET,
        observations=[
            Observation(
                f"{_number(fact['value'])} {fact['unit']}", UNSET if window is None else Timespan(round(window * 1000))
            )
        ],
    )


def _baseline(fact: dict[str, Any]) -> Baseline | None:
    """What is usual for a number, where that is told."""
    for name, words in (("usual_most", HIGHEST), ("usual_least", LOWEST)):
        if name in fact:
            usual = Observation(f"{words} {_number(fact[name])} {fact['unit']}")
            return Baseline(observation_parameter=fact["what"], observations=[usual])
    return None


def _number(value: float) -> float | int:
    """Without a fraction where it has none."""
    return int(value) if value == int(value) else value
