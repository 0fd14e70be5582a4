"""Whether an ensemble loses to one of its own members, or to what leaves its windows out.

Of each set the default is trained as ``oddflow train`` does it; beside it, on the same rows, stand each of its members
alone, ``--kind kmeans`` and ``--no-windows``. Told are ROC AUC and the true positives at 1 %, medians of the seeds; of
the default by its score, and *as judged*: by its surprise, in which what windows find odd is bounded by the flow alone.
In the last column is how much the best of the others is ahead of it as judged: above 0.01, a view is combined badly.

Sets are chosen for what they cannot support: few columns and no addresses, a capture of minutes, a device that does the
same all day, few rows. ``normal`` are trained on benign rows, ``1%`` with as many attacks. Of 20-1 and 21-1 the attacks
are in the first half of the day: it is tested as if it came a day later. What Suricata alerted at is a weak truth, and
``mixed`` has 13 such flows. The last line is one JSON object.

usage: python -m bench.members [--data FOLDER] [--sets NAME …] [--seeds 3]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from bench.quality_sets import (
    CONTAMINATION,
    FlowCase,
    chosen_rows,
    data_folder,
    halves,
    nsl_kdd,
    read_unsw,
    read_zeek,
)
from bench.quality_systems import OURS
from detector.models.ensemble import SINGLE, Ensemble
from detector.models.kinds.kmeans import KMeans
from detector.models.rows import first_columns
from detector.models.single_flows import Scores
from detector.records.flow import BENIGN, LABEL, SCHEMA
from detector.scoring.dataset import read_dataset
from training.learn import Choice, learn, stretches_of
from training.metrics import figures
from training.simulator.attacks import ATTACKS
from training.simulator.frames import ATTACK_ID
from training.simulator.scenario import DEFAULT_START, Scenario
from training.single_flows import calibrated
from training.train import spec_for
from training.watched import DAY_S, Watched, ends_of

DEFAULT, JUDGED, NO_WINDOWS = "default", "as judged", "--no-windows"
KMEANS = f"--kind {KMeans.kind}"

NO_ADDRESS = "0.0.0.0"  # noqa: S104 - what flows have that have none

HOSTS, HOURS, NINE_S = 25, 2.0, 32_400.0

MORNINGS = (751, 752)
"""Seeds of simulated mornings; nothing was chosen on them."""

Told = dict[str, tuple[float, float]]
"""By system: ROC AUC, and the true positives at 1 % false ones."""


@dataclass(frozen=True, slots=True)
class Bench:
    """A set, and what share of attacks is trained on."""

    name: str
    share: float
    make: Callable[[], FlowCase]


def bare(flows: pl.DataFrame) -> pl.DataFrame:
    """The same flows with eight columns: no addresses, no ports, and no times but their order."""
    blank = flows.with_columns(
        pl.lit(None, SCHEMA[port]).alias(port) for port in ("src_port", "dst_port")
    ).with_columns(pl.lit(NO_ADDRESS).alias("src_ip"), pl.lit(NO_ADDRESS).alias("dst_ip"))
    return blank.with_columns(pl.int_range(len(flows)).cast(pl.Float64).alias("ts"))


def first_half_later(name: str, flows: pl.DataFrame) -> FlowCase:
    """Train on the second half of the time, and test on the first as if it came a day later."""
    ts = pl.col("ts")
    middle = float(flows["ts"][0] + flows["ts"][-1]) / 2
    moved = flows.with_columns(pl.when(ts < middle).then(ts + DAY_S).otherwise(ts).alias("ts"))
    moved = moved.sort("ts", maintain_order=True)
    before = moved["ts"].to_numpy() <= float(flows["ts"][-1])
    return FlowCase(name, moved, before, ~before, _attacks(moved))


def benign_halves(name: str, flows: pl.DataFrame) -> FlowCase:
    """Train on the first half of the benign flows, for captures that begin with an attack."""
    attacks = _attacks(flows)
    before = np.cumsum(~attacks) <= (~attacks).sum() / 2
    return FlowCase(name, flows, before, ~before, attacks)


def table(data: Path) -> FlowCase:
    """NSL-KDD's rows as flows without addresses."""
    read = nsl_kdd(data / "nsl-kdd")
    rows = len(read.train_flows)
    flows = pl.concat([read.train_flows, read.test_flows.with_columns(pl.col("ts") + rows)])
    before = np.arange(len(flows)) < rows
    attacks = np.concatenate([read.train_attacks, read.test_attacks])
    return FlowCase("nsl-kdd", flows.drop("source", "offset"), before, ~before, attacks)


def mornings(seed: int) -> FlowCase:
    """Two simulated mornings to train on, and a third with two attacks of each kind."""
    days = [
        Scenario(
            seed=seed,
            hosts=HOSTS,
            start=DEFAULT_START + day * DAY_S + NINE_S,
            duration_s=HOURS * 3600.0,
            attacks=(),
            attack_share=0.0,
        )
        for day in range(3)
    ]
    for place, kind in enumerate((*ATTACKS, *ATTACKS)):
        rng = np.random.default_rng([seed, place])
        days[2].inject(kind, days[2].start + rng.uniform(0.05, 0.7) * days[2].duration_s, None)
    flows = pl.concat([frame for day in days for frame in day.frames()]).sort("ts", maintain_order=True)
    before = flows["ts"].to_numpy() < days[2].start
    return FlowCase("simulator", flows, before, ~before, flows[ATTACK_ID].is_not_null().to_numpy())


def _attacks(flows: pl.DataFrame) -> NDArray[np.bool_]:
    return (flows[LABEL] != BENIGN).to_numpy()


def _read(path: Path, format_: str) -> pl.DataFrame:
    frame = read_dataset([path], format_, labels=True).frame
    return frame.select(*SCHEMA, pl.col(LABEL).fill_null(BENIGN))


def cases(data: Path) -> list[Bench]:
    """All sets of a folder, each without attacks among its training rows and with them; then simulated mornings."""
    conn = data / "zeek"
    flows: dict[str, Callable[[], FlowCase]] = {
        "unsw, 8 columns": lambda: halves("unsw8", bare(read_unsw(data / "unsw-nb15"))),
        "unsw": lambda: halves("unsw", read_unsw(data / "unsw-nb15")),
        "eve": lambda: halves("eve", _read(data / "suricata" / "slips-test6.eve.json.gz", "suricata")),
        "eve mixed": lambda: halves("mixed", _read(data / "suricata" / "mixed.eve.json.gz", "suricata")),
        "argus": lambda: benign_halves("argus", _read(data / "argus" / "test5-labeled.tabs.binetflow.gz", "argus")),
        "20-1": lambda: first_half_later("20-1", read_zeek(conn / "iot23-20-1-torii.conn.log.labeled.gz")),
        "21-1": lambda: first_half_later("21-1", read_zeek(conn / "iot23-21-1-torii.conn.log.labeled.gz")),
        "34-1": lambda: halves("34-1", read_zeek(conn / "iot23-34-1.conn.log.labeled.gz")),
        "008": lambda: halves("008", read_zeek(conn / "stratosphere-008-mixed.conn.log.labeled.gz")),
        "001": lambda: halves("001", read_zeek(conn / "stratosphere-001-njrat.conn.log.labeled.gz")),
        "nsl-kdd": lambda: table(data),
    }
    found = []
    if data.is_dir():
        for name, make in flows.items():
            for words, share in (("normal", 0.0), (f"{CONTAMINATION:.0%}", CONTAMINATION)):
                found.append(Bench(f"{name} {words}", share, make))
    return [*found, *(Bench(f"simulator {seed}", 0.0, partial(mornings, seed)) for seed in MORNINGS)]


def measured(case: FlowCase, share: float, seed: int) -> Told:
    """Train the default, its members, and what it is held against, on the same rows; test them."""
    rows = chosen_rows(case.train, case.attacks, share, seed)
    flows, attacks = case.flows[rows], case.attacks[rows]
    recipe = OURS["oddflow"].recipe(contaminated=bool(attacks.any()))
    fitting = OURS["oddflow"].fitting(recipe, len(rows), seed)
    every = np.ones(len(rows), np.bool_)
    choice = Choice(calm=~attacks, chosen=every, peaceful=every)
    watched = Watched.of(flows["ts"].to_numpy(), ends_of(flows))
    spec = spec_for(flows, recipe)
    none = np.zeros(len(case.flows), np.int32)
    learnt = learn(flows, choice, spec, fitting, watched, none[: len(flows)])
    tested, truth = case.flows.filter(pl.Series(case.test)), case.attacks[case.test]
    matrix = learnt.extractor.transform(tested, none[: len(tested)], learnt.state)
    model = learnt.judging.model
    if not isinstance(model, Ensemble):
        raise TypeError(f"the default is no ensemble, but {model.kind}")
    overall, members = model.score_with_members(matrix)
    judged = learnt.judging.surprises(Scores(overall, members.get(SINGLE))).overall
    scores = {DEFAULT: overall, JUDGED: judged, **members}
    cut = stretches_of(choice.calm, watched.clock(flows["ts"].to_numpy()), fitting.stretches)
    width = spec.single_flows
    others: dict[str, tuple[str, dict[str, object], int]] = {KMEANS: (KMeans.kind, {}, matrix.shape[1])}
    if width < matrix.shape[1]:
        others[NO_WINDOWS] = (Ensemble.kind, dict(fitting.params), width)
    for name, (kind, params, columns) in others.items():
        seen = first_columns(learnt.matrix, columns)
        other = calibrated(
            kind,
            seen,
            np.isin(learnt.rows, learnt.calm),
            cut,
            watched.seconds,
            min(width, columns),
            seed=seed,
            params=params,
            drop=fitting.drop,
        )
        scores[name] = other.judging.model.score(first_columns(matrix, columns))
    return {name: _figures(each, truth) for name, each in scores.items()}


def _figures(scores: NDArray[np.float64], attacks: NDArray[np.bool_]) -> tuple[float, float]:
    told = figures(scores, attacks)
    return float(told["roc_auc"] or 0.0), float(told["tpr_at_fpr_0.01"] or 0.0)


def medians(runs: list[Told]) -> Told:
    """Of each system and figure, over the seeds."""
    return {
        name: (float(np.median([run[name][0] for run in runs])), float(np.median([run[name][1] for run in runs])))
        for name in runs[0]
    }


def ahead(told: Told) -> tuple[str, float]:
    """Which other has the highest ROC AUC, and by how much it is above the default as judged: below 0, it is behind."""
    best = max((name for name in told if name not in {DEFAULT, JUDGED}), key=lambda name: told[name][0])
    return best, told[best][0] - told[JUDGED][0]


def run(benches: list[Bench], seeds: int) -> dict[str, Told]:
    """Measure and print line by line; medians by set and system."""
    found: dict[str, Told] = {}
    for bench in benches:
        case = bench.make()
        told = medians([measured(case, bench.share, seed) for seed in range(1, seeds + 1)])
        found[bench.name] = told
        best, by = ahead(told)
        cells = " ".join(f"{name} {auc:.4f}, {at:.3f};" for name, (auc, at) in told.items())
        print(f"{bench.name:22} {cells} ahead: {best} {by:+.4f}", flush=True)
    return found


def rows_of(found: Mapping[str, Told]) -> dict[str, object]:
    """For the last line: figures, and how far the best of the others is ahead."""
    return {name: {"figures": told, "ahead": ahead(told)} for name, told in found.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=data_folder(), help="folder of the labelled sets")
    parser.add_argument("--sets", nargs="*", default=[], help="beginnings of names of sets; default: all")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    benches = cases(options.data)
    wanted = [each for each in benches if not options.sets or any(each.name.startswith(name) for name in options.sets)]
    print(json.dumps(rows_of(run(wanted, options.seeds))))


if __name__ == "__main__":
    main()
