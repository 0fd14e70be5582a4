"""How surprising a score is, −log p, by tables learnt on training rows: one for all of them, and one per segment.

Between knots −log p rises in straight lines; beyond the last as ``log(1 + slope · excess)``, the tail of a generalised
Pareto distribution of shape 1 (Pickands 1975). So of two scores beyond all known ones the higher still surprises more,
and yet a member that is far out, as clusters are with a service that they never saw, does not drown the others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from detector.kernels.compiled import compiled
from detector.models.arrays import broken, check_names, take
from detector.models.base import Arrays

MAX_TABLES = 4096
MAX_KNOTS = 4096

LARGEST_SCORE = 1e100
LARGEST_SLOPE = 1e100
"""In nats per unit of score; times the largest score it is still finite."""

LARGEST_LEVEL = 1e6
"""In nats; of a million rows the oddest is at 14."""

_NAMES = ("scores", "levels", "slopes")


@dataclass(frozen=True, slots=True)
class PTables:
    """Tables by number; number 0 is that of all rows."""

    scores: NDArray[np.float64]
    """Shape (tables, knots): ascending, no two alike."""
    levels: NDArray[np.float64]
    """The same shape: −log p at each knot, in nats, never falling."""
    slopes: NDArray[np.float64]
    """Shape (tables,): nats per unit of score right beyond the last knot."""

    def surprise(self, scores: NDArray[np.float64], tables: NDArray[np.int32]) -> NDArray[np.float64]:
        """Give −log p of each of ``scores`` (rows,) by the table of that number, in nats, from 0."""
        surprise = np.empty(len(scores), dtype=np.float64)
        look_up(scores, tables, self.scores, self.levels, self.slopes, surprise)
        return surprise

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Everything needed to restore it."""
        return {"scores": self.scores, "levels": self.levels, "slopes": self.slopes}

    @classmethod
    def from_arrays(cls, arrays: Arrays, n_tables: int, part: str) -> Self:
        """Restore ``n_tables`` of them; raises BundleError for anything off."""
        check_names(arrays, _NAMES, part)
        scores = take(
            arrays,
            "scores",
            part,
            dtype=np.float64,
            shape=(n_tables, None),
            low=-LARGEST_SCORE,
            high=LARGEST_SCORE,
        )
        if scores.shape[1] > MAX_KNOTS:
            raise broken(part, f"{scores.shape[1]} knots are more than {MAX_KNOTS}")
        levels = take(arrays, "levels", part, dtype=np.float64, shape=scores.shape, low=0.0, high=LARGEST_LEVEL)
        slopes = take(arrays, "slopes", part, dtype=np.float64, shape=(n_tables,), low=0.0, high=LARGEST_SLOPE)
        if bool(np.any(np.diff(scores, axis=1) <= 0)) or bool(np.any(np.diff(levels, axis=1) < 0)):
            raise broken(part, "the knots do not ascend")
        return cls(scores, levels, slopes)


@compiled
def look_up(  # noqa: PLR0917 - a kernel takes its arrays one by one
    scores: NDArray[np.float64],
    tables: NDArray[np.int32],
    knots: NDArray[np.float64],
    levels: NDArray[np.float64],
    slopes: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Interpolate each score in its table, into ``out`` (rows,)."""
    n_knots = knots.shape[1]
    for row in range(len(scores)):
        score, table = scores[row], tables[row]
        low, high = 0, n_knots
        while low < high:
            middle = (low + high) >> 1
            if score > knots[table, middle]:
                low = middle + 1
            else:
                high = middle
        if low == 0:
            out[row] = levels[table, 0]
        elif low == n_knots:
            out[row] = levels[table, n_knots - 1] + math.log1p(slopes[table] * (score - knots[table, n_knots - 1]))
        else:
            left, right = knots[table, low - 1], knots[table, low]
            share = (score - left) / (right - left)
            out[row] = levels[table, low - 1] + share * (levels[table, low] - levels[table, low - 1])
