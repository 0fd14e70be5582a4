"""The isolation forest's kernel for many rows: whole blocks of 256, of which a node asks 32 at once.

Of a value only this counts in a forest: which thresholds of its column it is above. So it is replaced by how many they
are, a byte. A tree is worked out from its leaves up: a node's result is, for each row, the number of the leaf that a
row of such values comes to from there. All nodes are worked out for all rows, about seventy a tree where a path has
eight: no address depends on a value, so nothing is waited for. Sums are those of
:func:`detector.models.kinds.forest_kernels.sum_path_lengths` to the last bit.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.kernels.byte_lanes import BLOCK, LANES, choose
from detector.kernels.compiled import compiled
from detector.kernels.hash_table import kernel

MOST_LEAVES = 256
MOST_CUTS = 255
"""Numbers of leaves, and of thresholds of a column, that are bytes."""

LOWEST = -128
"""The code of a value that is above none: signed bytes are compared at once."""

AT_ONCE = 8
"""Thresholds that are counted between one store and the next."""

STRIP = 16
"""Columns that are turned together: a cache line of a row."""

RESULTS = MOST_LEAVES * LANES
"""Where nodes' results begin in the kernel's room; before them lie the numbers of leaves, each 32 times."""

COLUMN, CODE, LEFT, LEFT_STEP, RIGHT, RIGHT_STEP, OUT = range(7)
"""Places in a step."""


class Steps(NamedTuple):
    """A forest, node by node."""

    cuts: NDArray[np.float32]
    """Shape (columns, most): each column's thresholds, ascending, then +inf."""
    n_cuts: NDArray[np.int64]
    """Shape (columns,): how many, padded to :data:`AT_ONCE`."""
    nodes: NDArray[np.int64]
    """Shape (nodes, 7): what each chooses by and from, children first."""
    first_nodes: NDArray[np.int64]
    """Shape (trees + 1,): where each tree's begin."""
    lengths: NDArray[np.float64]
    """Shape (leaves,): the path length at each."""
    first_leaves: NDArray[np.int64]
    """Shape (trees + 1,)."""


def steps_of(
    features: NDArray[np.int16], thresholds: NDArray[np.float32], leaves: NDArray[np.float64], n_features: int
) -> Steps | None:
    """Lay out trees in complete heaps; None for those whose leaves or thresholds are too many for a byte."""
    splits = thresholds < np.inf
    n_nodes = splits.sum(axis=1)
    cuts = [np.unique(thresholds[splits & (features == column)]) for column in range(n_features)]
    most = max(map(len, cuts))
    if most > MOST_CUTS or n_nodes.max() >= MOST_LEAVES or n_nodes.min() == 0:
        return None
    codes = np.zeros(features.shape, np.int64)
    for column, own in enumerate(cuts):
        where = splits & (features == column)
        codes[where] = np.searchsorted(own, thresholds[where]) + LOWEST
    padded = [-(-len(own) // AT_ONCE) * AT_ONCE for own in cuts]
    table = np.full((n_features, max(padded)), np.inf, np.float32)
    for column, own in enumerate(cuts):
        table[column, : len(own)] = own
    trees = [_Tree(*parts) for parts in zip(features, codes, splits, leaves, strict=True)]
    return Steps(
        table,
        np.array(padded, np.int64),
        np.array([step for tree in trees for step in tree.steps], np.int64),
        np.cumsum([0, *(len(tree.steps) for tree in trees)]),
        np.array([length for tree in trees for length in tree.lengths]),
        np.cumsum([0, *(len(tree.lengths) for tree in trees)]),
    )


class _Tree:
    """One tree's nodes, children first, and its leaves from left to right."""

    def __init__(
        self,
        features: NDArray[np.int16],
        codes: NDArray[np.int64],
        splits: NDArray[np.bool_],
        leaves: NDArray[np.float64],
    ) -> None:
        self._features, self._codes, self._splits, self._leaves = features, codes, splits, leaves
        self.steps: list[tuple[int, ...]] = []
        self.lengths: list[float] = []
        self._lay(0, 0)

    def _lay(self, node: int, held: int) -> tuple[int, int]:
        """Lay out what is below ``node`` while ``held`` results are waiting; give where its own is, and the step."""
        if node >= len(self._splits) or not self._splits[node]:
            while node < len(self._splits):
                node = 2 * node + 1  # repeated over all leaves below
            self.lengths.append(float(self._leaves[node - len(self._splits)]))
            return (len(self.lengths) - 1) * LANES, 0
        left = self._lay(2 * node + 1, held)
        right = self._lay(2 * node + 2, held + (left[1] > 0))
        out = RESULTS + held * BLOCK
        self.steps.append((int(self._features[node]) * BLOCK, int(self._codes[node]), *left, *right, out))
        return out, LANES


@compiled
def sum_in_blocks(matrix: NDArray[np.float32], steps: Steps, room: NDArray[np.uint8], out: NDArray[np.float64]) -> int:
    """Add up the path lengths of all whole blocks' rows, in the order of the trees; give how many rows those are.

    ``room`` is for the kernel to work in (:func:`room_for`), ``out`` (rows,) for the sums.
    """
    n_columns, done = len(steps.cuts), len(matrix) // BLOCK * BLOCK
    strip, counts = np.empty((STRIP, BLOCK), np.float32), np.empty(BLOCK, np.int32)
    codes = np.empty(n_columns * BLOCK, np.int8)
    out[:done] = 0.0
    for start in range(0, done, BLOCK):
        for first in range(0, n_columns, STRIP):
            wide = min(STRIP, n_columns - first)
            for n in range(wide):
                for i in range(BLOCK):
                    strip[n, i] = matrix[start + i, first + n]
            for n in range(wide):
                rank(strip, n, steps, first + n, counts)
                for i in range(BLOCK):
                    codes[(first + n) * BLOCK + i] = np.int8(counts[i])
        for tree in range(len(steps.first_nodes) - 1):
            work_out(codes, steps.nodes, steps.first_nodes[tree], steps.first_nodes[tree + 1], room)
            first_leaf = steps.first_leaves[tree]
            for i in range(BLOCK):
                out[start + i] += steps.lengths[first_leaf + np.int64(room[RESULTS + i])]
    return done


def room_for(depth: int) -> NDArray[np.uint8]:
    """Room for the numbers of leaves and the results of a path of so many nodes."""
    leaves = np.repeat(np.arange(MOST_LEAVES, dtype=np.uint8), LANES)
    return np.concatenate([leaves, np.zeros((depth + 1) * BLOCK, np.uint8)])


@kernel
def rank(strip: Any, place: Any, steps: Steps, column: Any, counts: Any) -> None:
    """How many of its column's thresholds each of a block's values is above, from :data:`LOWEST` on."""
    cuts = steps.cuts
    for i in range(BLOCK):
        counts[i] = LOWEST
    for n in range(0, steps.n_cuts[column], AT_ONCE):
        t0, t1, t2, t3 = cuts[column, n], cuts[column, n + 1], cuts[column, n + 2], cuts[column, n + 3]
        t4, t5, t6, t7 = cuts[column, n + 4], cuts[column, n + 5], cuts[column, n + 6], cuts[column, n + 7]
        for i in range(BLOCK):
            x = strip[place, i]
            low = np.int32(x > t0) + np.int32(x > t1) + np.int32(x > t2) + np.int32(x > t3)
            high = np.int32(x > t4) + np.int32(x > t5) + np.int32(x > t6) + np.int32(x > t7)
            counts[i] += low + high


@kernel
def work_out(codes: Any, nodes: Any, begin: Any, end: Any, room: Any) -> None:
    """Work a tree out: the root's result is the last."""
    for n in range(begin, end):
        choose(
            codes, nodes[n, COLUMN], np.int8(nodes[n, CODE]), room,
            nodes[n, LEFT], nodes[n, LEFT_STEP], nodes[n, RIGHT], nodes[n, RIGHT_STEP], nodes[n, OUT],
        )  # fmt: skip
