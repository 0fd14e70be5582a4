"""``oddflow models sbom``: CycloneDX' own library finds it valid, and it names what the manifest does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from msgspec.structs import replace
from typer.testing import CliRunner

from detector.bundle.bill import bill_of
from detector.bundle.manifest import Figure, TrainingData, decode_manifest
from detector.cli import app
from detector.registry.registry import Registry
from tests.bundles import bundle, version_of

VERSION = version_of(bundle())


def wrong(document: str) -> str | None:
    """What CycloneDX' validator says against a document; None where it is valid."""
    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(document)
    return None if error is None else str(error)


def test_bill_is_valid_and_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The document is valid, and has the model, each file's digest, the data and every library with its version."""
    monkeypatch.delenv("ODDFLOW_CONFIG", raising=False)
    registry = Registry(str(tmp_path))
    registry.publish("flows", VERSION, bundle())
    result = CliRunner().invoke(app, ["models", "sbom", VERSION, "--registry", registry.url])
    assert (result.exit_code, result.stderr, wrong(result.stdout)) == (0, "", None)
    told, manifest = json.loads(result.stdout), decode_manifest(bundle()["model.json"])
    model = told["metadata"]["component"]
    assert (model["type"], model["version"], model["hashes"][0]["content"]) == (
        "machine-learning-model",
        VERSION,
        manifest.digest,
    )
    digests = {each["name"]: each["hashes"][0]["content"] for each in model["components"]}
    assert digests == {name: entry.sha256 for name, entry in manifest.files.items()}
    libraries = {each["name"]: each["version"] for each in told["components"] if each["type"] == "library"}
    assert libraries == manifest.libraries
    assert [each["name"] for each in told["components"] if each["type"] == "data"] == ["conn.log"]


def test_bill_tells_quality_and_data_set() -> None:
    """Quality with its range and a data set by name and digest stay valid; nothing depends on the clock."""
    manifest = decode_manifest(bundle()["model.json"])
    training = TrainingData(rows=9, sha256="a" * 64, dataset="office@1", dataset_sha256="b" * 64)
    quality = {"roc_auc": Figure(0.9, 0.8, 0.95), "recall": Figure(0.5)}
    measured = replace(manifest, training=training, quality=quality, parameters={"drop": 0.1}, seeds={"training": 1})
    bill = bill_of(measured.sealed(), "0.1.0")
    assert wrong(json.dumps(bill)) is None
    assert bill == bill_of(measured.sealed(), "0.1.0")
    card = bill["metadata"]["component"]["modelCard"]
    assert [each["type"] for each in card["quantitativeAnalysis"]["performanceMetrics"]] == ["roc_auc", "recall"]
    assert bill["components"][0]["name"] == "office@1"


def test_the_validator_finds_what_is_wrong() -> None:
    """A model card on something that is no model's field is found."""
    bill = bill_of(decode_manifest(bundle()["model.json"]), "0.1.0")
    bill["metadata"]["component"]["modelCard"]["surprise"] = 1
    assert wrong(json.dumps(bill)) is not None
