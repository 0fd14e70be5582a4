"""MStream, in code of our own: how suddenly a row's values are frequent, each by itself and all together.

Of Bhatia, Jain, Li, Kumar and Hooi, *MStream: Fast anomaly detection in multi-aspect streams* (WWW 2021). It carries
MIDAS over to rows of numbers and categories. Values are counted by tick in sketches whose counts of a tick fade by
``fading`` at the next; a number's cell is its place between the least and the most so far, on a logarithmic scale.
Rows are counted by a sum of two hashes: signs of random projections of the numbers, and a linear hash of the
categories. A score is log(1 + the sum of the chi-squared statistics), one-sided: only more than usual counts.

This is the method without reduced dimensions; the published best of each set are with PCA, an autoencoder or an
information bottleneck before it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detector.kernels.compiled import compiled

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

ROWS, CELLS = 2, 1024
BITS = 10
"""Signs of projections: as many as there are cells."""

FADING = {"unsw": 0.4, "dos": 0.95}
"""As their repository runs them."""


def mstream(numbers: Floats, categories: Ints, ticks: Ints, fading: float, seed: int) -> Floats:
    """Score rows in order of their ticks, which count from 1; shape (rows,), the higher the odder.

    ``numbers`` (rows, numbers) are at least 0, ``categories`` (rows, categories) are codes.
    """
    rng = np.random.default_rng(seed)
    projections = rng.standard_normal((ROWS, BITS, numbers.shape[1]))
    factors = rng.integers(1, CELLS, (ROWS, categories.shape[1]))
    own = rng.integers(1, CELLS, (categories.shape[1], ROWS)), rng.integers(0, CELLS, (categories.shape[1], ROWS))
    return _scored(numbers, categories, ticks, projections, factors, *own, fading)


@compiled
def _scored(  # noqa: PLR0917 - a kernel
    numbers: Floats,
    categories: Ints,
    ticks: Ints,
    projections: Floats,
    factors: Ints,
    own_factors: Ints,
    own_offsets: Ints,
    fading: float,
) -> Floats:
    rows, columns = numbers.shape
    words = categories.shape[1]
    now_numbers, all_numbers = np.zeros((columns, CELLS)), np.zeros((columns, CELLS))
    now_words, all_words = np.zeros((words, ROWS, CELLS)), np.zeros((words, ROWS, CELLS))
    now_rows, all_rows = np.zeros((ROWS, CELLS)), np.zeros((ROWS, CELLS))
    least, most = np.zeros(columns), np.zeros(columns)
    values = np.zeros(columns)
    scores = np.zeros(rows)
    clock = 1
    for row in range(rows):
        if row == 0 or ticks[row] > clock:
            now_numbers *= fading
            now_words *= fading
            now_rows *= fading
            clock = ticks[row]
        total = 0.0
        for column in range(columns):
            value = np.log10(1.0 + numbers[row, column])
            least[column] = value if row == 0 else min(least[column], value)
            most[column] = value if row == 0 else max(most[column], value)
            width = most[column] - least[column]
            values[column] = (value - least[column]) / width if width > 0.0 else 0.0
            cell = int(values[column] * (CELLS - 1))
            now_numbers[column, cell] += 1.0
            all_numbers[column, cell] += 1.0
            total += chi_squared(now_numbers[column, cell], all_numbers[column, cell], clock)
        for word in range(words):
            current, counted = np.inf, np.inf
            for hashed in range(ROWS):
                cell = (categories[row, word] * own_factors[word, hashed] + own_offsets[word, hashed]) % CELLS
                now_words[word, hashed, cell] += 1.0
                all_words[word, hashed, cell] += 1.0
                current = min(current, now_words[word, hashed, cell])
                counted = min(counted, all_words[word, hashed, cell])
            total += chi_squared(current, counted, clock)
        current, counted = np.inf, np.inf
        for hashed in range(ROWS):
            cell = _cell_of_row(values, categories[row], projections[hashed], factors[hashed])
            now_rows[hashed, cell] += 1.0
            all_rows[hashed, cell] += 1.0
            current = min(current, now_rows[hashed, cell])
            counted = min(counted, all_rows[hashed, cell])
        scores[row] = np.log(1.0 + total + chi_squared(current, counted, clock))
    return scores


@compiled
def chi_squared(current: float, counted: float, tick: int) -> float:
    """How far a tick's count is above the mean of the ticks so far, squared, by what chance would make of it."""
    mean = counted / tick
    off = max(0.0, current - mean)
    return off * off / mean + off * off / (mean * max(1, tick - 1))


@compiled
def _cell_of_row(values: Floats, words: Ints, projections: Floats, factors: Ints) -> int:
    place = 0
    for bit in range(BITS):
        side = 0.0
        for column in range(len(values)):
            side += projections[bit, column] * values[column]
        if side >= 0.0:
            place += 1 << bit
    for word in range(len(words)):
        place += factors[word] * words[word]
    return place % CELLS
