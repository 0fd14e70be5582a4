"""False incidents asked for, against what benign traffic then raises: ``python -m bench.budget``.

Simulated days without attacks: a model is trained on two, as ``oddflow train`` does, and judges the third. Told are the
benign targets (source, destination, port) that it raises on that day at 3, 10 and 30 a day, medians and ranges over
seeds. The same with the training data spoilt in ways that real data is: two days of silence in it, one flow of 2099,
one flow in a thousand 49.7 days ahead. Of the shared captures, the benign flows of one half of the time are trained on
and those of the other half judged, counts made those of a day by the time watched. The last line is one JSON object.

usage: python -m bench.budget [--seeds 10] [--spoilt 10] [--first 201] [--hosts 25] [--data FOLDER]
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from bench.quality_sets import data_folder, halves, read_zeek
from bench.quality_systems import OURS, judged
from detector.decisions.passed import evidence_keys
from training.detection_at_budget import BUDGETS
from training.learn import Choice
from training.simulator.scenario import Scenario
from training.watched import DAY_S, Watched, believable, ends_of

Counts = list[float]
"""Benign targets raised a day, by budget."""

GAP_S = 2 * DAY_S
WRAP_S = 2**32 / 1000.0
"""What 32 bits of milliseconds count to: 49.7 days."""
YEAR_2099 = 4_070_908_800.0

CAPTURES = {
    "008": "stratosphere-008-mixed",
    "34-1": "iot23-34-1",
    "20-1": "iot23-20-1-torii",
    "21-1": "iot23-21-1-torii",
}


def with_gap(flows: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """The first half of the time happened two days earlier."""
    del rng
    ts = flows["ts"].to_numpy()
    early = ts < (ts[0] + ts[-1]) / 2
    return flows.with_columns(pl.Series("ts", np.where(early, ts - GAP_S, ts)))


def with_2099(flows: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """One flow says 2099."""
    return _moved(flows, rng.choice(len(flows), 1), lambda _: YEAR_2099)


def with_wraps(flows: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """One flow in a thousand is 49.7 days ahead."""
    return _moved(flows, rng.choice(len(flows), max(len(flows) // 1000, 1), replace=False), lambda ts: ts + WRAP_S)


AS_IT_IS = "as it is"

VARIANTS: dict[str, Callable[[pl.DataFrame, np.random.Generator], pl.DataFrame]] = {
    AS_IT_IS: lambda flows, _: flows,
    "a gap of two days": with_gap,
    "one flow of 2099": with_2099,
    "0.1 % of flows 49.7 days ahead": with_wraps,
}


def _moved(flows: pl.DataFrame, rows: NDArray[np.intp], to: Callable[[float], float]) -> pl.DataFrame:
    ts = flows["ts"].to_numpy().copy()
    ts[rows] = [to(each) for each in ts[rows].tolist()]
    return flows.with_columns(pl.Series("ts", ts)).sort("ts", maintain_order=True)


def raised(train: pl.DataFrame, tried: pl.DataFrame, seed: int) -> Counts:
    """Benign targets of ``tried`` raised, made those of a day, by a model that was trained on ``train`` as users do."""
    train = train.filter(pl.Series(believable(train["ts"].to_numpy(), ends_of(train))))
    everything, ours = np.ones(len(train), np.bool_), OURS["oddflow"]
    choice = Choice(calm=everything, chosen=everything, peaceful=everything)
    fitting = ours.fitting(ours.recipe(contaminated=False), len(train), seed)
    rates = judged(fitting, train, choice, _one_partition(train), tried, _one_partition(tried)).rates
    if rates is None:
        raise ValueError("flows without addresses have no targets")
    return targets_a_day(tried, rates)


def targets_a_day(tried: pl.DataFrame, rates: NDArray[np.float64]) -> Counts:
    """Targets of flows whose ``rates`` (false incidents a day, by row) are within each budget, made those of a day."""
    targets = evidence_keys(tried).targets
    days = Watched.of(tried["ts"].to_numpy(), ends_of(tried)).days
    return [len(np.unique(targets[rates <= budget])) / days for budget in BUDGETS]


def _one_partition(flows: pl.DataFrame) -> NDArray[np.int32]:
    return np.zeros(len(flows), np.int32)


def simulated(seed: int, hosts: int, trained: int = 2, tried: int = 1) -> tuple[pl.DataFrame, pl.DataFrame]:
    """So many days to train on and those after them."""
    duration_s = (trained + tried) * DAY_S
    scenario = Scenario(seed=seed, hosts=hosts, duration_s=duration_s, attacks=(), attack_share=0.0)
    flows = pl.concat([*scenario.frames()]).sort("ts", maintain_order=True)
    before = pl.Series(flows["ts"].to_numpy() < scenario.start + trained * DAY_S)
    return flows.filter(before), flows.filter(~before)


def run(seeds: range, spoilt: int, hosts: int, data: Path) -> Iterator[tuple[str, Counts]]:
    """Each training: what it was, and what it raised; spoilt data of so many of the seeds."""
    for seed in seeds:
        train, tried = simulated(seed, hosts)
        for name, spoil in VARIANTS.items():
            if name != AS_IT_IS and seed >= seeds.start + spoilt:
                continue
            began = time.monotonic()
            counts = raised(spoil(train, np.random.default_rng(seed)), tried, seed)
            seconds = time.monotonic() - began
            print(f"simulated, {name}, seed {seed}, {len(train):,} flows: {_told(counts)}, {seconds:.0f} s")
            yield f"simulated, {name}", counts
    for name, file in CAPTURES.items():
        path = data / "zeek" / f"{file}.conn.log.labeled.gz"
        if not path.is_file():
            print(f"{name}: not run, {path} is not there; name the folder with --data or ODDFLOW_DATA")
            continue
        case = halves(name, read_zeek(path))
        for seed in seeds[:3]:
            counts = raised(
                case.flows.filter(pl.Series(case.train & ~case.attacks)),
                case.flows.filter(pl.Series(case.test & ~case.attacks)),
                seed,
            )
            print(f"{name}, seed {seed}: {_told(counts)}")
            yield name, counts


def _told(counts: Counts) -> str:
    return ", ".join(f"{budget} asked {count:.1f}" for budget, count in zip(BUDGETS, counts, strict=True))


def summed_up(found: dict[str, list[Counts]]) -> dict[str, dict[str, list[float]]]:
    """By set and budget: median, minimum and maximum of what was raised."""
    return {
        name: {
            str(budget): [float(np.median(each)), float(np.min(each)), float(np.max(each))]
            for budget, each in zip(BUDGETS, np.array(runs).T, strict=True)
        }
        for name, runs in found.items()
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=data_folder(), help="folder of the labelled sets")
    parser.add_argument("--seeds", type=int, default=10, help="simulated days")
    parser.add_argument("--spoilt", type=int, default=10, help="of how many of them the training data is spoilt, too")
    parser.add_argument("--first", type=int, default=201, help="first seed")
    parser.add_argument("--hosts", type=int, default=25, help="hosts of a simulated network")
    options = parser.parse_args()
    found: dict[str, list[Counts]] = {}
    for name, counts in run(
        range(options.first, options.first + options.seeds), options.spoilt, options.hosts, options.data
    ):
        found.setdefault(name, []).append(counts)
    summary = summed_up(found)
    print(f"\n{'benign targets raised a day':<44}" + "".join(f"{f'{budget} asked':>22}" for budget in BUDGETS))
    for name, by in summary.items():
        print(f"{name:<44}" + "".join(f"{m:>10.1f} ({low:.0f}–{high:.0f})".rjust(22) for m, low, high in by.values()))
    print(json.dumps(summary))


if __name__ == "__main__":
    main()
