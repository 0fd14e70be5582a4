"""Figures of unseen rows, with their ranges: at a stated share of attacks, over runs and over resamples.

A *group* is what is drawn as a whole: one attack, or one block of benign flows; flows of a group are alike, and drawing
them one by one would make ranges too narrow. In each resample, as many groups are drawn as there are, with replacement,
and attack rows of those drawn so many that they are the prevalence of all rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from training.evaluation.report import Band, Spread

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Numbers = NDArray[np.int64]

COVERED = 0.95

FPR_GRID = np.concatenate([[0.0], np.logspace(-4, 0, 41)])
RECALL_GRID = np.linspace(0.0, 1.0, 41)


def over_runs(values: Sequence[float], folds: int, resampled: Floats | None = None) -> Spread:
    """Range of a share over random runs of so many folds; least and most are those of resamples, too.

    The interval is Student's, with the variance (1/J + 1/(folds - 1)) s² of J runs: folds share training rows, so that
    s²/J would be too little (Nadeau and Bengio 2003).
    """
    found = np.array(values)
    mean = float(found.mean())
    half = 0.0
    if len(found) > 1:
        variance = (1.0 / len(found) + 1.0 / max(folds - 1, 1)) * float(found.var(ddof=1))
        half = float(student.ppf(0.5 + COVERED / 2.0, len(found) - 1)) * variance**0.5
    low, high = (float(np.clip(end, 0.0, 1.0)) for end in (mean - half, mean + half))
    return _spread(found, (min(low, mean), max(high, mean)), found if resampled is None else resampled)


def over_resamples(values: Sequence[float], resampled: Floats, extremes: Floats | None = None) -> Spread:
    """Range of a figure over runs by time: ``resampled`` (resamples,) of all runs together gives the interval.

    Least and most are those of the runs and of ``extremes``.
    """
    found = np.array(values)
    mean = float(found.mean())
    clean = resampled[np.isfinite(resampled)]
    tail = 0.5 - COVERED / 2.0
    low, high = np.quantile(clean, [tail, 1.0 - tail]) if len(clean) else (mean, mean)
    interval = (min(float(low), mean), max(float(high), mean))
    return _spread(found, interval, found if extremes is None else extremes)


def _spread(runs: Floats, interval: tuple[float, float], extremes: Floats) -> Spread:
    every = np.concatenate([runs, extremes[np.isfinite(extremes)]])
    return Spread(
        mean=float(runs.mean()),
        least=float(every.min()),
        most=float(every.max()),
        interval=interval,
        runs=tuple(float(each) for each in runs),
    )


class Resampled(NamedTuple):
    """Precision and recall at a prevalence, of each resample (resamples,)."""

    precision: Floats
    recall: Floats
    attacks: int
    """Attack rows in each."""
    rows: int


def at_prevalence(  # noqa: PLR0917 - rows, and how they are drawn
    raised: Mask, attack: Mask, groups: Numbers, prevalence: float, resamples: int, rng: np.random.Generator
) -> Resampled | None:
    """Resample rows (rows,) to that prevalence; None without attacks or without benign rows.

    Precision is 0 where nothing is raised.
    """
    if not attack.any() or attack.all():
        return None
    found = _drawn(raised[attack], groups[attack], resamples, rng)
    false = _drawn(raised[~attack], groups[~attack], resamples, rng)
    odds = prevalence / (1.0 - prevalence)
    benign = max(int((~attack).sum()), math.ceil(100.0 / odds))  # a hundred attack rows at least
    wanted = round(benign * odds)
    true = rng.binomial(wanted, found)
    wrong = rng.binomial(benign, false)
    told = true + wrong
    precision = np.divide(true, told, out=np.zeros(resamples), where=told > 0)
    return Resampled(precision, true / wanted, wanted, wanted + benign)


def _drawn(raised: Mask, groups: Numbers, resamples: int, rng: np.random.Generator) -> Floats:
    """Share raised of the rows of as many groups as there are, drawn with replacement; shape (resamples,)."""
    sizes, hits = group_sums(groups, np.ones(len(raised))), group_sums(groups, raised.astype(np.float64))
    shares = np.empty(resamples)
    for place in range(resamples):
        drawn = rng.integers(0, len(sizes), len(sizes))
        shares[place] = hits[drawn].sum() / sizes[drawn].sum()
    return shares


class Ranking:
    """Scores of rows (rows,) in order, for figures of many resamples of their groups."""

    def __init__(self, scores: Floats, attack: Mask, groups: Numbers) -> None:
        order = np.argsort(-scores, kind="stable")
        self._attack = attack[order]
        self._groups = np.unique(groups, return_inverse=True)[1][order]
        self._last_of_tie = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
        number = int(self._groups.max(initial=-1)) + 1
        with_attacks = np.zeros(number, np.bool_)
        with_attacks[self._groups[self._attack]] = True
        self._kinds = [np.flatnonzero(with_attacks), np.flatnonzero(~with_attacks)]

    def drawn(self, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """True- and false-positive rates at each distinct score, were groups drawn with replacement."""
        times = np.zeros(sum(map(len, self._kinds)))
        for groups in self._kinds:
            times[groups] = np.bincount(rng.integers(0, len(groups), len(groups)), minlength=len(groups))
        weights = times[self._groups]
        true = np.append(0.0, np.cumsum(weights * self._attack)[self._last_of_tie])
        false = np.append(0.0, np.cumsum(weights * ~self._attack)[self._last_of_tie])
        return true / max(true[-1], 1.0), false / max(false[-1], 1.0)


def group_sums(groups: Numbers, values: Floats) -> Floats:
    """Sum of the values of each group (groups,), in the order of their numbers."""
    place = np.unique(groups, return_inverse=True)[1]
    sums: Floats = np.bincount(place, weights=values).astype(np.float64)
    return sums


def band(x: Floats, curves: Sequence[Floats]) -> Band:
    """Mean, least and most of curves (len(x),) each, point by point."""
    found = np.stack(list(curves))
    return Band(
        x=_told(x), mean=_told(found.mean(axis=0)), least=_told(found.min(axis=0)), most=_told(found.max(axis=0))
    )


def roc_at(tpr: Floats, fpr: Floats) -> Floats:
    """The largest true-positive rate at no more than each of :data:`FPR_GRID`."""
    best: Floats = tpr[np.searchsorted(fpr, FPR_GRID, side="right") - 1]
    return best


def precision_recall_at(tpr: Floats, fpr: Floats, prevalence: float) -> Floats:
    """Precision at the prevalence where at least each recall of :data:`RECALL_GRID` is reached first."""
    place = np.clip(np.searchsorted(tpr, RECALL_GRID * (1 - 1e-12)), 1, len(tpr) - 1)
    raised = prevalence * tpr[place] + (1.0 - prevalence) * fpr[place]
    found: Floats = np.divide(prevalence * tpr[place], raised, out=np.zeros(len(place)), where=raised > 0)
    return found


def _told(values: Floats) -> tuple[float, ...]:
    return tuple(float(round(value, 6)) for value in values)
