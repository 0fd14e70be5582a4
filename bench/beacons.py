"""Slow beacons: what finds HTTPS calls of a minute to two hours among a simulated network's own polls.

Two simulated days without attacks are trained on. Eight beacons, of eight hosts, are put into the third: periods of
60 s to 2 h, each interval differing by up to 20 or 30 %, to eight servers that nobody else uses. Told is how many of
them are *found at ten false incidents*: above the tenth benign key (source, destination and port), with the first call
that is and the hours since the beacon's first. ``oddflow-before`` is without regular pairs.

Peers see the third day as a whole, as they do where they are used (:mod:`bench.beacon_rivals`); ``rita-new`` and
``elastic-new`` leave out the pairs that were there on the days before. ``--jitter 0.4`` gives all beacons another one,
and ``--office`` has them rest from six in the evening to nine. The last line is one JSON object.

usage: python -m bench.beacons [--seeds 53 71 72] [--hosts 60] [--kind ensemble] [--jitter SHARE] [--office]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Container, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from bench.beacon_rivals import PAIR, RIVALS
from bench.quality_sets import FlowCase
from detector.decisions.budget import IncidentCalibration
from detector.decisions.views import REGULARITY, View
from detector.features.extractor import build_spec
from detector.features.windows import default_windows
from detector.models.ensemble import Ensemble
from detector.net.directions import directions_of
from detector.records.flow import SCHEMA
from detector.scoring.scorer import Scorer
from training.learn import Choice, Fitting, learn
from training.simulator.frames import ATTACK_ID
from training.simulator.scenario import Scenario
from training.train import Recipe
from training.watched import Watched, ends_of

DAY_S = 86_400.0

BEACONS = ((60, 0.2), (120, 0.3), (300, 0.2), (600, 0.2), (900, 0.3), (1800, 0.3), (3600, 0.3), (7200, 0.2))
"""Period in seconds, and by what share of it an interval differs at most."""

OFFICE = (9.0, 18.0)
"""Hours of the day."""

FALSE_INCIDENTS = 10

BEACON = "slow-beacon"

SERVICE_HOSTS = r"^10\.0\.1\d\."
"""Workstations, guests and devices of the simulated network: not its servers."""


class Days(NamedTuple):
    """Two days to learn from, and the third with beacons in it, each flow of which has its number or -1."""

    before: pl.DataFrame
    tried: pl.DataFrame
    beacon: NDArray[np.intp]


def days_with_beacons(seed: int, hosts: int, jitter: float | None = None, *, office: bool = False) -> Days:
    """Simulate them; with ``office``, beacons call from nine to six alone."""
    scenario = Scenario(seed=seed, hosts=hosts, duration_s=3 * DAY_S, attacks=(), attack_share=0.0)
    flows = pl.concat(list(scenario.frames())).sort("ts", maintain_order=True).select(SCHEMA.keys())
    begins = scenario.start + 2 * DAY_S
    before, third = flows.filter(pl.col("ts") < begins), flows.filter(pl.col("ts") >= begins)
    rng = np.random.default_rng([seed, 97])
    sources = third.filter(pl.col("src_ip").str.contains(SERVICE_HOSTS))["src_ip"].unique().sort()
    chosen = rng.choice(sources.to_numpy(), len(BEACONS), replace=False)
    called = [
        calls(rng, begins, (period, usual if jitter is None else jitter), source, number)
        for number, ((period, usual), source) in enumerate(zip(BEACONS, chosen.tolist(), strict=True))
    ]
    if office:
        hour = (pl.col("ts") - begins) / 3600
        called = [each.filter(hour.is_between(*OFFICE)) for each in called]
    benign = third.with_columns(pl.lit(-1, pl.Int64).alias(BEACON))
    tried = pl.concat([benign, *called]).sort("ts", maintain_order=True)
    return Days(before, tried.drop(BEACON), tried[BEACON].to_numpy())


def calls(
    rng: np.random.Generator, begins: float, rhythm: tuple[float, float], source: str, number: int
) -> pl.DataFrame:
    """A day's calls of one beacon, of much the same size, each answered; ``rhythm`` is its period and jitter."""
    period, jitter = rhythm
    gaps = period * (1 + rng.uniform(-jitter, jitter, int(3 * DAY_S / period)))
    ts = begins + 600 + rng.random() * period + np.cumsum(gaps) - gaps[0]
    ts = ts[ts < begins + DAY_S - 600]
    sent, received = (rng.normal(mean, spread, len(ts)).astype(np.int64) for mean, spread in ((620, 25), (1350, 60)))
    columns: dict[str, Any] = {
        "uid": [f"Cbeacon{number}x{each}" for each in range(len(ts))],
        "ts": ts,
        "duration_s": np.abs(rng.normal(0.35, 0.06, len(ts))),
        "src_port": rng.integers(49_152, 65_536, len(ts)),
        "src_bytes": sent,
        "dst_bytes": received,
    }
    same = {
        "src_ip": source, "dst_ip": f"45.77.{10 + number}.{100 + number}", "dst_port": 443, "proto": "tcp",
        "service": "ssl", "state": "SF", "src_packets": 9, "dst_packets": 8, "direction": "outbound", BEACON: number,
    }  # fmt: skip
    frame = pl.DataFrame(columns).with_columns(pl.lit(value).alias(name) for name, value in same.items())
    return frame.select(*(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items()), pl.col(BEACON).cast(pl.Int64))


def found(days: Days, odd: NDArray[np.float64]) -> dict[str, Any]:
    """How many beacons are above the tenth benign key, by how odd each flow (rows,) is; the higher the odder."""
    keys = days.tried.with_columns(pl.Series("odd", odd), pl.Series(BEACON, days.beacon))
    benign = keys.filter(pl.col(BEACON) < 0).group_by("src_ip", "dst_ip", "dst_port").agg(pl.col("odd").max())
    tops = benign["odd"].sort(descending=True)
    tenth = tops[FALSE_INCIDENTS - 1] if len(tops) >= FALSE_INCIDENTS else -np.inf
    each = []
    for number, (period, _) in enumerate(BEACONS):
        rows = np.flatnonzero(days.beacon == number)
        above = np.flatnonzero(odd[rows] > tenth)
        ts = days.tried["ts"].to_numpy()[rows]
        first = int(above[0]) if len(above) else None
        each.append(
            {
                "period_s": period,
                "found": first is not None,
                "calls": None if first is None else first + 1,
                "hours": None if first is None else round(float(ts[first] - ts[0]) / 3600, 2),
            }
        )
    return {"found": sum(one["found"] for one in each), "of": len(BEACONS), "each": each}


def of_oddflow(days: Days, kind: str) -> dict[str, dict[str, Any]]:
    """Learn and score as ``oddflow train`` and a daemon do, with regular pairs and without."""
    everything = np.ones(len(days.before), np.bool_)
    recipe = Recipe(kind=kind)
    learnt = learn(
        days.before,
        Choice(calm=everything, chosen=everything, peaceful=everything),
        build_spec(windows=default_windows()),
        Fitting(kind=kind, seed=1, params=recipe.fitting, drop=recipe.drop),
        Watched.of(days.before["ts"].to_numpy(), ends_of(days.before)),
        np.zeros(len(days.before), np.int32),
    )
    scorer, directions = Scorer(learnt.scoring, learnt.state), directions_of(days.tried)
    came_by = np.zeros(len(days.tried), np.int32)
    steps = range(0, len(days.tried), 20_000)
    findings = [scorer.find(days.tried[at : at + 20_000], came_by[at : at + 20_000]) for at in steps]
    incidents = learnt.incidents
    if incidents is None:
        raise ValueError("three days have addresses and times")
    told = {}
    benign = pl.Series(days.beacon < 0)
    for name, calibrated in (("oddflow", incidents), ("oddflow-before", without(incidents, REGULARITY))):
        rates = []
        for at, each in zip(steps, findings, strict=True):
            if each.assessment is None:
                raise ValueError("incidents are calibrated")
            values = tuple(each.assessment[view.name] for view in calibrated.views)
            few = replace(each.assessment, views=calibrated.views, values=values, told={})
            rates.append(calibrated.rates(few, directions[at : at + 20_000]))
        rate = np.concatenate(rates)
        raised = days.tried.filter(benign & pl.Series(rate <= FALSE_INCIDENTS))
        told[name] = found(days, -rate) | {
            "benign_raised_at_10_a_day": raised.select("src_ip", "dst_ip", "dst_port").n_unique()
        }
    return told


def of_rivals(days: Days) -> dict[str, dict[str, Any]]:
    """Each rival's formula on the third day."""
    return {name: found(days, values) for name, values in rivals_of(days.before, days.tried)}


def rivals_of(
    before: pl.DataFrame, tried: pl.DataFrame, asked: Container[str] | None = None
) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """What each rival that is asked for (None: all) says of flows ``tried``; shape (rows,), the higher the odder.

    ``-new`` leaves out pairs that the days ``before`` had, as hunters do.
    """
    earlier = set(before.select(PAIR).unique().rows())
    known = np.array([each in earlier for each in tried.select(PAIR).rows()])
    for name, rival in RIVALS.items():
        names = [each for each in (name, f"{name}-new") if asked is None or each in asked]
        if not names:
            continue
        values = rival(tried)
        for each in names:
            yield each, (values if each == name else np.where(known, -np.inf, values))


def beacon_days(seed: int, hosts: int = 60) -> FlowCase:
    """The same days as a set whose attacks are the beacons, each named by its period."""
    days = days_with_beacons(seed, hosts)
    names = [f"{BEACON} {period} s-{number}" for number, (period, _) in enumerate(BEACONS)]
    attack = pl.Series(ATTACK_ID, [None if each < 0 else names[each] for each in days.beacon.tolist()], pl.String)
    before = days.before.with_columns(pl.lit(None, pl.String).alias(ATTACK_ID))
    flows = pl.concat([before, days.tried.with_columns(attack)])
    train = np.arange(len(flows)) < len(before)
    return FlowCase("beacons", flows, train, ~train, flows[ATTACK_ID].is_not_null().to_numpy())


def without(incidents: IncidentCalibration, left_out: View) -> IncidentCalibration:
    """The same thresholds without a view; how many incidents each depth costs stays, which makes no order."""
    kept = [place for place, view in enumerate(incidents.views) if view is not left_out]
    return replace(
        incidents,
        views=tuple(incidents.views[place] for place in kept),
        tops=tuple(incidents.tops[place] for place in kept),
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[53, 71, 72])
    parser.add_argument("--hosts", type=int, default=60)
    parser.add_argument("--kind", default=Ensemble.kind)
    parser.add_argument("--jitter", type=float)
    parser.add_argument("--office", action="store_true")
    options = parser.parse_args()
    result: dict[str, Any] = {}
    for seed in options.seeds:
        days = days_with_beacons(seed, options.hosts, options.jitter, office=options.office)
        systems = of_oddflow(days, options.kind) | of_rivals(days)
        for name, told in systems.items():
            firsts = ", ".join(
                f"{one['period_s']} s {one['calls']} ({one['hours']} h)" if one["found"] else f"{one['period_s']} s –"
                for one in told["each"]
            )
            print(f"seed {seed} {name}: {told['found']} of {told['of']}; first by call: {firsts}", flush=True)
        result[str(seed)] = systems
    names = next(iter(result.values()))
    print({name: sum(systems[name]["found"] for systems in result.values()) for name in names})
    print(json.dumps(result))


if __name__ == "__main__":
    main()
