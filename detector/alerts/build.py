"""From the rows that are alerts to what each of them tells: explained, put into words, bounded; not laid out yet.

What is told depends on the record, its position and the model alone, never on the clock: a record that is read again
after a crash tells the same again. Pure; called for the few alerted rows of a batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.alerts.content import Content
from detector.alerts.explanation import Explanations, explain, explained, readable
from detector.alerts.grading import told_severity
from detector.alerts.raised import Raised, raised_alerts
from detector.alerts.rarity import Rarity, rarities, told_rarity
from detector.alerts.readings import Readings
from detector.alerts.texts import MAX_TEXT_BYTES, bound_texts
from detector.alerts.usual import UsualOf
from detector.alerts.wording import Raising, Told, Weighed, tell
from detector.assets.assets import NOTHING, Assets
from detector.bundle.loaded_model import LoadedModel
from detector.decisions.decide import Decision
from detector.decisions.findings import Findings
from detector.decisions.severity import risk_of, severity_of
from detector.decisions.views import SURPRISE
from detector.models.single_flows import Scores
from detector.net.community_id import community_id, protocol_number
from detector.records.flow import COLUMNS, FlowBatch
from detector.transport.base import RawBatch

FLOW_COLUMNS = [column.name for column in COLUMNS]

LATEST_MS = 253402300799999
"""The end of the year 9999: times beyond are cut off, since few readers can hold them."""


class AlertBuilder:
    """Gathers what alerts tell, with the ``top_features`` that weighed most, which may be none.

    Texts are cut after ``max_text_bytes`` (0: never).
    """

    def __init__(self, top_features: int = 5, max_text_bytes: int = MAX_TEXT_BYTES, assets: Assets = NOTHING) -> None:
        self.max_text_bytes = max_text_bytes
        self.assets = assets
        self._top_features = top_features
        self._readings: tuple[str, Readings] | None = None

    def raised(
        self, raw: RawBatch, flows: FlowBatch, findings: Findings, decision: Decision, model: LoadedModel
    ) -> list[Raised]:
        """The alerts of a batch, in row order.

        ``findings`` are of all of ``flows``, which were decoded from ``raw``; ``decision`` chose among them.
        """
        return raised_alerts(raw, flows, findings, decision, model, self.max_text_bytes, self.assets)

    def build(
        self, alerts: Sequence[Raised], flows: FlowBatch, findings: Findings, decision: Decision, model: LoadedModel
    ) -> list[Content]:
        """Explain alerts, in their order: those that ``decision`` chose among ``flows``."""
        if not alerts:
            return []
        return build_alerts(
            alerts,
            flows,
            findings,
            decision,
            explain(model, findings.matrix, decision),
            model,
            self._read(model),
            top_features=self._top_features,
            max_text_bytes=self.max_text_bytes,
            assets=self.assets,
        )

    def usual(self, model: LoadedModel) -> UsualOf:
        """What is usual by a model."""
        return UsualOf(self._read(model))

    def _read(self, model: LoadedModel) -> Readings:
        """How the model's features are read: worked out once for each model."""
        if self._readings is None or self._readings[0] != model.digest:
            self._readings = model.digest, readings_of(model)
        return self._readings[1]


def readings_of(model: LoadedModel) -> Readings:
    """How a model's features are read."""
    ended = model.manifest.training.end
    return Readings.of(model.extractor.spec, model.usual, model.extractor.encoders, model.sample, ended)


def build_alerts(  # noqa: PLR0917 - a batch is its parts, one by one
    alerts: Sequence[Raised],
    flows: FlowBatch,
    findings: Findings,
    decision: Decision,
    explanations: Explanations,
    model: LoadedModel,
    readings: Readings,
    *,
    top_features: int = 5,
    max_text_bytes: int = MAX_TEXT_BYTES,
    assets: Assets = NOTHING,
) -> list[Content]:
    """Gather what each alert tells, in their order; ``readings`` are the model's."""
    rows = decision.rows
    matrix = findings.matrix[rows]
    names = model.extractor.spec.names
    values = _readable_rows(matrix)
    features = explained(names, values, explanations.contributions, readings.usual, top_features)
    origin = {
        "name": model.name,
        "version": model.version,
        "digest": model.digest,
        "kind": model.manifest.kind,
        "features": model.manifest.features_hash,
    }
    # Row by row: they are few, and to gather them would wake every thread of polars.
    told = [flows.frame.row(row, named=True) for row in rows.tolist()]
    weighed = Weighed.of(readings, matrix, explanations.contributions)

    def say(row: int, flow: dict[str, Any], raising: Raising, rarity: Rarity) -> Told:
        return tell(readings, weighed, row, values[row], flow, raising, rarity)

    columns = zip(
        alerts,
        [{name: each[name] for name in FLOW_COLUMNS} for each in told],
        decision.thresholds.tolist(),
        features,
        values,
        explanations.quantities,
        explanations.bases,
        explanations.outputs,
        _suspicions(decision),
        _raisings(decision, findings.scores, model),
        rarities(decision, model),
        range(len(alerts)),
        strict=True,
    )
    return [_content(*each, say=say, model=origin, max_text_bytes=max_text_bytes, assets=assets) for each in columns]


def _content(  # noqa: PLR0917 - the columns of one alert
    alert: Raised,
    columns: dict[str, Any],
    threshold: float,
    features: list[dict[str, Any]],
    vector: list[float],
    quantity: str,
    base: float,
    output: float,
    suspicion: dict[str, float] | None,
    raising: Raising,
    rarity: Rarity,
    row: int,
    *,
    say: Callable[[int, dict[str, Any], Raising, Rarity], Told],
    model: dict[str, str],
    max_text_bytes: int,
    assets: Assets,
) -> Content:
    flow, cut = bound_texts({name: value for name, value in columns.items() if _is_told(value)}, max_text_bytes)
    src_ip, dst_ip, proto = flow["src_ip"], flow["dst_ip"], flow["proto"]
    ipv6 = ":" in src_ip
    told = say(row, flow, raising, rarity)
    start_ms = _milliseconds(flow["ts"])
    given = alert.circumstances
    risk = risk_of(given)
    return Content(
        id=alert.id,
        time_ms=alert.timestamp_ms if alert.timestamp_ms >= 0 else start_ms,
        start_ms=start_ms,
        end_ms=_milliseconds(flow["ts"] + max(flow.get("duration_s", 0.0), 0.0)),
        severity=severity_of(risk),
        risk=risk,
        severity_why=told_severity(given, told_rarity(rarity, raising.view).text),
        score=alert.score,
        p_value=alert.p_value,
        threshold=threshold,
        why=told.message,
        title=f"Unusual flow: {assets.named(src_ip)} to {_target(flow, assets)}",
        flow=flow,
        direction=alert.direction,
        ip_version=6 if ipv6 else 4,
        protocol=protocol_number(proto, ipv6=ipv6),
        community_id=community_id(src_ip, dst_ip, proto, flow.get("src_port"), flow.get("dst_port")),
        features=features,
        vector=vector,
        explanation={"quantity": quantity, "base": base, "output": output},
        model=model,
        position=alert.position,
        suspicion=suspicion,
        facts=told.facts,
        assets=assets.labels(src_ip, dst_ip),
        cut=cut,
    )


def _suspicions(decision: Decision) -> list[dict[str, float]] | list[None]:
    """Why each alert was raised, in the budget's terms."""
    if decision.assessment is None or decision.rates is None:
        return [None] * len(decision.rows)
    names = (*(view.name for view in decision.assessment.views), "false_incidents_per_day")
    values = np.stack([*decision.assessment.values, decision.rates], axis=1).tolist()
    return [dict(zip(names, each, strict=True)) for each in values]


def _raisings(decision: Decision, scores: Scores, model: LoadedModel) -> list[Raising]:
    """By what each alert is oddest; ``scores`` are of all flows."""
    if decision.assessment is None:
        return [Raising(view) for view in decision.oddest_by]
    single = None if scores.single is None else scores.single[decision.rows]
    wholes = model.surprises(Scores(scores.overall[decision.rows], single)).overall
    surprises, told = decision.assessment[SURPRISE.name], decision.assessment.told
    return [
        Raising(view, surprise, whole, {name: float(told[name][row]) for name in view.told if name in told})
        for row, (view, surprise, whole) in enumerate(
            zip(decision.oddest_by, surprises.tolist(), wholes.tolist(), strict=True)
        )
    ]


def _is_told(value: object) -> bool:
    """Whether a column has something to tell: JSON has neither infinities nor what is no number."""
    return value is not None and not (isinstance(value, float) and not math.isfinite(value))


def _readable_rows(matrix: NDArray[np.float32]) -> list[list[float]]:
    width = matrix.shape[1]
    flat = readable(matrix.ravel())
    return [flat[start : start + width] for start in range(0, len(flat), width)]


def _target(flow: dict[str, Any], assets: Assets) -> str:
    """Such as ``10.0.0.1 port 445/tcp``."""
    destination = assets.named(flow["dst_ip"])
    if "dst_port" in flow and flow["proto"] != "icmp":
        return f"{destination} port {flow['dst_port']}/{flow['proto']}"
    return f"{destination} ({flow['proto']})"


def _milliseconds(seconds: float) -> int:
    return round(min(max(seconds * 1000.0, 0.0), LATEST_MS))
