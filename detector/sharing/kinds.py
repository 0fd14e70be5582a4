"""Each kind of model as nodes of a graph, the kernels' operations in the kernels' order.

What kernels add up in float32, or in an order that matters, is added up so here too: scores differ in the last bits of
a logarithm or a power at most, and no flow falls on the other side of a threshold.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from detector.errors import ConfigurationError
from detector.models.base import Model
from detector.models.calibration import Calibration
from detector.models.ensemble import Ensemble
from detector.models.kinds.hbos_ecod import StepModel
from detector.models.kinds.isolation_forest import IsolationForest
from detector.models.kinds.kmeans import KMeans
from detector.models.kinds.kmeans_diagonal import DiagonalKMeans
from detector.models.kinds.pca import Pca
from detector.models.p_tables import PTables
from detector.models.scaling import Scaling
from detector.models.segments import Segments
from detector.sharing.graph import Graph
from detector.sharing.trees import Trees

ROUNDING = 1e-12
"""Relative: of scores that differ by less none is called higher, since another processor's ``pow`` may have it so."""

MOST_NODES = 1 << 21
"""Of all trees: some 100 MiB, and minutes to load."""


def score(graph: Graph, rows: str, model: Model) -> str:
    """Add what scores ``rows`` (rows × features, float32): (rows,), float64.

    Raises ConfigurationError for a model that is too large for a graph.
    """
    match model:
        case Ensemble():
            return _ensemble(graph, rows, model)
        case IsolationForest():
            return _forest(graph, rows, model)
        case DiagonalKMeans():
            return _diagonal(graph, rows, model)
        case KMeans():
            squares = _distances(graph, rows, model.scaling, model.centres)
            return graph("Sqrt", graph("ReduceMin", squares, graph.whole(1), keepdims=0))
        case Pca():
            return _components(graph, rows, model)
        case StepModel():
            return _steps(graph, rows, model)
        case _:
            raise ConfigurationError(f"kind {model.kind} has no graph")


def judged(graph: Graph, scores: str, calibration: Calibration) -> tuple[str, str]:
    """Add what gives the scores, and the share of held-out flows that scored as high: (rows,) each, float64.

    Thresholds are scores of held-out flows: one that differs from such by rounding alone is given as that very one.
    """
    near = ROUNDING * np.maximum(np.abs(calibration.scores), np.finfo(float).tiny)
    search = Trees.search(calibration.scores + near, np.arange(len(near) + 1.0))
    place = graph.cast(graph.trees(graph.column(scores), search), TensorProto.INT64)
    shares = (1 + calibration.counts) / (calibration.rows + 1)
    known = graph("Gather", graph.constant(np.append(calibration.scores, calibration.scores[-1])), place)
    alike = graph(
        "LessOrEqual",
        graph("Abs", graph("Sub", scores, known)),
        graph("Gather", graph.constant(np.append(near, near[-1])), place),
    )
    return graph("Where", alike, known, scores), graph("Gather", graph.constant(shares), place)


def _ensemble(graph: Graph, rows: str, model: Ensemble) -> str:
    table = None if model.segments is None else _table(graph, rows, model.segments)
    surprises = []
    for name, member in model.members.items():
        width = member.n_features
        seen = rows
        if width < model.n_features:
            seen = graph("Slice", rows, graph.whole(0), graph.whole(width), graph.whole(1))
        surprises.append(_surprise(graph, score(graph, seen, member), table, model.tails[name]))
    shares = [graph.scalar(share) for share in model.shares.tolist()]
    if model.sharpness == 0:
        return _total(graph, [graph("Mul", each, share) for each, share in zip(surprises, shares, strict=True)])
    sharpness = graph.scalar(model.sharpness)
    highest = graph("Max", *surprises)
    parts = [graph("Exp", graph("Mul", graph("Sub", each, highest), sharpness)) for each in surprises]
    total = _total(graph, [graph("Mul", part, share) for part, share in zip(parts, shares, strict=True)])
    return graph("Add", highest, graph("Div", graph("Log", total), sharpness))


def _total(graph: Graph, parts: list[str]) -> str:
    total = parts[0]
    for part in parts[1:]:
        total = graph("Add", total, part)
    return total


def _table(graph: Graph, rows: str, segments: Segments) -> str:
    """Number of each row's table, (rows,), int64."""
    place = None
    for number, (start, end) in enumerate(pairwise(segments.starts.tolist())):
        column = graph("Gather", rows, graph.whole(int(segments.columns[number])), axis=1)
        above = graph("Greater", column, graph.constant(segments.cuts[start:end], np.float32))
        bin_ = graph("ReduceSum", graph.cast(above, TensorProto.INT64), graph.whole(1), keepdims=0)
        place = bin_ if place is None else graph("Add", graph("Mul", place, graph.whole(end - start + 1)), bin_)
    assert place is not None  # noqa: S101 - segments have a column
    return graph("Gather", graph.constant(segments.cells, np.int64), place)


def _surprise(graph: Graph, scores: str, table: str | None, tails: PTables) -> str:
    """−log p of ``scores`` by the tables, as ``detector.models.p_tables`` looks it up."""
    tables, knots = tails.scores.shape
    flat = [
        Trees.search(tails.scores[number], np.arange(knots + 1.0) + number * (knots + 1), column=0)
        for number in range(tables)
    ]
    asked = graph.column(scores)
    if table is None:
        flat = flat[:1]
    else:
        asked = graph("Concat", asked, graph.column(graph.cast(table)), axis=1)
    place = graph.cast(graph.trees(asked, Trees.by_number(flat, column=1)), TensorProto.INT64)

    def at(values: NDArray[np.float64]) -> str:
        return graph("Gather", graph.constant(values[: len(flat)].ravel()), place)

    # One more than knots: before the first nothing rises, beyond the last the logarithm does.
    rises = np.diff(tails.levels, axis=1)
    nothing = np.zeros((tables, 1))
    left = np.concatenate([nothing, tails.scores], axis=1)
    width = np.concatenate([nothing + 1.0, np.diff(tails.scores, axis=1), nothing + 1.0], axis=1)
    level = np.concatenate([tails.levels[:, :1], tails.levels], axis=1)
    rise = np.concatenate([nothing, rises, nothing], axis=1)
    slope = np.concatenate([np.zeros((tables, knots)), tails.slopes[:, None]], axis=1)
    excess = graph("Sub", scores, at(left))
    along = graph("Add", at(level), graph("Mul", graph("Div", excess, at(width)), at(rise)))
    beyond = graph("Log", graph("Add", graph.scalar(1.0), graph("Mul", at(slope), excess)))
    return graph("Add", along, beyond)


def _forest(graph: Graph, rows: str, model: IsolationForest) -> str:
    trees = _bounded(Trees.of_heaps(model.features, model.thresholds, model.leaves))
    lengths = graph.trees(graph.cast(rows), trees)
    mean = graph("Div", lengths, graph.scalar(len(model.features) * model.normal_length))
    return graph("Pow", graph.scalar(2.0), graph("Neg", mean))


def _scaled(graph: Graph, rows: str, scale: Scaling) -> str:
    away = graph("Div", graph("Sub", graph.cast(rows), graph.constant(scale.centre)), graph.constant(scale.scale))
    return graph("Clip", away, graph.scalar(-scale.clip), graph.scalar(scale.clip))


def _sums(graph: Graph, values: str, begins: str, along: list[str], dtype: int) -> str:
    """Add up (rows, points) feature by feature: squares of how far values (rows × features) are from the points.

    ``along``: points (features × points), and weights of the same shape if there are any.
    """
    rows = graph("Shape", values, start=0, end=1)
    begin = graph("Expand", begins, graph("Concat", rows, graph("Shape", begins), axis=0))

    def step(body: Graph, state: str, slices: list[str]) -> str:
        away = body("Sub", body.column(slices[0]), slices[1])
        square = body("Mul", away, away)
        return body("Add", state, body("Mul", square, slices[2]) if len(slices) > 2 else square)

    return graph.scan(begin, [graph("Transpose", values, perm=[1, 0]), *along], step, dtype)


def _diagonal(graph: Graph, rows: str, model: DiagonalKMeans) -> str:
    values = graph.cast(_scaled(graph, rows, model.scaling), TensorProto.FLOAT)
    begins = graph.constant(model.remoteness.sum(axis=0, dtype=np.float32), np.float32)
    along = [graph.constant(model.centres, np.float32), graph.constant(model.weights, np.float32)]
    sums = _sums(graph, values, begins, along, TensorProto.FLOAT)
    return graph("Sqrt", graph.cast(graph("ReduceMin", sums, graph.whole(1), keepdims=0)))


def _distances(graph: Graph, rows: str, scale: Scaling, points: NDArray[np.float64]) -> str:
    """Squared distances (rows × points) of scaled rows to the points (features × points), in float64."""
    begins = graph.constant(np.zeros(points.shape[1]))
    return _sums(graph, _scaled(graph, rows, scale), begins, [graph.constant(points)], TensorProto.DOUBLE)


def _components(graph: Graph, rows: str, model: Pca) -> str:
    distances = graph("Sqrt", _distances(graph, rows, model.scaling, model.components))
    return graph("ReduceSum", graph("Div", distances, graph.constant(model.weights)), graph.whole(1), keepdims=0)


def _steps(graph: Graph, rows: str, model: StepModel) -> str:
    _check_nodes(len(model.cuts))
    trees = [
        Trees.search(model.cuts[start:end], model.values[start + feature : end + feature + 1], column=feature)
        for feature, (start, end) in enumerate(pairwise(model.starts.tolist()))
    ]
    return graph.trees(_scaled(graph, rows, model.scaling), Trees.together(trees))


def _bounded(trees: Trees) -> Trees:
    _check_nodes(len(trees.splits))
    return trees


def _check_nodes(count: int) -> None:
    if count > MOST_NODES:
        raise ConfigurationError(f"a graph of {count:,} nodes of trees is larger than {MOST_NODES:,}")
