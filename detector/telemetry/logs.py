"""The log: JSON lines for machines or coloured lines for people, on a stream that is passed in.

Gives a structlog logger that is bound to nothing global. Two fields steer a line and are not printed:
``sampled="key"`` lets only the first few lines of a key through each minute, the next telling how many were held back;
``once="key"`` lets a line through only after a line with ``again="key"``, so that a state is told once, not per retry.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from typing import Literal, Protocol, TextIO

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from detector.printable import printable

SAMPLE_LINES = 5
SAMPLE_SECONDS = 60.0
"""Enough to see what is wrong, and at most 7,200 lines a day and key."""

PEOPLE_TIME = "%Y-%m-%d %H:%M:%SZ"

Log = FilteringBoundLogger


class Clock(Protocol):
    """Seconds on a clock that never goes back."""

    def __call__(self) -> float:
        """Give the time now."""
        ...


class Sampling:
    """Drops a hot path's lines beyond the first few of each period, and counts them."""

    def __init__(
        self, lines: int = SAMPLE_LINES, seconds: float = SAMPLE_SECONDS, clock: Clock = time.monotonic
    ) -> None:
        self._lines = lines
        self._seconds = seconds
        self._clock = clock
        self._periods: dict[str, tuple[float, int]] = {}
        self._lock = threading.Lock()

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """Let ``event`` through, or raise DropEvent."""
        key = event.pop("sampled", None)
        if key is None:
            return event
        held_back = self._count(str(key))
        if held_back is None:
            raise structlog.DropEvent
        if held_back:
            event["held_back"] = held_back
        return event

    def _count(self, key: str) -> int | None:
        """Lines held back in the period before, or None if this one is to be held back too."""
        now = self._clock()
        with self._lock:
            began, seen = self._periods.get(key, (now, 0))
            fresh = now - began >= self._seconds
            held_back = max(0, seen - self._lines) if fresh else 0
            began, seen = (now, 1) if fresh else (began, seen + 1)
            self._periods[key] = (began, seen)
        return held_back if seen <= self._lines else None


class Once:
    """Drops a line whose state was told already."""

    def __init__(self) -> None:
        self._told: set[str] = set()
        self._lock = threading.Lock()

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """Let ``event`` through, or raise DropEvent."""
        key, again = event.pop("once", None), event.pop("again", None)
        with self._lock:
            self._told.discard(str(again))
            if key is None:
                return event
            told, self._told = str(key) in self._told, self._told | {str(key)}
        if told:
            raise structlog.DropEvent
        return event


def open_log(
    stream: TextIO,
    level: Literal["debug", "info", "warning", "error"] = "info",
    style: Literal["auto", "json", "console"] = "json",
) -> Log:
    """A logger that writes to ``stream``; each line has ``timestamp`` (UTC), ``level`` and ``event``.

    ``auto`` is for people where the stream is a terminal, else JSON.
    """
    people = style == "console" or (style == "auto" and stream.isatty())
    processors: list[Processor] = [
        Sampling(),
        Once(),
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt=PEOPLE_TIME if people else "iso", utc=True),
        structlog.processors.format_exc_info,
        *(_for_people(colours=stream.isatty()) if people else [structlog.processors.JSONRenderer()]),
    ]
    logger: Log = structlog.wrap_logger(
        structlog.WriteLogger(stream),
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        cache_logger_on_first_use=False,
    )
    return logger


def _for_people(*, colours: bool) -> list[Processor]:
    return [_without_nothing, structlog.dev.ConsoleRenderer(colors=colours)]


def _without_nothing(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Leave out what says nothing, and write lists and numbers as people do."""
    told = {name: value for name, value in event.items() if value not in (None, "", [], {}, ())}
    return {name: value if name in _MANY_LINES else _readable(value) for name, value in told.items()}


_MANY_LINES = {"exception", "stack"}


def _readable(value: object) -> object:
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{_readable(name)} {_readable(each)}" for name, each in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(str(_readable(each)) for each in value)
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else value
