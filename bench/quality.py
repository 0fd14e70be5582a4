"""How well attacks are found, on labelled sets, beside what a data scientist would take from a shelf.

Every system is trained and measured on the same rows, with five seeds; told are median, minimum and maximum. Nothing is
chosen on test rows. ``oddflow`` is what ``train`` makes, forest and clusters; ``oddflow-forest`` a large forest alone;
``oddflow-single-flows`` is without windows; ``oddflow-no-direction`` leaves out what tells inside from outside;
``oddflow-4-partitions`` and ``-16-`` have the topic keyed by source over so many, ``-4-unkeyed`` by nothing.
``found_at_10_false_incidents`` is the share of attack flows raised where ten benign keys (source, destination, port)
are; ours by surprise, evidence and breadth, a rival's by its score. «AP rare» is
average precision were 1 of 10,000 flows an attack. ``attacks_within_60_s`` is, of simulated attacks,
the share with a flow raised within a minute of its first, at the same budget. The set ``incidents`` is what alerts
become (:mod:`bench.incidents`). The set ``beacons`` is that of :mod:`bench.beacons`; there and on simulated days,
``rita`` and ``elastic`` score the tested day's pairs as a whole, ``-new`` without those of the days before. The last
line is one JSON object.

usage: python -m bench.quality [--data FOLDER] [--sets NAME …] [--systems NAME …] [--seeds 5] [--no-slow]
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from bench import incidents
from bench.beacons import beacon_days, rivals_of
from bench.quality_inside import inside
from bench.quality_sets import (
    CONTAMINATION,
    FlowCase,
    TableCase,
    chosen_rows,
    data_folder,
    halves,
    nsl_kdd,
    read_unsw,
    read_zeek,
    simulated_days,
)
from bench.quality_systems import OURS, PYOD, Ours, System, forest, installed, judged
from detector.decisions.passed import evidence_keys
from detector.features.extractor import FeatureExtractor, build_spec
from detector.features.replay import features_of
from detector.features.spec import FeatureSpec
from detector.features.windows import default_windows
from detector.transport.kafka.partitioner import partitions_of
from training.detection_at_budget import BUDGETS, attacks_found, found_at
from training.learn import Choice
from training.metrics import RARE, figures
from training.simulator.frames import ATTACK_ID
from training.train import Recipe, spec_for

RARELY = f"average_precision_at_prevalence_{RARE:g}"
FIGURES = ("roc_auc", "average_precision", RARELY, "tpr_at_fpr_0.01", "tpr_at_fpr_0.001")
DIRECTION = ("src_private", "dst_private", "same_network")
KITNET_ROWS = 60_000
"""Test rows beyond which the streaming learners, half a millisecond a row, are left out."""

WHOLE_DAYS = ("simulator", "beacons")
"""Sets whose tested part is a day: what looks at days as a whole is measured there."""

Told = dict[str, float | None]


@dataclass(frozen=True, slots=True)
class Named:
    """Names that begin with one of these; all, where there are none."""

    beginnings: tuple[str, ...] = ()

    def __contains__(self, name: object) -> bool:
        return not self.beginnings or (isinstance(name, str) and name.startswith(self.beginnings))


ALL = Named()


@dataclass(frozen=True, slots=True)
class Rows:
    """What is trained on and tested: rows of a case's flows, in order of time."""

    train: NDArray[np.intp]
    test: NDArray[np.intp]

    @classmethod
    def of(cls, case: FlowCase, share: float, seed: int) -> Rows:
        """Draw them."""
        return cls(chosen_rows(case.train, case.attacks, share, seed), np.flatnonzero(case.test))


def of_oddflow(  # noqa: PLR0917 - one system on one set
    case: FlowCase,
    rows: Rows,
    system: Ours,
    seed: int,
    spec: FeatureSpec | None = None,
    partitions: NDArray[np.int32] | None = None,
) -> Told:
    """Train, calibrate and test as the product does.

    None for ``spec``: all features; for ``partitions``: all flows come by one. Attacks that are trained on are taken
    for benign but for calibration, as if nobody had labelled them.
    """
    before = np.flatnonzero(case.train)
    flows, tested, attacks = case.flows[before], case.flows[rows.test], case.attacks[before]
    came_by = np.zeros(len(case.flows), np.int32) if partitions is None else partitions
    chosen = np.isin(before, rows.train)
    recipe, calm = system.recipe(contaminated=bool(attacks[chosen].any())), chosen & ~attacks
    choice = Choice(calm=calm, chosen=chosen, peaceful=chosen | ~attacks)
    fitting = system.fitting(recipe, len(rows.train), seed)
    scored = judged(fitting, flows, choice, came_by[before], tested, came_by[rows.test], spec)
    return told(case, rows, scored.scores, scored.rates)


def of_rival(case: FlowCase, rows: Rows, matrix: NDArray[np.float32], system: System, seed: int) -> Told:
    """Train and test one from the shelf on single flows."""
    scores = system(matrix[rows.train], matrix[rows.test], seed)
    return told(case, rows, scores, -scores)


def told(case: FlowCase, rows: Rows, scores: NDArray[np.float64], rates: NDArray[np.float64] | None) -> Told:
    """The figures of one system on the test rows."""
    attacks = case.attacks[rows.test]
    tested = case.flows[rows.test]
    found: Told = {name: value for name, value in figures(scores, attacks).items() if name in FIGURES}
    for budget in BUDGETS:
        at = (
            None
            if rates is None
            else found_at(budget, rates, evidence_keys(tested).targets, tested["ts"].to_numpy(), attacks, ~attacks)
        )
        found[f"found_at_{budget}_false_incidents"] = at.share if at else None
        found[f"seconds_to_first_alert_at_{budget}"] = at.seconds if at else None
    if rates is not None and ATTACK_ID in tested.columns:
        found |= _attacks_by_kind(tested, rates)
    return found


def _attacks_by_kind(tested: pl.DataFrame, rates: NDArray[np.float64]) -> Told:
    ids = tested[ATTACK_ID].fill_null("").to_numpy().astype(str)
    keys, ts = evidence_keys(tested).targets, tested["ts"].to_numpy()
    found: Told = {}
    for within, name in ((60.0, "attacks_within_60_s"), (np.inf, "attacks_ever")):
        by_kind: dict[str, list[bool]] = {}
        for attack, hit in attacks_found(10, rates, keys, ts, ids, within).items():
            by_kind.setdefault(attack.rsplit("-", 1)[0], []).append(hit)
        found |= {f"{name} {kind}": float(np.mean(hits)) for kind, hits in sorted(by_kind.items())}
    return found


def flow_case(
    case: FlowCase, share: float, seed: int, rivals: Mapping[str, System], asked: Named = ALL
) -> Iterator[tuple[str, Told]]:
    """Every system that is asked for on one set of flows."""
    rows = Rows.of(case, share, seed)
    ours = {name: partial(of_oddflow, case, rows, kind, seed) for name, kind in OURS.items()}
    usual = partial(of_oddflow, case, rows, OURS["oddflow"], seed)
    if case.name != "inside":
        inward = build_spec(leave_out=DIRECTION, windows=default_windows())
        ours |= {"oddflow-no-direction": partial(usual, inward), "oddflow-single-flows": partial(usual, build_spec())}
        ours |= {name: partial(usual, partitions=by) for name, by in partitionings(case, seed).items()}
    for name, measure in ours.items():
        if name in asked:
            yield name, measure()
    if case.name in WHOLE_DAYS:
        before, tested = case.flows.filter(pl.Series(case.train)), case.flows[rows.test]
        for name, values in rivals_of(before, tested, asked):
            lowest = float(values.min(initial=0.0, where=np.isfinite(values))) - 1.0
            yield name, told(case, rows, np.maximum(values, lowest), -values)
    few = {name: system for name, system in rivals.items() if name in asked}
    extractor = FeatureExtractor.fit(case.flows[rows.train], build_spec())
    single = features_of(extractor, case.flows) if few else np.empty((0, 0), np.float32)
    for name, system in few.items():
        if name in installed() and len(rows.test) > KITNET_ROWS:
            continue
        yield name, of_rival(case, rows, single, system, seed)


def partitionings(case: FlowCase, seed: int) -> dict[str, NDArray[np.int32]]:
    """Ways that a case's flows may come by partitions."""
    sources, rng = case.flows["src_ip"], np.random.default_rng(seed)
    return {
        "oddflow-4-partitions": partitions_of(sources, 4),
        "oddflow-16-partitions": partitions_of(sources, 16),
        "oddflow-4-unkeyed": rng.integers(0, 4, len(sources)).astype(np.int32),
    }


def table_case(
    case: TableCase, share: float, seed: int, rivals: Mapping[str, System], asked: Named = ALL
) -> Iterator[tuple[str, Told]]:
    """Every system that is asked for on a set that is features already: ours as its decoder and extractor give them.

    For the others words become how surprising they are in training, and numbers their logarithm.
    """
    chosen = chosen_rows(np.ones(len(case.train), dtype=bool), case.train_attacks, share, seed)
    train, test = _numbers(case, case.train[chosen]), _numbers(case, case.test, case.train[chosen])
    flows = case.train_flows[chosen]
    extractor = FeatureExtractor.fit(flows, spec_for(flows, Recipe()))
    own = features_of(extractor, flows), features_of(extractor, case.test_flows)
    for name, kind in OURS.items():
        if name not in asked:
            continue
        contaminated = bool(case.train_attacks[chosen].any())
        model = kind.fit(own[0], seed, contaminated=contaminated, names=extractor.spec.names)
        yield name, _by_score(model.score(own[1]), case)
    for name, system in rivals.items():
        if name not in asked:
            continue
        yield name, _by_score(system(train, test, seed), case)


def _by_score(scores: NDArray[np.float64], case: TableCase) -> Told:
    return {key: value for key, value in figures(scores, case.test_attacks).items() if key in FIGURES}


def _numbers(case: TableCase, frame: pl.DataFrame, learnt: pl.DataFrame | None = None) -> NDArray[np.float32]:
    learnt = frame if learnt is None else learnt
    columns = []
    for name in frame.columns:
        if name in case.symbols:
            shares = learnt[name].value_counts(normalize=True)
            share = frame[name].replace_strict(shares[name], shares["proportion"], default=0.5 / len(learnt))
            columns.append(-np.log(share.cast(pl.Float64).to_numpy()))
        else:
            columns.append(np.log1p(np.maximum(frame[name].cast(pl.Float64).to_numpy(), 0.0)))
    return np.stack(columns, axis=1).astype(np.float32)


Case = tuple[str, float, Callable[[int], dict[str, FlowCase] | FlowCase | TableCase]]


def cases(data: Path) -> list[Case]:
    """Name, share of attacks trained on, and how to make it with a seed."""
    zeek = data / "zeek"
    found: list[Case] = [
        ("nsl-kdd normal", 0.0, lambda _: nsl_kdd(data / "nsl-kdd")),
        ("nsl-kdd 1%", CONTAMINATION, lambda _: nsl_kdd(data / "nsl-kdd")),
    ]
    for name, file in (("008", "stratosphere-008-mixed"), ("34-1", "iot23-34-1")):
        path = zeek / f"{file}.conn.log.labeled.gz"
        for words, share in (("normal", 0.0), ("1%", CONTAMINATION)):
            found.append((f"{name} {words}", share, partial(_halves, name, path)))
    found.append(("unsw 1%", CONTAMINATION, lambda _: halves("unsw", read_unsw(data / "unsw-nb15"))))
    found.append(("inside", 0.0, lambda seed: inside(data, seed)))
    return found


def _halves(name: str, path: Path, seed: int) -> FlowCase:
    del seed  # a capture is what it is
    return halves(name, read_zeek(path))


def run(
    data: Path, wanted: Named, seeds: int, rivals: Mapping[str, System], asked: Named = ALL
) -> dict[str, dict[str, list[Told]]]:
    """Measure the systems that are asked for on the sets that are wanted; figures by set and system, one a seed."""
    have = data.is_dir()
    if not have:
        print(f"{data} is not there: only the simulator is measured; name the folder with --data or ODDFLOW_DATA")
    chosen: list[Case] = [
        *(cases(data) if have else []),
        ("simulator", 0.0, simulated_days),
        ("beacons", 0.0, beacon_days),
    ]
    found: dict[str, dict[str, list[Told]]] = {}
    for name, share, make in chosen:
        if name not in wanted:
            continue
        for seed in range(seeds):
            began = time.monotonic()
            case = make(seed)
            for part, one in (case if isinstance(case, dict) else {"": case}).items():
                told_of = (
                    table_case(one, share, seed, rivals, asked)
                    if isinstance(one, TableCase)
                    else flow_case(one, share, seed, rivals, asked)
                )
                for system, figures_ in told_of:
                    found.setdefault(f"{name} {part}".strip(), {}).setdefault(system, []).append(figures_)
            print(f"{name}, seed {seed}: {time.monotonic() - began:.0f} s", flush=True)
    return found


def summed_up(found: Mapping[str, Mapping[str, list[Told]]]) -> dict[str, Any]:
    """Median, minimum and maximum over the seeds."""
    return {
        name: {system: {key: _range([each[key] for each in runs]) for key in runs[0]} for system, runs in by.items()}
        for name, by in found.items()
    }


def _range(values: list[float | None]) -> dict[str, float] | None:
    known = [value for value in values if value is not None]
    if not known:
        return None
    return {"median": float(np.median(known)), "min": min(known), "max": max(known), "known": len(known)}


def show(summary: Mapping[str, Any]) -> None:
    """Print a table for people: medians, and the range of the first figure."""
    for name, systems in summary.items():
        heads = ("AP", "AP rare", "TPR 1%", "0.1%", "found@3", "@10", "@30")
        print(f"\n{name:24} {'ROC AUC (range)':25}" + "".join(f" {head:>7}" for head in heads))
        for system, told_ in systems.items():
            auc = told_["roc_auc"]
            line = f"  {system:22} {auc['median']:.4f} ({auc['min']:.4f}–{auc['max']:.4f})".ljust(50)
            keys = (*FIGURES[1:], *(f"found_at_{budget}_false_incidents" for budget in BUDGETS))
            print(line + "".join(f" {_cell(told_.get(key)):>7}" for key in keys))
            for key in ("attacks_within_60_s", "attacks_ever"):
                by_kind = {each.removeprefix(f"{key} "): told_[each] for each in told_ if each.startswith(f"{key} ")}
                if by_kind:
                    print(f"    {key}: " + ", ".join(f"{kind} {_cell(value)}" for kind, value in by_kind.items()))


def _cell(figure: Mapping[str, float] | None) -> str:
    return "–" if figure is None else f"{figure['median']:.3f}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=data_folder(), help="folder of the labelled sets")
    parser.add_argument("--sets", nargs="*", default=[], help="beginnings of names of sets; default: all")
    parser.add_argument("--systems", nargs="*", default=[], help="beginnings of names of systems; default: all")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--no-slow", action="store_true", help="leave the streaming learners out")
    options = parser.parse_args()
    rivals: dict[str, System] = {"sklearn-iforest": forest, **PYOD}
    rivals |= {} if options.no_slow else installed()
    wanted, asked = Named(tuple(options.sets)), Named(tuple(options.systems))
    summary = summed_up(run(options.data, wanted, options.seeds, rivals, asked))
    show(summary)
    if "incidents" in wanted:
        with tempfile.TemporaryDirectory() as folder:
            seeds = incidents.SEEDS[: options.seeds]
            summary["incidents"] = incidents.measure(incidents.Asked(seeds=seeds, data=options.data), Path(folder))
    print(json.dumps(summary))


if __name__ == "__main__":
    main()
