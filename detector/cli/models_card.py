"""``oddflow models card``: a version's card, out of the registry."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
from detector.registry.names import CHAMPION

PAGE, DOCUMENT = "card.html", "card.json"


def card(
    which: WhichArgument = CHAMPION,
    registry: RegistryOption = None,
    model: ModelOption = None,
    *,
    output: Annotated[
        Path, typer.Option("--output", help="File to write: a page for a browser, or JSON if it ends in .json.")
    ] = Path(PAGE),
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the card of a version: what it was trained on, finds and misses, and what to expect of it.

    Examples:

      oddflow models card --output card.html

      oddflow models card challenger --registry s3://models --output challenger.json
    """
    place = ModelPlace.chosen(registry, model, config)
    version = place.registry.resolve(place.model, which)
    name = DOCUMENT if output.suffix == ".json" else PAGE
    data = place.registry.file(place.model, version, name)
    write_output(output, data)
    told = {"model": place.model, "version": version, "output": str(output), "bytes": len(data)}
    give(told, as_json, lambda _: f"{output}: the card of {place.model} {version}")
