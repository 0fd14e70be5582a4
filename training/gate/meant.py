"""Which flows a judgement is of: by its own id or columns, by an alert's record, or by an incident's document. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.alerts.identity import record_ids
from detector.casebook.told import Ours, Told
from detector.records.flow import NO_PART, PART
from detector.scoring.dataset import OFFSET, SOURCE
from training.gate.known import Judgement, OfFlows

Rows = NDArray[np.intp]

SHORTEST_ID = 8
"""Characters of an incident's id that name it in a judgement, as lists show it."""

SIDES = {"sources": "src_ip", "destinations": "dst_ip", "ports": "dst_port"}
"""An incident's lists, and the columns of flows that they are of."""

_UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Meant(NamedTuple):
    """A judgement, and the places of its flows in a frame; none where the frame has none of them."""

    judgement: Judgement
    rows: Rows


def meant_by(
    judgements: Sequence[Judgement], frame: pl.DataFrame, topic: str | None = None, incidents: Iterable[Told] = ()
) -> list[Meant]:
    """Find the flows of each; the frame is of ``topic`` if of any, and ascending in ``ts``."""
    if not judgements:
        return []
    alerts, ts = alerts_of(judgements, frame, topic), frame["ts"].to_numpy()
    by_id = {part.ours.id: told for told in incidents for part in (*told.parts, told)}
    found = []
    for judgement in judgements:
        of = [] if judgement.flow else _incidents_of(judgement.id, by_id)
        if of and judgement.id not in alerts:
            found.append(Meant(judgement, rows_of_incidents(frame, ts, of)))
        else:
            found.append(Meant(judgement, rows_of(judgement, frame, alerts)))
    return found


def _incidents_of(judged: str, by_id: Mapping[str, Told]) -> list[Told]:
    if judged in by_id:
        return [by_id[judged]]
    if not _is_short(judged):
        return []
    return list({told.ours.id: told for name, told in by_id.items() if name.startswith(judged)}.values())


def _is_short(judged: str) -> bool:
    """Whether an id may be the beginning of an incident's."""
    return len(judged) >= SHORTEST_ID and not _UUID.fullmatch(judged)


def alerts_of(judgements: Sequence[Judgement], frame: pl.DataFrame, topic: str | None) -> Mapping[str, int]:
    """Places of flows by the ids that their alerts have or would have; empty where no judgement can be of one."""
    if topic is None or not any(_UUID.fullmatch(each.id) for each in judgements):
        return {}
    parts = frame[PART].fill_null(NO_PART).to_numpy() if PART in frame.columns else None
    ids = record_ids(topic, frame[SOURCE].to_numpy(), frame[OFFSET].to_numpy(), parts)
    return {name: row for row, name in enumerate(ids)}


def rows_of(judgement: Judgement, frame: pl.DataFrame, alerts: Mapping[str, int] = MappingProxyType({})) -> Rows:
    """Places of the flows that it is of; ``alerts`` is as :func:`alerts_of` gives it."""
    if judgement.id in alerts and not judgement.flow:
        return np.array([alerts[judgement.id]], np.intp)
    if judgement.flow:
        fits = [pl.col(name).cast(pl.String) == str(value) for name, value in judgement.flow.items() if name != "ts"]
        if "ts" in judgement.flow:
            fits.append((pl.col("ts") - float(judgement.flow["ts"])).abs() < 0.001)
        if isinstance(judgement, OfFlows):
            fits.append(pl.col("ts").is_between(judgement.since, judgement.until, closed="left"))
        mask = frame.select(pl.all_horizontal(fits).fill_null(False)).to_series()
    else:
        own = pl.col("uid").cast(pl.String) == judgement.id
        record = pl.concat_str([pl.col(SOURCE), pl.col(OFFSET)], separator="/") == judgement.id
        mask = frame.select((own.fill_null(False) | record.fill_null(False)).alias("is")).to_series()
    return np.flatnonzero(mask.to_numpy())


def rows_of_incidents(
    frame: pl.DataFrame, ts: NDArray[np.float64], incidents: Iterable[Told], margin_s: float = 0.0
) -> Rows:
    """Places of the flows of one incident at least, parts and all; and of those like them so long before and after."""
    rows = [rows_between(frame, ts, part.ours, margin_s) for told in incidents for part in told.parts or (told,)]
    return np.unique(np.concatenate(rows))


def rows_between(frame: pl.DataFrame, ts: NDArray[np.float64], ours: Ours, margin_s: float) -> Rows:
    """Places of the flows that an incident is made of, and of those like them within its time.

    ``ts`` is the frame's, ascending, in seconds. A list that does not hold all of them (see its counts) asks for
    nothing, so that too many flows are meant rather than too few.
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


class JudgedIncidents:
    """Those that judgements are of, be it by the incidents' own ids or by an alert or a flow that they name."""

    def __init__(self, judgements: Iterable[Judgement]) -> None:
        self._ids = {each.id for each in judgements if not each.flow}
        self._short = tuple(filter(_is_short, self._ids))

    def __contains__(self, told: Told) -> bool:
        parts = told.parts or (told,)
        ids = {part.ours.id for part in (told, *parts)}
        ids |= {strong.alert for part in parts for strong in part.ours.strongest if strong.alert}
        flows = {flow.uid for part in parts for flow in part.ours.flows if flow.uid}
        flows |= {f"{flow.partition}/{flow.offset}" for part in parts for flow in part.ours.flows}
        return not self._ids.isdisjoint(ids | flows) or any(name.startswith(self._short) for name in ids)
