"""What is told of windows."""

from __future__ import annotations

from dataclasses import dataclass

from detector.features.windows import WindowCounts
from detector.telemetry.logs import Log
from detector.telemetry.metrics import Metrics


@dataclass(frozen=True, slots=True)
class WindowsSeen:
    """What the windows hold now, and held when they were told of last."""

    before: WindowCounts
    now: WindowCounts

    def record(self, metrics: Metrics, log: Log) -> None:  # noqa: ARG002 - every event is called alike
        """Show it."""
        metrics.window_keys.set(self.now.keys)
        metrics.window_bytes.set(self.now.bytes)
        metrics.window_evictions.inc(self.now.evicted - self.before.evicted)
        metrics.window_times.labels("late").inc(self.now.late - self.before.late)
        metrics.window_times.labels("ahead").inc(self.now.ahead - self.before.ahead)
