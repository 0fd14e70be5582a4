"""One small class for each thing worth telling: its log line and its metrics together.

A part that has something to tell is given ``tell: Tell`` and calls ``tell(RecordsRead(count=500, bytes=200_000))``; it
touches no label and no log. Warnings lose nothing; errors need a person. Safe to tell from any thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detector.telemetry.logs import Log
from detector.telemetry.metrics import Metrics, Stage

OTHER = "other"

MAX_KINDS = 40
"""Different names under a label whose values come from the input; the rest are counted as ``other``."""


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


# --- input ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RecordsRead:
    """A batch came from the source."""

    count: int
    bytes: int

    def record(self, metrics: Metrics, log: Log) -> None:  # noqa: ARG002 - every event is called alike
        """Count it as the poll stage's output."""
        metrics.stage_in.labels(Stage.POLL).inc(self.count)
        metrics.stage_out.labels(Stage.POLL).inc(self.count)
        metrics.stage_success.labels(Stage.POLL).set_to_current_time()
        metrics.read_bytes.inc(self.bytes)
        metrics.batch_records.observe(self.count)


@dataclass(frozen=True, slots=True)
class RecordsFound:
    """Messages held so many records more than one each."""

    count: int

    def record(self, metrics: Metrics, log: Log) -> None:  # noqa: ARG002
        """Count them as read."""
        metrics.stage_in.labels(Stage.POLL).inc(self.count)
        metrics.stage_out.labels(Stage.POLL).inc(self.count)


@dataclass(frozen=True, slots=True)
class BatchDecoded:
    """Values became flows, rejects and records passed over. ``flows`` None means that all of them are flows."""

    records: int
    seconds: float
    flows: int | None = None

    def record(self, metrics: Metrics, log: Log) -> None:  # noqa: ARG002
        """Count it at the decode stage."""
        passed(metrics, Stage.DECODE, self.seconds, self.records, self.records if self.flows is None else self.flows)


@dataclass(frozen=True, slots=True)
class RecordsRejected:
    """Records that cannot be used: how many by reason, and one of them in words."""

    counts: Mapping[str, int]
    sample: str = ""

    def record(self, metrics: Metrics, log: Log) -> None:
        """Count them as failures of the decode stage; log a sample."""
        for reason, count in self.counts.items():
            metrics.rejected.labels(reason).inc(count)
        metrics.stage_failed.labels(Stage.DECODE).inc(sum(self.counts.values()))
        log.warning("records.rejected", counts=_named(self.counts), sample=self.sample, sampled="records.rejected")


@dataclass(frozen=True, slots=True)
class FormatUnfit:
    """So many records came that cannot be used, and not one flow: the format that is set is probably not theirs."""

    format: str
    records: int
    detail: str

    def record(self, metrics: Metrics, log: Log) -> None:  # noqa: ARG002 - the rejects are counted already
        """Say so; a person is needed."""
        log.error("records.format_unfit", format=self.format, records=self.records, detail=self.detail)


@dataclass(frozen=True, slots=True)
class MeasuresMissing:
    """None of the first flows has these measures, such as bytes: their fields are probably named in another way."""

    measures: tuple[str, ...]
    flows: int
    detail: str

    def record(self, metrics: Metrics, log: Log) -> None:  # noqa: ARG002 - drift shows it in numbers
        """Say so, once; a person may want to look."""
        log.warning("records.without_measures", measures=list(self.measures), flows=self.flows, detail=self.detail)


@dataclass(frozen=True, slots=True)
class RecordsPassedOver:
    """Records that are no flows, such as header lines and other event types, by kind."""

    counts: Mapping[str, int]

    def record(self, metrics: Metrics, log: Log) -> None:
        """Count them, within a bounded number of kinds."""
        if not self.counts:
            return
        known = {sample.labels["kind"] for family in metrics.passed_over.collect() for sample in family.samples}
        for kind, count in self.counts.items():
            if kind not in known and len(known) >= MAX_KINDS:
                kind = OTHER  # noqa: PLW2901
            known.add(kind)
            metrics.passed_over.labels(kind).inc(count)
        log.debug("records.passed_over", counts=_named(self.counts), sampled="records.passed_over")


@dataclass(frozen=True, slots=True)
class InFlight:
    """How many records are read and not yet accounted for."""

    count: int

    def record(self, metrics: Metrics, log: Log) -> None:  # noqa: ARG002
        """Set the gauge."""
        metrics.in_flight.set(self.count)


# --- features, scores, alerts ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BatchFeatured:
    """Flows became a matrix."""

    rows: int
    seconds: float

    def record(self, metrics: Metrics, log: Log) -> None:  # noqa: ARG002
        """Count it at the features stage."""
        passed(metrics, Stage.FEATURES, self.seconds, self.rows, self.rows)


@dataclass(frozen=True, slots=True)
class BatchScored:
    """A matrix became scores."""

    rows: int
    seconds: float
    scores: NDArray[np.floating]
    model_version: str

    def record(self, metrics: Metrics, log: Log) -> None:  # noqa: ARG002
        """Count it at the score stage, each score in its bucket."""
        passed(metrics, Stage.SCORE, self.seconds, self.rows, self.rows)
        metrics.scores.observe(self.scores)


@dataclass(frozen=True, slots=True)
class BatchDecided:
    """Scores were held against the budget; ``alerts`` of ``rows`` are to be raised."""

    rows: int
    alerts: int
    seconds: float

    def record(self, metrics: Metrics, log: Log) -> None:  # noqa: ARG002
        """Count it at the decide stage."""
        passed(metrics, Stage.DECIDE, self.seconds, self.rows, self.rows)


@dataclass(frozen=True, slots=True)
class AlertsRaised:
    """Alerts were acknowledged: how many by severity, and how long after their records' timestamps."""

    counts: Mapping[str, int]
    event_to_alert_seconds: ArrayLike = field(default=())

    def record(self, metrics: Metrics, log: Log) -> None:  # noqa: ARG002
        """Count them, and each delay in its bucket."""
        for severity, count in self.counts.items():
            metrics.alerts.labels(severity).inc(count)
        metrics.alert_seconds.observe(np.maximum(self.event_to_alert_seconds, 0.0))  # clocks differ between machines


# --- the model ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ModelSwapped:
    """A model took over between two batches; ``old`` None means that it is the first."""

    name: str
    old: str | None
    new: str
    seconds: float
    digest: str = ""

    def record(self, metrics: Metrics, log: Log) -> None:
        """Count the swap, tell of the model."""
        metrics.swaps.labels("taken").inc()
        metrics.swap_seconds.observe(self.seconds)
        metrics.current_model(self.name, self.new, self.digest)
        log.info(
            "model.swapped",
            name=self.name,
            old=self.old,
            new=self.new,
            digest=self.digest,
            seconds=round(self.seconds, 3),
        )


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


# --- the process ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DaemonStarted:
    """Everything is up; ``listening`` is the address of the endpoints, empty where there are none."""

    topic: str = ""
    model: str = ""
    version: str = ""
    listening: str = ""
    files: tuple[str, ...] = ()

    def record(self, metrics: Metrics, log: Log) -> None:
        """Note the time, say what runs."""
        metrics.started.set_to_current_time()
        reads = {"files": list(self.files)} if self.files else {"topic": self.topic}
        log.info("daemon.started", **reads, model=self.model, version=self.version, listening=self.listening)


@dataclass(frozen=True, slots=True)
class DaemonStopping:
    """The daemon stops: by a signal, the end of its input, or an error, which the command tells."""

    reason: str = ""
    deadline_s: float = 0.0

    def record(self, metrics: Metrics, log: Log) -> None:  # noqa: ARG002
        """Say why."""
        log.info("daemon.stopping", reason=self.reason, deadline_s=self.deadline_s)


@dataclass(frozen=True, slots=True)
class DaemonStopped:
    """Everything is down; ``in_flight`` records were not finished and will be read again."""

    seconds: float = 0.0
    in_flight: int = 0

    def record(self, metrics: Metrics, log: Log) -> None:  # noqa: ARG002
        """Say how it went."""
        write = log.warning if self.in_flight else log.info
        write("daemon.stopped", seconds=round(self.seconds, 3), in_flight=self.in_flight)


def _named(counts: Mapping[str, int]) -> dict[str, int]:
    """Counts under plain string keys, for a log line."""
    return {str(key): count for key, count in counts.items()}
