"""Commands as people give them: run within this process, and waited for where they are processes of their own."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from typing import Any, NamedTuple

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


def until(true: Callable[[], bool], process: subprocess.Popen[Any]) -> None:
    """Wait for what a process is to bring about. It fails if the process ends before."""
    end = time.monotonic() + PATIENCE_S
    while not true():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.1)
