"""The isolation forest's kernels: blocks of rows walked through complete binary heaps, level by level.

A tree of depth d is 2^d − 1 inner nodes (feature and threshold) and 2^d leaves; the children of node i are 2i + 1 and
2i + 2, so there is no pointer that could lead out of the arrays. Callers have checked every feature index.

Numbers of nodes and features are unsigned where they are followed: an index that may be negative is first asked
whether it is, at every step, and the whole takes nearly twice as long.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detector.kernels.compiled import compiled

BLOCK = 128
"""Rows walked together: their columns and nodes stay in the first-level cache."""

FEW = 16
"""Rows below which a block is not worth laying out by column."""

TOP = 7
"""Nodes of the first three levels. Every row of a block is held against each of them: no row's path has to be known for
that, so it is done in vector registers, and is faster than following three levels one row at a time."""


@compiled
def sum_path_lengths(
    matrix: NDArray[np.float32],
    features: NDArray[np.int16],
    thresholds: NDArray[np.float32],
    leaves: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Add up each row's path lengths over all trees, in the order of the trees, into ``out`` (rows,)."""
    n_trees, n_inner = features.shape
    n_columns = matrix.shape[1]
    block = np.zeros((n_columns, BLOCK), dtype=np.float32)
    nodes = np.empty(BLOCK, dtype=np.uint32)
    columns = features.view(np.uint16)
    out[:] = 0.0
    for start in range(0, len(matrix), BLOCK):
        count = min(BLOCK, len(matrix) - start)
        if count < FEW or n_inner < TOP:
            _walk_rows(matrix, features, thresholds, leaves, start, count, out)
            continue
        for i in range(count):
            for column in range(n_columns):
                block[column, i] = matrix[start + i, column]
        for tree in range(n_trees):
            _walk_top(block, features[tree], thresholds[tree], nodes)
            level = TOP
            while level < n_inner:
                for i in range(count):
                    node = nodes[i]
                    nodes[i] = 2 * node + 1 + (block[columns[tree, node], i] > thresholds[tree, node])
                level = 2 * level + 1
            for i in range(count):
                out[start + i] += leaves[tree, np.uint32(nodes[i] - n_inner)]


@compiled
def _walk_rows(  # noqa: PLR0917 - a kernel takes its arrays one by one
    matrix: NDArray[np.float32],
    features: NDArray[np.int16],
    thresholds: NDArray[np.float32],
    leaves: NDArray[np.float64],
    start: int,
    count: int,
    out: NDArray[np.float64],
) -> None:
    """Walk a few rows one by one."""
    n_trees, n_inner = features.shape
    for row in range(start, start + count):
        for tree in range(n_trees):
            node = 0
            while node < n_inner:
                node = 2 * node + 1 + (matrix[row, features[tree, node]] > thresholds[tree, node])
            out[row] += leaves[tree, node - n_inner]


@compiled
def _walk_top(
    block: NDArray[np.float32], features: NDArray[np.int16], thresholds: NDArray[np.float32], nodes: NDArray[np.uint32]
) -> None:
    """Give each row's node on the fourth level: all seven tests of the first three, then the one that counts."""
    # Taken out of the loop by hand: the compiler cannot know that writing nodes changes none of them.
    x0, x1, x2, x3 = block[features[0]], block[features[1]], block[features[2]], block[features[3]]
    x4, x5, x6 = block[features[4]], block[features[5]], block[features[6]]
    t0, t1, t2, t3 = thresholds[0], thresholds[1], thresholds[2], thresholds[3]
    t4, t5, t6 = thresholds[4], thresholds[5], thresholds[6]
    for i in range(BLOCK):
        first = np.int32(x0[i] > t0)
        low, high = np.int32(x1[i] > t1), np.int32(x2[i] > t2)
        second = low + first * (high - low)
        n3, n4, n5, n6 = np.int32(x3[i] > t3), np.int32(x4[i] > t4), np.int32(x5[i] > t5), np.int32(x6[i] > t6)
        left, right = n3 + second * (n4 - n3), n5 + second * (n6 - n5)
        nodes[i] = np.int32(TOP) + np.int32(4) * first + np.int32(2) * second + left + first * (right - left)


@compiled
def attribute_paths(
    matrix: NDArray[np.float32],
    features: NDArray[np.int16],
    thresholds: NDArray[np.float32],
    lengths: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Add up, per row and feature, by how much each split on it shortened the expected path, into ``out``.

    ``lengths`` (trees × 2^(d+1) − 1) is the expected path length at each node; at a leaf, its own.
    """
    n_trees, n_inner = features.shape
    for row in range(len(matrix)):
        for tree in range(n_trees):
            node = 0
            while node < n_inner:
                feature = features[tree, node]
                child = 2 * node + 1 + (matrix[row, feature] > thresholds[tree, node])
                out[row, feature] += lengths[tree, node] - lengths[tree, child]
                node = child
