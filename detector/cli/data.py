"""What train, evaluate and score have in common: the flags that say which flows, and reading those flows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from detector.errors import ConfigurationError
from detector.settings import Settings, load_settings

if TYPE_CHECKING:
    from detector.cli.steps import Steps
    from detector.dataset import Dataset

ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="Settings file (TOML). Default: the one ODDFLOW_CONFIG names.")
]
DataOption = Annotated[
    list[str] | None,
    typer.Option(
        "--data",
        help="File of flow records: lines, plain or gzip, or Parquet; `-` is standard input. May be repeated.",
    ),
]
FormatOption = Annotated[
    str | None,
    typer.Option(
        "--format", help="Format of a record, such as zeek or suricata; the settings' input.format if not given."
    ),
]
RegistryOption = Annotated[
    str | None,
    typer.Option("--registry", help="Folder or URL of the registry; the settings' model.registry if not given."),
]
ModelOption = Annotated[
    str | None, typer.Option("--model", help="Name of the model; the settings' model.name if not given.")
]
AliasOption = Annotated[
    str | None, typer.Option("--alias", help="Alias of the version; the settings' model.alias if not given.")
]
VersionOption = Annotated[str | None, typer.Option("--version", help="The version by its name, instead of an alias.")]
WarmUpOption = Annotated[
    list[str] | None,
    typer.Option("--warm-up", help="File of earlier flows: they pass through the features, unscored. May be repeated."),
]
AttackerOption = Annotated[
    list[str] | None,
    typer.Option("--attacker", help="Label flows from or to this address as attacks, all others benign. Repeatable."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="For a program to read.")]


def settings_of(config: Path | None, **flags: str | None) -> Settings:
    """The daemon's settings, with a command's flags (``input__format="zeek"``) over them."""
    dotted: dict[str, Any] = {name.replace("__", "."): value for name, value in flags.items()}
    return load_settings(config, dotted)


def read_files(settings: Settings, paths: list[str] | None, steps: Steps, *, labels: bool, what: str = "") -> Dataset:
    """Read files in the settings' format. Raises ConfigurationError if there is none; see ``read_dataset``."""
    from detector.dataset import read_dataset  # noqa: PLC0415 - compiles kernels; --help needs none

    if not paths:
        raise ConfigurationError("no flows given: name their files with --data FILE")
    steps(f"reading {what}flows")
    chosen = settings.input
    return read_dataset(paths, chosen.format, labels=labels, mapping=chosen.mapping or None, tell=steps.count)
