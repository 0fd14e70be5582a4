"""What is told of looks at the registry."""

from __future__ import annotations

from dataclasses import dataclass

from detector.telemetry.logs import Log
from detector.telemetry.metrics import Metrics


@dataclass(frozen=True, slots=True)
class ModelRefused:
    """A version was not taken; the model in use stays. ``reason`` is from a short fixed list."""

    name: str
    version: str
    reason: str
    detail: str

    def record(self, metrics: Metrics, log: Log) -> None:
        """Count it by reason; a person is needed, so it is an error."""
        metrics.swaps.labels("refused").inc()
        metrics.refused.labels(self.reason).inc()
        log.error("model.refused", name=self.name, version=self.version, reason=self.reason, detail=self.detail)


@dataclass(frozen=True, slots=True)
class ModelWatchFailed:
    """A look at the registry did not work; the model in use stays. ``known`` of an outage that was told already."""

    error: str
    known: bool = False

    def record(self, metrics: Metrics, log: Log) -> None:
        """Count every such look; log it, sampled, if it is news."""
        metrics.watch_failures.inc()
        metrics.registry_up.set(0)
        if not self.known:
            log.warning("model.watch_failed", error=self.error, sampled="model.watch_failed")


@dataclass(frozen=True, slots=True)
class ModelWatchWorks:
    """The registry can be read: told at the first look, and at the first after an outage."""

    after_failures: int = 0

    def record(self, metrics: Metrics, log: Log) -> None:
        """Show it; log it after an outage."""
        metrics.registry_up.set(1)
        if self.after_failures:
            log.info("model.watch_restored", after_failures=self.after_failures)
