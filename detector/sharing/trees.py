"""Binary trees as the arrays of ONNX' operator ``TreeEnsemble``: forests, and searches among ascending cuts.

A node sends what is at most its split to its true branch. Where a branch ends, its number is one of a leaf, else one
of a node.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Trees:
    """Trees of which each gives one number; what they give is added up."""

    roots: Ints
    """Shape (trees,): a node each."""
    features: Ints
    """Shape (nodes,), as all up to ``false_ends``: the column that is held against the split."""
    splits: NDArray[np.float64]
    true_to: Ints
    true_ends: Mask
    false_to: Ints
    false_ends: Mask
    leaves: NDArray[np.float64]
    """Shape (leaves,)."""

    @classmethod
    def together(cls, parts: list[Self]) -> Self:
        """Those of all parts, in their order."""
        nodes = np.cumsum([0, *(len(part.splits) for part in parts)])[:-1]
        leaves = np.cumsum([0, *(len(part.leaves) for part in parts)])[:-1]
        return cls(
            roots=np.concatenate([part.roots + at for part, at in zip(parts, nodes, strict=True)]),
            features=np.concatenate([part.features for part in parts]),
            splits=np.concatenate([part.splits for part in parts]),
            true_to=_moved([(part.true_to, part.true_ends) for part in parts], nodes, leaves),
            true_ends=np.concatenate([part.true_ends for part in parts]),
            false_to=_moved([(part.false_to, part.false_ends) for part in parts], nodes, leaves),
            false_ends=np.concatenate([part.false_ends for part in parts]),
            leaves=np.concatenate([part.leaves for part in parts]),
        )

    @classmethod
    def search(cls, cuts: NDArray[np.float64], leaves: NDArray[np.float64], column: int = 0) -> Self:
        """Tell how many of the ascending ``cuts`` (n,) are below a value: the leaf (n + 1,) of that place."""
        count = len(cuts)
        if not count:
            return cls.constant(float(leaves[0]))
        true_to, false_to = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
        true_ends, false_ends = np.zeros(count, dtype=np.bool_), np.zeros(count, dtype=np.bool_)
        begins, ends = np.array([0]), np.array([count])
        while len(begins):
            middle = (begins + ends) >> 1
            true_ends[middle], false_ends[middle] = begins == middle, middle + 1 == ends
            # An empty stretch is the leaf of its place, and its middle that very place.
            true_to[middle], false_to[middle] = (begins + middle) >> 1, (middle + 1 + ends) >> 1
            begins, ends = np.concatenate([begins, middle + 1]), np.concatenate([middle, ends])
            begins, ends = begins[begins < ends], ends[begins < ends]
        return cls(
            roots=np.array([count >> 1]),
            features=np.full(count, column, dtype=np.int64),
            splits=np.asarray(cuts, dtype=np.float64),
            true_to=true_to,
            true_ends=true_ends,
            false_to=false_to,
            false_ends=false_ends,
            leaves=np.asarray(leaves, dtype=np.float64),
        )

    @classmethod
    def constant(cls, leaf: float) -> Self:
        """A tree that gives one number whatever it is asked."""
        none, ends = np.zeros(1, dtype=np.int64), np.ones(1, dtype=np.bool_)
        return cls(none, none, np.zeros(1), none, ends, none, ends, np.array([leaf]))

    @classmethod
    def by_number(cls, parts: list[Self], column: int) -> Self:
        """One tree that goes on in the part whose number stands in ``column``; each part is one tree."""
        if len(parts) == 1:
            return parts[0]
        count = len(parts)
        chooser = cls.search(np.arange(count - 1, dtype=np.float64) + 0.5, np.zeros(count), column)
        below = cls.together(parts)
        shift = len(chooser.splits)
        targets = below.roots + shift
        both = cls.together([chooser, below])
        true_to, false_to = both.true_to.copy(), both.false_to.copy()
        true_ends, false_ends = both.true_ends.copy(), both.false_ends.copy()
        for to, ends in ((true_to, true_ends), (false_to, false_ends)):
            here = np.flatnonzero(ends[:shift])
            to[here] = targets[to[here]]
            ends[here] = False
        splits, leaves = both.splits, both.leaves
        return cls(chooser.roots, both.features, splits, true_to, true_ends, false_to, false_ends, leaves)

    @classmethod
    def of_heaps(
        cls, features: NDArray[np.int16], thresholds: NDArray[np.float32], leaves: NDArray[np.float64]
    ) -> Self:
        """Those of an isolation forest (trees × nodes, trees × leaves): nodes that send all one way are left out."""
        trees, inner = features.shape
        total = 2 * inner + 1
        stands_for = np.tile(np.arange(total), (trees, 1))
        for node in range(inner - 1, -1, -1):
            idle = np.isposinf(thresholds[:, node])
            stands_for[idle, node] = stands_for[idle, 2 * node + 1]
        reached = np.zeros((trees, total), dtype=np.bool_)
        every = np.arange(trees)
        reached[every, stands_for[:, 0]] = True
        for node in range(inner):
            here = every[reached[:, node]]
            for child in (2 * node + 1, 2 * node + 2):
                reached[here, stands_for[here, child]] = True
        tree, place = np.nonzero(reached[:, :inner])
        number = np.zeros((trees, total), dtype=np.int64)
        number[tree, place] = np.arange(len(tree))
        leaf_tree, leaf = np.nonzero(reached[:, inner:])
        number[leaf_tree, leaf + inner] = np.arange(len(leaf_tree))
        yes, no = stands_for[tree, 2 * place + 1], stands_for[tree, 2 * place + 2]
        grown = cls(
            roots=number[every, stands_for[:, 0]],
            features=features[tree, place].astype(np.int64),
            splits=thresholds[tree, place].astype(np.float64),
            true_to=number[tree, yes],
            true_ends=yes >= inner,
            false_to=number[tree, no],
            false_ends=no >= inner,
            leaves=leaves[leaf_tree, leaf],
        )
        return grown._without_bare(stands_for[:, 0] >= inner)

    def _without_bare(self, bare: Mask) -> Self:
        """Give roots that are ``bare`` leaves a node of their own."""
        found = np.flatnonzero(bare)
        if not len(found):
            return self
        new = np.arange(len(found)) + len(self.splits)
        ends, to = np.ones(len(found), dtype=np.bool_), self.roots[found]
        roots = self.roots.copy()
        roots[found] = new
        return type(self)(
            roots=roots,
            features=np.append(self.features, np.zeros(len(found), dtype=np.int64)),
            splits=np.append(self.splits, np.zeros(len(found))),
            true_to=np.append(self.true_to, to),
            true_ends=np.append(self.true_ends, ends),
            false_to=np.append(self.false_to, to),
            false_ends=np.append(self.false_ends, ends),
            leaves=self.leaves,
        )


def _moved(branches: list[tuple[Ints, Mask]], nodes: Ints, leaves: Ints) -> Ints:
    """Number the branches' ends anew, where parts' nodes and leaves begin at these."""
    return np.concatenate(
        [
            to + np.where(ends, leaf, node)
            for (to, ends), node, leaf in zip(branches, nodes.tolist(), leaves.tolist(), strict=True)
        ]
    )
