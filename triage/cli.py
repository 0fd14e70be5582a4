"""The command that comes with the extra ``triage``: what it is given; the work is in modules imported when it runs."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from detector.cli.incidents import BootstrapOption, ConfigOption
from detector.settings.load import load_settings
from detector.settings.tree import Settings
from triage.access.cli import tokens, users

triage = typer.Typer(invoke_without_command=True)

triage.add_typer(users, name="users")
triage.add_typer(tokens, name="tokens")

DatabaseOption = Annotated[
    str | None,
    typer.Option("--database", help="sqlite:///PATH, or postgresql://USER@HOST/NAME; the settings' if not given."),
]


def register(app: typer.Typer) -> None:
    """Add the commands: the entry point of the group ``oddflow.commands``."""
    app.add_typer(triage, name="triage")


@triage.callback()
def alone(context: typer.Context) -> None:
    """Look at incidents and judge them: a page and an interface for programs.

    Alone it is `oddflow triage serve` by the settings.
    """
    if context.invoked_subcommand is None:
        serve()


@triage.command()
def serve(
    host: Annotated[
        str | None, typer.Option("--host", help="Address to listen on; others than this machine's need users.")
    ] = None,
    port: Annotated[int | None, typer.Option("--port", help="Port to listen on; 0 takes any free one.")] = None,
    database: DatabaseOption = None,
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            metavar="FILE",
            help="Take in this file of incidents or alerts, as `detect --incidents` and `--output` write them, and read"
            " no topics. May be repeated.",
        ),
    ] = None,
    bootstrap_servers: BootstrapOption = None,
    *,
    create_topics: Annotated[
        bool, typer.Option("--create-topics", help="Create the topics of labels and suppressions if they are missing.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Serve the page and the interface for programs, and keep the database current with the topics.

    It ends by SIGTERM or Ctrl-C. After a restart it goes on where it was.

    Examples:

      oddflow triage serve --bootstrap-servers kafka:9092

      oddflow triage serve --database postgresql://oddflow@db/triage --config oddflow.toml

      oddflow triage serve --input incidents.jsonl --input alerts.jsonl
    """
    flags = {"triage.host": host, "triage.port": port, "triage.database": database}
    settings = load_settings(config, {"kafka.bootstrap_servers": bootstrap_servers, **flags})
    from triage.app import create_app  # noqa: PLC0415 - --help needs none of these
    from triage.serve import Service  # noqa: PLC0415

    if inputs:
        _take_in(settings, inputs)
    elif create_topics:
        from detector.transport.kafka.own_topics import create_missing  # noqa: PLC0415

        for topic in filter(None, (settings.feedback.topic, settings.suppression.topic)):
            create_missing(settings, only=topic)
    Service(settings, sys.stderr, create_app, reads_topics=not inputs).run()


@triage.command("import")
def import_files(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="JSON lines; folders and globs as well.")],
    database: DatabaseOption = None,
    config: ConfigOption = None,
) -> None:
    """Take incidents, alerts, hosts' risks and labels from files into the database; again is as good as once.

    Examples:

      oddflow triage import incidents.jsonl alerts.jsonl

      oddflow triage import 'risk-*.jsonl' --database sqlite:////var/lib/oddflow/triage.db
    """
    settings = load_settings(config, {"triage.database": database})
    _take_in(settings, files)


def _take_in(settings: Settings, files: list[str]) -> None:
    from triage.ingest.files import take_files  # noqa: PLC0415 - --help needs none of these
    from triage.serve import open_database  # noqa: PLC0415

    opened = open_database(settings)
    opened.start()
    try:
        for told in take_files(opened, files):
            typer.echo(told, err=True)
    finally:
        opened.stop()
