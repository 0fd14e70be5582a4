"""``oddflow models sbom``: what a version is made of, as a document that others' tools read."""

from __future__ import annotations

import json
from importlib.metadata import version as installed_version

import typer

from detector.bundle.bill import bill_of
from detector.bundle.files import read_manifest
from detector.cli.models_place import ConfigOption, ModelOption, ModelPlace, RegistryOption, WhichArgument
from detector.registry.names import CHAMPION


def sbom(
    which: WhichArgument = CHAMPION,
    registry: RegistryOption = None,
    model: ModelOption = None,
    *,
    config: ConfigOption = None,
) -> None:
    """Print what is in a version as a CycloneDX 1.6 ML-BOM in JSON: its card, data, files and libraries, with hashes.

    Examples:

      oddflow models sbom > model.cdx.json

      oddflow models sbom challenger --registry s3://models
    """
    place = ModelPlace.chosen(registry, model, config)
    version = place.registry.resolve(place.model, which)
    manifest = read_manifest(place.registry.fetch(place.model, version))
    typer.echo(json.dumps(bill_of(manifest, installed_version("oddflow")), indent=2))
