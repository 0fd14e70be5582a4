"""The commands of oddflow as processes of their own, each with a log file, as a user would start them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from detector.errors import OddflowError
from training.demo.scrape import scrape

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


@contextmanager
def daemon(folder: Path, port: int, arguments: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``oddflow detect`` within this block, entered once its metrics say that it has started. Raises DemoError."""
    process = start(folder, "daemon", ["detect", "--port", str(port), *arguments])
    try:
        deadline = time.monotonic() + READY_S
        while (seen := scrape(port)) is None or not seen.total("oddflow_start_timestamp_seconds"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise DemoError(f"starting the daemon: it is not up; see {folder / 'daemon.log'}")
            time.sleep(TICK_S)
        yield process
    finally:
        stop(process)
