"""Repeated random splits: trained on some blocks of time and source, measured on others.

Features are computed once, over all flows in order of time, attacks in their windows; then rows are chosen. A run's
threshold comes from the benign rows of the other folds of its repeat, each scored by what did not see it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.errors import InputError
from detector.features.extra import has_addresses
from detector.features.extractor import FeatureExtractor
from detector.features.replay import features_at
from detector.features.spec import FeatureSpec
from detector.models.base import Model
from detector.models.ensemble import Ensemble
from training.estimators import fit_estimator
from training.evaluation.blocks import Blocks, Rows
from training.evaluation.figures import (
    FPR_GRID,
    RECALL_GRID,
    at_prevalence,
    band,
    over_runs,
    precision_recall_at,
    roc_at,
)
from training.evaluation.marked import Marked
from training.evaluation.report import Band, Protocol, Spread
from training.metrics import (
    FALSE_POSITIVE_RATES,
    RARE,
    Curve,
    average_precision_at_prevalence,
    operating_curve,
    precision_at_prevalence,
    roc_auc,
    tpr_at_fpr,
)
from training.train import Recipe, spec_for

MIN_TRAINING_ROWS = 50
"""Fewer cannot fill one tree, nor tell usual from odd."""

RAISED_SHARE = 0.001
"""Of the other folds' benign rows: beyond what they score, a run's rows are raised."""

TABLE_STRETCHES = 2
"""Into how many stretches an ensemble of a run cuts its rows to learn what unseen ones score: three trainings, not six
as for the model that is kept."""


@dataclass(frozen=True, slots=True)
class Split:
    """One run: places of rows, ascending."""

    repeat: int
    fold: int
    train: Rows
    test: Rows


@dataclass(frozen=True, slots=True)
class Scored:
    """What its test rows scored, in their order."""

    split: Split
    scores: NDArray[np.float64]


def block_rows(marked: Marked, protocol: Protocol) -> Blocks:
    """Cut the rows; one by one where flows tell neither who nor when."""
    frame = marked.frame
    if not has_addresses(frame):
        return Blocks.single(len(frame))
    return Blocks.enough(frame["src_ip"], frame["ts"].to_numpy(), protocol.block_s, protocol.folds)


def splits_of(marked: Marked, blocks: Blocks, recipe: Recipe, protocol: Protocol) -> list[Split]:
    """Choose each run's rows. Raises InputError where a run has too few."""
    found = []
    for repeat in range(protocol.repeats):
        rng = np.random.default_rng([protocol.seed, 5, repeat])
        fold_of = blocks.dealt(marked.attack, protocol.folds, rng)
        for fold in range(protocol.folds):
            tested = fold_of == fold
            free = ~tested & ~blocks.at_edge(fold_of, fold)
            chosen = np.flatnonzero(marked.chosen(recipe.train_on, free, recipe.seed + fold))
            train = blocks.sample(chosen, protocol.most_rows, rng)
            benign = blocks.sample(np.flatnonzero(tested & marked.benign), protocol.most_rows, rng)
            attack = blocks.sample(np.flatnonzero(tested & marked.attack), protocol.most_rows, rng)
            if len(train) < MIN_TRAINING_ROWS or not len(benign):
                raise InputError(
                    f"evaluating: a run of {protocol.folds} folds has {len(train):,} flows to train on and"
                    f" {len(benign):,} benign ones to test; at least {MIN_TRAINING_ROWS} and 1 are needed: give more"
                    " data, or fewer folds"
                )
            found.append(Split(repeat, fold, train, np.sort(np.concatenate([benign, attack]))))
    return found


class Features:
    """Features of the rows that runs need, computed over all flows."""

    def __init__(self, marked: Marked, splits: list[Split], recipe: Recipe) -> None:
        own = marked.trainable & ~marked.attack
        spec = spec_for(marked.frame, recipe)
        self.extractor = FeatureExtractor.fit(marked.frame.filter(pl.Series(own)), spec)
        self._places = np.unique(np.concatenate([part for split in splits for part in (split.train, split.test)]))
        self._matrix = features_at(self.extractor, marked.frame, self._places, marked.partitions)

    def of(self, rows: Rows) -> NDArray[np.float32]:
        """Those of these rows: rows × features."""
        return self._matrix[np.searchsorted(self._places, rows)]


def trained(matrix: NDArray[np.float32], recipe: Recipe, spec: FeatureSpec, seed: int) -> Model:
    """Train on one run's rows × features."""
    params = dict(recipe.fitting)
    if recipe.kind == Ensemble.kind:
        params.setdefault("folds", TABLE_STRETCHES)
    return fit_estimator(recipe.kind, matrix, seed=seed, params=params, names=spec.names, single=spec.single_flows)


def seed_of(split: Split, recipe: Recipe) -> int:
    """The seed of one run."""
    return recipe.seed + 1000 * split.repeat + split.fold


def scored(split: Split, features: Features, recipe: Recipe) -> Scored:
    """Train and score one run."""
    model = trained(features.of(split.train), recipe, features.extractor.spec, seed_of(split, recipe))
    return Scored(split, model.score(features.of(split.test)))


@dataclass(frozen=True, slots=True)
class RandomFigures:
    """Over all runs that had attacks to find."""

    figures: dict[str, Spread]
    roc: Band | None
    precision_recall: Band | None
    unmeasured: int
    """Runs without an attack."""


def raised_by_others(runs: Sequence[Scored], marked: Marked) -> list[NDArray[np.bool_]]:
    """Which test rows of each run are beyond all but :data:`RAISED_SHARE` of its repeat's other folds' benign rows."""
    benign = [run.scores[marked.benign[run.split.test]] for run in runs]
    raised = []
    for run in runs:
        others = [
            scores
            for other, scores in zip(runs, benign, strict=True)
            if other.split.repeat == run.split.repeat and other is not run
        ]
        threshold = np.quantile(np.concatenate(others), 1.0 - RAISED_SHARE, method="higher")
        raised.append(run.scores > threshold)
    return raised


def random_figures(
    runs: Sequence[Scored], raised: Sequence[NDArray[np.bool_]], marked: Marked, blocks: Blocks, protocol: Protocol
) -> RandomFigures:
    """Measure the runs, of which these test rows are ``raised``."""
    values: dict[str, list[float]] = {}
    resampled: dict[str, list[NDArray[np.float64]]] = {"precision": [], "recall": []}
    roc, precision = [], []
    groups = np.where(marked.attack, blocks.count + marked.instances, blocks.number)
    for number, (run, beyond) in enumerate(zip(runs, raised, strict=True)):
        rows = run.split.test
        attack = marked.attack[rows]
        rng = np.random.default_rng([protocol.seed, 7, number])
        drawn = at_prevalence(beyond, attack, groups[rows], protocol.prevalence, protocol.resamples, rng)
        if drawn is None:
            continue
        curve = operating_curve(run.scores, attack)
        told = {"precision": float(drawn.precision.mean()), "recall": float(drawn.recall.mean())}
        told |= ranked_figures(curve.tpr, curve.fpr, protocol.prevalence)
        for name, value in told.items():
            values.setdefault(name, []).append(value)
        resampled["precision"].append(drawn.precision)
        resampled["recall"].append(drawn.recall)
        roc.append(roc_at(curve.tpr, curve.fpr))
        precision.append(precision_recall_at(curve.tpr, curve.fpr, protocol.prevalence))
    if not roc:
        return RandomFigures({}, None, None, len(runs))
    return RandomFigures(
        {
            name: over_runs(each, protocol.folds, np.concatenate(resampled[name]) if name in resampled else None)
            for name, each in values.items()
        },
        band(FPR_GRID, roc),
        band(RECALL_GRID, precision),
        len(runs) - len(roc),
    )


def ranked_figures(tpr: NDArray[np.float64], fpr: NDArray[np.float64], prevalence: float) -> dict[str, float]:
    """What scores tell by themselves: of the rates at each distinct one, from raising nothing to everything."""
    curve = Curve(tpr, fpr, np.empty(0))
    return {
        "roc_auc": roc_auc(curve),
        f"average_precision_at_prevalence_{RARE:g}": average_precision_at_prevalence(tpr, fpr, RARE),
        **{f"tpr_at_fpr_{rate}": tpr_at_fpr(curve, rate) for rate in FALSE_POSITIVE_RATES},
        f"precision_at_prevalence_{prevalence:g}": precision_at_prevalence(curve, prevalence),
    }
