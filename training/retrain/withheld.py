"""Which flows are not trained on: those of incidents that nobody has judged yet, or that were judged true.

What is under attack must not become usual. An incident lists its sources, destinations and ports; every flow between
them within its time is meant. A list that does not hold all of them (see its counts) asks for nothing, so that too many
flows are left out rather than too few. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.casebook.told import Ours, Told
from training.gate.known import Judgement, alerts_of, rows_of

INCIDENT_MARGIN_S = 900.0
"""Before and after an incident: an attack begins before it is raised, and what is left in of it makes it usual."""

SHORTEST_ID = 8
"""Characters of an incident's id that name it in a judgement, as lists show it."""

SIDES = {"sources": "src_ip", "destinations": "dst_ip", "ports": "dst_port"}
"""An incident's lists, and the columns of flows that they are of."""


@dataclass(frozen=True, slots=True)
class Withheld:
    """What is left out, and why."""

    keep: NDArray[np.bool_]
    """Shape (rows,): whether a flow may be trained on."""
    unjudged: int
    """Incidents that nobody judged and that some of the flows are of."""
    judged_true: int
    """Likewise incidents and single flows that were judged true."""
    judged_false: int
    """Incidents that stay in."""

    @property
    def rows(self) -> int:
        """How many flows are left out."""
        return int(len(self.keep) - self.keep.sum())


def withheld(
    frame: pl.DataFrame,
    incidents: Iterable[Told],
    judgements: Sequence[Judgement],
    margin_s: float = INCIDENT_MARGIN_S,
    topic: str | None = None,
) -> Withheld:
    """Hold flows, which are of ``topic`` if of any, against incidents and what people said.

    ``margin_s`` is added before and after each incident.
    """
    alerts = alerts_of(judgements, frame, topic)
    out = np.zeros(len(frame), np.bool_)
    ts = frame["ts"].to_numpy()
    unjudged = true = false = 0
    for told in incidents:
        label = label_of(told, judgements)
        if label == "false":
            false += 1
            continue
        there = False
        for part in told.parts or (told,):
            rows = rows_between(frame, ts, part.ours, margin_s)
            out[rows] = True
            there |= bool(len(rows))
        unjudged += there and label is None
        true += there and label == "true"
    for judgement in judgements:
        if judgement.label == "true" and len(rows := rows_of(judgement, frame, alerts)):
            out[rows] = True
            true += 1
    return Withheld(~out, unjudged, true, false)


def rows_between(frame: pl.DataFrame, ts: NDArray[np.float64], ours: Ours, margin_s: float) -> NDArray[np.intp]:
    """Places of the flows that an incident is made of, and of those like them within its time.

    ``ts`` is the frame's, ascending, in seconds.
    """
    first = int(np.searchsorted(ts, ours.first_seen - margin_s, side="left"))
    last = int(np.searchsorted(ts, ours.last_seen + margin_s, side="right"))
    fits = [
        pl.col(column).is_in(listed)
        for name, column in SIDES.items()
        if (listed := getattr(ours, name)) and _is_all(ours, name, len(listed))
    ]
    if not fits or first >= last:
        return np.zeros(0, np.intp)
    within = frame[first:last].select(pl.all_horizontal(fits).fill_null(False)).to_series()
    return first + np.flatnonzero(within.to_numpy())


def _is_all(ours: Ours, name: str, listed: int) -> bool:
    count = ours.counts.get(name)
    return count is None or (count.distinct <= listed and not count.or_more)


def label_of(told: Told, judgements: Sequence[Judgement]) -> str | None:
    """What people said of an incident, or of a flow or alert that it names; true where they said both, else None."""
    parts = told.parts or (told,)
    ids = {part.ours.id for part in (told, *parts)}
    ids |= {strong.alert for part in parts for strong in part.ours.strongest if strong.alert}
    flows = {flow.uid for part in parts for flow in part.ours.flows if flow.uid}
    flows |= {f"{flow.partition}/{flow.offset}" for part in parts for flow in part.ours.flows}
    said = {each.label for each in judgements if _names(each.id, ids) or (not each.flow and each.id in flows)}
    return "true" if "true" in said else "false" if said else None


def _names(judged: str, ids: set[str]) -> bool:
    return len(judged) >= SHORTEST_ID and any(each.startswith(judged) for each in ids)
