"""``oddflow config``: check the settings, show what is in force, or give their JSON Schema."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

import typer

from detector.settings.load import load_settings
from detector.settings.pages import dumped, plain, schema
from detector.settings.tree import Settings

app = typer.Typer(help="Check, show and describe the settings.", no_args_is_help=True, add_completion=False)

ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="Settings file (TOML).", envvar="ODDFLOW_CONFIG", show_default=False)
]
JsonOption = Annotated[bool, typer.Option("--json", help="For a program to read.")]


@app.command()
def check(config: ConfigOption = None, *, as_json: JsonOption = False) -> None:
    """Read the settings as the daemon would; exit 2 with one line if anything is wrong.

    A rule of the allow-list that has ended, or ends within two weeks, is a note; so are messages that go without TLS.

    Examples:

      oddflow config check

      oddflow config check --config oddflow.toml --json
    """
    settings = load_settings(config)
    _check_input(settings)
    notes = _check_assets(settings) + _check_ways(settings)
    if as_json:
        typer.echo(json.dumps({"valid": True, "notes": notes}))
    else:
        typer.echo("\n".join(["settings are valid", *(f"note: {note}" for note in notes)]))


@app.command()
def dump(config: ConfigOption = None, *, as_json: JsonOption = False) -> None:
    """Show every setting in force, from file, environment and defaults; secrets stay hidden.

    Examples:

      oddflow config dump

      oddflow config dump --config oddflow.toml --json
    """
    settings = load_settings(config)
    typer.echo(json.dumps(plain(settings), indent=2) if as_json else dumped(settings), nl=as_json)


@app.command("schema")
def show_schema(
    of: Annotated[
        Literal["settings", "alert", "alert-ecs", "incident", "incident-ecs", "label", "suppression"],
        typer.Argument(help="Of what."),
    ] = "settings",
) -> None:
    """Give the JSON Schema of the settings file, for an editor; or of an alert, incident, label or suppression.

    Examples:

      oddflow config schema

      oddflow config schema alert
    """
    if of == "settings":
        typer.echo(json.dumps(schema(), indent=2))
    else:
        package = {"label": "detector.feedback", "suppression": "detector.suppression"}.get(
            of, f"detector.{of.partition('-')[0]}s"
        )
        typer.echo((files(package) / f"{of}.schema.json").read_text(encoding="utf-8"), nl=False)


def _check_input(settings: Settings) -> None:
    from detector.pipeline.decoding import check_encoding, open_format  # noqa: PLC0415 - polars takes its time to import

    open_format(settings)
    check_encoding(settings.input.format, settings.input.encoding)


def _check_ways(settings: Settings) -> list[str]:
    """Notes on where messages about incidents go. Raises ConfigurationError where that cannot work."""
    from detector.notify.ways import notes_on, open_ways  # noqa: PLC0415

    open_ways(settings)
    return notes_on(settings)


def _check_assets(settings: Settings) -> list[str]:
    """Notes on rules of the allow-list that have ended or end soon, in their order."""
    from detector.pipeline.known_assets import known_assets  # noqa: PLC0415

    today = datetime.now(UTC).date()
    return [
        f"assets file {settings.assets.file}: allowed: {rule.who} ({rule.reason}) {told}"
        for rule in known_assets(settings).rules
        if (told := rule.ends_soon(today))
    ]
