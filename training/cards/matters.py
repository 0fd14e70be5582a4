"""Which features a model's scores are made of, where they are high: what raises flows is what matters.

Every kind explains a row exactly: its features' parts add up to how far its score is from what is expected. Of the
oddest training rows the parts are taken without their signs and added up by feature, as shares of all. So a feature
that never makes a flow odd matters nothing, however much it varies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from detector.models.base import Model

ODDEST = 0.01
"""Share of the rows that are looked at, …"""

LEAST, MOST = 100, 2_000
"""… but at least and at most so many."""


def shares_of(
    model: Model, matrix: NDArray[np.float32], scores: NDArray[np.float64], names: Sequence[str]
) -> Mapping[str, float]:
    """By feature, the greatest first: its share of the oddest rows' scores; all 0 where no row is odd.

    ``scores`` are those of the rows of ``matrix`` (rows × features).
    """
    wanted = min(len(scores), max(LEAST, min(MOST, round(ODDEST * len(scores)))))
    oddest = np.argsort(scores, kind="stable")[-wanted:]
    parts = np.abs(model.explain(np.ascontiguousarray(matrix[oddest])).contributions).sum(axis=0)
    total = float(parts.sum())
    shares = parts / total if total > 0 else np.zeros(len(parts))
    order = np.argsort(-shares, kind="stable")
    return {names[place]: float(shares[place]) for place in order.tolist()}
