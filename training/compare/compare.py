"""The published kinds beside detectors from a shelf: the same flows, features, splits, and figures of an evaluation.

How to call it::

    comparison = compare(frame, recipe, protocol=protocol_of(seed=3), partitions=None, tell=print)

``frame`` is in order of time. A published kind's figures are those that :func:`training.evaluation.measure.measure`
tells of its random splits by the same protocol. Nothing is published. Costs are of this machine.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import monotonic

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.errors import InputError
from training.compare.contract import COMPARISON_VERSION, Compared, Comparison, Cost
from training.compare.detectors import SHELF, Contender, UpperBound
from training.compare.processes import Outcome, outcome_of
from training.compare.published import published
from training.compare.worker import Run
from training.evaluation.marked import Marked
from training.evaluation.measure import data_of, marked_of, plain
from training.evaluation.prepared import Prepared, prepared, settled
from training.evaluation.protocol import DEFAULT
from training.evaluation.random_splits import (
    Features,
    Scored,
    Split,
    raised_by_others,
    random_figures,
    seed_of,
    splits_of,
)
from training.evaluation.report import Protocol, Spread
from training.labels import TrainOn
from training.train import Recipe, TellStep

LIMIT_S = 600.0
"""Seconds that one contender may take for all its runs."""

MIB = float(1 << 20)

LEAST_S = 1e-6
"""The processor's clock ticks no faster."""

RANKED_BY = "tpr_at_fpr_0.01"


def compare(
    frame: pl.DataFrame,
    recipe: Recipe,
    protocol: Protocol = DEFAULT,
    partitions: NDArray[np.int32] | None = None,
    tell: TellStep = lambda _: None,
    *,
    limit_s: float = LIMIT_S,
    shelf: Sequence[Contender] = SHELF,
) -> Comparison:
    """Compare on flows in order of time; ``partitions`` (rows,) are those that they came by.

    The recipe says what is trained on, by which features, and the parameters of its own kind. Who fails, or takes
    longer than ``limit_s``, is told so in its row.

    Raises InputError where there are too few flows, or no attacks to find; ConfigurationError for a recipe that cannot
    be followed.
    """
    began = monotonic()
    whole = marked_of(frame, recipe, partitions)
    notes: list[str] = []
    protocol = settled(whole, recipe, protocol, notes)
    if protocol.attacks == "none":
        raise InputError(f"comparing: there are no attacks to find ({'; '.join(notes)})")
    ready = prepared(whole, recipe, protocol, notes)
    attacks = [int(ready.marked.attack[split.test].sum()) for split in ready.splits]
    if not any(attacks):
        raise InputError("comparing: none of the runs has an attack to find; give flows with more attacks")
    taught = _taught(ready, recipe, protocol)
    features = ready.features(recipe, tell, taught)
    contenders: list[Contender] = [*published(recipe, features.extractor.spec), *shelf]
    if taught:
        contenders.append(UpperBound())
    rows = []
    with tempfile.TemporaryDirectory(prefix="oddflow-compare-") as folder:
        runs = _written(Path(folder) / "runs", ready.splits, ready.marked, features, recipe)
        upper = _written(Path(folder) / "taught", taught, ready.marked, features, recipe)
        for number, contender in enumerate(contenders):
            doing = f"comparing {number + 1} of {len(contenders)}: {contender.name}"
            tell(doing)
            outcome = outcome_of(contender, upper if contender.role == "upper bound" else runs, limit_s)
            rows.append(_compared(contender, outcome, ready, protocol))
    return Comparison(
        comparison_version=COMPARISON_VERSION,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        protocol=msgspec.structs.replace(protocol, block_s=ready.blocks.block_s),
        data=data_of(whole, recipe),
        features=features.extractor.spec.names,
        train_on=recipe.train_on.text,
        train_rows=_ends([len(split.train) for split in ready.splits]),
        test_rows=_ends([len(split.test) for split in ready.splits]),
        limit_s=limit_s,
        compared=tuple(sorted(rows, key=_rank)),
        notes=tuple(notes),
        seconds=monotonic() - began,
    )


def _taught(ready: Prepared, recipe: Recipe, protocol: Protocol) -> list[Split]:
    """The same runs, with labelled attacks and benign rows to train on; none where attacks are not labelled."""
    if protocol.attacks != "labelled":
        return []
    marked = ready.marked
    known = marked.attack | marked.benign
    every = splits_of(marked, ready.blocks, replace(recipe, train_on=TrainOn.parse("all")), protocol)
    return [
        replace(split, train=other.train[known[other.train]]) for split, other in zip(ready.splits, every, strict=True)
    ]


def _written(
    folder: Path, splits: Sequence[Split], marked: Marked, features: Features, recipe: Recipe
) -> tuple[Run, ...]:
    folder.mkdir()
    runs = []
    for number, split in enumerate(splits):
        run = Run(folder, number, seed_of(split, recipe))
        run.write(features.of(split.train), marked.attack[split.train], features.of(split.test))
        runs.append(run)
    return tuple(runs)


def _compared(contender: Contender, outcome: Outcome, ready: Prepared, protocol: Protocol) -> Compared:
    figures = {} if outcome.failed else _figures(outcome, ready, protocol)
    tested = [len(split.test) for split in ready.splits]
    rates = [rows / max(ran.score_s, LEAST_S) for rows, ran in zip(tested, outcome.ran, strict=False)]
    return Compared(
        name=contender.name,
        package=contender.package,
        role=contender.role,
        parameters={name: plain(value) for name, value in contender.params.items()},
        figures=figures,
        runs=len(outcome.ran),
        train_s=_cost([ran.train_s for ran in outcome.ran]),
        rows_per_s=_cost(rates),
        peak_mib=None if outcome.peak_bytes is None else outcome.peak_bytes / MIB,
        failed=outcome.failed,
    )


def _figures(outcome: Outcome, ready: Prepared, protocol: Protocol) -> dict[str, Spread]:
    runs = [Scored(split, ran.scores) for split, ran in zip(ready.splits, outcome.ran, strict=True)]
    raised = raised_by_others(runs, ready.marked)
    return random_figures(runs, raised, ready.marked, ready.blocks, protocol).figures


def _cost(values: Sequence[float]) -> Cost | None:
    return Cost(median=median(values), least=min(values), most=max(values)) if values else None


def _rank(row: Compared) -> tuple[bool, bool, float]:
    found = row.figures.get(RANKED_BY)
    return bool(row.failed), row.role == "upper bound", -found.mean if found else 0.0


def _ends(counts: Sequence[int]) -> tuple[int, int]:
    return min(counts), max(counts)
