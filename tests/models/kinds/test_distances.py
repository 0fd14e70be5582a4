"""The kernel that finds the nearest of many clusters leaves points out early, and is exact all the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.models.kinds.distances import FEW, FIRST_FEATURES, nearest_weighted


@settings(max_examples=60, deadline=None)
@given(
    features=st.sampled_from([1, 3, FIRST_FEATURES, FIRST_FEATURES + 1, 3 * FIRST_FEATURES]),
    points=st.sampled_from([1, 2, FEW, FEW + 1, 40]),
    apart=st.sampled_from([0.0, 0.01, 1.0, 100.0]),
    seed=st.integers(0, 2**32 - 1),
)
def test_nearest_point_is_the_one_of_the_full_sums(features: int, points: int, apart: float, seed: int) -> None:
    """Near each other or far apart: the least sum over all features, bit for bit, and the first point that has it."""
    rng = np.random.default_rng(seed)
    centres = np.round(rng.normal(scale=apart, size=(features, points))).astype(np.float32)
    weights = rng.integers(1, 4, (features, points)).astype(np.float32)
    rows = rng.normal(scale=max(apart, 1.0), size=(20, features)).astype(np.float32)
    begins = rng.integers(0, 3, points).astype(np.float32)
    out, places = np.empty(20), np.empty(20, np.int32)
    nearest_weighted(rows, np.zeros(features), np.ones(features), 1e5, centres, weights, begins, out, places)
    sums = np.tile(begins, (20, 1))
    for feature in range(features):
        away = rows[:, feature, None] - centres[feature]
        sums += away * away * weights[feature]
    assert out.tolist() == sums.min(axis=1).tolist()
    assert places.tolist() == sums.argmin(axis=1).tolist()


@pytest.mark.parametrize("far", [1e-3, 1e3])
def test_equal_points_are_told_by_the_first(far: float) -> None:
    """Of points that are alike the first is named, whether few or many are left."""
    centres = np.tile(np.array([[far], [0.0]], np.float32).repeat(70, axis=0), (1, 12))
    out, places = np.empty(1), np.empty(1, np.int32)
    row, begins = np.zeros((1, 140), np.float32), np.zeros(12, np.float32)
    nearest_weighted(row, np.zeros(140), np.ones(140), 1e5, centres, np.ones_like(centres), begins, out, places)
    assert places.tolist() == [0]
