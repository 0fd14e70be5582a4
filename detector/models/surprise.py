"""How surprising a score is, −ln p, told by a calibration, and by the tail of its scores beyond the highest.

Between held-out scores −ln p rises in straight lines, never above the p-value's own; so of two scores from the lowest
held-out one on, the higher always surprises more. Right beyond the highest of n it is ln(n + 1), and rises as an
exponential tail does (peaks over threshold with shape 0: Pickands 1975), by the mean excess of the highest held-out
scores, drawn towards that of the upper half where they are few.

A mean of k excesses has a relative error of 1/√k. Continued by x nats the tail may thus be off by x/√k nats, and what
is within a factor of ten is x = √k ln 10: so far the tail is *supported*. Beyond, surprise goes on rising, by the
logarithm alone, and nothing that is told of rarity counts it.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from detector.models.calibration import Calibration


def surprise_of(scores: NDArray[np.float64], calibration: Calibration) -> NDArray[np.float64]:
    """−ln p of each of ``scores`` (rows,), in nats, from 0; it strictly rises with the score from the lowest on."""
    tail = calibration.tail
    surprise: NDArray[np.float64] = np.interp(scores, calibration.scores, calibration.levels)
    beyond = np.flatnonzero(scores > tail.begin)
    surprise[beyond] = tail.level + tail.beyond(scores[beyond])
    return surprise


def score_at(surprise: float, calibration: Calibration) -> float:
    """The lowest score that surprises so much, about: among those kept, or on the continued tail."""
    levels, tail = calibration.levels, calibration.tail
    if surprise <= levels[-1]:
        return float(np.interp(surprise, levels, calibration.scores))
    return max(tail.score_beyond(max(surprise - tail.level, 0.0)), math.nextafter(tail.begin, math.inf))
