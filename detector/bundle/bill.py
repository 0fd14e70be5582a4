"""What is in a model, as a CycloneDX 1.6 ML-BOM: the model with its card, its data, its files, its libraries.

From the manifest alone, and with nothing of the clock: the same version gives the same bytes. CycloneDX' own library
has no model cards, so the document is laid out here; tests validate it by that library. Pure.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from detector.bundle.manifest import Manifest

FORMAT = "CycloneDX"
SPEC_VERSION = "1.6"


def bill_of(manifest: Manifest, version: str) -> dict[str, Any]:
    """The document of a sealed manifest; ``version`` is of the oddflow that writes it."""
    model = f"pkg:generic/{manifest.name}@{manifest.version}"
    data = f"data:{manifest.training.sha256 or manifest.version}"
    libraries = [_library(name, each) for name, each in sorted(manifest.libraries.items())]
    return {
        "bomFormat": FORMAT,
        "specVersion": SPEC_VERSION,
        "serialNumber": f"urn:uuid:{UUID(manifest.digest[:32], version=4)}",
        "version": 1,
        "metadata": {
            "timestamp": manifest.created,
            "tools": {"components": [{"type": "application", "name": "oddflow", "version": version}]},
            "component": _model(manifest, model, data),
        },
        "components": [_data(manifest, data), *libraries],
        "dependencies": [
            {"ref": model, "dependsOn": [data, *(each["bom-ref"] for each in libraries)]},
            *({"ref": each} for each in [data, *(library["bom-ref"] for library in libraries)]),
        ],
    }


def _model(manifest: Manifest, reference: str, data: str) -> dict[str, Any]:
    files = [
        {
            "type": "file",
            "bom-ref": f"file:{name}",
            "name": name,
            "hashes": [{"alg": "SHA-256", "content": entry.sha256}],
        }
        for name, entry in sorted(manifest.files.items())
    ]
    parameters = {**manifest.parameters, **{f"seed.{name}": seed for name, seed in manifest.seeds.items()}}
    return {
        "type": "machine-learning-model",
        "bom-ref": reference,
        "name": manifest.name,
        "version": manifest.version,
        "description": "Tells how unusual network flows are.",
        "hashes": [{"alg": "SHA-256", "content": manifest.digest}],
        "components": files,
        "modelCard": {
            "modelParameters": {
                "approach": {"type": "unsupervised"},
                "task": "anomaly detection",
                "architectureFamily": manifest.kind,
                "datasets": [{"ref": data}],
                "inputs": [{"format": f"{len(manifest.features.features)} features of a flow, float32"}],
                "outputs": [{"format": "score and p-value, float64"}],
            },
            "quantitativeAnalysis": {"performanceMetrics": [_figure(manifest, name) for name in manifest.quality]},
            "considerations": {
                "useCases": ["Flows of the network that it was trained on"],
                "technicalLimitations": [
                    "It calls odd what its training data did not hold, harmful or not",
                    "An attack that was in its training data looks usual",
                ],
            },
        },
        "properties": _properties(
            {
                "features_hash": manifest.features_hash,
                "format_version": manifest.format_version,
                "parent": manifest.parent or "none",
                "calibration.rows": manifest.calibration.rows,
                "calibration.seconds": manifest.calibration.seconds,
                **{f"parameter.{name}": value for name, value in sorted(parameters.items())},
            }
        ),
    }


def _figure(manifest: Manifest, name: str) -> dict[str, Any]:
    figure = manifest.quality[name]
    told: dict[str, Any] = {"type": name, "value": f"{figure.value:g}"}
    if figure.low is not None and figure.high is not None:
        told["confidenceInterval"] = {"lowerBound": f"{figure.low:g}", "upperBound": f"{figure.high:g}"}
    return told


def _data(manifest: Manifest, reference: str) -> dict[str, Any]:
    training = manifest.training
    name = training.dataset if isinstance(training.dataset, str) else ", ".join(training.sources) or "flows"
    told = {
        "format": training.format,
        "rows": training.rows,
        "rows_read": training.rows_read,
        "train_on": training.train_on,
        "start": training.start,
        "end": training.end,
        "dataset_sha256": training.dataset_sha256 if isinstance(training.dataset_sha256, str) else None,
    }
    component: dict[str, Any] = {
        "type": "data",
        "bom-ref": reference,
        "name": name,
        "data": [{"type": "dataset", "name": name}],
        "properties": _properties({key: value for key, value in told.items() if value not in {None, ""}}),
    }
    if training.sha256:
        component["hashes"] = [{"alg": "SHA-256", "content": training.sha256}]
    return component


def _library(name: str, version: str) -> dict[str, Any]:
    reference = f"pkg:pypi/{name}@{version}"
    return {"type": "library", "bom-ref": reference, "name": name, "version": version, "purl": reference}


def _properties(values: dict[str, Any]) -> list[dict[str, str]]:
    return [{"name": f"oddflow:{name}", "value": str(value)} for name, value in values.items()]
