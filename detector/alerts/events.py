"""What is told of incidents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from detector.alerts.incidents import Change
from detector.logs import Log
from detector.metrics import Metrics


@dataclass(frozen=True, slots=True)
class IncidentsTold:
    """Incidents were opened, went on or were closed; ``open`` are open now."""

    changes: Sequence[Change]
    open: int

    def record(self, metrics: Metrics, log: Log) -> None:  # noqa: ARG002 - every event is called alike
        """Count them by step and kind."""
        metrics.incidents_open.set(self.open)
        for (step, kind), count in Counter((each.step, each.rule.kind) for each in self.changes).items():
            metrics.incidents.labels(step, kind).inc(count)
