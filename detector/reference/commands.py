"""The page about commands (``docs/reference/commands.md``), from what each says in its ``--help``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from typer.main import get_command

from detector.cli import COMMANDS, EXIT_CODES, app

INTRODUCTION = """\
# Commands

<!-- Made from the commands' own help by `make docs`; change it there. -->

`oddflow COMMAND --help` says the same. Flags win over the environment, and both over the settings file:
[Settings](configuration.md).

| command | for |
|---|---|
"""

EXAMPLES = "Examples:"


class Command(NamedTuple):
    """One command, or one of a group's."""

    name: str
    """With the group's name before it."""
    help: str
    parameters: list[Any]


def every_command() -> list[Command]:
    """All of them, in the order of ``oddflow --help``; needs the extras that bring some."""
    group: Any = get_command(app)
    context = group.make_context("oddflow", [next(iter(COMMANDS))], resilient_parsing=True)
    return [each for name in COMMANDS for each in _flat(name, group.resolve_command(context, [name])[1])]


def commands_page() -> str:
    """``docs/reference/commands.md``."""
    commands = every_command()
    rows = "".join(f"| [`oddflow {each.name}`](#{_anchor(each)}) | {_first(each)} |\n" for each in commands)
    codes = "".join(f"| {code} | {meaning} |\n" for code, meaning in EXIT_CODES.items())
    ends = f"\n## Exit codes\n\n| code | meaning |\n|---|---|\n{codes}"
    return INTRODUCTION + rows + "".join(map(_section, commands)) + ends


def _flat(name: str, command: Any) -> Iterator[Command]:
    inner = getattr(command, "commands", {})
    if not inner or command.invoke_without_command:
        yield Command(name, command.help or "", command.params)
    for each, under in inner.items():
        yield from _flat(f"{name} {each}", under)


def _anchor(command: Command) -> str:
    return f"oddflow-{command.name.replace(' ', '-')}"


def _first(command: Command) -> str:
    return command.help.partition("\n")[0]


def _section(command: Command) -> str:
    text, _, examples = command.help.partition(EXAMPLES)
    lines = "\n".join(filter(None, map(str.strip, examples.splitlines())))
    shown = f"```sh\n{lines}\n```\n\n" if lines else ""
    rows = "".join(map(_row, (each for each in command.parameters if not each.hidden and each.name != "help")))
    table = f"| flag | takes | meaning |\n|---|---|---|\n{rows}" if rows else "It has no flags.\n"
    return f"\n## oddflow {command.name}\n\n{_unfolded(text)}\n\n{shown}{table}"


def _unfolded(text: str) -> str:
    """Its paragraphs, each on one line, without the marks that keep a terminal's line breaks."""
    paragraphs = text.replace("\b", "").strip().split("\n\n")
    return "\n\n".join(" ".join(each.split()) for each in paragraphs)


def _row(parameter: Any) -> str:
    argument = parameter.param_type_name == "argument"
    names = [parameter.metavar or parameter.name.upper()] if argument else [*parameter.opts, *parameter.secondary_opts]
    meaning = " ".join((parameter.help or "").split()).replace("|", "\\|")
    return f"| {', '.join(f'`{name}`' for name in names)} | {_takes(parameter)} | {meaning}{_default(parameter)} |\n"


def _takes(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return "needed" if parameter.required else "may be left out"
    if parameter.is_flag:
        return "nothing"
    if parameter.metavar:
        return " or ".join(f"`{each}`" for each in parameter.metavar.split("|"))
    kind = parameter.type_descriptor.annotation
    words = {"int": "a whole number", "float": "a number", "Path": "a path"}
    return words.get(getattr(kind, "__name__", ""), "a text")


def _default(parameter: Any) -> str:
    value = parameter.default
    told = isinstance(value, str | int | float | Path) and not isinstance(value, bool) and str(value)
    return f" Default: `{value}`." if told and "Default:" not in (parameter.help or "") else ""
