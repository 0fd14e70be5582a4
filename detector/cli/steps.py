"""Showing what a command is at, on standard error: on a terminal the step in hand with a spinner, those done as a line.

Elsewhere a step is a line as it begins, since who follows a log is to see what goes on now; what it took follows.
"""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.status import Status

from detector.printable import printable

WORTH_A_LINE_S = 1.0
"""A step so short that counted nothing has no further line where it had one as it began."""


class Steps:
    """``steps("doing this")`` ends the step before and begins the next; ``steps.count(n)`` adds records to it."""

    def __init__(self, console: Console, *, quiet: bool = False) -> None:
        self._console = console
        self._quiet = quiet
        self._status = Status("", console=console)
        self._step = ""
        self._records = 0
        self._began = 0.0
        self._named = False
        """Whether the last line names the step."""

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
        if not (self._quiet or self._console.is_terminal):
            self._say(f"{step}…")
            self._named = True

    def count(self, records: int) -> None:
        """Add to the step's records."""
        self._records += records
        self._status.update(f"{self._step}: {self._records:,} records")

    def note(self, text: str) -> None:
        """Write something that a person should know, quiet or not; the step goes on."""
        self._named = False
        text = "\n".join(map(printable, text.split("\n")))
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def _finish(self) -> None:
        if self._step and not self._quiet:
            seconds = time.monotonic() - self._began
            records = f"{self._records:,} records, " if self._records else ""
            name = "  " if self._named else f"{self._step}{': ' if records else ', '}"
            if records or seconds >= WORTH_A_LINE_S or self._console.is_terminal:
                self._say(f"{name}{records}{seconds:.1f} s")
        self._step, self._named = "", False

    def _say(self, line: str) -> None:
        self._console.print(line, highlight=False, markup=False, soft_wrap=not self._console.is_terminal)


def steps_on_stderr(*, quiet: bool = False) -> Steps:
    """Steps for a command; quiet shows none."""
    return Steps(Console(stderr=True), quiet=quiet)
