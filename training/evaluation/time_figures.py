"""Figures of the runs by time: what later flows raised, and what was found among them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.evaluation.attempts import Attempts, attempts_found
from training.evaluation.figures import Ranking, at_prevalence, over_resamples
from training.evaluation.random_splits import ranked_figures
from training.evaluation.report import AttackFound, BudgetObtained, Protocol, Spread
from training.evaluation.segments import Tested
from training.evaluation.time_splits import Judged, TimeRun
from training.metrics import operating_curve
from training.watched import DAY_S, HOUR_S

BUDGETS = (3.0, 10.0, 30.0)
"""False incidents a day that are asked for, beside the protocol's."""


def budgets_obtained(runs: Sequence[TimeRun], protocol: Protocol) -> tuple[BudgetObtained, ...]:
    """What was asked for, against what later benign flows raised."""
    days = sum(run.days for run in runs)
    return tuple(
        BudgetObtained(asked=asked, obtained=false_incidents(runs, asked, protocol), days=days)
        for asked in sorted({*BUDGETS, protocol.incidents_per_day})
    )


def false_incidents(runs: Sequence[TimeRun], asked: float, protocol: Protocol) -> Spread:
    """Benign targets raised a day: each run's, and by resampling hours of all of them."""
    rng = np.random.default_rng([protocol.seed, 11])
    values, hourly = [], []
    for run in runs:
        judged = run.judged
        first = judged.falsely_raised(asked)
        values.append(len(first) / run.days if run.days else 0.0)
        begin = judged.ts.min()
        hours = np.floor((judged.ts - begin) / HOUR_S).astype(np.int64)
        count = max(1, round(run.days * DAY_S / HOUR_S), int(hours.max()) + 1)
        counts = np.bincount(hours[first], minlength=count)
        hourly.append(counts[np.isin(np.arange(len(counts)), hours)])
    counts = np.concatenate(hourly)
    days = sum(run.days for run in runs)
    drawn = counts[rng.integers(0, len(counts), (protocol.resamples, len(counts)))].sum(axis=1)
    return over_resamples(values, drawn / days if days else np.empty(0))


def attacks_of(runs: Sequence[TimeRun], protocol: Protocol) -> tuple[tuple[AttackFound, ...], Spread | None]:
    """How well each kind is found, and the share of all attacks that is."""
    parts = [
        Attempts.of(
            run.judged.kinds, run.judged.instances, run.judged.rates <= protocol.incidents_per_day, run.judged.ts
        )
        for run in runs
    ]
    return attempts_found(parts, protocol)


def time_figures(runs: Sequence[TimeRun], protocol: Protocol) -> dict[str, Spread]:
    """Figures of flows over the runs; those of attacks where there are any."""
    figures = {"false_incidents_per_day": false_incidents(runs, protocol.incidents_per_day, protocol)}
    values: dict[str, list[float]] = {}
    resampled: dict[str, list[NDArray[np.float64]]] = {}
    for run in runs:
        judged = run.judged
        rows = np.flatnonzero(judged.attack | judged.benign)
        attack = judged.attack[rows]
        raised = judged.rates[rows] <= protocol.incidents_per_day
        groups = groups_of(judged, rows)
        rng = np.random.default_rng([protocol.seed, 7, 1000 + run.cut.number])
        drawn = at_prevalence(raised, attack, groups, protocol.prevalence, protocol.resamples, rng)
        if drawn is None:
            continue
        curve = operating_curve(judged.scores[rows], attack)
        told = {"precision": float(drawn.precision.mean()), "recall": float(drawn.recall.mean())}
        told |= ranked_figures(curve.tpr, curve.fpr, protocol.prevalence)
        for name, value in told.items():
            values.setdefault(name, []).append(value)
        resampled.setdefault("precision", []).append(drawn.precision)
        resampled.setdefault("recall", []).append(drawn.recall)
        ranking = Ranking(judged.scores[rows], attack, groups)
        few = [ranked_figures(*ranking.drawn(rng), protocol.prevalence) for _ in range(protocol.resamples)]
        for name in few[0]:
            resampled.setdefault(name, []).append(np.array([each[name] for each in few]))
    for name, each in values.items():
        drawn_of = np.stack(resampled[name])
        figures[name] = over_resamples(each, drawn_of.mean(axis=0), drawn_of.ravel())
    return figures


def groups_of(judged: Judged, rows: NDArray[np.intp]) -> NDArray[np.int64]:
    """What each of some rows is drawn with as a whole: its attack, or its block of time."""
    blocks = judged.blocks[rows]
    groups: NDArray[np.int64] = np.where(
        judged.attack[rows], int(blocks.max(initial=0)) + 1 + judged.instances[rows], blocks
    )
    return groups


def tested_rows(runs: Sequence[TimeRun], protocol: Protocol) -> Tested:
    """All that was tested at the budget, of every run, for segments."""
    mixed = [np.uint64(run.cut.number) * np.uint64(0xC2B2AE3D27D4EB4F) for run in runs]
    return Tested(
        values=pl.concat([run.judged.values for run in runs]),
        benign=np.concatenate([run.judged.benign for run in runs]),
        attack=np.concatenate([run.judged.attack for run in runs]),
        raised=np.concatenate([run.judged.rates <= protocol.incidents_per_day for run in runs]),
        incidents=np.concatenate([run.judged.incidents ^ salt for run, salt in zip(runs, mixed, strict=True)]),
    )
