"""Reads an alert's document back, of either shape: through the types that it was written by."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from detector.alerts.content import NO_PATTERN
from detector.alerts.contract import Alert, Anomaly, Baseline, Decided, EcsAlert, Fact
from detector.alerts.decided import BANDS, unpacked
from detector.alerts.ecs import UNUSUAL
from detector.alerts.ocsf import DIRECTIONS, HIGHEST, LOWEST
from detector.errors import InputError
from detector.printable import printable

_DIRECTIONS = {number: name for name, number in DIRECTIONS.items()}

_SEVERITIES = {band.word: band.number for band in BANDS.values()}

Value = TypeVar("Value")

UNLIKE_OURS = (ArithmeticError, LookupError, StopIteration, ValueError)
"""What reading raises where lists are shorter, numbers larger or texts others than those that are written."""

_alerts = msgspec.json.Decoder(Alert)
_ecs_alerts = msgspec.json.Decoder(EcsAlert)


class ReadAlert(NamedTuple):
    """What an alert of either shape tells a program; None where its detail does not, or the flow has none."""

    id: str
    incident: str | None
    """The id of its incident."""
    alerts: int | None
    """How many alerts that had, with this one."""
    kind: str | None
    severity: int
    """2 low to 5 critical."""
    risk: int
    message: str
    direction: str
    src_ip: str
    src_port: int | None
    dst_ip: str
    dst_port: int | None
    proto: str
    service: str | None
    state: str | None
    uid: str | None
    src_bytes: int | None
    dst_bytes: int | None
    src_packets: int | None
    dst_packets: int | None
    model: str
    model_version: str
    model_digest: str
    """Its first digits."""
    facts: list[Fact]
    """Those numbers of the sentence that the document has."""
    decided: Decided | None
    topic: str
    partition: int
    offset: int
    part: int | None
    time_ms: int
    """The broker's timestamp of the record, or the flow's start where there is none; since 1970."""
    suppressed_by: str | None = None
    """The id of the suppression that hides it."""

    @property
    def vector(self) -> list[float] | None:
        """The row of features, where the document has it."""
        packed = UNSET if self.decided is None else self.decided.vector
        return None if isinstance(packed, UnsetType) else unpacked(packed)


def read_alert(document: bytes) -> ReadAlert:
    """Read an alert. Raises InputError, saying what is wrong with it, where it is none of this version."""
    try:
        if b'"class_uid"' in document[:64]:
            return _of_ocsf(_alerts.decode(document))
        return _of_ecs(_ecs_alerts.decode(document))
    except (msgspec.MsgspecError, RecursionError, *UNLIKE_OURS) as error:
        raise InputError(printable(f"reading an alert: {str(error) or type(error).__name__}")) from error


def _of_ocsf(alert: Alert) -> ReadAlert:
    evidence, info, metadata = alert.evidences[0], alert.finding_info, alert.metadata
    source, destination, connection = evidence.src_endpoint, evidence.dst_endpoint, evidence.connection_info
    data = None if isinstance(evidence.data, UnsetType) else evidence.data
    partition, offset, *part = map(int, metadata.original_event_uid.split("/"))
    return ReadAlert(
        id=metadata.uid,
        incident=_known(metadata.correlation_uid),
        alerts=_known(info.related_events_count),
        kind=None if isinstance(info.types, UnsetType) else info.types[0],
        severity=alert.severity_id,
        risk=alert.risk_score,
        message=alert.message,
        direction=_DIRECTIONS[connection.direction_id],
        src_ip=source.ip,
        src_port=_known(source.port),
        dst_ip=destination.ip,
        dst_port=_known(destination.port),
        proto=connection.protocol_name,
        service=_known(destination.svc_name),
        state=None if data is None else _known(data.state),
        uid=_known(connection.uid),
        src_bytes=None if data is None else _known(data.src_bytes),
        dst_bytes=None if data is None else _known(data.dst_bytes),
        src_packets=None if data is None else _known(data.src_packets),
        dst_packets=None if data is None else _known(data.dst_packets),
        model=info.analytic.name,
        model_version=info.analytic.version,
        model_digest=info.analytic.uid,
        facts=_facts(alert),
        decided=None if isinstance(alert.unmapped, UnsetType) else alert.unmapped.oddflow,
        topic=metadata.log_source,
        partition=partition,
        offset=offset,
        part=part[0] if part else None,
        time_ms=alert.time,
        suppressed_by=_known(alert.status_detail),
    )


def _facts(alert: Alert) -> list[Fact]:
    """Numbers and what is usual for them, put together again."""
    if isinstance(alert.anomaly_analyses, UnsetType):
        return []
    (analysis,) = alert.anomaly_analyses
    baselines = iter([] if isinstance(analysis.baselines, UnsetType) else analysis.baselines)
    return [_fact(each, None if each.observed_pattern is UNSET else next(baselines)) for each in analysis.anomalies]


def _fact(anomaly: Anomaly, baseline: Baseline | None) -> Fact:
    (seen,) = anomaly.observations
    number, _, unit = seen.value.partition(" ")
    fact = Fact(what=anomaly.observation_parameter, value=float(number), unit=unit)
    if not isinstance(seen.timespan, UnsetType):
        fact.window_s = seen.timespan.duration / 1000
    if baseline is not None:
        words = baseline.observations[0].value
        bound = float(words.removeprefix(HIGHEST).removeprefix(LOWEST).split()[0])
        if words.startswith(HIGHEST):
            fact.usual_most = bound
        else:
            fact.usual_least = bound
    return fact


def _of_ecs(alert: EcsAlert) -> ReadAlert:
    ours = alert.oddflow
    if isinstance(ours, UnsetType):
        raise InputError('without its part "oddflow" an alert in ECS does not say where its record is')
    source, destination, network, record = alert.source, alert.destination, alert.network, ours.record
    return ReadAlert(
        id=alert.event.id,
        incident=None if isinstance(ours.incident, UnsetType) else ours.incident.id,
        alerts=None if isinstance(ours.incident, UnsetType) else ours.incident.alerts,
        kind=None if isinstance(ours.incident, UnsetType) else _kind(alert.rule.name),
        severity=_SEVERITIES[ours.severity],
        risk=alert.event.risk_score,
        message=alert.message,
        direction=network.direction,
        src_ip=source.ip,
        src_port=_known(source.port),
        dst_ip=destination.ip,
        dst_port=_known(destination.port),
        proto=network.transport,
        service=_known(network.protocol),
        state=_known(record.state),
        uid=_known(record.uid),
        src_bytes=_known(source.bytes),
        dst_bytes=_known(destination.bytes),
        src_packets=_known(source.packets),
        dst_packets=_known(destination.packets),
        model=alert.rule.ruleset,
        model_version=alert.rule.version,
        model_digest=alert.rule.uuid,
        facts=[] if isinstance(ours.facts, UnsetType) else ours.facts,
        decided=ours,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        part=_known(record.part),
        time_ms=round(datetime.fromisoformat(alert.timestamp).timestamp() * 1000),
        suppressed_by=_known(ours.suppressed_by),
    )


def _kind(rule: str) -> str:
    """The kind of an incident by ECS's name of the rule, which names none that is no pattern."""
    return NO_PATTERN if rule == UNUSUAL else rule


def _known(value: Value | UnsetType) -> Value | None:
    return None if isinstance(value, UnsetType) else value
