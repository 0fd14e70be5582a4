"""The tail of held-out scores beyond the highest of them: an exponential one, and how far it is supported.

What it is for, and why so, is told in :mod:`detector.models.surprise`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

LEAST_SHARE, LEAST_ROWS, MOST_ROWS = 0.01, 50, 1000
"""The tail is fitted on the highest hundredth of the rows: on so many at least, if that is no more than a tenth of
them, and on so many at most."""

PRIOR_ROWS = 5.0
"""So many rows' weight has the mean excess of the upper half in that of the tail."""

LEAST_SCALE = 1e-9
"""Of the highest score, or of 1: what differs by less differs by rounding."""

FARTHEST = 1e100
"""In nats of excess, before the logarithm: bounds what a score can be by 230 nats."""


@dataclass(frozen=True, slots=True)
class Tail:
    """An exponential tail beyond the highest held-out score."""

    begin: float
    """The highest held-out score."""
    level: float
    """−ln p right beyond it."""
    scale: float
    """By how much a score must rise for p to fall e-fold."""
    supported: float
    """How many nats beyond the highest held-out score can be told, within a factor of ten."""

    @classmethod
    def of(cls, scores: NDArray[np.float64], counts: NDArray[np.int64]) -> Self:
        """Fit it to the scores that a calibration keeps; ``counts`` as it has them."""
        rows, begin = int(counts[0]), float(scores[-1])
        wanted = min(max(LEAST_SHARE * rows, min(LEAST_ROWS, rows // 10), 1.0), MOST_ROWS)
        excess, used = _mean_excess(scores, counts[1:], wanted)
        wide, _ = _mean_excess(scores, counts[1:], rows / 2)
        scale = (used * excess + PRIOR_ROWS * wide) / (used + PRIOR_ROWS)
        size, level = max(1.0, abs(begin)), math.log(rows + 1)
        if scale == 0:  # all scores are alike: how far one must be from them to be odd, they cannot tell
            return cls(begin, level, size, 0.0)
        return cls(begin, level, max(scale, LEAST_SCALE * size), supported_nats(used))

    def beyond(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """By how many nats ``scores`` from the highest held-out one on surprise more than right beyond it."""
        nats = np.minimum(scores - self.begin, FARTHEST * self.scale) / self.scale
        further = np.maximum(nats - self.supported, 0.0)
        told: NDArray[np.float64] = np.minimum(nats, self.supported) + np.log1p(further)
        return told

    def score_beyond(self, nats: float) -> float:
        """The score that surprises so many nats more than right beyond the highest: the other way round."""
        further = math.expm1(min(max(nats - self.supported, 0.0), math.log(FARTHEST)))
        return self.begin + self.scale * (min(nats, self.supported) + further)


def supported_nats(rows: float) -> float:
    """How far a tail that is fitted on so many rows is known to a factor of ten, in nats."""
    return math.sqrt(rows) * math.log(10.0)


def _mean_excess(scores: NDArray[np.float64], above: NDArray[np.int64], rows: float) -> tuple[float, int]:
    """The mean excess of so many of the highest rows, about, over the highest score below them, and of how many it is.

    Of the highest alone where more rows than that tie with it; 0 where all rows are alike.
    """
    if len(scores) == 1:
        return 0.0, 0
    place = min(int(np.argmax(above <= rows)), len(scores) - 2)
    # The mean excess over a score is the area below the survival function beyond it, by the survival there.
    area = float(np.diff(scores[place:]) @ above[place:-1])
    return area / float(above[place]), int(above[place])
