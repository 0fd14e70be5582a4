"""Leaves of an isolation forest learnt from labels: rows said to be true rank higher, false ones lower.

Active anomaly discovery (Das et al. 2016, «Incorporating expert feedback into active anomaly discovery»; 2019 for tree
ensembles; Siddiqui et al. 2018 by online optimisation): the trees stay, and what their leaves say moves until labelled
true rows are above the tau-quantile of unlabelled ones, and false rows below it, as near to the untouched forest as can
be. Splits, shapes and types stay, so a bundle, its explanations and what serving costs stay as they are.

Here a leaf does not move alone. A label moves every node on its row's path, by as much as the node adds to what is told
of the row (a power of −log of the share of unlabelled rows in it, less its parent's), and a leaf moves with all nodes
above it. So a label tells of its leaf most, and the less of others the more rows are in the smallest node that holds
both: similarity by mass (Ting et al. 2016, «Overcoming key weaknesses of distance-based neighbourhood methods using a
data dependent dissimilarity measure»).

With k(x, y) from 0 to 1 for this similarity, averaged over trees, the learnt score is that of the forest plus
``spread · Σ pull_i · k(x, row_i)``. Pulls are those of a squared hinge loss with a bound: upwards alone for a true row,
downwards alone for a false one, none where the forest agrees with the label by the margin, and never more than
``most_pull`` times the label's weight. So **one label of weight w moves a leaf by at most w · most_pull · spread
splits**, ``spread`` being the standard deviation of the background's mean path lengths; :meth:`Ground.furthest` tells
it. Where leaves would leave 0 to ``LONGEST_PATH`` splits, all are moved alike, and shrunk alike where that is not
enough: no row's place among the others changes by that, and scores are calibrated anew in any case.

Pure: nothing is random, and the same rows in the same order give the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from detector.errors import InputError
from detector.kernels.compiled import compiled
from detector.models.kinds.isolation_forest import LONGEST_PATH, IsolationForest

Matrix = NDArray[np.float32]
Floats = NDArray[np.float64]

DOING = "learning leaves from labels"

MOST_ROWS = 2000
"""Of more labelled rows, so many evenly spread ones are learnt from, with the weight of all."""

MOST_BACKGROUND = 20_000
"""Likewise of unlabelled rows."""

ROUNDS = 100
"""So often at most each pull is set to what the others leave to it."""

SETTLED = 1e-4
"""A round that changes no score by more spreads ends it."""

LEAST_DOUBT = 0.25
"""However often a forest was right, labels are heard by so much: else hundreds of true ones move nothing."""

DEEPER = 1.5
"""Power of a node's information: above 1, small nodes count more beside large ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeafSettings:
    """How labels are learnt from. Lengths are in spreads: standard deviations of the background's mean path length."""

    tau: float = 0.03
    """Share of unlabelled rows above the quantile that labels are held against."""
    above: float = 9.0
    """So far above it a true row is to be …"""
    below: float = 9.0
    """… and a false one below it, both times the doubt in the forest: the share of false labels, a quarter at least."""
    stiffness: float = 0.3
    """How much a label of weight 1 gives way to others that disagree with it, or to the untouched forest."""
    most_pull: float = 20.0
    """A label of weight 1 pulls at most so much, in spreads at its own place."""


DEFAULT = LeafSettings()


@dataclass(frozen=True, slots=True)
class Lessons:
    """What people said of rows: all that is learnt from."""

    rows: Matrix
    """Shape (labels, features)."""
    verdicts: NDArray[np.bool_]
    """Shape (labels,): True where it was rightly raised, False for a false alarm."""
    weights: Floats
    """Shape (labels,), above 0: 1 for a label of one row, shared out among the rows of one that is of many."""
    settings: LeafSettings = DEFAULT

    def taught(self, forest: IsolationForest, background: Matrix) -> IsolationForest:
        """As :func:`learn_leaves`."""
        return learn_leaves(forest, self.rows, self.verdicts, self.weights, background, self.settings)


@dataclass(frozen=True, slots=True)
class Ground:
    """A forest and what its unlabelled rows tell: all that is the same for any labels."""

    forest: IsolationForest
    shares: Floats
    """Which share of the background's rows passes each node: shape (trees, nodes)."""
    told: Floats
    """What each node adds to what its parent tells: the same shape."""
    spread: float
    """Standard deviation of the background's mean path lengths, in splits; 1 where all are alike."""
    usual: Floats
    """Minus these lengths, ascending: shape (background,)."""

    @classmethod
    def of(cls, forest: IsolationForest, background: Matrix) -> Self:
        """Of an unlabelled sample (rows × features, float32). Raises InputError for one that nothing can be told by."""
        _check_rows("background", forest, background)
        if len(background) < 2:
            raise InputError(f"{DOING}: a background of {len(background)} rows; give two rows at least")
        few = background[:: -(-len(background) // MOST_BACKGROUND)]
        shares = node_shares(forest, few)
        usual = np.sort(-_mean_lengths(forest, few))
        return cls(forest, shares, information(shares), float(usual.std()) or 1.0, usual)

    def learn(
        self, rows: Matrix, verdicts: NDArray[np.bool_], weights: Floats, settings: LeafSettings = DEFAULT
    ) -> IsolationForest:
        """As :func:`learn_leaves`."""
        forest = self.forest
        _check_labels(forest, rows, verdicts, weights)
        if not len(rows):
            return forest
        rows, verdicts, weights = _thinned(rows, verdicts, weights)
        passed = paths(forest, rows)
        alike = similarity(passed, self.told)
        sign = np.where(verdicts, 1.0, -1.0)
        margin = doubt_of(verdicts, weights) * np.where(verdicts, settings.above, settings.below)
        quantile = np.quantile(self.usual, 1.0 - settings.tau)
        wanted = sign * (quantile + _mean_lengths(forest, rows)) / self.spread + margin
        pull = sign * pulls(alike, sign, wanted, settings.stiffness / weights, settings.most_pull * weights)
        return _moved(forest, _node_moves(passed, self.told, -self.spread * pull), self.shares)

    def furthest(self, settings: LeafSettings = DEFAULT) -> float:
        """By how many splits one label of weight 1 can move a leaf at most; a mean path length moves no further."""
        return settings.most_pull * self.spread


def learn_leaves(  # noqa: PLR0917 - what is taught, and by what
    forest: IsolationForest,
    rows: Matrix,
    verdicts: NDArray[np.bool_],
    weights: Floats,
    background: Matrix,
    settings: LeafSettings = DEFAULT,
) -> IsolationForest:
    """Give ``forest`` with other leaves, learnt from ``rows`` (labels × features, float32, finite).

    ``verdicts`` (labels,) are True where a row was rightly raised, False for a false alarm; ``weights`` (labels,) are
    above 0, 1 for a label that counts once: share a label's weight out among the flows that it is of. ``background``
    (rows × features) is an unlabelled sample, such as the rows that the forest was trained on.

    Without a label the forest is given as it is. Raises InputError for rows of another width, values that are not
    finite, weights that are not above 0, or a background of fewer than two rows.
    """
    return Ground.of(forest, background).learn(rows, verdicts, weights, settings)


def paths(forest: IsolationForest, rows: Matrix) -> NDArray[np.int32]:
    """The nodes that rows pass below the root, in heap order: shape (rows, trees, levels)."""
    trees, inner = forest.features.shape
    tree, row = np.arange(trees), np.arange(len(rows))[:, None]
    node = np.zeros((len(rows), trees), dtype=np.int32)
    passed = np.empty((len(rows), trees, int(inner).bit_length()), dtype=np.int32)
    for level in range(passed.shape[2]):
        node = 2 * node + 1 + (rows[row, forest.features[tree, node]] > forest.thresholds[tree, node])
        passed[:, :, level] = node
    return passed


def node_shares(forest: IsolationForest, background: Matrix) -> Floats:
    """Which share of the background's rows passes each node: shape (trees, nodes), the root's is 1."""
    trees, nodes = forest.lengths.shape
    counts = np.zeros(trees * nodes)
    for start in range(0, len(background), 1000):
        at = paths(forest, background[start : start + 1000]) + nodes * np.arange(trees)[:, None]
        counts += np.bincount(at.ravel(), minlength=trees * nodes)
    shares: Floats = counts.reshape(trees, nodes) / len(background)
    shares[:, 0] = 1.0
    return shares


def information(shares: Floats) -> Floats:
    """What each node adds to what its parent tells of a row that is in it: shape (trees, nodes), along a path ≤ 1.

    A node where no row of the background is tells as much as one with a single row of 4,096.
    """
    least = 1.0 / 4096
    told: Floats = (np.log(np.maximum(shares, least)) / np.log(least)) ** DEEPER
    parents = (np.arange(1, shares.shape[1]) - 1) // 2
    added: Floats = np.zeros(told.shape)
    added[:, 1:] = told[:, 1:] - told[:, parents]
    return added


def similarity(passed: NDArray[np.int32], told: Floats) -> Floats:
    """How much rows have in common, from 0 to 1, the mean over trees: shape (rows, rows)."""
    count, trees, levels = passed.shape
    at = (passed + told.shape[1] * np.arange(trees)[:, None]).reshape(count, -1)
    starts = np.arange(count + 1) * trees * levels
    each = sparse.csr_array((np.sqrt(told.ravel()[at]).ravel(), at.ravel(), starts), shape=(count, told.size))
    alike: Floats = np.asarray((each @ each.T).toarray(), dtype=np.float64)
    alike /= trees
    return alike


def doubt_of(verdicts: NDArray[np.bool_], weights: Floats) -> float:
    """How far labels tell that the forest errs, from 0 to 1: the share of false ones, with one of each more.

    It raised all that people looked at. Where most of it was right, the forest's own order is worth more than what a
    few labels say of others; yet never so much more that they say nothing.
    """
    return max(LEAST_DOUBT, float((weights[~verdicts].sum() + 1.0) / (weights.sum() + 2.0)))


@compiled
def pulls(alike: Floats, sign: Floats, wanted: Floats, gives_way: Floats, most: Floats) -> Floats:
    """How much each label pulls, from 0 to ``most``: so much that each is moved as ``wanted``, less what gives way.

    One after the other is set to what the others leave to it, which is coordinate ascent in the dual of the squared
    hinge loss (Hsieh et al. 2008, «A dual coordinate descent method for large-scale linear SVM»).
    """
    count = len(sign)
    pull = np.zeros(count)
    moved = np.zeros(count)
    for _ in range(ROUNDS):
        largest = 0.0
        for i in range(count):
            lacking = wanted[i] - sign[i] * moved[i] - gives_way[i] * pull[i]
            free = pull[i] + lacking / (alike[i, i] + gives_way[i])
            change = min(max(free, 0.0), most[i]) - pull[i]
            if change != 0.0:
                pull[i] += change
                moved += sign[i] * change * alike[i]
                largest = max(largest, abs(change) * alike[i, i])
        if largest < SETTLED:
            break
    return pull


def _check_rows(name: str, forest: IsolationForest, matrix: Matrix) -> None:
    if matrix.ndim != 2 or matrix.shape[1] != forest.n_features:
        raise InputError(f"{DOING}: {name} has shape {matrix.shape}; give rows of {forest.n_features} features")
    if not np.isfinite(matrix).all():
        raise InputError(f"{DOING}: {name} has values that are not finite; leave those rows out")


def _check_labels(forest: IsolationForest, rows: Matrix, verdicts: NDArray[np.bool_], weights: Floats) -> None:
    _check_rows("the matrix of labelled rows", forest, rows)
    if not len(rows) == len(verdicts) == len(weights):
        raise InputError(
            f"{DOING}: {len(rows)} rows, {len(verdicts)} verdicts and {len(weights)} weights; give one of each a row"
        )
    if not (np.isfinite(weights) & (weights > 0)).all():
        raise InputError(f"{DOING}: a weight is not above 0 and finite; leave out rows that do not count")


def _thinned(rows: Matrix, verdicts: NDArray[np.bool_], weights: Floats) -> tuple[Matrix, NDArray[np.bool_], Floats]:
    """At most so many labelled rows, evenly spread over those of each verdict, with the weight of all."""
    if len(rows) <= MOST_ROWS:
        return rows, verdicts, weights
    step = -(-len(rows) // (MOST_ROWS - 2))
    kept = np.sort(np.concatenate([np.flatnonzero(verdicts)[::step], np.flatnonzero(~verdicts)[::step]]))
    few, kind = weights[kept].copy(), verdicts[kept]
    for verdict in (True, False):
        if (kind == verdict).any():
            few[kind == verdict] *= weights[verdicts == verdict].sum() / few[kind == verdict].sum()
    return rows[kept], kind, few


def _mean_lengths(forest: IsolationForest, rows: Matrix) -> Floats:
    """Mean path lengths, in splits."""
    lengths: Floats = -forest.normal_length * np.log2(forest.score(rows))
    return lengths


def _node_moves(passed: NDArray[np.int32], told: Floats, by: Floats) -> Floats:
    """By how many splits each node moves, those above it included, where labels pull ``by`` splits."""
    trees, nodes = told.shape
    at = passed + nodes * np.arange(trees)[:, None]
    pulled = np.bincount(at.ravel(), np.repeat(by, at[0].size), minlength=trees * nodes).reshape(trees, nodes)
    moves: Floats = told * pulled
    start = 1
    while start < nodes:
        end = 2 * start + 1
        moves[:, start:end] += np.repeat(moves[:, (start - 1) // 2 : start], 2, axis=1)
        start = end
    return moves


def _within(leaves: Floats) -> Floats:
    """Bring leaves between 0 and the longest path, all moved alike and shrunk alike: in the same order."""
    low, high = float(leaves.min()), float(leaves.max())
    if low >= 0 and high <= LONGEST_PATH:
        return leaves
    within: Floats = (leaves - low) * min(1.0, LONGEST_PATH / (high - low))
    return np.minimum(within, LONGEST_PATH)


def _moved(forest: IsolationForest, moves: Floats, shares: Floats) -> IsolationForest:
    """Move the leaves, and by what is expected below them the nodes above: shape (trees, nodes), in splits."""
    inner = forest.features.shape[1]
    lengths = forest.lengths.copy()
    lengths[:, inner:] = _within(lengths[:, inner:] + moves[:, inner:])
    by = lengths - forest.lengths
    start = inner
    while start:
        below, end, start = start, 2 * start + 1, (start - 1) // 2
        left, right = shares[:, below:end:2], shares[:, below + 1 : end : 2]
        both = left + right
        part = np.where(both > 0, left / np.where(both > 0, both, 1.0), 0.5)
        by[:, start:below] = part * by[:, below:end:2] + (1.0 - part) * by[:, below + 1 : end : 2]
    lengths[:, :inner] = np.clip(lengths[:, :inner] + by[:, :inner], 0.0, LONGEST_PATH)
    return IsolationForest.build(forest.features, forest.thresholds, lengths, forest.normal_length, forest.n_features)
