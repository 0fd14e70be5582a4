"""The commands of oddflow as processes of their own, each with a log file, as a user would start them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from detector.errors import OddflowError

READY_S = 90.0
STOP_S = 45.0
TICK_S = 0.25
ODDFLOW = (sys.executable, "-m", "detector")
"""How it is called, from this environment and no other."""

NICENESS = 10
"""A retraining yields the processor to the daemon beside it."""


class DemoError(OddflowError):
    """A part of the demo did not do what it should; the log that the message names says why."""


def start(folder: Path, name: str, arguments: list[str], *, niceness: int = 0) -> subprocess.Popen[bytes]:
    """Start ``oddflow`` with these arguments; what it prints goes to ``<folder>/<name>.log``."""
    prefix = ["nice", "-n", str(niceness)] if niceness and os.name == "posix" else []
    with (folder / f"{name}.log").open("ab") as log:
        return subprocess.Popen(  # noqa: S603 - our own command
            [*prefix, *ODDFLOW, *arguments], stdout=log, stderr=log
        )


def stop(process: subprocess.Popen[bytes]) -> int:
    """Ask it to end, as Kubernetes would, and give its exit code."""
    if process.poll() is None:
        process.terminate()
    try:
        return process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def succeeded(process: subprocess.Popen[bytes], doing: str, log: Path) -> None:
    """Raise DemoError unless it has ended with 0; waits for its end."""
    if process.wait() != 0:
        raise DemoError(f"{doing}: exit code {process.returncode}; see {log}")


@contextmanager
def running(
    folder: Path, name: str, arguments: list[str], is_up: Callable[[], bool]
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command that goes on within this block, entered once it is up. Raises DemoError where it is not."""
    process = start(folder, name, arguments)
    try:
        deadline = time.monotonic() + READY_S
        while not is_up():
            if process.poll() is not None or time.monotonic() > deadline:
                raise DemoError(f"starting {name}: it is not up; see {folder / name}.log")
            time.sleep(TICK_S)
        yield process
    finally:
        stop(process)
