"""``oddflow train --kind ensemble``, with windows and segments, from files to alerts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from detector.models.ensemble import Ensemble
from tests.commands import run
from tests.training.test_commands import FORMAT, loaded, write

pytestmark = pytest.mark.slow

SMALL = ("n_estimators=50", "clusters_n_clusters=32", "single_n_clusters=32")

SEGMENTS = ("--param", "segments=failed,is_udp", "segment_rows=200", *SMALL)


@pytest.fixture(scope="module")
def flows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labelled flows with scans in them."""
    return write(tmp_path_factory.mktemp("flows") / "labelled.json", 4, ("vertical-scan", "horizontal-scan"))


@pytest.fixture(scope="module")
def registry(flows: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with an ensemble trained on them, a few attacks among its rows."""
    folder = tmp_path_factory.mktemp("registry")
    given = ("--data", str(flows), *FORMAT, "--registry", str(folder), "--train-on", "normal+0.01", "--folds", "0")
    code, out, err = run("train", *given, "--kind", "ensemble", *SEGMENTS, "--json")
    assert code == 0, err
    assert json.loads(out)["kind"] == "ensemble"
    return folder


def test_segments_are_told_from_the_features_named(registry: Path) -> None:
    """The bundle holds an ensemble whose segments are the columns of the features that the flag names."""
    champion = loaded(registry)
    assert isinstance(champion.model, Ensemble)
    assert champion.model.segments is not None
    names = champion.extractor.spec.names
    assert [names[column] for column in champion.model.segments.columns] == ["failed", "is_udp"]
    assert any(name.startswith("pair_") for name in names)


def test_it_finds_scans(registry: Path, flows: Path) -> None:
    """It tells the scans from the rest, after a training that a few of them were in."""
    code, out, err = run("evaluate", "--data", str(flows), *FORMAT, "--registry", str(registry), "--json")
    assert code == 0, err
    assert json.loads(out)["roc_auc"] > 0.95


def test_detect_raises_and_explains(registry: Path, flows: Path, tmp_path: Path) -> None:
    """The daemon reads a file with it, and each alert names what made it one."""
    alerts = tmp_path / "alerts.jsonl"
    given = ("--input", str(flows), *FORMAT, "--registry", str(registry), "--output", str(alerts), "--port", "0")
    code, _, err = run("detect", *given)
    assert code == 0, err
    found = [json.loads(line) for line in alerts.read_text().splitlines()]
    assert found
    assert all(alert["unmapped"]["oddflow"]["score"] > 0 and " → " in alert["message"] for alert in found[:5])


def test_a_feature_that_there_is_not_is_told(flows: Path, tmp_path: Path) -> None:
    """Segments by a feature that does not exist are an error of one line, and nothing is published."""
    given = ("--data", str(flows), *FORMAT, "--registry", str(tmp_path / "registry"), "--folds", "0")
    code, _, err = run("train", *given, "--kind", "ensemble", "--param", "segments=colour")
    assert code == 2
    assert "no feature 'colour'" in err
    assert not (tmp_path / "registry").exists() or not list((tmp_path / "registry").glob("**/model.json"))
