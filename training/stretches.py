"""Scores of rows by models that did not see them: each stretch of time by one that was trained on the others.

Stretches, not random rows: neighbouring flows resemble each other, and a model that has seen a flow's neighbours finds
it more usual than a flow of another day (blocked cross-validation: Bergmeir and Benítez 2012). All stretches' scores
together tell what unseen rows score (cross-conformal prediction: Vovk 2015).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from detector.models.base import Model
from training.probes import none_of, probes
from training.watched import DAY_S

STRETCHES = 5
"""Each model sees four fifths of the time, as one that is trained on all would before another quarter of it."""

TWO_DAYS = 1.9
"""What is usual at night is not what is usual in the evening. Of so many days watched, stretches are whole days, so
that what judges one has seen its hours of another day. Two days' first and last flow are a little less than two days
apart."""

LEAST_ROWS = 35
"""A stretch has so many rows at least; of fewer rows there are fewer stretches."""

FIT_ROWS = 100_000
"""So many rows, evenly spread, are fitted to at most: as many for the model that is kept as for those that judge one
stretch, since the more rows there are the closer clusters lie, and the less usual is the same flow."""

ALIGNED_AT = (0.5, 0.99)
ALIGNING_ROWS = 20_000
"""Where scores of a stretch's model are brought to the scale of the model that is kept. Clusters of one day have wider
spreads than those of two, since what changes within it changes most: their distances are a quarter less throughout."""

AT_ONCE = 4
"""So many stretches at most are judged beside each other, on as many cores: each holds its rows a few times over."""

Matrix = NDArray[np.float32]

Taught = NDArray[np.intp]
"""How often each row counts that people called harmless, 0 for all others; shape (rows,)."""


@dataclass(frozen=True, slots=True)
class Stretches:
    """Rows in order of time, cut into ranges of about equally many."""

    bounds: NDArray[np.intp]
    """Shape (stretches + 1,): the first row of each, then the number of rows."""

    @classmethod
    def of(cls, rows: int, wanted: int = STRETCHES) -> Self:
        """Cut so many rows; fewer stretches than are wanted where they would have too few, or all in one."""
        count = max(1, min(wanted, rows // LEAST_ROWS))
        return cls(np.linspace(0, rows, count + 1).round().astype(np.intp))

    @classmethod
    def between(cls, calm: NDArray[np.bool_], clock: NDArray[np.float64], wanted: int = STRETCHES) -> Self:
        """Cut rows (rows,) so that each stretch has about equally many of the ``calm`` ones, or is whole days.

        ``clock`` tells how many seconds had been watched at each row, ascending.
        """
        places = np.flatnonzero(calm)
        cuts = places[cls.of(len(places), wanted).bounds[1:-1]]
        days = float(np.ptp(clock)) / DAY_S if len(clock) else 0.0
        if days >= TWO_DAYS:
            count = min(wanted, round(days))
            days_each = round(days) / count
            whole = np.searchsorted(clock - clock[0], np.round(np.arange(1, count) * days_each) * DAY_S)
            held = np.diff(np.searchsorted(places, [0, *whole, len(calm)]))
            cuts = whole if held.min() >= LEAST_ROWS else cuts
        return cls(np.concatenate([[0], cuts, [len(calm)]]).astype(np.intp))

    def among(self, rows: NDArray[np.intp]) -> Self:
        """The same stretches of these rows alone; ``rows`` are their places, ascending."""
        return type(self)(np.searchsorted(rows, self.bounds))

    @property
    def ranges(self) -> list[slice]:
        """The rows of each, in order of time."""
        ends = self.bounds.tolist()
        return [slice(first, end) for first, end in pairwise(ends)]

    @property
    def number(self) -> NDArray[np.intp]:
        """Of each row, the number of its stretch, from 0; shape (rows,)."""
        return np.repeat(np.arange(len(self.bounds) - 1), np.diff(self.bounds))

    @property
    def last(self) -> slice:
        """The rows of the last: what judges them has seen only what came before."""
        return self.ranges[-1]


def fitted_rows(usual: NDArray[np.bool_], taught: Taught | None = None) -> NDArray[np.intp]:
    """Places of the rows, among those that are ``usual``, that are fitted to.

    Rows that people taught are all among them, and as often as each counts.
    """
    places = np.flatnonzero(usual)
    fitted = places[:: max(1, -(-len(places) // FIT_ROWS))]
    if taught is None:
        return fitted
    known = np.flatnonzero(taught)
    return np.sort(np.concatenate([fitted[taught[fitted] == 0], np.repeat(known, taught[known])]))


def fitted(matrix: Matrix, usual: NDArray[np.bool_], taught: Taught | None = None) -> Matrix:
    """These rows; where they are all that there are, and each counts once, not a copy."""
    rows = fitted_rows(usual, taught)
    return matrix if taught is None and len(rows) == len(matrix) else matrix[rows]


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Unseen(NamedTuple):
    """What models score that did not see it."""

    scores: NDArray[np.float64]
    """Of each row; shape (rows,)."""
    probed: NDArray[np.float64]
    """Of probes of each stretch (``training.probes``), in order of time; shape (probes,)."""


def unseen_scores(  # noqa: PLR0917 - rows and what is known of them
    matrix: Matrix,
    kept: NDArray[np.bool_],
    stretches: Stretches,
    model: Model,
    refit: Callable[[Matrix], Model],
    taught: Taught | None = None,
) -> NDArray[np.float64]:
    """Score each row (rows × features) by what ``refit`` learns from ``kept`` rows of other stretches than its own.

    What is ``taught`` is known to all: a daemon will have it from the beginning, whenever it comes again.

    By ``model``, which is trained on all of them, where there is one stretch alone. Stretches are judged side by side,
    so that ``refit`` is called from several threads; what it learns must come from its rows alone.
    """
    return unseen(matrix, kept, stretches, model, refit, taught, none_of).scores


def unseen(  # noqa: PLR0917 - rows and what is known of them
    matrix: Matrix,
    kept: NDArray[np.bool_],
    stretches: Stretches,
    model: Model,
    refit: Callable[[Matrix], Model],
    taught: Taught | None = None,
    probing: Callable[[Matrix, int], Matrix] = probes,
) -> Unseen:
    """Score rows likewise, and what ``probing`` makes of those of each stretch, by its number."""
    if len(stretches.bounds) == 2:
        return Unseen(model.score(matrix), model.score(probing(matrix, 0)))
    scores, ranges = np.empty(len(matrix)), stretches.ranges

    def judge(number: int) -> NDArray[np.float64]:
        stretch = ranges[number]
        others = kept.copy()
        others[stretch] = False
        rows = fitted(matrix, others, taught)
        judging = refit(rows)
        few = rows[:: max(1, len(rows) // ALIGNING_ROWS)]
        del rows
        theirs, ours = judging.score(few), model.score(few)
        scores[stretch] = aligned(judging.score(matrix[stretch]), theirs, ours)
        return aligned(judging.score(probing(matrix[stretch], number)), theirs, ours)

    with ThreadPoolExecutor(min(cores(), AT_ONCE), thread_name_prefix="stretch") as threads:
        probed = [done.result() for done in [threads.submit(judge, number) for number in range(len(ranges))]]
    return Unseen(scores, np.concatenate(probed))


def aligned(scores: NDArray[np.float64], theirs: NDArray[np.float64], ours: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bring ``scores`` of one model to another's scale, by what both give the same rows: ``theirs`` and ``ours``.

    Both have been trained on those rows, so that neither is more surprised by them for being new. The median and the
    highest hundredth are matched, in a straight line. Where either model scores these alike, scores stay as they are.
    """
    (low, high), (to_low, to_high) = np.quantile(theirs, ALIGNED_AT), np.quantile(ours, ALIGNED_AT)
    if high <= low or to_high <= to_low:
        return scores
    moved: NDArray[np.float64] = to_low + (scores - low) * ((to_high - to_low) / (high - low))
    return moved
