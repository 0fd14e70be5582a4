"""The days that :mod:`bench.incidents` measures: alerts of each, as the commands that users run make them.

Simulated days with attacks, labelled captures, and real attacks inside a half day of real and simulated benign hosts.
What was made once in a folder is read from there.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from msgspec import UnsetType

from bench.quality_inside import DAY_S, inside
from bench.quality_sets import ZEEK, read_zeek
from detector.alerts.grading import FIRST_CONTACT
from detector.alerts.raised import RAISED_COLUMNS, Origin, Raised
from detector.alerts.read_alert import ReadAlert, read_alert
from detector.decisions.severity import decades_beyond
from detector.decisions.views import SURPRISE, VIEWS
from detector.errors import InputError
from detector.records.flow import BENIGN, LABEL
from detector.scoring.kept_flows import load_model
from detector.settings.load import load_settings
from detector.settings.tree import Alerts
from training.simulator.frames import ATTACK_ID
from training.simulator.scenario import DEFAULT_START, Scenario

ATTACK_SHARE = 0.03

ATTACKS = "attacks.parquet"
"""Of a folder: the id of each flow that is of an attack, and which."""

CAPTURES = ("iot23-34-1", "iot23-20-1-torii", "iot23-21-1-torii", "stratosphere-008-mixed", "stratosphere-001-njrat")


@dataclass(frozen=True, slots=True)
class DayOfAlerts:
    """The alerts of a day, or of a part of one."""

    alerts: list[Raised]
    attacks: Mapping[str, str]
    """The attack of each flow that is of one, by the flow's id."""
    days: float


def run(*arguments: str, **environment: str) -> None:
    """Run a command of ours. Raises CalledProcessError where it fails."""
    command = [sys.executable, "-m", "detector", *arguments]
    subprocess.run(command, check=True, env=os.environ | environment, stdout=subprocess.DEVNULL)


def simulated(
    folder: Path, seed: int, hosts: int, kind: str, *, begins_s: float = 0.0, lasts_s: float = DAY_S
) -> DayOfAlerts:
    """A simulated day with attacks, or so much of it, by a model of the day before, which has none."""
    if not (folder / "alerts.jsonl").exists():
        folder.mkdir(parents=True, exist_ok=True)
        train, day = (str(folder / name) for name in ("train.json.gz", "day.json.gz"))
        options = ("--hosts", str(hosts), "--seed", str(seed), "--duration", f"{lasts_s / 3600.0:g}h")
        first, second = (_moment(DEFAULT_START + day * DAY_S + begins_s) for day in (0, 1))
        run("simulate", *options, "--attacks", "none", "--start", first, "--output", train)
        run("simulate", *options, "--attack-share", str(ATTACK_SHARE), "--start", second, "--output", day)
        judge(folder, train, day, kind)
    if not (folder / ATTACKS).exists():
        scenario = Scenario(
            seed=seed,
            hosts=hosts,
            start=DEFAULT_START + DAY_S + begins_s,
            duration_s=lasts_s,
            attack_share=ATTACK_SHARE,
        )
        columns = ("uid", ATTACK_ID, "ts", "src_ip", "dst_ip")
        flows = [frame.select(columns).drop_nulls(ATTACK_ID) for frame in scenario.frames()]
        pl.concat(flows).write_parquet(folder / ATTACKS)
    return _read(folder, lasts_s / DAY_S)


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M")


def captured(folder: Path, path: Path, kind: str) -> DayOfAlerts:
    """A labelled capture, by a model of its own benign flows; labels are its attacks."""
    flows = read_zeek(path)
    if not (folder / "alerts.jsonl").exists():
        folder.mkdir(parents=True, exist_ok=True)
        judge(folder, str(path), str(path), kind, "--train-on", "normal")
    flows.filter(pl.col(LABEL) != BENIGN).select("uid", LABEL).write_parquet(folder / ATTACKS)
    return _read(folder, float(flows["ts"][-1] - flows["ts"][0]) / DAY_S)


def hidden(folder: Path, data: Path, seed: int, kind: str) -> DayOfAlerts:
    """Real attacks in the second half of a benign network's day, all of them, by a model of the first half."""
    if not (folder / "alerts.jsonl").exists():
        folder.mkdir(parents=True, exist_ok=True)
        cases = inside(data, seed)
        calm = next(iter(cases.values()))
        attacks = [case.flows.filter(pl.Series(case.attacks)) for case in cases.values()]
        after = calm.flows.filter(pl.Series(calm.test & ~calm.attacks))
        write_flows(folder / "train.json.gz", calm.flows.filter(pl.Series(calm.train)))
        day = pl.concat([after, *attacks]).sort("ts", maintain_order=True)
        day = day.with_columns(pl.format("F{}", pl.int_range(pl.len())).alias("uid"))
        write_flows(folder / "day.json.gz", day)
        day.filter(pl.col(LABEL) != BENIGN).select("uid", LABEL).write_parquet(folder / ATTACKS)
        judge(folder, str(folder / "train.json.gz"), str(folder / "day.json.gz"), kind)
    return _read(folder, 0.5)


def write_flows(path: Path, flows: pl.DataFrame) -> None:
    """Flows as Zeek's conn log in JSON lines."""
    named = flows.select(pl.col(ours).alias(theirs) for theirs, ours in ZEEK.items())
    named.write_ndjson(path, compression="gzip")


def judge(folder: Path, train: str, day: str, kind: str, *more: str) -> None:
    """Train, and have the daemon read a file; its alerts, all of them, and its incidents are in the folder then."""
    registry, alerts = str(folder / "registry"), folder / "alerts.part"
    run("train", "--data", train, "--format", "zeek", "--registry", registry, "--kind", kind, "--folds", "0", *more)
    given = ("--input", day, "--format", "zeek", "--registry", registry, "--output", str(alerts))
    run(
        "detect",
        *given,
        "--incidents",
        str(folder / "incidents.jsonl"),
        ODDFLOW_ALERTS__REPEAT="all",
        ODDFLOW_ALERTS__DETAIL="vector",
    )
    alerts.rename(folder / "alerts.jsonl")


def _read(folder: Path, days: float) -> DayOfAlerts:
    attacks = pl.read_parquet(folder / ATTACKS)
    attacks = attacks.select("uid", LABEL if LABEL in attacks.columns else ATTACK_ID)
    return DayOfAlerts(_raised_in(folder), dict(attacks.iter_rows()), days)


def _raised_in(folder: Path) -> list[Raised]:
    """The alerts of a folder, as incidents take them."""
    settings = load_settings(None, {"model.registry": str(folder / "registry")}, {})
    names = load_model(settings).extractor.spec.names
    first = names.index(FIRST_CONTACT) if FIRST_CONTACT in names else None
    alerts = [(json.loads(line), read_alert(line)) for line in (folder / "alerts.jsonl").read_bytes().splitlines()]
    origin = Origin(
        "",
        [alert.offset for _, alert in alerts],
        [-1 if alert.part is None else alert.part for _, alert in alerts],
        alerts[0][1].model_version if alerts else "",
        lambda place: alerts[place][1].message.rpartition("; ")[2].removesuffix("."),
    )
    return [_raised(document, alert, place, origin, first) for place, (document, alert) in enumerate(alerts)]


def _raised(document: Mapping[str, Any], alert: ReadAlert, place: int, origin: Origin, first: int | None) -> Raised:
    decided, vector = alert.decided, alert.vector
    if decided is None or vector is None or isinstance(decided.false_incidents_per_day, UnsetType):
        raise InputError("these alerts were written without their vectors and rates; make them anew")
    columns: dict[str, Any] = {name: getattr(alert, name, None) for name in RAISED_COLUMNS} | {
        "ts": document["start_time"] / 1000,
        "duration_s": (document["end_time"] - document["start_time"]) / 1000,
    }
    rate = decided.false_incidents_per_day
    return Raised(
        **columns,
        direction=alert.direction,
        first_contact=None if first is None else bool(vector[first]),
        score=decided.score,
        p_value=decided.p_value,
        decades=float(decades_beyond(np.array([rate]), Alerts().false_incidents_per_day)[0]),
        partition=alert.partition,
        place=place,
        origin=origin,
        view=next((view.name for view in VIEWS if view.as_odd in alert.message), SURPRISE.name),
    )
