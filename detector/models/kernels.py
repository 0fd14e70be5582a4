"""The isolation forest's kernels: blocks of rows walked through complete binary heaps, level by level.

A tree of depth d is 2^d − 1 inner nodes (feature and threshold) and 2^d leaves; the children of node i are 2i + 1 and
2i + 2, so there is no pointer that could lead out of the arrays. Callers have checked every feature index.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detector.models.compiled import compiled

BLOCK = 128


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
    depth = 0
    while (1 << depth) - 1 < n_inner:
        depth += 1
    nodes = np.empty(BLOCK, dtype=np.int32)
    for start in range(0, len(matrix), BLOCK):
        count = min(BLOCK, len(matrix) - start)
        for i in range(count):
            out[start + i] = 0.0
        for tree in range(n_trees):
            nodes[:] = 0
            for _ in range(depth):
                for i in range(count):
                    node = nodes[i]
                    right = matrix[start + i, features[tree, node]] > thresholds[tree, node]
                    nodes[i] = 2 * node + 1 + right
            for i in range(count):
                out[start + i] += leaves[tree, nodes[i] - n_inner]


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
