"""The kernel that finds the nearest of many clusters leaves points out early, and is exact all the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from detector.models.kinds.nearest import NEAR, PART, ROWS, WIDTH, Points, nearest_weighted, telling

Floats = NDArray[np.float32]
Found = tuple[list[float], list[int]]


def found(rows: Floats, points: Points, clip: float = 1e5) -> Found:
    """What the kernel gives for rows that are in scales already."""
    out, places, features = np.empty(len(rows)), np.empty(len(rows), np.int32), rows.shape[1]
    nearest_weighted(rows, np.zeros(features), np.ones(features), clip, points, out, places)
    return out.tolist(), places.tolist()


def plainly(rows: Floats, centres: Floats, weights: Floats, begins: Floats) -> Found:
    """The same by full sums of all points, feature by feature."""
    sums = np.tile(begins, (len(rows), 1))
    for feature in range(rows.shape[1]):
        away = rows[:, feature, None] - centres[feature]
        sums += away * away * weights[feature]
    return sums.min(axis=1).astype(np.float64).tolist(), sums.argmin(axis=1).tolist()


def drawn(features: int, points: int, apart: float, seed: int, *, whole: bool) -> tuple[Floats, Floats, Floats]:
    """Centres, weights and begins; in whole numbers, many points are alike or equally far."""
    rng = np.random.default_rng(seed)
    centres, weights = rng.normal(scale=apart, size=(features, points)), rng.uniform(0.01, 1e3, (features, points))
    if whole:
        centres, weights = np.round(centres), np.ceil(weights / 400)
    return centres.astype(np.float32), weights.astype(np.float32), rng.integers(0, 3, points).astype(np.float32)


SIZES = {
    "features": st.sampled_from([1, 3, 5, NEAR, NEAR + 1, NEAR + PART, 3 * (NEAR + PART)]),
    "points": st.sampled_from([1, 2, WIDTH, WIDTH + 1, 40]),
    "apart": st.sampled_from([0.0, 0.01, 1.0, 100.0]),
    "whole": st.booleans(),
    "seed": st.integers(0, 2**32 - 1),
}


@settings(max_examples=100, deadline=None)
@given(**SIZES)
def test_nearest_point_is_the_one_of_the_full_sums(
    features: int, points: int, apart: float, seed: int, *, whole: bool
) -> None:
    """Near each other or far apart: the least sum over all features, bit for bit, and the first point that has it."""
    laid = drawn(features, points, apart, seed, whole=whole)
    rows = np.random.default_rng(seed).normal(scale=max(apart, 1.0), size=(20, features)).astype(np.float32)
    rows[::3] = laid[0].T[np.arange(len(rows[::3])) % points]
    if whole:
        rows = np.round(rows)
    assert found(rows, Points.of(*laid)) == plainly(rows, *laid)


@settings(max_examples=40, deadline=None)
@given(features=SIZES["features"], points=SIZES["points"], cut=st.integers(1, 3 * ROWS), seed=SIZES["seed"])
def test_neither_batches_nor_the_order_of_rows_change_a_bit(features: int, points: int, cut: int, seed: int) -> None:
    """Rows in another order and in batches of another size score what they score together."""
    laid = Points.of(*drawn(features, points, 1.0, seed, whole=bool(seed % 2)))
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(3 * ROWS + 1, features)).astype(np.float32)
    turned = rng.permutation(len(rows))
    scores, places = np.empty(len(rows)), np.empty(len(rows), np.int64)
    for at in range(0, len(rows), cut):
        few = turned[at : at + cut]
        scores[few], places[few] = found(np.ascontiguousarray(rows[few]), laid)
    assert (scores.tolist(), places.tolist()) == found(rows, laid)


@pytest.mark.parametrize("far", [1e-3, 1e3])
@pytest.mark.parametrize("points", [12, 300])
def test_equal_points_are_told_by_the_first(far: float, points: int) -> None:
    """Of points that are alike the first is named, however many there are."""
    centres = np.tile(np.array([[far], [0.0]], np.float32).repeat(70, axis=0), (1, points))
    laid = Points.of(centres, np.ones_like(centres), np.zeros(points, np.float32))
    assert found(np.zeros((1, 140), np.float32), laid)[1] == [0]


def test_what_rounding_cannot_tell_apart_is_told_by_the_full_sums() -> None:
    """Points whose sums differ by a few last bits alone, whichever features they are summed up by."""
    rng = np.random.default_rng(5)
    centres = (3 + rng.integers(0, 4, (120, 64)) * 2.0**-21).astype(np.float32)
    weights, begins = np.full((120, 64), 0.7, np.float32), np.zeros(64, np.float32)
    rows = rng.normal(size=(50, 120)).astype(np.float32)
    assert found(rows, Points.of(centres, weights, begins)) == plainly(rows, centres, weights, begins)


def test_far_rows_are_held_within_the_clip() -> None:
    """A value beyond the clip counts as the clip, and no sum is infinite."""
    laid = np.array([[0.0, 1.0]], np.float32), np.ones((1, 2), np.float32), np.zeros(2, np.float32)
    assert found(np.array([[3e38], [-3e38]], np.float32), Points.of(*laid), clip=10.0) == ([81.0, 100.0], [1, 0])


def test_what_cannot_be_held_against_anything_names_a_point_that_there_is() -> None:
    """A row that is no number, which features never are, leads nowhere outside the tables."""
    laid = Points.of(*drawn(20, 3, 1.0, 1, whole=False))
    assert found(np.full((9, 20), np.nan, np.float32), laid)[1] <= [2] * 9


def test_features_that_tell_points_apart_come_first() -> None:
    """A feature in which all points are alike is the last to be looked at, in the same order each time."""
    centres = np.array([[0, 0, 0, 0], [0, 9, 0, 9], [0, 0, 9, 9]], np.float32)
    order = [telling(centres, np.ones_like(centres), np.zeros(4, np.float32), 3).tolist() for _ in range(2)]
    assert (sorted(order[0][:2]), order[0]) == ([1, 2], order[1])
