"""What is told of drift."""

from __future__ import annotations

from dataclasses import dataclass

from detector.drift import REASONS, DriftReport
from detector.telemetry.logs import Log
from detector.telemetry.metrics import Metrics

SHOWN = 5
"""Features named in a log line."""


@dataclass(frozen=True, slots=True)
class DriftSeen:
    """Enough rows came together to tell how far traffic is from what the model knows."""

    report: DriftReport

    def record(self, metrics: Metrics, log: Log) -> None:
        """Show it in the gauges; log it, sampled, while there is reason to retrain."""
        report = self.report
        metrics.drift_rows.set(report.rows)
        metrics.drift_index.set(report.score_index)
        metrics.drift_distance.set(report.score_distance)
        metrics.drift_tail.set(report.tail_ratio)
        metrics.drift_outside.replace(report.outside)
        metrics.drift_unseen.replace(report.unseen)
        metrics.drift_retrain.replace({reason: float(reason in report.reasons) for reason in REASONS})
        if report.reasons:
            log.warning(
                "drift.seen",
                reasons=list(report.reasons),
                score_index=round(report.score_index, 3),
                tail_ratio=round(report.tail_ratio, 2),
                features=report.drifted[:SHOWN],
                sampled="drift.seen",
            )
