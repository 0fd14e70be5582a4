"""A graph in the making: nodes are added one by one, and each gives the name of what it puts out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from detector.sharing.trees import Trees

TREES = "ai.onnx.ml"
OPSETS = {"": 21, TREES: 5}
IR_VERSION = 10
"""Those of onnxruntime 1.21 (2025), the first with ``TreeEnsemble`` in float64."""

AT_MOST = 0
"""A node's mode ``BRANCH_LEQ``."""


class Graph:
    """Nodes and constants, in the order in which they were added."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}
        self._count = 0

    def constant(self, value: NDArray[Any] | float, dtype: type[np.generic] = np.float64) -> str:
        """Add an array."""
        name = self._new("constant")
        self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(np.asarray(value, dtype=dtype)), name)
        return name

    def whole(self, *numbers: int) -> str:
        """Add a list of whole numbers: axes, shapes, starts."""
        return self.constant(np.array(numbers), np.int64)

    def scalar(self, value: float) -> str:
        """Add one float64."""
        name = self._new("constant")
        self.constants[name] = numpy_helper.from_array(np.array(value, dtype=np.float64), name)
        return name

    def __call__(self, operator: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Add a node with one output."""
        name = self._new(operator.lower())
        self.nodes.append(helper.make_node(operator, list(inputs), [name], name=name, domain=domain, **attributes))
        return name

    def cast(self, what: str, to: int = TensorProto.DOUBLE) -> str:
        """Give the same numbers in another type."""
        return self("Cast", what, to=to)

    def column(self, vector: str) -> str:
        """Make (rows,) to (rows, 1)."""
        return self("Unsqueeze", vector, self.whole(1))

    def flat(self, column: str) -> str:
        """Make (rows, 1) to (rows,)."""
        return self("Squeeze", column, self.whole(1))

    def trees(self, rows: str, trees: Trees) -> str:
        """Add up what the trees give for ``rows`` (rows × columns, float64): (rows,)."""
        nodes = len(trees.splits)
        given = self(
            "TreeEnsemble",
            rows,
            domain=TREES,
            n_targets=1,
            aggregate_function=1,
            post_transform=0,
            tree_roots=trees.roots.tolist(),
            nodes_featureids=trees.features.tolist(),
            nodes_splits=numpy_helper.from_array(trees.splits, "nodes_splits"),
            nodes_modes=numpy_helper.from_array(np.full(nodes, AT_MOST, dtype=np.uint8), "nodes_modes"),
            nodes_truenodeids=trees.true_to.tolist(),
            nodes_trueleafs=trees.true_ends.astype(np.int64).tolist(),
            nodes_falsenodeids=trees.false_to.tolist(),
            nodes_falseleafs=trees.false_ends.astype(np.int64).tolist(),
            leaf_targetids=[0] * len(trees.leaves),
            leaf_weights=numpy_helper.from_array(trees.leaves, "leaf_weights"),
        )
        return self.flat(given)

    def scan(
        self,
        begin: str,
        along: Sequence[str],
        step: Callable[[Graph, str, list[str]], str],
        dtype: int = TensorProto.DOUBLE,
    ) -> str:
        """Carry ``begin`` through ``step``, once for each place along the first axis of ``along``: the last one.

        Operators that add up as they like give other last bits on other machines; this has one order.
        """
        body = Graph()
        body._count = self._count + 1
        state = body._new("state")
        slices = [body._new("slice") for _ in along]
        last = step(body, state, slices)
        inside = helper.make_graph(
            body.nodes,
            "step",
            [helper.make_tensor_value_info(name, dtype, None) for name in (state, *slices)],
            [helper.make_tensor_value_info(last, dtype, None)],
            list(body.constants.values()),
        )
        self._count = body._count
        return self("Scan", begin, *along, body=inside, num_scan_inputs=len(along))

    def _new(self, stem: str) -> str:
        self._count += 1
        return f"{stem}_{self._count}"
