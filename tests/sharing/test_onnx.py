"""``model.onnx``: an ONNX runtime gives the kernels' scores and p-values, for every kind."""

from __future__ import annotations

import json
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from detector.bundle.files import read_bundle
from detector.cli import app
from detector.errors import ConfigurationError
from detector.models.base import Model
from detector.models.calibration import Calibration
from detector.models.every_kind import KINDS
from detector.models.kinds.isolation_forest import IsolationForest
from detector.registry.registry import Registry
from detector.sharing import kinds, onnx_model
from detector.sharing.onnx_model import to_onnx
from detector.sharing.trees import Trees
from tests.bundles import bundle, version_of
from tests.models.conformance import LARGEST, Matrix, training_rows
from training.estimators import fit_estimator

NAMES = [f"feature_{number}" for number in range(8)]

SEGMENTED = {
    "members": "forest,clusters,kmeans,hbos,ecod,pca,single",
    "sharpness": 1.0,
    "segments": "feature_2,feature_3",
    "segment_rows": 50,
}

CLOSE = 1e-5
"""What is promised of a score; p-values are promised to be the same."""

BUDGETS = (0.0001, 0.001, 0.01, 0.1)


@cache
def fitted(kind: str, *, segmented: bool = False) -> tuple[Model, Calibration]:
    """A small model of the kind, calibrated on rows that it did not see."""
    single = 5 if kind == "ensemble" else None
    params: dict[str, Any] = SEGMENTED if segmented else {}
    model = fit_estimator(kind, training_rows(1_000), seed=1, params=params, names=NAMES, single=single)
    return model, Calibration.fit(model.score(training_rows(3_000, seed=3)), 3_600.0)


def run(graph: bytes, rows: Matrix) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scores and p-values, by onnxruntime."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    scores, p_values = session.run(["score", "p_value"], {"features": rows})
    return scores, p_values


def hold(graph: bytes, model: Model, calibration: Calibration, rows: Matrix) -> None:
    """Compare the graph with the kernel: each score, each p-value, each label at each budget."""
    scores, p_values = run(graph, rows)
    expected = model.score(rows)
    assert np.abs((scores - expected) / np.maximum(1.0, np.abs(expected))).max() <= CLOSE
    assert np.array_equal(p_values, calibration.p_values(expected))
    for budget in BUDGETS:
        threshold = calibration.threshold(budget)
        assert np.array_equal(scores >= threshold, expected >= threshold)


def rows_of_every_sort(count: int) -> Matrix:
    """Usual rows, those that calibrated (they tie with thresholds), rows far away, and the largest there are."""
    far = training_rows(50, seed=4) * np.float32(1e6)
    extremes = np.full((2, 8), LARGEST, dtype=np.float32) * np.array([[1], [-1]], dtype=np.float32)
    return np.concatenate([training_rows(count, seed=2), training_rows(3_000, seed=3), far, extremes])


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_graph_equals_kernel(kind: str) -> None:
    """The graph of each kind gives the kernel's scores, p-values and labels."""
    model, calibration = fitted(kind)
    hold(to_onnx(model, calibration, NAMES), model, calibration, rows_of_every_sort(500))


def test_graph_of_all_members_by_segment_equals_kernel() -> None:
    """An ensemble of every member, sharp and by segments, gives the same as well."""
    model, calibration = fitted("ensemble", segmented=True)
    hold(to_onnx(model, calibration, NAMES), model, calibration, rows_of_every_sort(500))


@pytest.mark.parametrize("count", [1, 2, 60, 130])
def test_size_of_batch_changes_no_label(count: int) -> None:
    """Few rows, which a runtime may add up in another order, have the same p-values."""
    model, calibration = fitted("isolation-forest")
    hold(to_onnx(model, calibration, NAMES), model, calibration, training_rows(3_000, seed=3)[:count])


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_graph_equals_kernel_on_many_rows(kind: str) -> None:
    """On 100,000 rows no label is flipped."""
    model, calibration = fitted(kind)
    hold(to_onnx(model, calibration, NAMES), model, calibration, rows_of_every_sort(100_000))


@pytest.mark.slow
def test_default_model_of_windowed_flows_equals_kernel() -> None:
    """So it is with the default model of flows with addresses, of which clusters of single flows are a member."""
    loaded = read_bundle(bundle(windows=True, kind="ensemble"))
    seen = loaded.self_test_rows
    rng = np.random.default_rng(1)
    rows = seen[rng.integers(0, len(seen), 100_000)]
    moved = rng.random(rows.shape) < 0.05
    rows = np.where(moved, rows * rng.normal(1.0, 2.0, rows.shape), rows).astype(np.float32)
    graph = to_onnx(loaded.model, loaded.calibration, loaded.extractor.spec.names)
    hold(graph, loaded.model, loaded.calibration, rows)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 8, 100])
def test_search_counts_cuts_below(count: int) -> None:
    """A tree of cuts leads where a binary search does, at the cuts themselves too."""
    cuts = np.sort(np.random.default_rng(count).integers(0, 50, count)).astype(np.float64)
    trees = Trees.search(cuts, np.arange(count + 1.0))
    for value in np.arange(-1.0, 51.0, 0.5):
        node, ends = int(trees.roots[0]), False
        while not ends:
            yes = value <= trees.splits[node]
            to, over = (trees.true_to, trees.true_ends) if yes else (trees.false_to, trees.false_ends)
            node, ends = int(to[node]), bool(over[node])
        assert trees.leaves[node] == np.searchsorted(cuts, value)


def test_forest_of_bare_leaves_is_a_graph() -> None:
    """A forest whose trees tell nothing apart, beside one that does, gives the kernel's scores."""
    features = np.zeros((2, 3), dtype=np.int16)
    thresholds = np.array([[np.inf] * 3, [0.0, np.inf, 1.0]], dtype=np.float32)
    lengths = np.array([[3.0] * 7, [2.0, 1.5, 2.5, 1.0, 1.0, 2.0, 4.0]])
    forest = IsolationForest.build(features, thresholds, lengths, 2.0, 2)
    rows = np.array([[-1, 0], [0, 0], [0.5, 0], [1, 0], [2, 0]], dtype=np.float32)
    calibration = Calibration.fit(forest.score(rows), 1.0)
    hold(to_onnx(forest, calibration, ["a", "b"]), forest, calibration, rows)


def test_graph_names_its_features() -> None:
    """It says which features it wants, and of which kind it is, and has the same bytes each time."""
    model, calibration = fitted("pca")
    graph = to_onnx(model, calibration, NAMES)
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    about = session.get_modelmeta().custom_metadata_map
    assert (about["kind"], json.loads(about["features"])) == ("pca", NAMES)
    assert [(each.name, each.type, each.shape) for each in session.get_inputs()] == [
        ("features", "tensor(float)", ["rows", 8])
    ]
    assert graph == to_onnx(model, calibration, NAMES)


@pytest.mark.parametrize(
    ("module", "bound", "message"),
    [(kinds, "MOST_NODES", "nodes of trees is larger"), (onnx_model, "MOST_BYTES", "MiB is larger")],
)
def test_too_large_a_graph_is_refused(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, bound: str, message: str
) -> None:
    """What would be too large, in nodes or in bytes, is said, not written."""
    monkeypatch.setattr(module, bound, 100)
    with pytest.raises(ConfigurationError, match=message):
        to_onnx(*fitted("ecod"), NAMES)


def test_export_writes_a_published_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`oddflow models export` writes the graph of a version, which scores as the version does."""
    monkeypatch.delenv("ODDFLOW_CONFIG", raising=False)
    registry, files = Registry(str(tmp_path / "registry")), bundle()
    registry.publish("flows", version_of(files), files)
    output = tmp_path / "model.onnx"
    given = ["models", "export", version_of(files), "--registry", registry.url, "--output", str(output), "--json"]
    result = CliRunner().invoke(app, given)
    assert (result.exit_code, result.stderr) == (0, "")
    told = json.loads(result.stdout)
    assert (told["kind"], told["bytes"]) == ("isolation-forest", output.stat().st_size)
    loaded = read_bundle(files)
    hold(output.read_bytes(), loaded.model, loaded.calibration, loaded.self_test_rows)


def test_export_without_its_extra_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the package is not installed, the command says what to install."""
    monkeypatch.setitem(sys.modules, "detector.sharing.onnx_model", None)
    result = CliRunner().invoke(app, ["models", "export", "--output", str(tmp_path / "model.onnx")])
    assert result.exit_code == 2
    assert "pip install 'oddflow[onnx]'" in result.stderr


def test_the_page_s_example_scores_as_it_says() -> None:
    """The forest of one tree in the page on other languages scores its row 0.5."""
    forest = IsolationForest.build(
        np.array([[0, 1, 0]], dtype=np.int16),
        np.array([[0.5, 2.0, 9.0]], dtype=np.float32),
        np.array([[1.5, 1.2, 2.0, 1.0, 2.0, 2.0, 2.0]]),
        2.0,
        2,
    )
    row = np.array([[0.4, 3.0]], dtype=np.float32)
    assert forest.score(row).tolist() == [0.5]
    assert run(to_onnx(forest, Calibration.fit(np.array([0.5]), 1.0), ["a", "b"]), row)[0].tolist() == [0.5]
