"""How good a recipe is on labelled flows, as a range: the same recipe, trained on parts and measured on the rest.

The benign flows are cut into as many stretches of time as there are folds, of equally many flows. For each, a model is
trained on the chosen rows outside the stretch, with a seed of its own, and measured on the benign flows within it
together with every attack that it was not trained on (where attacks are trained on as such, those within the
stretch). Stretches, not random rows: neighbouring flows resemble each other, and a model that has seen a flow's
neighbours looks better than it is. Encoders are learnt once, from all the chosen rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.bundle.manifest import Figure
from detector.models.base import Model
from training.labels import Truth
from training.metrics import figures

FOUND_AT = 0.01
"""False-positive rate at which the share found of each kind of attack is told."""

MIN_TRAINING_ROWS = 50
"""Fewer cannot fill one tree, nor tell usual from odd."""

Fit = Callable[[NDArray[np.intp], int], Model]
"""Trains on these rows; the number of the fold chooses the seed."""


@dataclass(frozen=True, slots=True)
class Quality:
    """Figures with ranges: the median of the folds, the least and the most."""

    figures: Mapping[str, Figure]
    found: Mapping[str, Figure]
    """By label of attack: the share raised at :data:`FOUND_AT` false positives."""
    folds: int
    """How many folds could be measured."""

    @classmethod
    def unknown(cls) -> Quality:
        """Of flows without labels nothing is known."""
        return cls({}, {}, 0)


def measure(  # noqa: PLR0917  (what is measured, row by row)
    matrix: NDArray[np.float32],
    truth: Truth,
    labels: pl.Series,
    chosen: NDArray[np.intp],
    folds: int,
    fit: Fit,
) -> Quality:
    """Train and measure ``folds`` times; ``chosen`` are the rows that the whole model is trained on."""
    everywhere: list[dict[str, float]] = []
    found: list[dict[str, float]] = []
    for fold, (start, end) in enumerate(stretches(truth.benign, folds)):
        rows = chosen[(chosen < start) | (chosen >= end)]
        test = _test_rows(truth, rows, start, end)
        if len(rows) < MIN_TRAINING_ROWS or not _both(truth, test):
            continue
        scores = fit(rows, fold).score(matrix[test])
        attacks = truth.attack[test]
        told = figures(scores, attacks)
        everywhere.append({name: float(value) for name, value in told.items() if value is not None})
        found.append(found_by_label(scores, attacks, labels.gather(test)))
    ranges = _ranges(everywhere)
    return Quality(
        {name: ranges[name] for name in ranges if name not in {"rows", "positives"}}, _ranges(found), len(found)
    )


def stretches(benign: NDArray[np.bool_], folds: int) -> list[tuple[int, int]]:
    """Cut the rows into ranges of about equally many benign ones, from the first row to the last."""
    places = np.flatnonzero(benign)
    cuts = [int(places[len(places) * fold // folds]) for fold in range(1, folds)]
    return list(zip([0, *cuts], [*cuts, len(benign)], strict=True))


def found_by_label(scores: NDArray[np.float64], attacks: NDArray[np.bool_], labels: pl.Series) -> dict[str, float]:
    """Share of each attack's rows that score above all but :data:`FOUND_AT` of the benign ones."""
    benign = np.sort(scores[~attacks])[::-1]
    allowed = int(FOUND_AT * len(benign) * (1 + 1e-12))
    raised = scores > benign[allowed] if allowed < len(benign) else np.ones(len(scores), dtype=bool)
    shares = pl.DataFrame([labels.alias("label"), pl.Series("raised", raised)]).filter(pl.Series(attacks))
    return dict(shares.group_by("label").agg(pl.col("raised").mean()).rows())


def _test_rows(truth: Truth, trained: NDArray[np.intp], start: int, end: int) -> NDArray[np.intp]:
    seen = np.zeros(len(truth.attack), dtype=bool)
    seen[trained] = True
    within = np.zeros_like(seen)
    within[start:end] = True
    return np.flatnonzero((truth.benign & within) | (truth.attack & ~seen))


def _both(truth: Truth, rows: NDArray[np.intp]) -> bool:
    return bool(truth.attack[rows].any() and truth.benign[rows].any())


def _ranges(values: Sequence[Mapping[str, float]]) -> dict[str, Figure]:
    names = dict.fromkeys(name for each in values for name in each)
    found = {name: [each[name] for each in values if name in each] for name in names}
    return {name: Figure(float(np.median(few)), min(few), max(few)) for name, few in found.items()}
