"""``oddflow models export``: a version as a graph that other languages run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from detector.bundle.files import read_bundle
from detector.cli.models_place import (
    ConfigOption,
    JsonOption,
    ModelOption,
    ModelPlace,
    RegistryOption,
    WhichArgument,
    give,
    write_output,
)
from detector.errors import ConfigurationError
from detector.registry.names import CHAMPION


def export(
    which: WhichArgument = CHAMPION,
    registry: RegistryOption = None,
    model: ModelOption = None,
    *,
    output: Annotated[Path, typer.Option("--output", help="File to write.")] = Path("model.onnx"),
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a version as an ONNX graph: features in, score and p-value out. Needs the extra `onnx`.

    Examples:

      oddflow models export --output model.onnx

      oddflow models export challenger --registry s3://models --output challenger.onnx --json
    """
    try:
        from detector.sharing.onnx_model import to_onnx  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"models export: not installed (no Python package {error.name}); pip install 'oddflow[onnx]'"
        ) from error
    place = ModelPlace.chosen(registry, model, config)
    version = place.registry.resolve(place.model, which)
    loaded = read_bundle(place.registry.fetch(place.model, version))
    data = to_onnx(loaded.model, loaded.calibration, loaded.extractor.spec.names)
    write_output(output, data)
    told = {
        "model": place.model,
        "version": version,
        "kind": loaded.model.kind,
        "features": loaded.model.n_features,
        "output": str(output),
        "bytes": len(data),
    }
    give(told, as_json, lambda _: f"{output}: {place.model} {version}, {len(data) >> 10} KiB")
