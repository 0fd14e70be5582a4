"""How parts tell of what happens: one small class for each thing worth telling, its log line and its metrics together.

The classes are in the ``events.py`` of the package that tells them. A part that has something to tell is given ``tell:
Tell`` and calls ``tell(RecordsRead(count=500, bytes=200_000))``; it touches no label and no log. Warnings lose nothing;
errors need a person. Safe to tell from any thread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from detector.telemetry.logs import Log
from detector.telemetry.metrics import Metrics, Stage


class Event(Protocol):
    """Something that happened."""

    def record(self, metrics: Metrics, log: Log) -> None:
        """Count it, and log it if a person would want to read it."""
        ...


Tell = Callable[[Event], None]


class Telemetry:
    """Where events go: one place for metrics and log."""

    def __init__(self, metrics: Metrics, log: Log) -> None:
        self.metrics = metrics
        self.log = log

    def tell(self, event: Event) -> None:
        """Record ``event``."""
        event.record(self.metrics, self.log)


def silent(event: Event) -> None:
    """Tell nobody: for parts that are used on their own."""
    del event


def passed(metrics: Metrics, stage: Stage, seconds: float, came: int, left: int) -> None:
    """Count what came to a stage and left it."""
    metrics.stage_in.labels(stage).inc(came)
    metrics.stage_out.labels(stage).inc(left)
    metrics.stage_success.labels(stage).set_to_current_time()
    metrics.stage_seconds.labels(stage).observe(seconds)


# --- features, scores, alerts ---------------------------------------------------------------------------------------


# --- the process ----------------------------------------------------------------------------------------------------
