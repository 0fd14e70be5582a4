"""An alert, worked out once more: by its own copy of the features, or by its record and what came before it.

The alert names the record, the model version and, by ``alerts.detail``, all that it was decided by. What is found again
is held against what it says, field by field; numbers that alerts round are held against as many digits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from msgspec import UNSET
from numpy.typing import NDArray

from detector.alerts.contract import Decided
from detector.alerts.decided import unpacked
from detector.alerts.explanation import UsualRanges, explain, explained, readable
from detector.alerts.identity import record_id
from detector.alerts.read_alert import ReadAlert
from detector.bundle.files import SELF_TEST_TOLERANCE
from detector.bundle.loaded_model import LoadedModel
from detector.decisions.assessment import Assessment
from detector.decisions.decide import Decision
from detector.decisions.evidence import LARGEST_PROBED
from detector.decisions.findings import Findings
from detector.decisions.views import REGULARITY, SURPRISE
from detector.errors import BundleError, InputError
from detector.features.replay import CHUNK_ROWS
from detector.models.single_flows import Scores
from detector.net.directions import directions_of
from detector.records.flow import PART
from detector.scoring.dataset import OFFSET, SOURCE, Dataset
from detector.scoring.flow_state import FlowState
from detector.scoring.kept_flows import begin_state
from detector.scoring.scorer import Scorer
from detector.state.snapshot import Snapshot
from detector.transport.kafka.partitioner import partitions_of

ROUNDED = 1e-5
"""Relative: what an alert states to six digits is within it."""

OF_ROUNDED = 1e-3
"""Relative: a rate that is worked out of sums of six digits, which it falls with as a power."""

TOP = 5
"""Features that are told where the alert names none."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A field that is not what it was."""

    field: str
    alert: Any
    replayed: Any


@dataclass(slots=True)
class Replayed:
    """What was found again."""

    by: str
    """``vector`` or ``record``."""
    began: str
    """What the state before the record was made of."""
    features_hash: str
    """Of the model's features."""
    found: dict[str, float] = field(default_factory=dict)
    """Score, p-value and, where they are known, how odd it was and the rate; by the names that alerts have."""
    rhythm: dict[str, float] = field(default_factory=dict)
    """How its pair calls, as :class:`~detector.alerts.rhythm.Rhythm` has it, where the record is and it was regular."""
    features: list[dict[str, Any]] = field(default_factory=list)
    """Those that weighed most."""
    explanation: dict[str, Any] = field(default_factory=dict)
    compared: list[str] = field(default_factory=list)
    differing: list[Difference] = field(default_factory=list)

    @property
    def same(self) -> bool:
        """Whether all that could be compared is the same, and something could."""
        return bool(self.compared) and not self.differing

    def hold(self, name: str, alert: Any, replayed: Any, tolerance: float = 0.0) -> None:
        """Compare a field that the alert has."""
        if alert is UNSET or alert is None:
            return
        self.compared.append(name)
        number = isinstance(alert, float | int) and isinstance(replayed, float | int)
        alike = math.isclose(alert, replayed, rel_tol=tolerance, abs_tol=tolerance) if number else alert == replayed
        if not alike:
            self.differing.append(Difference(name, alert, replayed))


def check_whole(alert: ReadAlert) -> None:
    """Raise InputError for an alert whose id is not that of the record that it names: it was altered."""
    part = -1 if alert.part is None else alert.part
    if record_id(alert.topic, alert.partition, alert.offset, part) != alert.id:
        raise InputError(
            f"replaying alert {alert.id}: it was altered: its id is not that of the record"
            f" {alert.topic}/{alert.partition}/{alert.offset} that it names"
        )


def check_model(alert: ReadAlert, model: LoadedModel) -> None:
    """Raise BundleError for a model that is not the one that the alert was made by."""
    whole = None if alert.decided is None else alert.decided.model_sha256
    if not model.digest.startswith(alert.model_digest) or whole not in {None, UNSET, model.digest}:
        raise BundleError(
            f"replaying alert {alert.id}: model {model.name} {model.version} of this registry has the digest"
            f" {model.digest[:16]}…, the alert's had {alert.model_digest}…: one of them was altered;"
            " name the registry that the daemon followed"
        )


def replay_vector(alert: ReadAlert, model: LoadedModel) -> Replayed:
    """Score the alert's own copy of the features; what came before is taken from the alert, too.

    Raises InputError for a copy that cannot be the model's.
    """
    vector, decided = alert.vector, alert.decided
    width = len(model.extractor.spec.names)
    if vector is None or decided is None:
        raise InputError(f"replaying alert {alert.id}: it has no copy of its features")
    row = np.array([vector], dtype=np.float32)
    if row.shape != (1, width) or not bool(np.isfinite(row).all()):
        raise InputError(
            f"replaying alert {alert.id}: its vector is of {row.shape[1]} features, the model has {width}: altered"
        )
    scores = model.score(row)
    frame = pl.DataFrame({"src_ip": [alert.src_ip], "dst_ip": [alert.dst_ip]})
    findings = Findings(frame, row, scores, _assessment_of(decided, model, scores))
    return _compared(
        alert, model, Replayed("vector", "the alert's own numbers", model.manifest.features_hash), findings
    )


def replay_record(
    alert: ReadAlert, model: LoadedModel, data: Dataset, kept: Snapshot | None = None, without: str = ""
) -> Replayed:
    """Read the alert's record in ``data`` again, after all of its partition that comes before it there.

    With ``kept``, what a daemon had kept of its state, that state comes before these, of which there are none older;
    ``without`` says why there is none. Raises InputError where the record is not among them.
    """
    frame, partitions = in_record_order(alert, model, data)
    place = record_in(alert, data, frame)
    frame, partitions = frame[: place + 1], partitions[: place + 1]
    state = FlowState.fresh(model) if kept is None else state_of(kept, model)
    scorer = Scorer(model, state)
    begun = begin_state(model, partitions, state)
    for start in range(0, place, CHUNK_ROWS):
        end = min(start + CHUNK_ROWS, place)
        scorer.find(frame[start:end], partitions[start:end])
    findings = scorer.find(frame[place:], partitions[place:])
    began = f"{place:,} flows before it"
    if kept is not None:
        began = f"the daemon's state at offset {kept.offset}, and {place:,} flows from there on"
    elif begun:
        began += ", after those of training"
    began += f"; {without}" if without else ""
    return _compared(alert, model, Replayed("record", began, model.manifest.features_hash), findings)


def state_of(kept: Snapshot, model: LoadedModel) -> FlowState:
    """The state that a daemon had kept, for this model. Raises InputError for what is not of its windows and views."""
    state = FlowState.fresh(model)
    if missing := state.parts.keys() - kept.parts.keys():
        raise InputError(f"it has no {', '.join(sorted(missing))}, which the model needs")
    for name, part in state.parts.items():
        part.restore(kept.partition, kept.parts[name])
    return state


def in_record_order(alert: ReadAlert, model: LoadedModel, data: Dataset) -> tuple[pl.DataFrame, NDArray[np.int32]]:
    """The flows that came by the alert's partition, in the order of their records, and that partition of each."""
    order = [SOURCE, OFFSET, *([PART] if PART in data.frame.columns else [])]
    frame = data.frame.sort(order, maintain_order=True)
    if data.topic is not None or _is_of(alert, data):
        frame = frame.filter(pl.col(SOURCE) == alert.partition)
    else:  # a copy of the topic: its partitions are told from the flows, as a producer by key does
        sorted_ = data.frame
        frame = sorted_.filter(partitions_of(sorted_["src_ip"], model.extractor.spec.partitions) == alert.partition)
    return frame, np.full(len(frame), alert.partition, dtype=np.int32)


def record_in(alert: ReadAlert, data: Dataset, frame: pl.DataFrame) -> int:
    """The place of the alert's record among flows; raises InputError where it is not there, or cannot be told."""
    ends = (pl.col("src_ip") == alert.src_ip) & (pl.col("dst_ip") == alert.dst_ip)
    if data.topic is not None or _is_of(alert, data):
        asked = pl.col(OFFSET) == alert.offset
        if PART in frame.columns and alert.part is not None:
            asked &= pl.col(PART) == alert.part
        where = f"offset {alert.offset} of partition {alert.partition}"
    else:
        asked = ends if alert.uid is None else ends & (pl.col("uid") == alert.uid)
        for name, value in (("src_port", alert.src_port), ("dst_port", alert.dst_port)):
            asked &= pl.col(name).is_null() if value is None else pl.col(name) == value
        where = f"a flow from {alert.src_ip} to {alert.dst_ip}" + (f" with uid {alert.uid}" if alert.uid else "")
    places = frame.select(pl.arg_where(asked)).to_series().to_list()
    if len(places) != 1:
        what = "is not" if not places else f"is {len(places)} times"
        raise InputError(
            f"replaying alert {alert.id}: its record, {where}, {what} in {', '.join(data.sources)}. {KEEP}"
        )
    place = int(places[0])
    if frame[place].filter(ends).is_empty():
        raise InputError(
            f"replaying alert {alert.id}: {where} is another flow than the alert's, from {alert.src_ip} to"
            f" {alert.dst_ip}: the topic was made anew, or the alert altered. {KEEP}"
        )
    return place


KEEP = (
    'To replay without the record, set alerts.detail to "vector"; to keep records, lengthen the retention of the topic,'
    " or name a copy of it with --data"
)
"""How what is missing would have been kept."""


def _is_of(alert: ReadAlert, data: Dataset) -> bool:
    """Whether the alert is of one of these files, as ``oddflow detect --input`` names them."""
    return alert.partition < len(data.sources) and data.sources[alert.partition] == alert.topic


def _assessment_of(decided: Decided, model: LoadedModel, scores: Scores) -> Assessment | None:
    """How odd the flow was, with the sums over earlier flows as the alert has them; None where it has not."""
    if model.incidents is None:
        return None
    overall, single = (float(values[0]) for values in model.surprises(scores))
    # All of it, that of a known target, or that of a probe from outside; what is none of these is told as
    # different.
    likely = (overall, min(overall, single), min(overall, LARGEST_PROBED))
    stated = overall if decided.surprise is UNSET else decided.surprise
    surprise = next((each for each in likely if math.isclose(stated, each, rel_tol=ROUNDED)), min(overall, single))
    told = {SURPRISE.name: surprise}
    for view in model.views:
        value = getattr(decided, view.name, UNSET)
        if view.name not in told and value is not UNSET:
            told[view.name] = float(value)
    if any(view.name not in told for view in model.views):
        return None
    return Assessment.of(*(np.array([told[view.name]]) for view in model.views), views=model.views)


def _compared(
    alert: ReadAlert,
    model: LoadedModel,
    replayed: Replayed,
    findings: Findings,
) -> Replayed:
    """Fill in what was found of one flow, and hold it against the alert."""
    decided, row, scores = alert.decided, findings.matrix, findings.scores.overall
    assessment = findings.assessment
    if decided is not None and decided.false_incidents_per_day is UNSET:
        assessment = None  # the budget was one of flows
    directions = directions_of(findings.frame, model.extractor.inside)
    p_values = model.calibration.p_values(scores)
    found: dict[str, float] = {"score": float(scores[0]), "p_value": float(p_values[0])}
    views = None
    if assessment is not None and model.incidents is not None:
        found |= {view.name: float(assessment[view.name][0]) for view in assessment.views}
        replayed.rhythm = rhythm_of(assessment)
        found["false_incidents_per_day"] = _told_rate(
            float(model.incidents.rates(assessment, directions)[0]), decided, model.incidents.least_told
        )
        views = model.incidents.oddest_views(assessment, directions)
    decision = Decision(np.array([0]), p_values, np.zeros(1), np.zeros(1), assessment, views=views)
    why = explain(model, row, decision)
    told = None if decided is None or decided.features is UNSET else decided.features
    names, values = model.extractor.spec.names, [readable(row[0])]
    count = TOP if told is None else len(told)
    replayed.found = found
    replayed.features = explained(names, values, why.contributions, UsualRanges.of(model.usual), count)[0]
    replayed.explanation = {"quantity": why.quantities[0], "base": why.bases[0], "output": why.outputs[0]}
    if decided is not None:
        _hold(replayed, decided, names, row[0])
    return replayed


def rhythm_of(assessment: Assessment) -> dict[str, float]:
    """How the pair of the first of the flows calls; empty where it is not regular, or nothing tells of it."""
    told = {name: float(assessment.told[name][0]) for name in REGULARITY.told if name in assessment.told}
    return told if told.get("calls") else {}


def _told_rate(rate: float, decided: Decided | None, least: float) -> float:
    """The rate as an alert tells it: no fewer than the calibration supports, nor more than the budget, if that is less.

    A budget below what is supported is not known here; an alert that tells less was raised at that very one.
    """
    told = UNSET if decided is None else decided.false_incidents_per_day
    return max(rate, least if told is UNSET else min(least, told * (1 + ROUNDED)))


def _hold(replayed: Replayed, decided: Decided, names: Sequence[str], row: NDArray[np.float32]) -> None:
    replayed.hold("score", decided.score, replayed.found["score"], SELF_TEST_TOLERANCE)
    for name, value in replayed.found.items():
        if name != "score":
            tolerance = OF_ROUNDED if name == "false_incidents_per_day" and replayed.by == "vector" else ROUNDED
            replayed.hold(name, getattr(decided, name, UNSET), value, tolerance)
    if decided.vector is not UNSET:
        was = np.array(unpacked(decided.vector), dtype=np.float32)
        replayed.hold("features_sha256", decided.features_sha256, replayed.features_hash)
        if was.shape != row.shape:
            replayed.hold("vector", len(was), len(row))
        else:
            replayed.compared.append("vector")
            for place in np.flatnonzero(was != row).tolist():
                replayed.differing.append(Difference(f"vector: {names[place]}", float(was[place]), float(row[place])))
    if decided.features is not UNSET:
        replayed.hold(
            "features", [each.name for each in decided.features], [each["name"] for each in replayed.features]
        )
        for was_told, is_told in zip(decided.features, replayed.features, strict=False):
            replayed.hold(f"contribution of {was_told.name}", was_told.contribution, is_told["contribution"], ROUNDED)
    if decided.explanation is not UNSET:
        for name, value in replayed.explanation.items():
            replayed.hold(f"explanation: {name}", getattr(decided.explanation, name), value, ROUNDED)
