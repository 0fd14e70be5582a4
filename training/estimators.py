"""Training the kinds of model with scikit-learn and PyOD, and reducing each to the arrays that it scores by."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest as ScikitForest
from threadpoolctl import threadpool_limits

from detector.errors import ConfigurationError, InputError
from detector.models.base import Model
from detector.models.ensemble import Ensemble
from detector.models.kinds.hbos_ecod import Ecod, Hbos
from detector.models.kinds.isolation_forest import MAX_DEPTH, IsolationForest
from detector.models.kinds.kmeans import KMeans
from detector.models.kinds.kmeans_diagonal import DiagonalKMeans
from detector.models.kinds.pca import Pca
from training.ensembles import SETTINGS, fit_ensemble, members_named
from training.feedback.leaf_weights import Lessons
from training.kmeans_diagonal import fit_spread_kmeans
from training.reductions import fit_ecod, fit_hbos, fit_kmeans, fit_pca
from training.stretches import Stretches, Taught, fitted, unseen_scores

DROPPED = 0.01
"""Share of rows that an ensemble is trained without, unless ``drop`` says otherwise: nobody's traffic is clean."""


class CrossFitted(NamedTuple):
    """A model, and what its training rows score where they are not seen."""

    model: Model
    kept: NDArray[np.bool_]
    """Which rows it was trained on: all but those left out as oddest; shape (rows,)."""
    unseen: dict[str, NDArray[np.float64]]
    """Scores by models that were trained on other stretches of time: by member of an ensemble, else by kind."""

    def scores(self, model: Model, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """The unseen scores of all rows by ``model``, which may weigh its members in another way."""
        if isinstance(model, Ensemble):
            return model.score_by(self.unseen, matrix)
        return self.unseen[model.kind]


def fit_estimator(
    kind: str,
    matrix: NDArray[np.float32],
    *,
    seed: int,
    params: Mapping[str, Any] | None = None,
    names: Sequence[str] | None = None,
    single: int | None = None,
    lessons: Lessons | None = None,
) -> Model:
    """Train a model of ``kind`` on the rows of ``matrix`` (rows × features, finite, in order of time).

    ``params`` are the estimator's own, by its library's names, and ``drop``: the share of rows, the oddest by a forest
    trained on all, that the model is trained without. A forest, since each of its trees sees few rows: where attacks
    are among them, clusters would learn them by heart. ``names`` are the features', for parameters that name some; the
    first ``single`` of them (None: all) are told by a flow alone. ``lessons`` are labelled rows with the same columns,
    and move the leaves of a forest: the model itself, or a member of an ensemble.

    Raises ConfigurationError for a kind or a parameter that there isn't, InputError for rows that nothing can be
    learnt from, or for lessons where there is no forest.
    """
    return _fitted(kind, matrix, None, seed, params, names, single, lessons).model


def cross_fit(
    kind: str,
    matrix: NDArray[np.float32],
    stretches: Stretches,
    *,
    seed: int,
    params: Mapping[str, Any] | None = None,
    names: Sequence[str] | None = None,
    single: int | None = None,
    lessons: Lessons | None = None,
    taught: Taught | None = None,
) -> CrossFitted:
    """As :func:`fit_estimator`, and tell what each row scores by models that did not see its one of ``stretches``.

    Lessons teach each of these models: what was said is known of all time to come, of which each stretch stands for
    one. So tables, thresholds and the budget are calibrated on scores as taught models give them. Rows that are
    ``taught`` are never left out as oddest, and count as often as it says.
    """
    return _fitted(kind, matrix, stretches, seed, params, names, single, lessons, taught)


def _fitted(  # noqa: PLR0917 - one recipe
    kind: str,
    matrix: NDArray[np.float32],
    stretches: Stretches | None,
    seed: int,
    params: Mapping[str, Any] | None,
    names: Sequence[str] | None,
    single: int | None,
    lessons: Lessons | None,
    taught: Taught | None = None,
) -> CrossFitted:
    """Without ``stretches``, only an ensemble tells what rows score unseen: its tables need it."""
    if kind not in TRAINERS and kind != Ensemble.kind:
        raise ConfigurationError(f"kind {kind!r}: there is {', '.join(sorted([*TRAINERS, Ensemble.kind]))}")
    if len(matrix) < 2:
        raise InputError(f"training: {len(matrix)} rows are too few to learn from; give more data")
    settings = dict(params or {})
    fit = _fit
    if lessons is not None and len(lessons.rows):
        _check_has_forest(kind, settings)
        fit = partial(_fit_taught, lessons)
        if kind == Ensemble.kind:
            settings.setdefault("power", 0.0)  # what people said is for the forest to tell: it counts as it would
    try:
        share = float(settings.pop("drop", DROPPED if kind == Ensemble.kind else 0.0))
        # One thread: the same sums everywhere, and beside a busy core k-means' threads wait for each other tenfold.
        with threadpool_limits(1):
            kept = np.ones(len(matrix), np.bool_)
            if share:
                kept = _usual(_fit_forest(matrix, seed, {}).score(matrix), share)
            if taught is not None:
                kept |= taught > 0
            if kind == Ensemble.kind:
                model, unseen = fit_ensemble(matrix, kept, stretches, seed, settings, fit, names, single, taught)
                return CrossFitted(model, kept, unseen)
            alone = fit(kind, fitted(matrix, kept, taught), seed, settings)
            if stretches is None:
                return CrossFitted(alone, kept, {})
            scores = unseen_scores(matrix, kept, stretches, alone, lambda rows: fit(kind, rows, seed, settings), taught)
            return CrossFitted(alone, kept, {kind: scores})
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"training {kind} with {dict(params or {})}: {str(error).splitlines()[0]}") from error


def _usual(scores: NDArray[np.float64], share: float) -> NDArray[np.bool_]:
    """Which rows are not among the oddest ``share`` of them."""
    if not 0 <= share < 1:
        raise ValueError(f"drop {share:g} is not a share from 0 to below 1")
    kept = max(2, len(scores) - round(share * len(scores)))
    usual = np.zeros(len(scores), np.bool_)
    usual[np.argsort(scores, kind="stable")[:kept]] = True
    return usual


def _fit(kind: str, matrix: NDArray[np.float32], seed: int, params: dict[str, Any]) -> Model:
    return TRAINERS[kind](matrix, seed, params)


def _fit_taught(lessons: Lessons, kind: str, matrix: NDArray[np.float32], seed: int, params: dict[str, Any]) -> Model:
    model = _fit(kind, matrix, seed, params)
    return lessons.taught(model, matrix) if isinstance(model, IsolationForest) else model


def has_forest(kind: str, params: Mapping[str, Any]) -> bool:
    """Whether a model of a kind is a forest, or an ensemble with one: what labels can teach."""
    members = members_named(params.get("members", SETTINGS["members"])) if kind == Ensemble.kind else []
    return kind == IsolationForest.kind or "forest" in members


def _check_has_forest(kind: str, params: Mapping[str, Any]) -> None:
    if not has_forest(kind, params):
        raise InputError(
            f"training {kind} with labels: they teach a forest, and it has none; train {IsolationForest.kind}, or"
            " an ensemble with the member forest"
        )


def _fit_forest(matrix: NDArray[np.float32], seed: int, params: dict[str, Any]) -> Model:
    settings = {"n_estimators": 100, "max_samples": min(256, len(matrix)), **params}
    return forest_arrays(ScikitForest(random_state=seed, **settings).fit(matrix), matrix.shape[1])


def forest_arrays(forest: ScikitForest, n_features: int) -> IsolationForest:
    """Reduce a fitted scikit-learn forest to complete heaps of the depth of its deepest tree."""
    depth = max(1, *(int(tree.tree_.max_depth) for tree in forest.estimators_))
    if depth > MAX_DEPTH:
        raise ConfigurationError(f"max_samples {forest.max_samples_}: trees of {depth} levels are too deep to store")
    inner = (1 << depth) - 1
    features = np.zeros((len(forest.estimators_), inner), dtype=np.int16)
    thresholds = np.full(features.shape, np.inf, dtype=np.float32)
    lengths = np.empty((len(features), 2 * inner + 1))
    for i, (estimator, columns) in enumerate(zip(forest.estimators_, forest.estimators_features_, strict=True)):
        _lay_out(estimator.tree_, np.asarray(columns), features[i], thresholds[i], lengths[i])
    normal = float(average_path_length(np.array([forest.max_samples_]))[0])
    return IsolationForest.build(features, thresholds, lengths, normal, n_features)


def average_path_length(rows: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """Average path length of an unsuccessful search in a tree of so many rows: c(n) of the paper, as scikit-learn's."""
    n = np.maximum(rows.astype(np.float64), 2.0)
    many = 2.0 * (np.log(n - 1.0) + np.euler_gamma) - 2.0 * (n - 1.0) / n
    return np.select([rows <= 1, rows == 2], [0.0, 1.0], many)


def round_down(thresholds: NDArray[np.float64]) -> NDArray[np.float32]:
    """Give the highest float32 at most each threshold: ``x <= t`` stays as it is for every float32 ``x``."""
    nearest = thresholds.astype(np.float32)
    return np.where(nearest > thresholds, np.nextafter(nearest, np.float32(-np.inf)), nearest)


def _lay_out(
    tree: Any,
    columns: NDArray[np.intp],
    features: NDArray[np.int16],
    thresholds: NDArray[np.float32],
    lengths: NDArray[np.float64],
) -> None:
    """Fill one tree's rows of the three arrays, level by level; below an early leaf stands that leaf."""
    leaf = tree.children_left < 0
    expected, rounded = _expected_lengths(tree), round_down(tree.threshold)
    nodes, start = np.zeros(1, dtype=np.intp), 0
    while start < len(features):
        place = slice(start, start + len(nodes))
        inner = ~leaf[nodes]
        features[place][inner] = columns[tree.feature[nodes[inner]]]
        thresholds[place][inner] = rounded[nodes[inner]]
        lengths[place] = expected[nodes]
        children = np.column_stack([tree.children_left[nodes], tree.children_right[nodes]])
        start, nodes = place.stop, np.where(inner[:, None], children, nodes[:, None]).ravel()
    lengths[start:] = expected[nodes]


def _expected_lengths(tree: Any) -> NDArray[np.float64]:
    """Give each leaf's path length, and each inner node's mean over the training rows below it."""
    depths = tree.compute_node_depths()  # the root's is 1
    lengths = depths + average_path_length(tree.n_node_samples) - 1.0
    rows = tree.n_node_samples
    for node in range(tree.node_count - 1, -1, -1):  # children come after their parents
        left, right = tree.children_left[node], tree.children_right[node]
        if left >= 0:
            lengths[node] = (rows[left] * lengths[left] + rows[right] * lengths[right]) / (rows[left] + rows[right])
    result: NDArray[np.float64] = lengths
    return result


TRAINERS: dict[str, Callable[[NDArray[np.float32], int, dict[str, Any]], Model]] = {
    IsolationForest.kind: _fit_forest,
    KMeans.kind: fit_kmeans,
    DiagonalKMeans.kind: fit_spread_kmeans,
    Hbos.kind: fit_hbos,
    Ecod.kind: fit_ecod,
    Pca.kind: fit_pca,
}
"""By kind; an ensemble is of these."""
