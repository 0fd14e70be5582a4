"""The sample of training's rows: how often values came together, within bounds, kept and read back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.errors import BundleError
from detector.models.baseline_ranges import SHARES, BaselineRanges
from detector.models.training_sample import EDGES, ROWS, TrainingSample


def rows(count: int, seed: int = 1) -> Any:
    """Rows of three columns: a number, the same with noise, and a class."""
    rng = np.random.default_rng(seed)
    first = rng.normal(size=count)
    return np.stack([first, first + rng.normal(size=count), rng.random(count) < 0.1], axis=1).astype(np.float32)


def together(sample: TrainingSample, columns: list[int], values: list[float]) -> int:
    """In how many rows all of these columns lie as far out."""
    far = [sample.as_far(column, value) for column, value in zip(columns, values, strict=True)]
    return int(np.logical_and.reduce(far).sum())


@given(seed=st.integers(0, 99), count=st.integers(1, 600), values=st.lists(st.floats(-4, 4), min_size=3, max_size=3))
@settings(max_examples=60, deadline=None)
def test_never_fewer_than_there_were(seed: int, count: int, values: list[float]) -> None:
    """What came together is counted wherever it did, and beyond only where quantiles are too coarse to tell."""
    matrix = rows(count, seed)
    sample = TrainingSample.fit(matrix)
    middles = sample.edges[:, EDGES // 2]
    far = [matrix[:, i] >= value if value >= middles[i] else matrix[:, i] <= value for i, value in enumerate(values)]
    exact = int(np.logical_and.reduce(far).sum())
    assert exact <= together(sample, [0, 1, 2], values) <= exact + 3 * (1 + count // 38)


def test_classes_are_counted_exactly() -> None:
    """A class of which one in ten is, together with a number above nearly all."""
    matrix = rows(2_000)
    sample = TrainingSample.fit(matrix)
    assert together(sample, [2], [1.0]) == int(matrix[:, 2].sum())
    assert together(sample, [2, 2], [1.0, 1.0]) == together(sample, [2], [1.0])
    assert together(sample, [0, 2], [9.0, 1.0]) == 0


def test_it_is_bounded() -> None:
    """Of however many rows at most 8,192 are kept, a byte a value, from all of their time."""
    sample = TrainingSample.fit(np.arange(3 * 8_192, dtype=np.float32)[:, None])
    assert (sample.rows, sample.places.nbytes) == (8_192, 8_192)
    assert (sample.places[0, 0], sample.places[0, -1]) == (1, 2 * EDGES - 1)


def test_it_is_read_back() -> None:
    """What was kept counts the same."""
    sample = TrainingSample.fit(rows(500))
    again = TrainingSample.from_arrays(sample.to_arrays(), 3)
    assert together(again, [0, 1], [1.0, 1.5]) == together(sample, [0, 1], [1.0, 1.5]) > 0


@pytest.mark.parametrize(
    "change",
    [
        {"edges": np.zeros((3, 7), np.float32)},
        {"edges": np.tile(np.arange(EDGES, 0, -1, dtype=np.float32), (3, 1))},
        {"places": np.zeros((2, 500), np.uint8)},
        {"places": np.zeros((3, ROWS + 1), np.uint8)},
        {"places": np.zeros((3, 500), np.int16)},
        {"more": np.zeros(1)},
    ],
)
def test_what_is_off_is_refused(change: dict[str, Any]) -> None:
    """Arrays of another shape or type, edges that do not ascend, or more rows than are kept, are a broken bundle."""
    with pytest.raises(BundleError, match="reading sample"):
        TrainingSample.from_arrays(TrainingSample.fit(rows(500)).to_arrays() | change, 3)


def test_rows_that_are_not_usual_leave_no_trace() -> None:
    """Sample and usual ranges of the usual rows among others are those of these rows alone."""
    matrix, usual = rows(9_000), np.arange(9_000) % 3 > 0
    matrix[~usual] = 1e6
    ranges, alone = BaselineRanges.fit(matrix, usual), BaselineRanges.fit(matrix[usual])
    assert (ranges.low.tolist(), ranges.high.tolist()) == (alone.low.tolist(), alone.high.tolist())
    low, high = np.quantile(matrix[usual], SHARES, axis=0, method="inverted_cdf")
    assert (ranges.low.tolist(), ranges.high.tolist()) == (low.tolist(), high.tolist())
    sample, other = TrainingSample.fit(matrix, usual), TrainingSample.fit(matrix[usual])
    assert np.array_equal(sample.edges, other.edges)
    assert np.array_equal(sample.places, other.places)
