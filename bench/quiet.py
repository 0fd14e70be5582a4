"""Quiet attacks from inside: C&C of few flows, over TLS or at odd ports, exfiltration of megabytes, a RAT.

Two benign days are trained on, and into the third the rows of :mod:`bench.quiet_rows` are put, each on a host drawn
among those that people use. Benign days are simulated, by ``--seeds``; seed 0 is the host of RITA's three days instead,
as an inside one. Told is the share of each row's flows that are *found at ten false incidents*: above the tenth benign
key (source, destination and port) of that day, with and without volume. Then what a person is told of that day at ten
false incidents a day (:mod:`bench.quiet_told`): of each row its chief incident, and the benign ones. The last line is
one JSON object.

usage: python -m bench.quiet [--data FOLDER] [--seeds 401 402 0] [--hosts 25] [--kind ensemble]
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from bench.quality_sets import data_folder
from bench.quiet_rows import ROWS, transplanted
from bench.quiet_told import figures, judged, table
from detector.decisions.budget import IncidentCalibration
from detector.decisions.passed import evidence_keys
from detector.decisions.views import VOLUME, View
from detector.features.extractor import build_spec
from detector.features.windows import default_windows
from detector.models.ensemble import Ensemble
from detector.net.directions import directions_of
from detector.records.flow import SCHEMA
from detector.scoring.dataset import read_dataset
from detector.scoring.scorer import Scorer
from training.detection_at_budget import first_refused
from training.learn import Choice, Fitting, learn
from training.simulator.scenario import Scenario
from training.train import Recipe
from training.watched import Watched, ends_of

DAY_S = 86_400.0
FALSE_INCIDENTS = 10
ROW = "quiet_row"

PEOPLES = r"^10\.0\.1\d\."
"""Workstations, guests and devices of the simulated network: not its servers."""

REAL_HOST, INSIDE = "64.225.56.201", "10.77.0.9"
"""Whose records RITA's three days are, and what it is called here."""


class Days(NamedTuple):
    """Two days to learn from, and the third, each flow of which has its row's name or the empty one."""

    before: pl.DataFrame
    tried: pl.DataFrame
    rows: NDArray[np.str_]


def quiet_days(seed: int, hosts: int, data: Path) -> Days:
    """Benign days by seed, with every row of the data that are there in the third."""
    flows, ends = _simulated(seed, hosts) if seed else _captured(data)
    begins = ends - DAY_S
    third = flows.filter(pl.col("ts") >= begins)
    rng = np.random.default_rng([seed, 5])
    pool = third.filter(pl.col("src_ip").str.contains(PEOPLES if seed else f"^{INSIDE}$"))["src_ip"].unique().sort()
    sources = rng.choice(pool.to_numpy(), len(ROWS), replace=len(pool) < len(ROWS))
    put = [
        transplanted(row(data, rng), str(source), begins + DAY_S / 24, ends, rng).with_columns(pl.lit(name).alias(ROW))
        for (name, row), source in zip(ROWS.items(), sources, strict=True)
    ]
    tried = pl.concat([third.with_columns(pl.lit("").alias(ROW)), *put]).sort("ts", maintain_order=True)
    return Days(flows.filter(pl.col("ts") < begins), tried.drop(ROW), tried[ROW].to_numpy().astype(np.str_))


def _simulated(seed: int, hosts: int) -> tuple[pl.DataFrame, float]:
    scenario = Scenario(seed=seed, hosts=hosts, duration_s=3 * DAY_S, attacks=(), attack_share=0.0)
    return pl.concat(list(scenario.frames())).select(SCHEMA.keys()).sort("ts", maintain_order=True), scenario.end


def _captured(data: Path) -> tuple[pl.DataFrame, float]:
    flows = read_dataset([data / "zeek" / "rita-missing-host-3-days.conn.log.gz"], "zeek-tsv").frame.select(*SCHEMA)
    flows = flows.with_columns(pl.col("src_ip", "dst_ip").replace({REAL_HOST: INSIDE})).sort("ts", maintain_order=True)
    return flows, float(flows["ts"][0]) + 3 * DAY_S


def measured(days: Days, kind: str) -> dict[str, dict[str, float]]:
    """Learn and score as ``oddflow train`` and a daemon do, with volume and without: the share found of each row."""
    everything, recipe = np.ones(len(days.before), np.bool_), Recipe(kind=kind)
    learnt = learn(
        days.before,
        Choice(calm=everything, chosen=everything, peaceful=everything),
        build_spec(windows=default_windows()),
        Fitting(kind=kind, seed=1, params=recipe.fitting, drop=recipe.drop),
        Watched.of(days.before["ts"].to_numpy(), ends_of(days.before)),
        np.zeros(len(days.before), np.int32),
    )
    incidents = learnt.incidents
    if incidents is None:
        raise ValueError("three days have addresses and times")
    scorer, directions = Scorer(learnt.scoring, learnt.state), directions_of(days.tried)
    ways = {"oddflow": incidents, "oddflow-before": without(incidents, VOLUME)}
    rates: dict[str, list[NDArray[np.float64]]] = {name: [] for name in ways}
    for at in range(0, len(days.tried), 20_000):
        few = days.tried[at : at + 20_000]
        assessment = scorer.find(few, np.zeros(len(few), np.int32)).assessment
        if assessment is None:
            raise ValueError("incidents are calibrated")
        for name, way in ways.items():
            values = tuple(assessment[view.name] for view in way.views)
            seen = replace(assessment, views=way.views, values=values, told={})
            rates[name].append(way.rates(seen, directions[at : at + 20_000]))
    return {name: found(days, np.concatenate(each)) for name, each in rates.items()}


def found(days: Days, rates: NDArray[np.float64]) -> dict[str, float]:
    """Of each row the share of flows found at ten false incidents; and benign keys raised where ten are asked for."""
    keys, benign = evidence_keys(days.tried).targets, days.rows == ""
    raised = rates < first_refused(rates[benign], keys[benign], FALSE_INCIDENTS)
    told = {name: round(float(raised[days.rows == name].mean()), 3) for name in sorted(set(days.rows.tolist()) - {""})}
    return told | {"benign_raised_at_10_a_day": len(np.unique(keys[benign & (rates <= FALSE_INCIDENTS)]))}


def without(incidents: IncidentCalibration, view: View) -> IncidentCalibration:
    """The same thresholds without a view; how many incidents each depth costs stays, which makes no order."""
    kept = [place for place, each in enumerate(incidents.views) if each is not view]
    return replace(
        incidents, views=tuple(incidents.views[at] for at in kept), tops=tuple(incidents.tops[at] for at in kept)
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=data_folder(), help="folder of the labelled sets")
    parser.add_argument("--seeds", type=int, nargs="+", default=[401, 402, 0])
    parser.add_argument("--hosts", type=int, default=25)
    parser.add_argument("--kind", default=Ensemble.kind)
    options = parser.parse_args()
    if not options.data.is_dir():
        raise SystemExit(
            f"{options.data} is not there: nothing was measured; name the folder with --data or ODDFLOW_DATA"
        )
    result, incidents = {}, {}
    for seed in options.seeds:
        days = quiet_days(seed, options.hosts, options.data)
        result[str(seed)] = measured(days, options.kind)
        for name, told in result[str(seed)].items():
            print(f"seed {seed} {name}: " + ", ".join(f"{row} {share:g}" for row, share in told.items()), flush=True)
        with tempfile.TemporaryDirectory() as folder:
            became = judged(days.before, days.tried, days.rows, Path(folder), options.kind)
        incidents[str(seed)] = figures(became, days.rows, FALSE_INCIDENTS)
        print(f"\nseed {seed}, incidents that a person is told\n{table(incidents[str(seed)])}\n", flush=True)
    means: dict[str, Any] = {
        name: {row: round(float(np.mean([each[name][row] for each in result.values()])), 3) for row in told}
        for name, told in next(iter(result.values())).items()
    }
    print(means)
    print(json.dumps(result | {"incidents": incidents}))


if __name__ == "__main__":
    main()
