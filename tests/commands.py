"""Commands as people give them: run within this process, only understood, or waited for as processes of their own."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from typer.main import get_command
from typer.testing import CliRunner

from detector.cli import app

PATIENCE_S = 240.0
"""For a process that imports and trains on a busy machine."""


class Ran(NamedTuple):
    """A command that came to its end."""

    code: int
    out: str
    err: str


def run(*arguments: str, **environment: str) -> Ran:
    """Run ``oddflow`` in this process, with variables of the environment beside those there are."""
    result = CliRunner(env=environment).invoke(app, arguments)
    return Ran(result.exit_code, result.stdout, result.stderr)


def understood(call: Sequence[str]) -> dict[str, Any]:
    """What a call of ``oddflow`` gives its command; a command or a flag that is not there is an error."""
    command: Any = get_command(app)
    arguments = list(call)
    while hasattr(command, "resolve_command"):  # a group
        context = command.make_context("oddflow", arguments[:1], resilient_parsing=True)
        _, command, arguments = command.resolve_command(context, arguments)
        assert command is not None, call
    parameters: dict[str, Any] = command.make_context(call[0], arguments).params
    return parameters


def until(true: Callable[[], bool], process: subprocess.Popen[Any]) -> None:
    """Wait for what a process is to bring about. It fails if the process ends before."""
    end = time.monotonic() + PATIENCE_S
    while not true():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.1)
