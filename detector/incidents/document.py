"""Lays an incident out as OCSF or ECS: see :mod:`detector.incidents.contract`; messages are keyed by its id."""

from __future__ import annotations

from typing import Any, Final, Literal, NamedTuple, TypeVar

import msgspec
from msgspec import UNSET, convert

from detector.alerts.attack import attacks, threat
from detector.alerts.content import Confidence
from detector.alerts.contract import Endpoint, Fact, Observable, Related
from detector.alerts.decided import BANDS, or_unset
from detector.alerts.ecs import OBSERVER, VERSION, iso
from detector.alerts.ocsf import CONFIDENCES, PRODUCT, analyses
from detector.errors import ConfigurationError
from detector.incidents.book import Change, Step
from detector.incidents.contract import (
    Analytic,
    Counts,
    Distinct,
    EcsEvent,
    EcsIncident,
    EcsRule,
    Evidence,
    Finding,
    FindingInfo,
    Metadata,
    Ours,
    Place,
    RelatedEvent,
    Strong,
    Unmapped,
)
from detector.incidents.incident import LISTED, MAX_DISTINCT, Incident
from detector.incidents.words import Words, words_of
from detector.printable import printable_json
from detector.structs import resolved
from detector.transport.base import OutRecord

SHAPES = ("ocsf", "ecs")


class Activity(NamedTuple):
    """A step as OCSF has it."""

    number: Literal[1, 2, 3]
    caption: Literal["Create", "Update", "Close"]
    type_uid: Literal[200401, 200402, 200403]


ACTIVITIES: Final[dict[Step, Activity]] = {
    "open": Activity(1, "Create", 200401),
    "update": Activity(2, "Update", 200402),
    "close": Activity(3, "Close", 200403),
}

CONFIDENCE_WORDS: Final[dict[Confidence, Literal["Unknown", "Low", "Medium", "High"]]] = {
    "sure": "High",
    "likely": "Medium",
    "possible": "Low",
    "unknown": "Unknown",
}
"""OCSF's caption of ``confidence_id``."""

LATEST_MS = 253402300799999
"""The end of the year 9999: readers hold no year beyond."""

Value = TypeVar("Value", str, int)

_encoder = msgspec.json.Encoder()


def write_incidents(changes: list[Change], shape: str = "ocsf") -> list[OutRecord]:
    """Write a document for each change, in order. Raises ConfigurationError for a shape that there isn't."""
    if shape not in SHAPES:
        raise ConfigurationError(f"output.format is {shape!r}: choose one of {', '.join(SHAPES)}")
    return [_document(ecs(each) if shape == "ecs" else ocsf(each), each.incident.id) for each in changes]


def _document(laid_out: Finding | EcsIncident, key: str) -> OutRecord:
    return OutRecord(printable_json(_encoder.encode(laid_out)), key=key.encode())


def ocsf(change: Change) -> Finding:
    """Lay out a change as OCSF."""
    incident, kind = change.incident, change.kind
    activity, band = ACTIVITIES[change.step], BANDS[incident.severity]
    words = words_of(incident, kind, change.usual)
    title, facts = words.headline.text, words.facts
    first, last = _ms(incident.first_seen), _ms(incident.last_seen)
    return Finding(
        activity_id=activity.number,
        activity_name=activity.caption,
        type_uid=activity.type_uid,
        type_name=f"Detection Finding: {activity.caption}",
        time=last,
        start_time=first,
        end_time=last,
        count=incident.count,
        severity_id=band.number,
        severity=band.caption,
        status_id=99 if incident.merged_into else 3 if incident.is_suppressed else 1,
        status="Merged" if incident.merged_into else "Suppressed" if incident.is_suppressed else "New",
        is_alert=change.step != "close" and not incident.is_suppressed,
        message=title,
        confidence_id=CONFIDENCES[kind.confidence],
        confidence=CONFIDENCE_WORDS[kind.confidence],
        risk_score=incident.risk,
        risk_level_id=band.risk_level,
        risk_level=band.caption,
        risk_details=incident.severity_why,
        metadata=Metadata(
            profiles=["incident"],
            uid=f"{incident.id}:{incident.revision}",
            correlation_uid=incident.id,
            sequence=incident.revision,
            product=PRODUCT,
        ),
        finding_info=FindingInfo(
            uid=incident.id,
            title=title,
            desc=words.message,
            types=[kind.name],
            analytic=Analytic(name=kind.name, desc=kind.states),
            attacks=attacks(kind.tactic, kind.techniques),
            first_seen_time=first,
            last_seen_time=last,
            related_events=[
                RelatedEvent(uid=each.alert, title=f"Unusual flow: {each.src_ip} to {each.dst_ip}", desc=each.why)
                for each in incident.strongest
            ],
            related_events_count=incident.count,
        ),
        observables=[Observable(value=each) for each in _addresses(incident)],
        evidences=[
            Evidence(
                src_endpoint=Endpoint(ip=each.src_ip),
                dst_endpoint=Endpoint(ip=each.dst_ip, port=or_unset(each.dst_port)),
            )
            for each in incident.strongest
        ],
        anomaly_analyses=analyses(facts, title),
        unmapped=Unmapped(Ours(**ours(change, words, facts))),
    )


def ecs(change: Change) -> EcsIncident:
    """Lay out a change as ECS."""
    incident, kind = change.incident, change.kind
    band, words = BANDS[incident.severity], words_of(incident, kind, change.usual)
    return EcsIncident(
        timestamp=iso(_ms(incident.last_seen)),
        ecs=VERSION,
        event=EcsEvent(
            id=f"{incident.id}:{incident.revision}",
            category=["network"],
            type=["end" if change.step == "close" else "info"],
            sequence=incident.revision,
            severity=band.ecs,
            risk_score=incident.risk,
            start=iso(_ms(incident.first_seen)),
            end=iso(_ms(incident.last_seen)),
            reason=words.message,
        ),
        message=words.headline.text,
        observer=OBSERVER,
        related=Related(_addresses(incident)),
        rule=EcsRule(name=kind.name, description=kind.states),
        threat=threat(kind.tactic, kind.techniques),
        oddflow=Ours(**ours(change, words, words.facts), severity=band.word),
    )


def ours(change: Change, words: Words, facts: list[dict[str, Any]]) -> dict[str, Any]:
    """The fields of :class:`~detector.incidents.contract.Ours`, the same in both shapes but for the severity."""
    incident, kind = change.incident, change.kind
    return {
        "id": incident.id,
        "revision": incident.revision,
        "step": change.step,
        "kind": kind.name,
        "rule": kind.states,
        "confidence": kind.confidence,
        "headline": words.headline.text,
        "size": words.size.text,
        "facts": convert(facts, resolved(list[Fact])),
        "check": kind.checks(incident),
        "innocent": kind.innocent,
        "tactic": UNSET if kind.tactic is None else kind.tactic.id,
        "techniques": [each.id for each in kind.techniques],
        "focus": incident.focus,
        "alerts": incident.count,
        "counts": Counts(
            *(
                Distinct(len(seen), len(seen) >= MAX_DISTINCT)
                for seen in (incident.sources, incident.destinations, incident.ports, incident.answered)
            )
        ),
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
        "strongest": [_strong(incident, place) for place in range(len(incident.strongest))],
        "flows": [
            Place(
                alert=each.alert,
                topic=each.topic,
                partition=each.partition,
                offset=each.offset,
                part=or_unset(each.part),
                uid=or_unset(each.uid),
            )
            for each in incident.flows
        ],
        "model_versions": incident.models,
        "merged_into": incident.merged_into or UNSET,
        "worked": words.worked.text or UNSET,
        "first_contact": words.contact.text or UNSET,
        "assets": incident.assets or UNSET,
        "allowed": True if incident.is_allowed else UNSET,
        "suppressed_by": list(incident.suppressed) or UNSET,
    }


def _strong(incident: Incident, place: int) -> Strong:
    each = incident.strongest[place]
    return Strong(
        alert=each.alert,
        score=each.score,
        decades=each.decades,
        view=each.view or UNSET,
        ts=each.ts,
        src_ip=each.src_ip,
        dst_ip=each.dst_ip,
        dst_port=or_unset(each.dst_port),
        proto=each.proto,
        why=each.why,
    )


def _addresses(incident: Incident) -> list[str]:
    """Its addresses, each once: those with the most alerts."""
    return list(dict.fromkeys([*_most(incident.sources), *_most(incident.destinations)]))


def _most(seen: dict[Value, int]) -> list[Value]:
    """Those with the most alerts, the earlier of two alike."""
    return sorted(seen, key=lambda each: -seen[each])[:LISTED]


def _ms(seconds: float) -> int:
    return round(min(max(seconds * 1000.0, 0.0), LATEST_MS))
