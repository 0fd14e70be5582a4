"""Alerts as incidents take them: what a flow was and how odd, before anything of it is explained or put into words.

In a storm nearly all alerts are counted and never told, so what costs most (ids, positions, words) is worked out only
when it is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from detector.alerts.grading import circumstances_of, first_contacts
from detector.alerts.identity import record_id
from detector.alerts.rarity import rarity_of
from detector.alerts.rhythm import Rhythm
from detector.alerts.texts import MAX_TEXT_BYTES, bound_list
from detector.assets.assets import NOTHING, Allowed, Assets
from detector.bundle.loaded_model import LoadedModel
from detector.decisions.decide import Decision
from detector.decisions.findings import Findings
from detector.decisions.severity import Circumstances, risk_of
from detector.decisions.views import SURPRISE
from detector.net.answers import is_unanswered
from detector.net.directions import directions_of
from detector.records.flow import DIRECTIONS, FlowBatch
from detector.transport.base import RawBatch

RAISED_COLUMNS = (
    *("ts", "duration_s", "src_ip", "dst_ip", "dst_port", "proto", "service", "state"),
    *("src_bytes", "dst_bytes", "dst_packets", "uid"),
)
"""Of a flow: the first fields of :class:`Raised`, in their order."""

_RECORDS_TEXTS = frozenset({"proto", "service", "state", "uid"})
"""Those that a record's text is in as it stands there, whatever its length."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a batch's alerts come from; lists of one length, in the alerts' order."""

    topic: str
    offsets: Sequence[int]
    parts: Sequence[int] | None
    """Places in messages that hold several records, negative for a message by itself; None: all are."""
    model_version: str
    rarity: Callable[[int], str]
    """How rare the one at a place is, in words."""
    assets: Assets = NOTHING
    timestamps_ms: Sequence[int] = ()
    """Of their records, since 1970, negative where one has none; only for what is told of alerts."""


class Raised(NamedTuple):
    """One alert: the canonical columns that incidents look at (None: not told), and what was decided of it."""

    ts: float
    duration_s: float | None
    src_ip: str
    dst_ip: str
    dst_port: int | None
    proto: str
    service: str | None
    state: str | None
    src_bytes: int | None
    dst_bytes: int | None
    dst_packets: int | None
    uid: str | None
    direction: str
    first_contact: bool | None
    """Whether the flow is the first between its two addresses; None where the model has no such feature."""
    score: float
    p_value: float
    decades: float
    """By how many powers of ten it is rarer than the budget asks."""
    partition: int
    place: int
    """Among the alerts of its batch."""
    origin: Origin
    period_s: float = 0.0
    """Between the calls of its pair, where these come by the clock; else 0."""
    rhythm: Rhythm | None = None
    """How these come; None where they do not, or nothing tells of it."""
    view: str = SURPRISE.name
    """By which it is oddest."""

    @property
    def id(self) -> str:
        """See :mod:`detector.alerts.identity`."""
        origin, at = self.origin, self.place
        part = -1 if origin.parts is None else origin.parts[at]
        return record_id(origin.topic, self.partition, origin.offsets[at], part)

    @property
    def timestamp_ms(self) -> int:
        """Its record's."""
        return self.origin.timestamps_ms[self.place]

    @property
    def rarity(self) -> str:
        """How rare it is, in words."""
        return self.origin.rarity(self.place)

    @property
    def unanswered(self) -> bool:
        """Whether its flow got no answer."""
        return is_unanswered(self.dst_ip, self.state, self.dst_packets, self.dst_bytes)

    @property
    def circumstances(self) -> Circumstances:
        """What its risk is made of."""
        return circumstances_of(
            self.decades,
            self.direction,
            self.src_bytes,
            self.dst_bytes,
            unanswered=self.unanswered,
            first_contact=bool(self.first_contact),
            worth=self.origin.assets.worth(self.src_ip, self.dst_ip),
        )

    @property
    def allowed(self) -> Allowed | None:
        """The rule of the allow-list that covers its flow."""
        return self.origin.assets.allowed(self.src_ip, self.ts, self.dst_port)

    @property
    def risk(self) -> int:
        """0 to 100."""
        return risk_of(self.circumstances)

    @property
    def position(self) -> dict[str, Any]:
        """Where its record is; its place in the message only where that holds several."""
        origin, at = self.origin, self.place
        position = {"topic": origin.topic, "partition": self.partition, "offset": origin.offsets[at]}
        if origin.parts is not None and origin.parts[at] >= 0:
            position["part"] = origin.parts[at]
        return position


def raised_alerts(  # noqa: PLR0917 - a batch is its parts, one by one
    raw: RawBatch,
    flows: FlowBatch,
    findings: Findings,
    decision: Decision,
    model: LoadedModel,
    max_text_bytes: int = MAX_TEXT_BYTES,
    assets: Assets = NOTHING,
) -> list[Raised]:
    """The alerts of a batch, in row order; ``findings`` are of all of ``flows``."""
    rows = decision.rows
    if not len(rows):
        return []
    frame, places = flows.frame[rows], flows.rows[rows]
    partitions = raw.partitions[places].tolist()
    parts = None if flows.parts is None else flows.parts[rows].tolist()
    origin = Origin(
        raw.topic,
        raw.offsets[places].tolist(),
        parts,
        model.version,
        lambda place: rarity_of(decision, place, model),
        assets,
        raw.timestamps_ms[places].tolist(),
    )
    columns = zip(
        *(_column(frame, name, max_text_bytes) for name in RAISED_COLUMNS),
        [DIRECTIONS[place] for place in directions_of(frame, model.extractor.inside).tolist()],
        first_contacts(findings.matrix[rows], model),
        findings.scores.overall[rows].tolist(),
        decision.p_values.tolist(),
        decision.decades.tolist(),
        partitions,
        range(len(rows)),
        repeat(origin),
        _periods(decision),
        _rhythms(decision),
        (view.name for view in decision.oddest_by),
        strict=False,
    )
    return list(map(Raised._make, columns))


def _periods(decision: Decision) -> list[float]:
    """Seconds between the calls of each alert's pair, 0 where they are not regular, or nothing tells of it."""
    told = {} if decision.assessment is None else decision.assessment.told
    return told["period"].tolist() if "period" in told else [0.0] * len(decision.rows)


def _rhythms(decision: Decision) -> list[Rhythm | None]:
    """How each alert's pair calls, where it is regular and something tells of it."""
    told = {} if decision.assessment is None else decision.assessment.told
    rhythms: list[Rhythm | None] = [None] * len(decision.rows)
    if all(name in told for name in Rhythm.__struct_fields__):
        for row in np.flatnonzero(told["calls"]).tolist():
            rhythms[row] = Rhythm(**{name: float(told[name][row]) for name in Rhythm.__struct_fields__})
    return rhythms


def _column(frame: pl.DataFrame, name: str, max_text_bytes: int) -> list[Any]:
    """A column's values, texts as documents have them, and None for what is no number."""
    column = frame[name]
    values = column.to_list()
    if name in _RECORDS_TEXTS:
        return bound_list(values, max_text_bytes)
    if column.dtype.is_float():
        return [value if value is not None and math.isfinite(value) else None for value in values]
    return values
