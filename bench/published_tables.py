"""Protocols of rows: MemStream's and MStream's streams, and ADBench's tables with coniferest and PyOD.

*MemStream*: the first N normal rows are given, told by their labels; then all rows are scored in their order, the N
among them. *MStream*: rows are scored as they come, and nothing is given. *ADBench*: at most 10,000 rows at random; a
detector is fitted to 70 % of them, unlabelled, attacks and all, and scores the other 30 %, scaled to 0…1.

oddflow never learns from what it scores. Where rows are columns of somebody else's, it is our default kind on these,
numbers by their logarithm; where they are flows, it is all of it, by its own features.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import MinMaxScaler

from bench.memstream import Settings, memstream
from bench.mstream import mstream
from bench.published_case import OURS, Case, Told, auc
from bench.published_sets import Aspects, Stream, fingerprint
from detector.features.extra import has_addresses
from detector.features.extractor import FeatureExtractor
from detector.features.replay import features_of
from detector.models.ensemble import Ensemble
from detector.models.kinds.isolation_forest import IsolationForest
from detector.records.flow import BENIGN, LABEL, SCHEMA
from detector.scoring.scorer import Scorer
from training.compare.detectors import SHELF
from training.estimators import fit_estimator
from training.labels import TrainOn
from training.train import Recipe, spec_for, train_and_keep

Matrix = NDArray[np.float32]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

ADBENCH_ROWS, ADBENCH_TESTED = 10_000, 0.3

FROM_SHELF = ("coniferest-forest", "pyod-iforest", "pyod-ecod", "pyod-hbos", "pyod-knn", "pyod-cblof", "pyod-pca")

OUR_KINDS = (Ensemble.kind, IsolationForest.kind, "kmeans")


def memstream_case(paths: Sequence[Path], stream: Stream, published: str, settings: Settings, note: str = "") -> Case:
    """A stream by MemStream's protocol."""
    attacks = int(stream.attacks.sum())
    on = f"{fingerprint(paths)}, {len(stream.rows):,} rows of {stream.rows.shape[1]} columns, {attacks:,} attacks{note}"
    protocol = f"the first {settings.memory:,} normal rows are given, β {settings.beta:g}, all rows are scored in order"

    def run(seed: int) -> Iterator[Told]:
        given = np.zeros(len(stream.rows), bool)
        given[np.flatnonzero(~stream.attacks)[: settings.memory]] = True
        scores = memstream(stream.rows, stream.attacks, settings, seed)
        yield Told("memstream", _streamed(scores, stream.attacks, given), published)
        logs = logarithms(stream.rows)
        scores = by_kind(Ensemble.kind, logs[given], logs, seed, normal=True)
        yield Told(f"{OURS} on the same columns", _streamed(scores, stream.attacks, given))
        if stream.flows is not None:
            yield from _as_flows(stream, given, seed)

    return Case(on, protocol, run)


def _as_flows(stream: Stream, given: Mask, seed: int) -> Iterator[Told]:
    """The same rows by our own features; where there are addresses, by windows and all that alerts are made by."""
    flows = stream.flows
    if flows is None:
        return
    if has_addresses(flows):
        usual = flows.filter(given).select(*SCHEMA, pl.lit(BENIGN).alias(LABEL))
        recipe = Recipe(seed=seed, folds=0, train_on=TrainOn.parse("normal"))
        yield Told(
            f"{OURS} on flows", trained_and_scored(usual, recipe, flows.filter(~given), stream.attacks[~given], "rest")
        )
        return
    extractor = FeatureExtractor.fit(flows.filter(given), spec_for(flows, Recipe()))
    matrix = features_of(extractor, flows)
    scores = by_kind(Ensemble.kind, matrix[given], matrix, seed, normal=True)
    yield Told(f"{OURS} on flows", _streamed(scores, stream.attacks, given))


def _streamed(scores: Floats, attacks: Mask, given: Mask) -> dict[str, float]:
    return {"all": auc(scores, attacks), "rest": auc(scores[~given], attacks[~given])}


def mstream_case(paths: Sequence[Path], rows: Aspects, published: str, fading: float, note: str = "") -> Case:
    """Rows by MStream's protocol; oddflow learns from the first half, unlabelled, and scores the second."""
    attacks = int(rows.attacks.sum())
    shape = f"{rows.numbers.shape[1]} numbers and {rows.categories.shape[1]} categories"
    on = f"{fingerprint(paths)}, {len(rows.ticks):,} rows of {shape}, {attacks:,} attacks{note}"
    protocol = f"MStream through all rows, told nothing, α {fading:g}; oddflow learns the first half, unlabelled"

    def run(seed: int) -> Iterator[Told]:
        second = np.arange(len(rows.ticks)) >= len(rows.ticks) // 2
        scores = mstream(rows.numbers, rows.categories, rows.ticks, fading, seed)
        halves = {"all": auc(scores, rows.attacks), "second half": auc(scores[second], rows.attacks[second])}
        yield Told("mstream", halves, published)
        matrix = np.hstack([logarithms(rows.numbers), surprises(rows.categories, ~second)]).astype(np.float32)
        odd = by_kind(Ensemble.kind, matrix[~second], matrix[second], seed)
        yield Told(f"{OURS} on the same columns", {"second half": auc(odd, rows.attacks[second])})
        if rows.flows is not None:
            first, recipe = rows.flows.filter(~second).select(SCHEMA.keys()), Recipe(seed=seed, folds=0, cut=True)
            flows, odd_ones = rows.flows.filter(second), rows.attacks[second]
            yield Told(f"{OURS} on flows", trained_and_scored(first, recipe, flows, odd_ones, "second half"))

    return Case(on, protocol, run)


def trained_and_scored(
    learnt_from: pl.DataFrame, recipe: Recipe, tried: pl.DataFrame, attacks: Mask, part: str
) -> dict[str, float]:
    """ROC AUC of all that ``oddflow train`` makes of flows, on others: by surprise, and by all ways together."""
    _, learnt = train_and_keep(learnt_from, recipe)
    flows = tried.select(SCHEMA.keys())
    scored = Scorer(learnt.scoring, learnt.state).score(flows, np.zeros(len(flows), np.int32))
    told = {part: auc(scored.scores, attacks)}
    return told if scored.rates is None else told | {f"{part}, all ways": auc(-scored.rates, attacks)}


def table_case(path: Path, table: Stream, published: str = "") -> Case:
    """A table by ADBench's protocol."""
    attacks = int(table.attacks.sum())
    on = f"{fingerprint([path])}, {len(table.rows):,} rows of {table.rows.shape[1]} columns, {attacks:,} odd"
    protocol = "at most 10,000 rows; fitted to 70 %, unlabelled; the other 30 % are scored"

    def run(seed: int) -> Iterator[Told]:
        train, tested, odd = adbench_split(table, seed)
        for each in SHELF:
            if each.name in FROM_SHELF:
                scores = np.nan_to_num(each.fit(train, np.zeros(len(train), bool), seed)(tested))
                told = published if each.name == "pyod-iforest" else ""
                yield Told(each.name, {"tested": auc(scores, odd)}, told)
        for kind in OUR_KINDS:
            yield Told(f"{OURS} {kind}", {"tested": auc(by_kind(kind, train, tested, seed), odd)})

    return Case(on, protocol, run)


def adbench_split(table: Stream, seed: int) -> tuple[Matrix, Matrix, Mask]:
    """Rows to fit to and rows to score, both scaled to 0…1 by the former; and which of the latter are odd."""
    rng = np.random.default_rng(seed)
    few = np.arange(len(table.rows))
    if len(few) > ADBENCH_ROWS:
        few = rng.choice(len(few), ADBENCH_ROWS, replace=False)
    train, tested = train_test_split(few, test_size=ADBENCH_TESTED, stratify=table.attacks[few], random_state=seed)
    scale = MinMaxScaler().fit(table.rows[train])
    fitted, tried = (scale.transform(table.rows[each]).astype(np.float32) for each in (train, tested))
    return fitted, tried, table.attacks[tested]


def by_kind(kind: str, train: Matrix, rows: Matrix, seed: int, *, normal: bool = False) -> Floats:
    """Fit one of our kinds as ``oddflow train`` does, to normal rows or to whatever there is; score others."""
    recipe = Recipe(kind=kind, train_on=TrainOn.parse("normal" if normal else "all"))
    return fit_estimator(kind, train, seed=seed, params=recipe.fitting).score(rows)


def logarithms(values: NDArray[np.floating]) -> Matrix:
    """Numbers by the logarithm of one more than their size, with their sign."""
    return np.asarray(np.sign(values) * np.log1p(np.abs(values)), np.float32)


def surprises(categories: NDArray[np.int64], learnt: Mask) -> Matrix:
    """How rare each category is among the rows learnt from, −ln of its share; half a row's share for a new one."""
    columns = []
    for column in categories.T:
        known, counts = np.unique(column[learnt], return_counts=True)
        place = np.minimum(np.searchsorted(known, column), len(known) - 1)
        share = np.where(known[place] == column, counts[place], 0.5) / int(learnt.sum())
        columns.append(-np.log(share))
    return np.stack(columns, axis=1).astype(np.float32)
