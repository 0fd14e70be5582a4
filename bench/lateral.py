"""Lateral movement and a few quiet logins, on simulated days, with reach and without.

Two simulated days without attacks are trained on. The third has every usual kind of attack, and beside them six lateral
movements and eight of ``quiet-logins``: one SSH session of a workstation to a server, then some more within an hour.
An attack is *found* where a flow of it is odder than the tenth benign key (source, destination and port) of that day;
told by kind are the share found, that within 60 s, and the median of seconds to the first such flow. Beside it is how
many benign keys the budget of ten a day raises. The last line is one JSON object.

usage: python -m bench.lateral [--seeds 601 602 603] [--hosts 30] [--kind ensemble]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from bench.beacons import without
from detector.decisions.passed import evidence_keys
from detector.decisions.views import REACH
from detector.features.extractor import build_spec
from detector.features.windows import default_windows
from detector.models.ensemble import Ensemble
from detector.net.directions import directions_of
from detector.records.flow import SCHEMA
from detector.scoring.scorer import Scorer
from training.detection_at_budget import first_refused
from training.learn import Choice, Fitting, learn
from training.simulator.frames import ATTACK_ID
from training.simulator.rhythm import DAY_S, HOUR_S
from training.simulator.scenario import Scenario
from training.train import Recipe
from training.watched import Watched, ends_of

FALSE_INCIDENTS = 10

SOON_S = 60.0

MOVES = (5.0, 9.0, 11.0, 13.5, 16.0, 20.0)
LOGINS = (3.0, 8.5, 10.5, 12.0, 14.0, 15.5, 17.0, 21.0)
"""Hours of the day from which on, within an hour, each begins."""

BATCH = 20_000


def days_with_moves(seed: int, hosts: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Two days to learn from, and the third with the attacks; each flow of these has its id."""
    first = Scenario(seed=seed, hosts=hosts, duration_s=2 * DAY_S, attacks=(), attack_share=0.0)
    third = Scenario(seed=seed, hosts=hosts, start=first.end)
    rng = np.random.default_rng([seed, 7])
    for kind, hours in (("lateral-movement", MOVES), ("quiet-logins", LOGINS)):
        for hour in hours:
            third.inject(kind, third.start + (hour + rng.random()) * HOUR_S)
    return pl.concat(list(first.frames())), pl.concat(list(third.frames()))


def of_oddflow(before: pl.DataFrame, day: pl.DataFrame, kind: str) -> dict[str, NDArray[np.float64]]:
    """What false incidents a day just raise each flow of the day, with reach and without; (rows,) each.

    Learns and scores as ``oddflow train`` and a daemon do.
    """
    flows, tried = before.select(SCHEMA.keys()), day.select(SCHEMA.keys())
    everything = np.ones(len(flows), np.bool_)
    recipe = Recipe(kind=kind)
    learnt = learn(
        flows,
        Choice(calm=everything, chosen=everything, peaceful=everything),
        build_spec(windows=default_windows()),
        Fitting(kind=kind, seed=1, params=recipe.fitting, drop=recipe.drop),
        Watched.of(flows["ts"].to_numpy(), ends_of(flows)),
        np.zeros(len(flows), np.int32),
    )
    incidents = learnt.incidents
    if incidents is None:
        raise ValueError("three days have addresses and times")
    scorer, calibrated = Scorer(learnt.scoring, learnt.state), {"with": incidents, "without": without(incidents, REACH)}
    rates: dict[str, list[NDArray[np.float64]]] = {name: [] for name in calibrated}
    for batch in tried.iter_slices(BATCH):
        assessment, directions = scorer.find(batch, np.zeros(len(batch), np.int32)).assessment, directions_of(batch)
        if assessment is None:
            raise ValueError("incidents are calibrated")
        for name, by in calibrated.items():
            few = replace(assessment, views=by.views, values=tuple(assessment[view.name] for view in by.views), told={})
            rates[name].append(by.rates(few, directions))
    return {name: np.concatenate(parts) for name, parts in rates.items()}


def found(day: pl.DataFrame, rates: NDArray[np.float64]) -> dict[str, Any]:
    """Seconds to the first flow that is found of each attack, None where none is, by kind; and benign keys raised."""
    ids, ts = day[ATTACK_ID].fill_null("").to_numpy().astype(str), day["ts"].to_numpy()
    keys, benign = evidence_keys(day).targets, ids == ""
    odd = rates < first_refused(rates[benign], keys[benign], FALSE_INCIDENTS)
    seconds: dict[str, list[float | None]] = {}
    for attack in np.unique(ids[~benign]).tolist():
        own = ids == attack
        first = float(ts[own & odd].min() - ts[own].min()) if (own & odd).any() else None
        seconds.setdefault(attack.rsplit("-", 1)[0], []).append(first)
    raised = len(np.unique(keys[benign & (rates <= FALSE_INCIDENTS)]))
    return {"seconds": seconds, "benign_raised_at_10_a_day": raised}


def summed_up(days: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Of each kind over all days: how many there were, the shares found ever and soon, and the median of seconds."""
    by_kind: dict[str, list[float | None]] = {}
    for each in days.values():
        for kind, seconds in each["seconds"].items():
            by_kind.setdefault(kind, []).extend(seconds)
    told = {}
    for kind, seconds in sorted(by_kind.items()):
        known = [each for each in seconds if each is not None]
        told[kind] = {
            "attacks": len(seconds),
            "found": round(len(known) / len(seconds), 3),
            "soon": round(sum(each <= SOON_S for each in known) / len(seconds), 3),
            "median_s": round(float(np.median(known)), 1) if known else None,
        }
    return told


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[601, 602, 603])
    parser.add_argument("--hosts", type=int, default=30)
    parser.add_argument("--kind", default=Ensemble.kind)
    options = parser.parse_args()
    result: dict[str, dict[str, Any]] = {"without": {}, "with": {}}
    for seed in options.seeds:
        before, day = days_with_moves(seed, options.hosts)
        for name, rates in of_oddflow(before, day, options.kind).items():
            result[name][str(seed)] = found(day, rates)
        print(f"seed {seed}: {len(before):,} and {len(day):,} flows", flush=True)
    for name, days in result.items():
        raised = [each["benign_raised_at_10_a_day"] for each in days.values()]
        print(f"{name} reach: benign keys raised at ten a day {raised}")
        for kind, told in summed_up(days).items():
            print(f"  {kind:18} {told}")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
