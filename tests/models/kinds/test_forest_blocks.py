"""The forest's kernel for many rows gives the sums of the one for a few, to the last bit."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from detector.kernels.byte_lanes import BLOCK
from detector.models.kinds.forest_blocks import MOST_CUTS, MOST_LEAVES, Steps, room_for, steps_of, sum_in_blocks
from detector.models.kinds.forest_kernels import sum_path_lengths
from detector.models.rows import MANY

Trees = tuple[NDArray[np.int16], NDArray[np.float32], NDArray[np.float64]]

COLUMNS = 21


def grown(trees: int, depth: int, values: NDArray[np.float32], seed: int) -> Trees:
    """Trees that split at some of ``values``, and that end early here and there: features, thresholds, leaves."""
    rng = np.random.default_rng(seed)
    inner = 2**depth - 1
    features = rng.integers(0, COLUMNS, (trees, inner)).astype(np.int16)
    thresholds = rng.choice(values, (trees, inner))
    for node in range(1, inner):  # below a leaf that was reached early there is nothing to split
        early = (thresholds[:, (node - 1) // 2] == np.inf) | (rng.random(trees) < 0.2)
        thresholds[early, node] = np.inf
    return features, thresholds, rng.random((trees, inner + 1)) * 10


def both(trees: Trees, rows: NDArray[np.float32]) -> tuple[int, NDArray[np.float64], NDArray[np.float64]]:
    """How many rows are done in blocks, their sums, and the sums of the other kernel."""
    steps = steps_of(*trees, COLUMNS)
    assert steps is not None
    blocks, others = np.zeros(len(rows)), np.zeros(len(rows))
    done = sum_in_blocks(rows, steps, room_for(trees[1].shape[1].bit_length()), blocks)
    sum_path_lengths(rows, *trees, others)
    return done, blocks, others


@settings(max_examples=40, deadline=None)
@given(
    trees=st.integers(1, 4),
    depth=st.integers(1, 8),
    rows=st.sampled_from([0, 1, BLOCK - 1, BLOCK, 2 * BLOCK + 7]),
    distinct=st.sampled_from([1, 3, 200]),
    seed=st.integers(0, 2**32 - 1),
)
def test_whole_blocks_sum_up_as_rows_do_one_by_one(trees: int, depth: int, rows: int, distinct: int, seed: int) -> None:
    """Rows on thresholds and beside them, infinite and no numbers: the same sums, and what is no block is left."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=distinct).astype(np.float32)
    near = np.concatenate([values, np.nextafter(values, np.float32(9)), np.nextafter(values, np.float32(-9))])
    matrix = rng.choice(np.concatenate([near, [-np.inf, np.inf, np.nan]]).astype(np.float32), (rows, COLUMNS))
    done, blocks, others = both(grown(trees, depth, values, seed), matrix)
    assert done == rows // BLOCK * BLOCK
    assert blocks[:done].tolist() == others[:done].tolist()
    assert not blocks[done:].any()


def test_a_path_may_be_as_long_as_its_leaves_allow() -> None:
    """Trees that go deep on one side alone, left or right, are worked out as any."""
    depth, inner = 12, 2**12 - 1
    for side in (1, 2):
        thresholds = np.full((1, inner), np.inf, np.float32)
        node = 0
        while node < inner:
            thresholds[0, node] = 0.1 * node / (node + 1) - 0.5 * (side == 2)
            node = 2 * node + side
        features = (np.arange(inner)[None, :] % COLUMNS).astype(np.int16)
        leaves = np.random.default_rng(depth).random((1, inner + 1))
        rows = np.random.default_rng(1).normal(scale=0.3, size=(BLOCK, COLUMNS)).astype(np.float32)
        done, blocks, others = both((features, thresholds, leaves), rows)
        assert done == BLOCK
        assert blocks.tolist() == others.tolist()


def test_what_a_byte_cannot_number_is_left_to_the_other_kernel() -> None:
    """Too many leaves, too many thresholds of a column, or a tree without a split."""
    full = np.linspace(-1, 1, 2 * MOST_LEAVES - 1, dtype=np.float32)

    def laid(depth: int, cuts: int, trees: int = 1) -> Steps | None:
        inner = 2**depth - 1
        thresholds = full[np.arange(trees * inner) % cuts].reshape(trees, inner)
        return steps_of(np.zeros((trees, inner), np.int16), thresholds, np.zeros((trees, inner + 1)), 1)

    assert laid(8, MOST_CUTS) is not None
    assert laid(9, MOST_CUTS) is None
    assert laid(8, MOST_CUTS + 1, trees=2) is None
    assert steps_of(*grown(1, 1, np.array([np.inf], np.float32), 1), COLUMNS) is None


def test_many_rows_are_a_block() -> None:
    """So many rows as count as many fill the kernel's block: what is compiled ahead calls it."""
    assert MANY == BLOCK
