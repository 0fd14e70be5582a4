"""What a person is told of quiet attacks: the incidents of a day, as the commands that users run make them.

A model is trained on the days before and judges the day, from files, at a budget of false incidents; alerts are all
written, each with its incident. A share of flows is *found at ten false incidents* where it is raised before the
eleventh benign incident of that day, an incident being as rare as its rarest alert. Where fewer are told than ten, it
is what is raised at the budget.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from msgspec import UnsetType
from numpy.typing import NDArray

from bench.incident_days import judge, write_flows
from detector.alerts.read_alert import read_alert
from detector.casebook.latest import Latest
from detector.casebook.told import read_told
from detector.incidents.wholes import named


class Raised(NamedTuple):
    """One alert: at which budget it is raised, in which incident it is, and of which attack; empty where benign."""

    rate: float
    incident: str
    attack: str


class Listed(NamedTuple):
    """An incident as it is listed."""

    kind: str
    risk: int
    severity: str


@dataclass(frozen=True, slots=True)
class Told:
    """What a day's alerts became: its incidents by id, and its alerts with the ids that are shown."""

    incidents: Mapping[str, Listed]
    alerts: list[Raised]


def judged(before: pl.DataFrame, day: pl.DataFrame, attacks: NDArray[np.str_], folder: Path, kind: str) -> Told:
    """Train on the days before, judge the day, and read what was told; ``attacks`` are of the day's flows, (rows,)."""
    train, tried = folder / "train.json.gz", folder / "day.json.gz"
    write_flows(train, before)
    write_flows(tried, day.with_columns(pl.int_range(pl.len()).cast(pl.String).alias("uid")))
    judge(folder, str(train), str(tried), kind)
    alerts, incidents = (folder / name for name in ("alerts.jsonl", "incidents.jsonl"))
    return _read(alerts.read_bytes().splitlines(), incidents.read_bytes().splitlines(), attacks)


def _read(alerts: Iterable[bytes], incidents: Iterable[bytes], attacks: NDArray[np.str_]) -> Told:
    latest = Latest(named=named)
    for line in incidents:
        latest.put(read_told(line))
    raised = []
    for line in alerts:
        alert = read_alert(line)
        shown = latest.whole(alert.incident or "")
        if shown is None or alert.decided is None or isinstance(alert.decided.false_incidents_per_day, UnsetType):
            raise ValueError(f"alert {alert.id} is of no incident, or without its rate")
        raised.append(Raised(alert.decided.false_incidents_per_day, shown.ours.id, str(attacks[int(alert.uid or "")])))
    whole = {told.ours.id: Listed(told.ours.kind, told.ours.risk or 0, told.severity) for told in latest.wholes()}
    return Told(whole, raised)


def figures(told: Told, attacks: NDArray[np.str_], false_incidents: int) -> dict[str, dict[str, Any]]:
    """By attack what was found and how it is told; and of benign incidents how many, of each severity.

    ``benign_above`` counts the benign incidents that a list by risk has before its own, or beside it.
    """
    flows = Counter(attacks.tolist())
    by_incident: dict[str, list[Raised]] = defaultdict(list)
    for each in told.alerts:
        by_incident[each.incident].append(each)
    benign = {
        incident: min(each.rate for each in those)
        for incident, those in by_incident.items()
        if not any(each.attack for each in those)
    }
    refused = sorted([*benign.values(), *[math.inf] * (false_incidents + 1)])[false_incidents]
    rows: dict[str, dict[str, Any]] = {}
    for attack in sorted(set(flows) - {""}):
        own = [each for each in told.alerts if each.attack == attack]
        rows[attack] = {
            "raised": round(len(own) / flows[attack], 3),
            f"found_at_{false_incidents}": round(sum(each.rate < refused for each in own) / flows[attack], 3),
        }
        if own:
            chief = told.incidents[Counter(each.incident for each in own).most_common(1)[0][0]]
            above = sum(told.incidents[incident].risk >= chief.risk for incident in benign)
            rows[attack] |= {
                "incidents": len({each.incident for each in own}),
                **chief._asdict(),
                "benign_above": above,
            }
    severities = Counter(told.incidents[incident].severity for incident in benign)
    return rows | {"benign": {"incidents": len(benign), **dict(sorted(severities.items()))}}


def table(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """The figures for people."""
    attacks = pl.DataFrame([{"attack": attack, **row} for attack, row in rows.items() if attack != "benign"])
    with pl.Config(tbl_rows=-1, tbl_cols=-1, tbl_width_chars=120, tbl_hide_column_data_types=True):
        return f"{attacks}\nbenign: " + ", ".join(f"{name} {count}" for name, count in rows["benign"].items())
