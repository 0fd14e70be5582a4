"""What is told of batches on their way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from detector.decisions.severity import Severity
from detector.telemetry.events import passed
from detector.telemetry.logs import Log
from detector.telemetry.metrics import Metrics, Stage, from_zero


def begin(metrics: Metrics) -> None:
    """Have alerts counted from zero, by severity."""
    from_zero(metrics.alerts, (severity.word for severity in Severity))


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
class InFlight:
    """How many records are read and not yet accounted for."""

    count: int

    def record(self, metrics: Metrics, log: Log) -> None:  # noqa: ARG002
        """Set the gauge."""
        metrics.in_flight.set(self.count)


@dataclass(frozen=True, slots=True)
class AlertsRaised:
    """Alerts were acknowledged: how many by severity, and how long after their records' timestamps.

    ``withheld`` of them were not written, as repetitions within their incidents.
    """

    counts: Mapping[str, int]
    event_to_alert_seconds: ArrayLike = field(default=())
    withheld: int = 0
    allowed: int = 0
    """Of all, no risk by the allow-list."""

    def record(self, metrics: Metrics, log: Log) -> None:  # noqa: ARG002
        """Count them, and each delay in its bucket."""
        for severity, count in self.counts.items():
            metrics.alerts.labels(severity).inc(count)
        metrics.alerts_withheld.inc(self.withheld)
        metrics.alerts_allowed.inc(self.allowed)
        metrics.alert_seconds.observe(np.maximum(self.event_to_alert_seconds, 0.0))  # clocks differ between machines
