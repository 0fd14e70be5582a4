"""The Go program of ``examples/go``: it scores a bundle's own rows as the kernels do."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from detector.bundle.files import build_bundle, read_bundle
from detector.bundle.manifest import TrainingData
from detector.features.extractor import FeatureExtractor, build_spec
from detector.models.calibration import Calibration
from detector.models.every_kind import KINDS
from tests.bundles import bundle, ordinary_flows
from tests.programs import needed
from training.estimators import fit_estimator

pytestmark = pytest.mark.slow

SOURCES = Path(__file__).parents[2] / "examples" / "go"

USUAL_PLACE = "/usr/local/go/bin"
"""Where Go's own archive is unpacked."""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, built; without Go the test fails in CI and is skipped elsewhere."""
    path = os.pathsep.join([os.environ.get("PATH", ""), USUAL_PLACE])
    go = needed("go", "Go is not installed: go.dev has it", path=path)
    place = tmp_path_factory.mktemp("go") / "score"
    quiet = {"GOTOOLCHAIN": "local", "GOPROXY": "off", "CGO_ENABLED": "0"}
    built = subprocess.run(
        [go, "build", "-o", str(place), "."], cwd=SOURCES, env=os.environ | quiet, capture_output=True, text=True,
        timeout=280, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    return place


def run(program: Path, *arguments: Path) -> subprocess.CompletedProcess[str]:
    """Run it."""
    return subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60, check=False)


def written(files: dict[str, bytes], folder: Path) -> Path:
    """A bundle as a folder."""
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def of_kind(kind: str) -> dict[str, bytes]:
    """A small bundle of the kind; an ensemble is of all members, by segments."""
    flows = ordinary_flows(1_000)
    extractor = FeatureExtractor.fit(flows, build_spec())
    matrix, names = extractor.transform(flows), extractor.spec.names
    params = {}
    if kind == "ensemble":
        segments = ",".join(names[place] for place in (0, 1))
        members = "forest,clusters,kmeans,hbos,ecod,pca,single"
        params = {"members": members, "segments": segments, "segment_rows": 50, "sharpness": 1.0}
    model = fit_estimator(kind, matrix, seed=1, params=params, names=names, single=len(names) - 3)
    return build_bundle(
        name="flows",
        extractor=extractor,
        model=model,
        calibration=Calibration.fit(model.score(matrix), 1_000.0),
        self_test_rows=matrix,
        training=TrainingData(rows=1_000),
    )


def test_default_model_scores_the_same(program: Path, tmp_path: Path) -> None:
    """Of what `train` makes by default, with windows, every row that came along scores the same within 1e-9."""
    done = run(program, written(dict(bundle(windows=True, kind="ensemble")), tmp_path / "bundle"))
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert (told["kind"], told["rows"], told["same"]) == ("ensemble", 64, True)
    assert told["furthest"] <= 1e-9


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_scores_the_same(program: Path, tmp_path: Path, kind: str) -> None:
    """So it is with each kind, and an ensemble of all members."""
    done = run(program, written(of_kind(kind), tmp_path / "bundle"))
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["furthest"] <= 1e-9


def test_rows_of_a_file_are_scored(program: Path, tmp_path: Path) -> None:
    """Features from a file get the kernel's scores and p-values."""
    files = of_kind("isolation-forest")
    loaded = read_bundle(files)
    data = tmp_path / "features.csv"
    np.savetxt(data, loaded.self_test_rows, fmt="%.9g", delimiter=",")
    done = run(program, written(files, tmp_path / "bundle"), data)
    found = np.array([line.split(",") for line in done.stdout.splitlines()], dtype=np.float64)
    expected = loaded.model.score(loaded.self_test_rows)
    assert np.allclose(found[:, 0], expected, rtol=1e-9, atol=0)
    assert np.allclose(found[:, 1], loaded.calibration.p_values(expected), rtol=0.01)


def test_another_score_is_told(program: Path, tmp_path: Path) -> None:
    """Where a number of the model is another, the program says so and ends with 1; a torn file ends so too."""
    files = of_kind("isolation-forest")
    folder = written(files, tmp_path / "bundle")
    arrays = folder / "arrays.safetensors"
    data = bytearray(files["arrays.safetensors"])
    length = int.from_bytes(data[:8], "little")
    begin = json.loads(data[8 : 8 + length])["model.normal_length"]["data_offsets"][0] + 8 + length
    data[begin : begin + 8] = np.float64(3.0).tobytes()
    arrays.write_bytes(data)
    done = run(program, folder)
    assert (done.returncode, json.loads(done.stdout)["same"]) == (1, False)
    arrays.write_bytes(data[:-100])
    assert run(program, folder).returncode == 1
