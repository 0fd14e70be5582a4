"""What the service tells, and its metrics: declared here, on a registry of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, write_to_textfile

from detector.errors import OutputError
from detector.telemetry.logs import Log
from training.retrain.state import RESULTS, Result, State


def label_of(result: Result) -> str:
    """A result as a metric's label."""
    return result.replace(" ", "_")


class RetrainMetrics:
    """All metrics of the service, on ``registry``; what earlier processes came to is taken from the state."""

    def __init__(self, registry: CollectorRegistry, before: State) -> None:
        self.registry = registry
        self.success = Gauge(
            "oddflow_retrain_last_success_timestamp_seconds",
            "When a step was last done, in seconds since 1970.",
            ("step",),
            registry=registry,
        )
        self.seconds = Gauge(
            "oddflow_retrain_step_duration_seconds",
            "How long a step took when last done.",
            ("step",),
            registry=registry,
        )
        self.results = Counter(
            "oddflow_retrain_results_total",
            "Models by what became of them, and failures.",
            ("result",),
            registry=registry,
        )
        self.withheld = Gauge(
            "oddflow_retrain_withheld_flows",
            "Flows that the latest set lacks: of incidents that nobody judged, or judged true.",
            registry=registry,
        )
        self.drift = Counter(
            "oddflow_retrain_drift_total", "Times that drift brought a retraining forward.", registry=registry
        )
        self.last_result = Gauge(
            "oddflow_retrain_last_result",
            "What the last run, or its model, came to: 1 for that result, 0 for the others.",
            ("result",),
            registry=registry,
        )
        for result in RESULTS:
            self.results.labels(label_of(result)).inc(before.results.get(result, 0))
        self.came(before.result)
        self.timed(before.last_success, before.duration_s)
        self.withheld.set(before.withheld)

    def serve(self, interval_s: float, lease_until: Callable[[], float]) -> None:
        """Show what is so while it runs for ever alone: its interval, and until when it holds the lease."""
        Gauge(
            "oddflow_retrain_interval_seconds", "From one run's beginning to that of the next.", registry=self.registry
        ).set(interval_s)
        Gauge(
            "oddflow_retrain_lease_until_timestamp_seconds",
            "When its lease ends unless it is renewed, in seconds since 1970.",
            registry=self.registry,
        ).set_function(lease_until)

    def came(self, result: Result | None) -> None:
        """Show what the last run came to."""
        for each in RESULTS:
            self.last_result.labels(label_of(each)).set(float(each == result))

    def timed(self, success: Mapping[str, float], seconds: Mapping[str, float]) -> None:
        """Show when steps were done and how long they took."""
        for step, at in success.items():
            self.success.labels(step).set(at)
        for step, took in seconds.items():
            self.seconds.labels(step).set(took)

    def write(self, path: Path) -> None:
        """Write them for a textfile collector. Raises OutputError."""
        try:
            write_to_textfile(str(path), self.registry)
        except OSError as error:
            raise OutputError(f"writing metrics to {path}: {error.strerror}; allow writing there") from error


class RetrainEvent(Protocol):
    """Something that the service tells."""

    def count(self, metrics: RetrainMetrics) -> None:
        """Count it."""
        ...

    def log(self, log: Log) -> None:
        """Log it if a person would want to read it."""
        ...


@dataclass(frozen=True, slots=True)
class StepDone:
    """A step of a run is done."""

    step: str
    state: State

    def count(self, metrics: RetrainMetrics) -> None:
        """Show when it was done, and what it took."""
        metrics.timed(self.state.last_success, self.state.duration_s)
        metrics.withheld.set(self.state.withheld)

    def log(self, log: Log) -> None:
        """Log it."""
        seconds = round(self.state.duration_s.get(self.step, 0.0), 1)
        log.info(
            "retrain.step", step=self.step, dataset=self.state.dataset, version=self.state.version, seconds=seconds
        )


@dataclass(frozen=True, slots=True)
class Began:
    """The service has begun; ``due`` is when the next run is, in seconds since 1970."""

    model: str
    due: float

    def count(self, metrics: RetrainMetrics) -> None:
        """It counts as nothing."""

    def log(self, log: Log) -> None:
        """Log it: else nothing would be said until the next run."""
        log.info(
            "retrain.began", model=self.model, next_run=f"{datetime.fromtimestamp(self.due, UTC):%Y-%m-%dT%H:%M:%SZ}"
        )


@dataclass(frozen=True, slots=True)
class Watched:
    """What became of the last model was looked at; in seconds since 1970."""

    at: float

    def count(self, metrics: RetrainMetrics) -> None:
        """Show when."""
        metrics.timed({"watch": self.at}, {})

    def log(self, log: Log) -> None:
        """Nothing new is nothing to tell."""


@dataclass(frozen=True, slots=True)
class Came:
    """A run came to something; ``state`` says to what."""

    state: State

    @property
    def result(self) -> Result:
        """What it came to."""
        return self.state.result or "failed"

    def count(self, metrics: RetrainMetrics) -> None:
        """Count it."""
        metrics.results.labels(label_of(self.result)).inc()
        metrics.came(self.result)
        metrics.timed(self.state.last_success, self.state.duration_s)

    def log(self, log: Log) -> None:
        """Log it: a failure or a refusal needs a person."""
        warned = {"rejected", "rolled back"}
        tell = log.error if self.result == "failed" else log.warning if self.result in warned else log.info
        tell("retrain.result", result=self.result, version=self.state.version, detail=self.state.detail or None)


@dataclass(frozen=True, slots=True)
class DriftAdvised:
    """Drift has held for its time: a run begins before it is due."""

    reasons: tuple[str, ...]

    def count(self, metrics: RetrainMetrics) -> None:
        """Count it."""
        metrics.drift.inc()

    def log(self, log: Log) -> None:
        """Log it."""
        log.warning("retrain.drift", reasons=list(self.reasons))


@dataclass(frozen=True, slots=True)
class Note:
    """Something to know, such as of the flows that were read."""

    text: str

    def count(self, metrics: RetrainMetrics) -> None:
        """It counts as nothing."""

    def log(self, log: Log) -> None:
        """Log it."""
        log.info("retrain.note", text=self.text)
