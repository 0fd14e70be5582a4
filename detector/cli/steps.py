"""Showing what a command is at, on standard error: the step in hand with a spinner, those done as a line each."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.status import Status

from detector.printable import printable


class Steps:
    """``steps("doing this")`` ends the step before and begins the next; ``steps.count(n)`` adds records to it."""

    def __init__(self, console: Console, *, quiet: bool = False) -> None:
        self._console = console
        self._quiet = quiet
        self._status = Status("", console=console)
        self._step = ""
        self._records = 0
        self._began = 0.0

    def __enter__(self) -> Self:
        if not self._quiet:
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._finish()
        self._status.stop()

    def __call__(self, step: str) -> None:
        """Begin a step."""
        self._finish()
        self._step, self._records, self._began = step, 0, time.monotonic()
        self._status.update(step)

    def count(self, records: int) -> None:
        """Add to the step's records."""
        self._records += records
        self._status.update(f"{self._step}: {self._records:,} records")

    def note(self, text: str) -> None:
        """Write something that a person should know, quiet or not; the step goes on."""
        text = "\n".join(map(printable, text.split("\n")))
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def _finish(self) -> None:
        if self._step and not self._quiet:
            records = f": {self._records:,} records" if self._records else ""
            self._console.print(
                f"{self._step}{records}, {time.monotonic() - self._began:.1f} s", highlight=False, markup=False
            )
        self._step = ""


def steps_on_stderr(*, quiet: bool = False) -> Steps:
    """Steps for a command; quiet shows none."""
    return Steps(Console(stderr=True), quiet=quiet)
