"""Letting members of an ensemble count less whose scores do not last.

A member's −log p is told by rows of its training's time. Where traffic changes, later benign rows surprise it more
than rows of that time did, and most false alerts would be its own. So the last stretch of the training's time tells
how much, judged by members that have seen only what came before: a steady member is surprised by 1 nat in the mean; one
that is surprised by twice as much counts a quarter of what it would.

Surprises are cut at :data:`ENOUGH` before they are averaged: a few attacks among those rows must not cost the member
that sees them its weight.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from detector.models.base import Model
from detector.models.ensemble import LARGEST_WEIGHT, Ensemble

ENOUGH = 3.0
"""In nats: what a row in twenty reaches."""

STEADY = 1.0 - float(np.exp(-ENOUGH))
"""The mean of −log p, cut at ENOUGH, where p is uniform."""


def steadied(model: Model, later: Mapping[str, NDArray[np.float64]]) -> Model:
    """Give ``model`` with its members' weights by how much later rows surprise them: −log p, (rows,) each, by member.

    A model that has no members, or only steady ones, is given as it is.
    """
    if not isinstance(model, Ensemble) or not all(len(surprise) for surprise in later.values()):
        return model
    excess = np.array([excess_of(later[name]) for name in model.members])
    if not (excess > 1).any():
        return model
    return replace(model, weights=np.maximum(model.weights / excess**2, 1 / LARGEST_WEIGHT))


def shares(model: Model) -> str:
    """How much each member of an ensemble counts, in words; empty for other models."""
    if not isinstance(model, Ensemble):
        return ""
    parts = zip(model.members, model.shares, strict=True)
    return ", ".join(f"{name} {share:.0%}" for name, share in parts)


def excess_of(surprise: NDArray[np.float64]) -> float:
    """How many times as surprising as they should be rows are, by their −log p (rows,); at least 1."""
    return max(1.0, float(np.minimum(surprise, ENOUGH).mean()) / STEADY)
