"""``model.onnx``: features of flows in, scores and p-values out, for any ONNX runtime from 1.21 on.

Input ``features``: float32, rows × features, in the order that the model's metadata and the manifest name. Outputs
``score`` and ``p_value``: float64, (rows,) each. What computes the features of a flow is not in it.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import onnx
from onnx import TensorProto, helper

from detector.errors import ConfigurationError
from detector.models.base import Model
from detector.models.calibration import Calibration
from detector.sharing.graph import IR_VERSION, OPSETS, Graph
from detector.sharing.kinds import judged, score

MODEL = "model.onnx"

MOST_BYTES = 64 << 20
"""Of it: a bundle is fetched whole by every daemon, which has no use for this part of it."""

FEATURES, SCORE, P_VALUE = "features", "score", "p_value"


def to_onnx(model: Model, calibration: Calibration, names: Sequence[str]) -> bytes:
    """Give the graph of a model with features of these names. Raises ConfigurationError where it is too large."""
    graph = Graph()
    scores, shares = judged(graph, score(graph, FEATURES, model), calibration)
    for inner, outer in ((scores, SCORE), (shares, P_VALUE)):
        graph.nodes.append(helper.make_node("Identity", [inner], [outer], name=outer))
    made = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "oddflow",
            [helper.make_tensor_value_info(FEATURES, TensorProto.FLOAT, ["rows", model.n_features])],
            [helper.make_tensor_value_info(name, TensorProto.DOUBLE, ["rows"]) for name in (SCORE, P_VALUE)],
            list(graph.constants.values()),
        ),
        producer_name="oddflow",
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid(domain, version) for domain, version in OPSETS.items()],
    )
    helper.set_model_props(made, {"kind": model.kind, "features": msgspec.json.encode(list(names)).decode()})
    onnx.checker.check_model(made)
    data = made.SerializeToString(deterministic=True)
    if len(data) > MOST_BYTES:
        raise ConfigurationError(f"a graph of {len(data) >> 20} MiB is larger than {MOST_BYTES >> 20}")
    return bytes(data)
