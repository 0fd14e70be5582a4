"""What all of ``oddflow models`` share: which registry, which model, how results are told."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from detector.cli.whole_file import write_whole
from detector.registry.registry import Registry
from detector.registry.trusted import open_registry
from detector.settings.load import load_settings

RegistryOption = Annotated[
    str | None,
    typer.Option("--registry", help="Folder or URL of the registry; the settings' model.registry if not given."),
]
ModelOption = Annotated[
    str | None, typer.Option("--model", help="Name of the model; the settings' model.name if not given.")
]
AliasOption = Annotated[str, typer.Option("--alias", help="Alias to move.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why, for the history.")]
ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="Settings file (TOML). Default: the one ODDFLOW_CONFIG names.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="For a program to read.")]
WhichArgument = Annotated[str, typer.Argument(metavar="VERSION|ALIAS", help="Which version.")]


@dataclass(frozen=True, slots=True)
class ModelPlace:
    """The registry and the model that a command is about."""

    registry: Registry
    model: str

    @classmethod
    def chosen(
        cls, registry: str | None, model: str | None, config: Path | None, *, trusting: bool = False
    ) -> ModelPlace:
        """Take what was given, and the rest from the settings; ``trusting``: versions that nobody signed, too.

        Raises ConfigurationError or RegistryError.
        """
        chosen = load_settings(config, {"model.registry": registry, "model.name": model}).model
        return cls(Registry(chosen.registry) if trusting else open_registry(chosen), chosen.name)


def give(thing: Any, as_json: bool, people: Callable[[Any], Table | str]) -> None:
    """Print it as JSON, or as ``people`` makes of it."""
    if as_json:
        typer.echo(json.dumps(thing, indent=2))
    else:
        Console(highlight=False, soft_wrap=True, markup=False, emoji=False).print(people(thing))


def write_output(path: Path, data: bytes) -> None:
    """Write a file that --output names. Raises OutputError where it cannot be; what was there stays then."""
    write_whole(str(path), lambda file: file.write(data))
