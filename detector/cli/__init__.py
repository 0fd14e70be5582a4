"""The command line: names, help and exit codes; what a command does is in its own module, imported when it is called.

Every :class:`OddflowError` becomes one line on standard error and its exit code. Commands of `training` come by the
entry-point group ``oddflow.commands``: `detector` never imports them by name.
"""

from __future__ import annotations

import faulthandler
import os
import sys
from importlib import import_module
from importlib.metadata import entry_points
from importlib.metadata import version as installed_version
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from detector.cli.several import SeveralCommand
from detector.errors import ConfigurationError, OddflowError
from detector.printable import printable

EXIT_CODES: dict[int, str] = {
    0: "done; for a check: yes",
    1: "an error nobody foresaw; for a check: no",
    2: "settings, flags or names that oddflow does not accept",
    3: "a data file that is missing, empty, cut off or of another format",
    4: "Kafka, the schema registry or a Dask cluster is unreachable; Kafka lacks a topic or did not acknowledge",
    5: "the registry has no such model, version or alias (or none can be called so), or cannot be written",
    6: "a model bundle that is corrupt, unsafe or made for other features",
    7: "an output that cannot be written, such as a full disk",
    8: "a port in use",
    9: "a model that the gate refused: it is kept, and does not score",
    10: "another process is retraining the same model",
    11: "triage's database is away, locked, full, damaged, or of a newer version",
    130: "interrupted from the keyboard",
    141: "the reader of the output went away",
    143: "one retraining that SIGTERM ended: the next call goes on at its step",
}
"""Every exit code and what it means: ``--help`` and the reference page show this."""

INTERRUPTED, BROKEN_PIPE = 130, 141

PLUGINS = "oddflow.commands"
"""Entry-point group: each entry is a function that takes a Typer app and adds commands to it."""


class CommandPlace(NamedTuple):
    """Where a command's code is: ``module:attribute``, or None if a plugin brings it with the named extra."""

    target: str | None
    help: str
    extra: str = ""


COMMANDS: dict[str, CommandPlace] = {
    "detect": CommandPlace("detector.cli.detect:detect", "Run the daemon: records in, alerts and metrics out."),
    "incidents": CommandPlace("detector.cli.incidents:app", "Read incidents: a list, live, or one in full."),
    "feedback": CommandPlace("detector.cli.feedback:app", "Say what was a false alarm and what was not."),
    "suppress": CommandPlace("detector.cli.suppress:app", "Keep known false alarms quiet for a while."),
    "notify": CommandPlace("detector.cli.notify:notify", "Send messages about incidents by webhook, Slack and syslog."),
    "score": CommandPlace("detector.cli.score:score", "Score files: every record's id, score and p-value."),
    "replay": CommandPlace("detector.cli.replay:replay", "Score the record of an alert again, and compare."),
    "train": CommandPlace(None, "Train a model, have the gate judge it, and publish it.", "train"),
    "search": CommandPlace(None, "Search for parameters, features and weights to train by.", "search"),
    "retrain": CommandPlace(None, "Make new models by itself: for ever, or once.", "train"),
    "evaluate": CommandPlace(None, "Measure a model on labelled records.", "train"),
    "dataset": CommandPlace(None, "Build, list and show data sets to train on.", "train"),
    "hunt": CommandPlace(None, "Find what is odd in a folder of logs, without Kafka: one page to read.", "train"),
    "triage": CommandPlace(None, "Look at incidents and judge them, on a page of your own.", "triage"),
    "models": CommandPlace("detector.cli.models:app", "Look at, verify, promote and roll back published models."),
    "simulate": CommandPlace(None, "Make labelled traffic, with attacks in it.", "train"),
    "demo": CommandPlace(None, "See it all run on a real Kafka of its own.", "demo"),
    "config": CommandPlace("detector.cli.config:app", "Check, show and describe the settings."),
    "healthcheck": CommandPlace("detector.cli.healthcheck:healthcheck", "Ask a running daemon whether it is well."),
}


class LazyGroup(TyperGroup):
    """Lists commands from :data:`COMMANDS` and imports only the one that is called."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, place in COMMANDS.items():
            self.commands[name] = TyperCommand(name, help=place.help)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Put the real command in its stand-in's place, then go on as usual."""
        command = _load(args[0])
        if command is not None:
            self.commands[args[0]] = command
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; what oddflow raises on purpose ends as one line and an exit code."""
        try:
            return super().invoke(ctx)
        except OddflowError as error:
            raise _told(error) from None
        except ModuleNotFoundError as error:  # a plugin's command that imports its libraries when it runs
            place = COMMANDS.get(str(ctx.invoked_subcommand))
            if place is None or not place.extra or _is_ours(error):
                raise
            raise _told(_not_installed(str(ctx.invoked_subcommand), place, error)) from None
        except BrokenPipeError:
            _let_go_of_stdout()
            raise typer.Exit(BROKEN_PIPE) from None


app = typer.Typer(
    cls=LazyGroup,
    name="oddflow",
    help="Watches network traffic for what is odd: flow records in, alerts and metrics out.",
    epilog="Exit codes: " + "; ".join(f"{code} {meaning}" for code, meaning in EXIT_CODES.items()) + ".",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,  # it would print local variables, secrets among them
)


def _version_option(wanted: bool) -> None:
    if wanted:
        typer.echo(f"oddflow {installed_version('oddflow')}")
        raise typer.Exit


@app.callback()
def root(
    *,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_version_option, help="Show the version and exit.")
    ] = False,
) -> None:
    """Take the options that come before a command."""


def main() -> None:
    """Run the command line: the script ``oddflow``."""
    if sys.stderr is None:  # closed, as by 2>&-: what is logged has to go somewhere
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - until the end
    faulthandler.enable()  # where a library written in C ends the process, it says what every thread did
    try:
        app()
    except KeyboardInterrupt:  # while importing or cleaning up; typer has the rest
        sys.exit(INTERRUPTED)


def one_line(error: BaseException) -> str:
    """An error's message without line breaks; it may quote a file."""
    return printable(" ".join(str(error).split()))


def _load(name: str) -> Any:
    """The command ``name``, or None if nobody has one by that name."""
    place = COMMANDS.get(name)
    if place is not None and place.target is not None:
        module, _, attribute = place.target.partition(":")
        return _as_command(getattr(import_module(module), attribute))
    if name.startswith("-"):
        return None
    command, lacking = _plugin_command(name)
    if command is None and place is not None:
        raise _not_installed(name, place, lacking)
    return command


def _not_installed(name: str, place: CommandPlace, lacking: ModuleNotFoundError | None) -> ConfigurationError:
    why = f" (no Python package {lacking.name})" if lacking else ""
    return ConfigurationError(f"{name}: not installed{why}; pip install 'oddflow[{place.extra}]'")


def _is_ours(error: ModuleNotFoundError) -> bool:
    """Whether the module that is missing is part of this distribution: a fault, not an extra left out."""
    return str(error.name).partition(".")[0] in {"detector", "training", "triage"}


def _told(error: OddflowError) -> typer.Exit:
    typer.echo(f"oddflow: {one_line(error)}", err=True)
    return typer.Exit(error.exit_code)


def _as_command(thing: Any) -> Any:
    """A Typer app or a plain function as a command."""
    if isinstance(thing, typer.Typer):
        return get_command(thing)
    alone = typer.Typer(add_completion=False)
    alone.command(cls=SeveralCommand)(thing)
    return get_command(alone)


def _plugin_command(name: str) -> tuple[Any, ModuleNotFoundError | None]:
    """The command ``name`` from whichever plugin brings it, and what a plugin lacked that could not be loaded."""
    lacking: ModuleNotFoundError | None = None
    for entry in entry_points(group=PLUGINS):
        extra = typer.Typer(add_completion=False)
        extra.callback()(lambda: None)  # makes it a group even if it has one command
        try:
            entry.load()(extra)
        except ModuleNotFoundError as error:
            lacking = error
            continue
        commands = get_command(extra).commands  # type: ignore[attr-defined]  # the callback made it a group
        if name in commands:
            return commands[name], None
    return None, lacking


def _let_go_of_stdout() -> None:
    """Point standard output at nothing, so that flushing it at exit does not fail again."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


if __name__ == "__main__":
    main()
