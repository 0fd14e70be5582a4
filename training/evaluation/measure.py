"""How good a recipe is on these flows: splits at random and by time, attacks, figures and segments, as one report.

How to call it::

    report = measure(frame, recipe, protocol=protocol_of(seed=3), partitions=None, tell=print)

``frame`` is in order of time, with labels where it has any. Nothing is published; the recipe's own model is not trained
on all of it. The same flows, recipe and protocol give the same report, but for when it was made and how long it took.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import Any

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from detector.errors import InputError
from detector.features.extra import has_addresses
from detector.net.networks import networks_of
from training.evaluation.attempts import Attempts, attempts_found
from training.evaluation.by_time import Begun, ByTime
from training.evaluation.marked import Marked
from training.evaluation.prepared import prepared, settled
from training.evaluation.protocol import DEFAULT
from training.evaluation.random_splits import (
    RandomFigures,
    Scored,
    raised_by_others,
    random_figures,
    scored,
)
from training.evaluation.report import REPORT_VERSION, Data, Histogram, Protocol, Report
from training.evaluation.segments import segments_of, worst_told
from training.evaluation.time_figures import attacks_of, budgets_obtained, tested_rows, time_figures
from training.evaluation.time_splits import TimeRun
from training.evaluation.transplant import inside_addresses
from training.stretches import cores
from training.train import Recipe, TellStep
from training.watched import Watched, ends_of

BINS = 40

SHORT_DAYS = 1.0
"""Tested for less than this, hours of the day are missing."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A report, and the runs by time that it tells of, against which a champion can be held."""

    report: Report
    by_time: ByTime


def measure(
    frame: pl.DataFrame,
    recipe: Recipe,
    *,
    protocol: Protocol = DEFAULT,
    partitions: NDArray[np.int32] | None = None,
    tell: TellStep = lambda _: None,
) -> Report:
    """Evaluate a recipe on flows in order of time; ``partitions`` (rows,) are those that they came by.

    Raises InputError where there are too few flows, or only attacks; ConfigurationError for a recipe that cannot be
    followed.
    """
    return measure_and_keep(frame, recipe, protocol=protocol, partitions=partitions, tell=tell).report


def measure_and_keep(
    frame: pl.DataFrame,
    recipe: Recipe,
    *,
    protocol: Protocol = DEFAULT,
    partitions: NDArray[np.int32] | None = None,
    tell: TellStep = lambda _: None,
) -> Measured:
    """Evaluate likewise, and give the runs by time, too."""
    began = monotonic()
    whole = marked_of(frame, recipe, partitions)
    notes: list[str] = []
    protocol = settled(whole, recipe, protocol, notes)
    with threadpool_limits(1), ThreadPoolExecutor(cores()) as pool:
        begun = Begun.of(whole, recipe, protocol, pool, notes)
        at_random = _at_random(whole, recipe, protocol, pool, notes, tell)
        later = begun.gathered(notes, tell)
    by_time = later.runs
    found, spread = _attacks(at_random, by_time, protocol)
    figures = time_figures(by_time, protocol) if by_time else {}
    if spread is not None and by_time:
        figures["attacks_found"] = spread
    days = sum(run.days for run in by_time)
    segments = segments_of(tested_rows(by_time, protocol), days) if by_time else ()
    notes += worst_told(segments)
    if by_time and days < SHORT_DAYS:
        notes.append(
            f"flows were tested by time for {days:.2f} days alone: what other hours of the day raise is not in it; give"
            " two days or more"
        )
    report = Report(
        report_version=REPORT_VERSION,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        kind=recipe.kind,
        parameters={name: plain(value) for name, value in recipe.params.items()},
        protocol=msgspec.structs.replace(protocol, block_s=at_random.block_s if at_random else protocol.block_s),
        data=data_of(whole, recipe),
        random=at_random.figures.figures if at_random else {},
        by_time=figures,
        attacks=found,
        budget=budgets_obtained(by_time, protocol) if by_time else (),
        segments=segments,
        roc=at_random.figures.roc if at_random else None,
        precision_recall=at_random.figures.precision_recall if at_random else None,
        scores=_histogram(at_random, by_time),
        notes=tuple(notes),
        seconds=monotonic() - began,
    )
    return Measured(report, later)


def marked_of(frame: pl.DataFrame, recipe: Recipe, partitions: NDArray[np.int32] | None) -> Marked:
    """Mark flows that can be measured on. Raises InputError where there are none, or only attacks."""
    if not len(frame):
        raise InputError("evaluating: there are no flows; give some")
    whole = Marked.of(frame, partitions)
    if not whole.benign.any():
        raise InputError("evaluating: every flow is labelled an attack; give flows of ordinary traffic too")
    whole.calm(recipe.train_on)
    return whole


@dataclass(frozen=True, slots=True)
class AtRandom:
    """What came of the random splits."""

    figures: RandomFigures
    attempts: list[Attempts]
    scores: tuple[NDArray[np.float64], NDArray[np.float64]]
    """Of benign rows and of attacks, over all runs."""
    block_s: float


def _at_random(  # noqa: PLR0917 - what is measured, how and by whom
    whole: Marked,
    recipe: Recipe,
    protocol: Protocol,
    pool: ThreadPoolExecutor,
    notes: list[str],
    tell: TellStep,
) -> AtRandom | None:
    if not protocol.folds:
        return None
    ready = prepared(whole, recipe, protocol, notes)
    marked, splits, features = ready.marked, ready.splits, ready.features(recipe, tell)
    runs = []
    for number, run in enumerate(pool.map(lambda split: scored(split, features, recipe), splits)):
        runs.append(run)
        tell(f"tested {number + 1} of {len(splits)} random splits")
    raised = raised_by_others(runs, marked)
    figures = random_figures(runs, raised, marked, ready.blocks, protocol)
    if figures.unmeasured and protocol.attacks != "none":
        notes.append(f"{figures.unmeasured} of {len(runs)} random splits have no attack to find")
    return AtRandom(figures, _attempts(runs, raised, marked), _scores(runs, marked), ready.blocks.block_s)


def _attempts(runs: list[Scored], raised: list[NDArray[np.bool_]], marked: Marked) -> list[Attempts]:
    ts = marked.frame["ts"].to_numpy()
    return [
        Attempts.of(marked.kinds.gather(run.split.test), marked.instances[run.split.test], beyond, ts[run.split.test])
        for run, beyond in zip(runs, raised, strict=True)
    ]


def _attacks(at_random: AtRandom | None, by_time: Sequence[TimeRun], protocol: Protocol) -> Any:
    """By time where there is any; else over random splits, raised by what the other folds' benign rows score."""
    found = attacks_of(by_time, protocol) if by_time else ((), None)
    if not found[0] and at_random is not None:
        return attempts_found(at_random.attempts, protocol)
    return found


def _scores(runs: list[Scored], marked: Marked) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    benign = [run.scores[marked.benign[run.split.test]] for run in runs]
    attack = [run.scores[marked.attack[run.split.test]] for run in runs]
    return np.concatenate(benign), np.concatenate(attack)


def _histogram(at_random: AtRandom | None, by_time: Sequence[TimeRun]) -> Histogram:
    """Of the splits by time; of random ones where there are none."""
    benign, attack = np.empty(0), np.empty(0)
    if by_time:
        benign = np.concatenate([run.judged.scores[run.judged.benign] for run in by_time])
        attack = np.concatenate([run.judged.scores[run.judged.attack] for run in by_time])
    elif at_random is not None:
        benign, attack = at_random.scores
    return histogram_of(benign, attack)


def histogram_of(benign: NDArray[np.float64], attack: NDArray[np.float64]) -> Histogram:
    """Count scores of benign rows and of attacks, (rows,) each, in the same bins."""
    both = np.concatenate([benign, attack])
    low, high = (float(both.min()), float(both.max())) if len(both) else (0.0, 1.0)
    edges = np.linspace(low, high if high > low else low + 1.0, BINS + 1)
    return Histogram(
        edges=tuple(edges.tolist()),
        benign=tuple(np.histogram(benign, edges)[0].tolist()),
        attacks=tuple(np.histogram(attack, edges)[0].tolist()),
    )


def data_of(whole: Marked, recipe: Recipe) -> Data:
    """What it is measured on."""
    frame = whole.frame
    watched = Watched.of(frame["ts"].to_numpy(), ends_of(frame))
    hosts = 0
    if has_addresses(frame):
        networks = networks_of(recipe.inside)
        hosts = int(inside_addresses(frame["src_ip"].unique(), networks).sum())  # a scanned address need be no host
    return Data(
        rows=len(frame),
        attack_rows=int(whole.attack.sum()),
        start=watched.start,
        end=watched.end,
        watched_s=watched.seconds,
        hosts=hosts,
    )


def plain(value: Any) -> str | int | float | bool | None:
    """A parameter as documents tell it."""
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)
