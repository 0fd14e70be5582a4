"""Parts of the traffic: by service, subnet of the inside host, direction and hour, so that a blind spot shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.net.directions import directions_of
from detector.net.networks import NOWHERE, Networks
from detector.printable import printable
from detector.records.flow import DIRECTIONS
from training.evaluation.report import Segment
from training.evaluation.transplant import inside_addresses, subnet_start
from training.watched import DAY_S, HOUR_S

By = Literal["service", "subnet", "direction", "hour"]
BY: tuple[By, ...] = ("service", "subnet", "direction", "hour")

MOST_VALUES = 40
"""Of one way to cut; those with fewer flows are told together."""

REST = "the rest"
NONE = "none told"
OUTSIDE = "outside"

LEAST_FLOWS = 200
"""Of a segment that is named in words."""

TIMES_WORSE = 3.0
"""A segment stands out that raises so many times the share that all do."""


@dataclass(frozen=True, slots=True)
class Tested:
    """Rows that were tested at the budget; shape (rows,) each."""

    values: pl.DataFrame
    """A column for each of :data:`BY`."""
    benign: NDArray[np.bool_]
    attack: NDArray[np.bool_]
    raised: NDArray[np.bool_]
    incidents: NDArray[np.uint64]
    """Which incident each would be: a target on a day of a run."""


def segment_values(frame: pl.DataFrame, networks: Networks = NOWHERE) -> pl.DataFrame:
    """Tell each flow's service, inside subnet, direction and hour of the day (UTC); addresses outside are not told."""
    source, destination = inside_addresses(frame["src_ip"], networks), inside_addresses(frame["dst_ip"], networks)
    host = pl.select(
        pl.when(pl.Series(source)).then(frame["src_ip"]).when(pl.Series(destination)).then(frame["dst_ip"])
    ).to_series()
    names = host.unique().drop_nulls().to_list()
    subnets = {name: _subnet(name) for name in names}
    hours = np.floor(np.mod(frame["ts"].to_numpy(), DAY_S) / HOUR_S).astype(np.int64)
    return pl.DataFrame(
        {
            "service": frame["service"].fill_null(NONE),
            "subnet": host.replace_strict(subnets, default=OUTSIDE, return_dtype=pl.String)
            if names
            else pl.Series([OUTSIDE] * len(frame), dtype=pl.String),
            "direction": pl.Series(DIRECTIONS).gather(directions_of(frame, networks)),
            "hour": pl.Series([f"{hour:02}" for hour in range(24)]).gather(hours),
        }
    )


def _subnet(address: str) -> str:
    start = subnet_start(address)
    return f"{start}0/24" if start.endswith(".") else f"{start}/64"


def segments_of(tested: Tested, days: float) -> tuple[Segment, ...]:
    """Measure each part, watched for so many days in all; those with most flows first."""
    found = []
    for by in BY:
        values = tested.values[by]
        counts = values.alias("value").to_frame().group_by("value").len().sort("len", "value", descending=[True, False])
        named = values
        if len(counts) > MOST_VALUES:
            common = {each: each for each in counts["value"].head(MOST_VALUES)}
            named = values.replace_strict(common, default=REST, return_dtype=pl.String)
        names, place = np.unique(named.to_numpy().astype(str), return_inverse=True)
        rows = [_segment(by, str(name), tested, place == number, days) for number, name in enumerate(names)]
        found += sorted(rows, key=lambda each: -(each.benign + each.attacks)) if by != "hour" else rows
    return tuple(found)


def _segment(by: By, value: str, tested: Tested, rows: NDArray[np.bool_], days: float) -> Segment:
    benign, attack = rows & tested.benign, rows & tested.attack
    false, attacks = benign & tested.raised, int(attack.sum())
    return Segment(
        by=by,
        value=printable(value),
        benign=int(benign.sum()),
        attacks=attacks,
        benign_raised=float(false.sum() / benign.sum()) if benign.any() else 0.0,
        incidents_per_day=len(np.unique(tested.incidents[false])) / days if days else 0.0,
        recall=float((attack & tested.raised).sum() / attacks) if attacks else None,
    )


def worst_told(segments: tuple[Segment, ...]) -> list[str]:
    """Say which parts stand out: one sentence for noise and one for what is missed, by each way to cut."""
    told = []
    for by in BY:
        parts = [each for each in segments if each.by == by]
        flows = sum(each.benign for each in parts)
        if not flows:
            continue
        usual = sum(each.benign_raised * each.benign for each in parts) / flows
        loud = [each for each in parts if each.benign >= LEAST_FLOWS and each.benign_raised > TIMES_WORSE * usual > 0]
        if loud:
            worst = max(loud, key=lambda each: each.benign_raised)
            told.append(
                f"{by} {worst.value}: {worst.benign_raised:.2%} of its {worst.benign:,} benign flows are raised, of all"
                f" {usual:.2%}; look whether something unusual goes on there, or suppress it"
            )
        attacks = sum(each.attacks for each in parts)
        recall = sum((each.recall or 0.0) * each.attacks for each in parts) / attacks if attacks else 0.0
        blind = [
            each for each in parts if each.attacks >= LEAST_FLOWS // 2 and (each.recall or 0.0) < recall / TIMES_WORSE
        ]
        if blind:
            worst = min(blind, key=lambda each: each.recall or 0.0)
            told.append(
                f"{by} {worst.value}: {worst.recall or 0.0:.0%} of its {worst.attacks:,} attack flows are raised, of"
                f" all {recall:.0%}: a blind spot"
            )
    return told
