"""A sample of training's rows, coarse: how often values came together there, where none is unusual by itself.

Of each column the sample keeps where a value lies among 127 quantiles of that column, at one or between two: a byte
each. So any two columns, or more, can be counted together, at any values. Quantiles are closer to each other towards
both ends, which is where one asks.

*Why a sample and not counts of pairs:* 162 columns are 13,000 pairs, and their counts at only 16 bands a column take
13 MB. The sample takes 1.4 MB, knows pairs, triples and columns that come later, and states how many rows it is of.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from detector.models.arrays import broken, check_names, take
from detector.models.base import Arrays

ROWS = 8_192
"""Kept at most, evenly spread over training's time: less than one in so many is told as none."""

EDGES = 127
"""So that a place among them, at one or between two, is a byte."""

_STEEPEST = 6.5
"""The first and the last share, as log odds: 0.15 % and 99.85 %."""

_PART = "sample"


@dataclass(frozen=True, slots=True)
class TrainingSample:
    """Places of rows' values."""

    edges: NDArray[np.float32]
    """Shape (features, edges): ascending, from the lowest value to the highest."""
    places: NDArray[np.uint8]
    """Shape (features, rows): see :func:`place_among`."""

    @property
    def rows(self) -> int:
        """How many there are."""
        return int(self.places.shape[1])

    @classmethod
    def fit(cls, matrix: NDArray[np.float32], usual: NDArray[np.bool_] | None = None) -> Self:
        """Take it of the ``usual`` rows (rows × features): at least one; None: all of them."""
        among = np.arange(len(matrix)) if usual is None else np.flatnonzero(usual)
        chosen = np.linspace(0, len(among) - 1, min(ROWS, len(among))).round().astype(np.intp)
        rows = np.nan_to_num(matrix[among[chosen]])
        shares = 1.0 / (1.0 + np.exp(-np.linspace(-_STEEPEST, _STEEPEST, EDGES)))
        shares[0], shares[-1] = 0.0, 1.0
        edges = np.ascontiguousarray(np.quantile(rows, shares, axis=0, method="inverted_cdf").T, dtype=np.float32)
        places = [place_among(of, column) for of, column in zip(edges, rows.T, strict=True)]
        return cls(edges, np.array(places, np.uint8))

    def as_far(self, column: int, value: float) -> NDArray[np.bool_]:
        """In which rows a column lies as far from its middle as this value does, or further; shape (rows,).

        Between two quantiles all are alike, so that they are never fewer than they were.
        """
        edges, places = self.edges[column], self.places[column]
        (place,) = place_among(edges, np.array([value], np.float32))
        far: NDArray[np.bool_] = places >= place if value >= edges[EDGES // 2] else places <= place
        return far

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Everything needed to restore it."""
        return {"edges": self.edges, "places": self.places}

    @classmethod
    def from_arrays(cls, arrays: Arrays, n_features: int) -> Self:
        """Restore it; raises BundleError for anything off."""
        check_names(arrays, ("edges", "places"), _PART)
        limit = float(np.finfo(np.float32).max)
        shape = (n_features, EDGES)
        edges = take(arrays, "edges", _PART, dtype=np.float32, shape=shape, low=-limit, high=limit)
        places = take(arrays, "places", _PART, dtype=np.uint8, shape=(n_features, None), high=2 * EDGES)
        if places.shape[1] > ROWS:
            raise broken(_PART, f"{places.shape[1]} rows are more than {ROWS}")
        if bool(np.any(np.diff(edges, axis=1) < 0)):
            raise broken(_PART, "the edges do not ascend")
        return cls(edges, places)


def place_among(edges: NDArray[np.float32], values: NDArray[np.float32]) -> NDArray[np.intp]:
    """How many edges each value is no less than, and how many it is more than, added: 0 to twice the edges."""
    places: NDArray[np.intp] = np.searchsorted(edges, values, "right") + np.searchsorted(edges, values, "left")
    return places
