"""Rows that are odd for sure, by which members of an ensemble are tried where no labels are.

A probe is a row of which each value, by a chance of one in four, is that of another row of the same stretch of time.
So every value occurs, and what goes together does not: what clusters can see, and a forest hardly.
Permuting what is not to be learnt is how random forests tell what variables matter (Breiman 2001), and how a classifier
is made a detector (Shi and Horvath 2006: *unsupervised random forest*).

A member that tells probes from rows, both by models that did not see their stretch, sees something on this traffic. One
that does not would add noise to those that do. How much is told in nats: the mean −log p of probes, beyond that of
rows, each cut at ENOUGH as where members are told to be steady.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.member_weights import ENOUGH, STEADY

MIXED = 0.25
"""Of a row's values, so many are of other rows."""

PROBES = 2_000
"""Of a stretch, at most so many."""

LEAST = 0.1
"""Of the best member's power, so much is each one's at least: what no probe shows, an attack may."""

Matrix = NDArray[np.float32]


def probes(matrix: Matrix, seed: int) -> Matrix:
    """Mix rows × features, :data:`PROBES` of them, evenly spread; wider rows have the same in their first columns."""
    rows = matrix[:: max(1, -(-len(matrix) // PROBES))].copy()
    for column in range(rows.shape[1]):
        rng = np.random.default_rng([seed, column])
        hit = np.flatnonzero(rng.random(len(rows)) < MIXED)
        rows[hit, column] = matrix[rng.integers(0, len(matrix), len(hit)), column]
    return rows


def none_of(matrix: Matrix, seed: int) -> Matrix:  # noqa: ARG001 - as probes are made
    """In place of probes where members are not tried: none."""
    return matrix[:0]


def power_of(surprise: NDArray[np.float64]) -> float:
    """How much more surprising than rows probes are, by their −log p (probes,), in means of rows'; at least 0.

    Of no probes, 0.
    """
    return max(0.0, float(np.minimum(surprise, ENOUGH).mean()) / STEADY - 1.0) if len(surprise) else 0.0


def relative(powers: NDArray[np.float64], whole: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Powers (members,) as shares of the best one's that sees ``whole`` rows, from :data:`LEAST` to 1.

    All 1 where none of these sees anything. What a member of some columns sees, those of all can see: beside them it
    counts no more than it would, and does not make them count less.
    """
    best = float(powers[whole].max(initial=0.0))
    shares: NDArray[np.float64] = np.clip(powers / best, LEAST, 1.0) if best else np.ones(len(powers))
    return shares
