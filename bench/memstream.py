"""MemStream, in code of our own: how far a row's encoding is from the nearest of those that were usual of late.

Of Bhatia, Jain, Srivastava, Kawaguchi and Hooi, *MemStream: Memory-based streaming anomaly detection* (WWW 2022).

1. The first N normal rows, told by their labels, are the memory. A denoising autoencoder of one layer, twice as wide as
   the rows, tanh, is trained on them: Adam, the mean squared error, noise of 0.001, all rows in each step.
2. Each row of the stream, the first N among them, scores its L1 distance to the nearest encoding in the memory.
3. A row whose score is at most β takes the place of the oldest in the memory; rows are standardised by the memory's
   mean and deviation, which are made anew then.

Arrays are float32, as theirs; means are summed in float64. Weights begin as PyTorch's do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.kernels.compiled import compiled

Matrix = NDArray[np.float32]
Floats = NDArray[np.float64]

NOISE = 0.001

LANES = 8
"""Differences that are summed side by side, so that a processor adds them at once."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What their repository sets by data set; the defaults are NSL-KDD's and UNSW-NB15's."""

    memory: int = 2048
    """How many rows are remembered, and how many normal rows are given first."""
    beta: float = 0.1
    epochs: int = 5000
    rate: float = 0.01
    """Adam's."""


class Encoder(NamedTuple):
    """A layer: ``tanh(rows @ weights + bias)``."""

    weights: Matrix
    """Shape (columns, 2 × columns)."""
    bias: Matrix

    def encode(self, rows: Matrix) -> Matrix:
        """Encode standardised rows."""
        encoded: Matrix = np.tanh(rows @ self.weights + self.bias)
        return encoded


class Scale(NamedTuple):
    """Mean and sample deviation of each column of a memory; (columns,) each."""

    mean: Floats
    deviation: Floats


def memstream(rows: Matrix, attacks: NDArray[np.bool_], settings: Settings, seed: int) -> Floats:
    """Score each row of a stream (rows, columns); of the labels, only the first normal rows are looked at.

    Raises ValueError where fewer rows are normal than the memory takes.
    """
    first = np.flatnonzero(~attacks)[: settings.memory]
    if len(first) < settings.memory:
        raise ValueError(f"{len(first)} normal rows, of {settings.memory} that the memory takes")
    usual = np.ascontiguousarray(rows[first])
    standard = standardised(usual, scale_of(usual))
    encoder = trained(standard, settings, seed)
    return streamed(rows, usual, encoder.encode(standard), encoder, settings.beta)


def scale_of(memory: Matrix) -> Scale:
    """Mean and sample deviation of a memory's columns."""
    exact = memory.astype(np.float64)
    return Scale(exact.mean(axis=0), exact.std(axis=0, ddof=1))


def standardised(rows: Matrix, scale: Scale) -> Matrix:
    """Rows less the mean, by the deviation; a column that never differs is 0."""
    varies = scale.deviation > 0
    off = (rows - scale.mean) / np.where(varies, scale.deviation, 1.0)
    return np.where(varies, off, 0.0).astype(np.float32)


def trained(rows: Matrix, settings: Settings, seed: int) -> Encoder:
    """Train the autoencoder on standardised rows, and give its encoder."""
    rng = np.random.default_rng(seed)
    columns = rows.shape[1]
    wide = 2 * columns
    encoder = _drawn(rng, columns, wide)
    decoder = _drawn(rng, wide, columns)
    weights = [*encoder, *decoder]
    means, squares = ([np.zeros_like(each) for each in weights] for _ in range(2))
    for step in range(1, settings.epochs + 1):
        noisy = rows + NOISE * rng.standard_normal(rows.shape, np.float32)
        size, part = np.float32(settings.rate / (1.0 - 0.9**step)), np.float32(1.0 - 0.999**step)
        for place, slope in enumerate(slopes(weights, noisy, rows)):
            means[place] += (slope - means[place]) * np.float32(0.1)
            squares[place] += (slope * slope - squares[place]) * np.float32(0.001)
            weights[place] -= size * means[place] / (np.sqrt(squares[place] / part) + np.float32(1e-8))
    return Encoder(weights[0], weights[1])


def slopes(weights: list[Matrix], given: Matrix, wanted: Matrix) -> list[Matrix]:
    """The slope of the mean squared error by the encoder's weights and bias, and the decoder's, at these rows."""
    encoded = Encoder(weights[0], weights[1]).encode(given)
    off = (encoded @ weights[2] + weights[3] - wanted) * np.float32(2.0 / wanted.size)
    back = (off @ weights[2].T) * (1.0 - encoded * encoded)
    return [given.T @ back, back.sum(axis=0), encoded.T @ off, off.sum(axis=0)]


def _drawn(rng: np.random.Generator, inputs: int, outputs: int) -> Encoder:
    bound = inputs**-0.5
    draw = [rng.uniform(-bound, bound, shape).astype(np.float32) for shape in ((inputs, outputs), (outputs,))]
    return Encoder(draw[0], draw[1])


def streamed(rows: Matrix, usual: Matrix, encodings: Matrix, encoder: Encoder, beta: float) -> Floats:
    """Score rows in their order, and remember those that score at most ``beta``; shape (rows,).

    ``usual`` (memory, columns) are the rows that are remembered first, ``encodings`` (memory, 2 × columns) theirs.
    """
    lanes = -(-encodings.shape[1] // LANES) * LANES
    memory = np.zeros((len(usual), lanes), np.float32)
    memory[:, : encodings.shape[1]] = encodings
    scale = scale_of(usual)
    return _streamed(rows, usual.copy(), memory, encoder.weights, encoder.bias, *scale, beta)


@compiled
def _streamed(  # noqa: PLR0917 - a kernel
    rows: Matrix,
    usual: Matrix,
    memory: Matrix,
    weights: Matrix,
    bias: Matrix,
    mean: Floats,
    deviation: Floats,
    beta: float,
) -> Floats:
    scores = np.zeros(len(rows))
    encoded = np.zeros(memory.shape[1], np.float32)
    wide = len(bias)
    oldest = 0
    for row in range(len(rows)):
        encoded[:wide] = bias
        for column in range(len(mean)):
            if deviation[column] > 0.0:
                off = np.float32((rows[row, column] - mean[column]) / deviation[column])
                if off != 0.0:
                    for unit in range(wide):
                        encoded[unit] += off * weights[column, unit]
        for unit in range(wide):
            encoded[unit] = np.tanh(encoded[unit])
        scores[row] = _nearest(memory, encoded, oldest)
        if scores[row] <= beta:
            memory[oldest] = encoded
            usual[oldest] = rows[row]
            _measure(usual, mean, deviation)
            oldest = (oldest + 1) % len(memory)
    return scores


@compiled
def _nearest(memory: Matrix, encoded: Matrix, oldest: int) -> float:
    """The least L1 distance, from the newest back; one that is farther already is not summed to its end."""
    count, width = memory.shape
    best = np.float32(np.inf)
    sums = np.zeros(8, np.float32)
    for step in range(1, count + 1):
        kept = memory[(oldest - step) % count]
        total = np.float32(0.0)
        for start in range(0, width, 64):
            sums[:] = 0.0
            for place in range(start, min(start + 64, width), 8):
                for lane in range(8):
                    sums[lane] += abs(kept[place + lane] - encoded[place + lane])
            for lane in range(8):
                total += sums[lane]
            if total >= best:
                break
        best = min(best, total)
    return float(best)


@compiled
def _measure(usual: Matrix, mean: Floats, deviation: Floats) -> None:
    """Mean and sample deviation of the remembered rows, in place."""
    count, columns = usual.shape
    mean[:] = 0.0
    deviation[:] = 0.0
    for row in range(count):
        for column in range(columns):
            mean[column] += usual[row, column]
    mean /= count
    for row in range(count):
        for column in range(columns):
            off = usual[row, column] - mean[column]
            deviation[column] += off * off
    deviation /= count - 1
    for column in range(columns):
        deviation[column] = np.sqrt(deviation[column])
