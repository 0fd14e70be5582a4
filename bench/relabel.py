"""What labels do to the next model: false incidents that are raised again, and attacks that are still found.

``python -m bench.relabel``. Three parts of three simulated days, with the same hosts. On each, some hosts do by rights
what looks like an attack: they scan and they load a server. A model of the first day judges the second, on which
others attack; an oracle says of each incident whether an attack is in it. The next model is trained on both days: with
flows of all incidents left out, and as labels teach it. All judge the third day, on which all of it comes again, and
attacks of other hosts besides. One JSON line last.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from detector.alerts.build import AlertBuilder
from detector.alerts.writer import AlertWriter
from detector.bundle.files import read_bundle
from detector.bundle.loaded_model import LoadedModel
from detector.casebook.told import Told, read_told
from detector.decisions.decide import Budget
from detector.records.every_format import open_decoder
from detector.records.flow import BENIGN, LABEL
from detector.scoring.dataset import OFFSET, SOURCE, Dataset
from detector.scoring.judge import Judge
from detector.telemetry.events import silent
from detector.transport.base import Envelope, RawBatch
from training.gate.again import Again
from training.gate.known import Judgement, Spoken, known_of
from training.gate.meant import rows_between
from training.lessons.guards import Guards
from training.lessons.lessons import Lessons, lessons_of
from training.simulator.frames import ATTACK_ID
from training.simulator.scenario import DEFAULT_START, Scenario
from training.simulator.stream import encode
from training.train import Recipe, train
from training.workflow import attacks_in, taught

DAY_S, MORNING_S = 86_400.0, 32_400.0

HARMLESS = (("vertical-scan", 80), ("horizontal-scan", 80), ("syn-flood", 400))
"""What hosts do by rights on the last two days: kind and flows."""

ATTACKS = (("vertical-scan", 80), ("horizontal-scan", 80), ("syn-flood", 400))
"""What others do on these days."""

TRUE = "attack"


@dataclass(frozen=True, slots=True)
class Days:
    """How days are made."""

    seed: int
    hosts: int
    lasts_s: float
    harmless: int
    """How many kinds of harmless doings there are."""

    @property
    def ids(self) -> set[str]:
        """Of what is harmless, which comes first in each day."""
        return {f"{kind}-{number}" for number, (kind, _) in enumerate(HARMLESS[: self.harmless])}


def part_of(day: int, made: Days) -> pl.DataFrame:
    """A part of one morning; ``LABEL`` is of attacks alone, ``ATTACK_ID`` of what is harmless, too."""
    lasts_s = made.lasts_s
    start = DEFAULT_START + day * DAY_S + MORNING_S
    scenario = Scenario(seed=made.seed, hosts=made.hosts, start=start, duration_s=lasts_s, attacks=())
    doings = [*HARMLESS[: made.harmless], *(ATTACKS if day == 1 else (*ATTACKS, *ATTACKS))] if day else []
    for place, (kind, flows) in enumerate(doings):
        scenario.inject(kind, start + 600.0 + place * (lasts_s - 1_200.0) / len(doings), flows)
    frame = pl.concat(scenario.frames()).sort("ts", maintain_order=True)
    is_attack = pl.col(ATTACK_ID).is_not_null() & ~pl.col(ATTACK_ID).is_in(sorted(made.ids)).fill_null(True)
    return frame.with_columns(
        pl.when(is_attack).then(pl.lit(TRUE)).otherwise(pl.lit(BENIGN)).alias(LABEL)
    ).with_columns(pl.lit(0, pl.Int32).alias(SOURCE), pl.int_range(pl.len(), dtype=pl.Int64).alias(OFFSET))


def as_read(frame: pl.DataFrame) -> Dataset:
    """As it is read from a log without labels."""
    return Dataset(frame.sort("ts").drop(LABEL, ATTACK_ID), "zeek-json", ("conn.log",), "0" * 64, {}, {})


def trained(read: Dataset, recipe: Recipe, attacks: Any = None) -> LoadedModel:
    """A model of flows."""
    return read_bundle(train(read.frame, recipe, attacks=attacks).bundle("flows", read))


def incidents_of(model: LoadedModel, frame: pl.DataFrame, per_day: float) -> list[Told]:
    """What a daemon tells of a day that begins with what training ended with."""
    judge = Judge(
        model,
        incoming=NoOther(),
        budget=Budget(incidents_per_day=per_day),
        builder=AlertBuilder(),
        writer=AlertWriter(),
        write_scores=False,
        write_incidents=True,
        tell=silent,
    )
    values, latest = [*encode(frame, "zeek-json")], dict[str, Told]()
    places, offsets = np.zeros(len(values), np.int32), np.arange(len(values))
    raw = RawBatch("flows", [*values], places, offsets, offsets, lambda _: Envelope(None, ()))
    told = judge.judge(raw, open_decoder("zeek").decode(raw.values))
    for document in (*told.incidents, *judge.conclude().incidents):
        one = read_told(document.value or b"")
        latest[one.ours.id] = one
    return [one for one in latest.values() if not one.ours.merged_into]


class NoOther:
    """No other model comes."""

    def take(self) -> None:
        """Give none."""


def verdicts(incidents: list[Told], frame: pl.DataFrame) -> Iterator[tuple[Told, bool, set[str]]]:
    """Of each: whether an attack is in it, and which attacks and harmless doings are."""
    ts, attack = frame["ts"].to_numpy(), (frame[LABEL] == TRUE).to_numpy()
    for told in incidents:
        rows = rows_between(frame, ts, told.ours, 0.0)
        yield told, bool(attack[rows].any()), set(frame[ATTACK_ID][rows].drop_nulls().to_list())


def measured(model: LoadedModel, frame: pl.DataFrame, made: Days, per_day: float) -> dict[str, Any]:
    """Of the last day: false incidents, those of what was harmless before, and attacks found."""
    found, doings = list(verdicts(incidents_of(model, frame, per_day), frame)), set[str]()
    for _, _, named in found:
        doings |= named
    attacks = set(frame.filter(pl.col(LABEL) == TRUE)[ATTACK_ID].unique())
    return {
        "false_incidents": sum(not true for _, true, _ in found),
        "harmless_raised": len(made.ids & doings),
        "harmless": len(made.ids),
        "attacks_found": len(attacks & doings),
        "attacks": len(attacks),
    }


def lessons_by_oracle(frame: pl.DataFrame, told: list[Told], today: pl.DataFrame, weight: int) -> Lessons:
    """All incidents of a day, judged by the truth."""
    said = [
        Judgement(id=one.ours.id, label="true" if true else "false", by="oracle", at="2026-01-06T18:00:00Z")
        for one, true, _ in verdicts(told, today)
    ]
    return lessons_of(frame, told, Spoken(tuple(said)), guards=Guards(weight=weight))


def run(made: Days, kind: str, per_day: float) -> dict[str, dict[str, Any]]:
    """One seed."""
    recipe = Recipe(kind=kind, params={"n_estimators": 50} if kind == "isolation-forest" else {}, folds=0)
    days = [part_of(day, made) for day in range(3)]
    first = trained(as_read(days[0]), recipe)
    told = incidents_of(first, days[1], per_day)
    both = as_read(pl.concat(days[:2]))
    without = lessons_of(both.frame, told)
    found = {
        "first": measured(first, days[2], made, per_day),
        "left out": measured(trained(taught(both, without), recipe), days[2], made, per_day),
    }
    lessons = lessons_by_oracle(both.frame, told, days[1], 1)
    for name, learns in (("labels", False), ("labels, leaves", True)):
        how = replace(recipe, learns=learns)
        model = trained(taught(both, lessons), how, attacks_in(both, lessons, how))
        known = known_of(lessons.asked, Again.of(model, both, per_day).raised(lessons.keep, lessons.asked))
        found[name] = measured(model, days[2], made, per_day) | {
            "judged_false": known.judged_false,
            "raised_again": len(known.raised_again),
            "judged_true": known.judged_true,
            "lost": len(known.lost),
        }
    print(json.dumps({"seed": made.seed, **found}), flush=True)
    return found


def main() -> None:
    """Measure, and print one line a seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--kind", default="isolation-forest")
    parser.add_argument("--hosts", type=int, default=40)
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--harmless", type=int, default=1, help="Kinds of harmless doings, 1 to 3.")
    parser.add_argument("--budget", type=float, default=30.0, help="False incidents a day.")
    given = parser.parse_args()
    runs = [
        run(Days(seed, given.hosts, given.hours * 3_600.0, given.harmless), given.kind, given.budget)
        for seed in given.seeds
    ]
    sums = {name: {figure: sum(each[name][figure] for each in runs) for figure in runs[0][name]} for name in runs[0]}
    print(json.dumps(sums))


if __name__ == "__main__":
    main()
