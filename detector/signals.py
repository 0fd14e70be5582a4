"""Signals that end a block of code, handled within it and handed back after it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread
from types import FrameType

Handler = Callable[[int, FrameType | None], None]


@contextmanager
def handled(handler: Handler, *numbers: signal.Signals) -> Iterator[None]:
    """Have ``handler`` take these signals within this block; threads other than the main one have none."""
    if current_thread() is not main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, was in before.items():
            signal.signal(number, was)


@contextmanager
def ended_by_sigterm(code: int = 128 + signal.SIGTERM) -> Iterator[None]:
    """Let SIGTERM end the block wherever it is, as Ctrl-C would; by default with the exit code that shells expect."""

    def end(_number: int, _frame: FrameType | None) -> None:
        raise SystemExit(code)

    with handled(end, signal.SIGTERM):
        yield
