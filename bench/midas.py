"""MIDAS, MIDAS-R and MIDAS-F, in code of our own: how suddenly an edge of a graph, or one of its ends, is busy.

Of Bhatia, Liu, Hooi, Yoon, Shin and Faloutsos, *MIDAS: Microcluster-based detector of anomalies in edge streams*
(AAAI 2020), and *Real-time anomaly detection in edge streams* (TKDD 2022). Edges are counted by tick of time, in
count-min sketches. An edge's score is the chi-squared statistic of this tick's count against the mean of all ticks:

* **MIDAS** counts edges; each tick begins at nothing.
* **MIDAS-R** counts edges, sources and destinations; the largest of three scores counts, and a tick's counts fade by
  half at the next.
* **MIDAS-F** likewise, but a count becomes part of the past when its tick ends, and only where the last score was below
  a threshold; what was above adds its own mean instead, so that floods do not become usual.

Sketches are as published: two rows of 1,024 cells, each place a linear hash modulo the cells. Counts are float64, the
authors' float32.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.kernels.compiled import compiled

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

ROWS, CELLS = 2, 1024

PAIRING = 104_729
"""A prime, by which source and destination become one key, as the authors have it."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One of the three."""

    relational: bool
    """Whether sources and destinations are counted as well."""
    fading: float
    """What is left of a tick's counts at the next."""
    threshold: float | None = None
    """Scores from which a count does not become part of the past; None: it always does, at once."""


class Hashes(NamedTuple):
    """A key's cell is its product with the factor, and the offset, modulo the cells; (keys, sketch rows) each."""

    factors: Ints
    offsets: Ints
    cells: int


VARIANTS = {
    "midas": Variant(relational=False, fading=0.0),
    "midas-r": Variant(relational=True, fading=0.5),
    "midas-f": Variant(relational=True, fading=0.5, threshold=1e3),
}
"""As their repository runs them on DARPA's edges."""


def midas(variant: Variant, sources: Ints, destinations: Ints, ticks: Ints, seed: int) -> Floats:
    """Score edges in order of their ticks, which count from 1; shape (edges,), the higher the odder."""
    keys = keys_of(variant, sources, destinations)
    rng = np.random.default_rng(seed)
    factors = rng.integers(1, 1 << 30, (len(keys), ROWS))
    offsets = rng.integers(0, 1 << 30, (len(keys), ROWS))
    return scored(keys, ticks, Hashes(factors, offsets, CELLS), variant)


def keys_of(variant: Variant, sources: Ints, destinations: Ints) -> Ints:
    """What is counted of each edge; shape (1 or 3, edges)."""
    edges = sources + PAIRING * destinations
    return np.stack([edges, sources, destinations] if variant.relational else [edges])


def scored(keys: Ints, ticks: Ints, hashes: Hashes, variant: Variant) -> Floats:
    """Score by hashes that are given."""
    threshold = np.inf if variant.threshold is None else variant.threshold
    return _scored(keys, ticks, *hashes, variant.fading, threshold, variant.threshold is not None)


@compiled
def _scored(  # noqa: PLR0917 - a kernel
    keys: Ints, ticks: Ints, factors: Ints, offsets: Ints, cells: int, fading: float, threshold: float, filters: bool
) -> Floats:
    kinds, edges = keys.shape
    rows = factors.shape[1]
    now, past, last = (
        np.zeros((kinds, rows, cells)),
        np.zeros((kinds, rows, cells)),
        np.zeros((kinds, rows, cells)),
    )
    places = np.zeros(rows, np.int64)
    scores = np.zeros(edges)
    clock, share = 1, 0.0
    for edge in range(edges):
        tick = ticks[edge]
        if tick > clock:
            if filters:
                _close(now, past, last, threshold, share)
            now *= fading
            clock, share = tick, 1.0 / (tick - 1)
        best = 0.0
        for kind in range(kinds):
            current, total = np.inf, np.inf
            for row in range(rows):
                place = (keys[kind, edge] * factors[kind, row] + offsets[kind, row]) % cells
                places[row] = place
                now[kind, row, place] += 1.0
                if not filters:
                    past[kind, row, place] += 1.0
                current = min(current, now[kind, row, place])
                total = min(total, past[kind, row, place])
            score = _chi_squared(current, total + current if filters else total, total, tick)
            for row in range(rows):
                last[kind, row, places[row]] = score
            best = max(best, score)
        scores[edge] = best
    return scores


@compiled
def _chi_squared(current: float, counted: float, past: float, tick: int) -> float:
    """How far this tick's count is from the mean of the ticks, squared, by what chance would make of it."""
    if past == 0.0 or tick == 1:
        return 0.0
    off = current * tick - counted
    return off * off / (past * (tick - 1))


@compiled
def _close(now: Floats, past: Floats, last: Floats, threshold: float, share: float) -> None:
    """Add a tick's counts to the past, or, where the last score was too high, the past's own mean."""
    for place in range(now.size):
        if last.flat[place] < threshold:
            past.flat[place] += now.flat[place]
        else:
            past.flat[place] += past.flat[place] * share
