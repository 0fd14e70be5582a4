"""What is told of incidents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from detector.incidents.book import Change
from detector.incidents.incident import STEPS
from detector.incidents.kinds import NAMES
from detector.telemetry.logs import Log
from detector.telemetry.metrics import Metrics, from_zero, label


def begin(metrics: Metrics) -> None:
    """Have incidents counted from zero, by step and kind."""
    for step in STEPS:
        from_zero(metrics.incidents, map(label, NAMES), step)
    from_zero(metrics.incidents_ended, map(label, NAMES))


@dataclass(frozen=True, slots=True)
class IncidentsTold:
    """Incidents were opened, went on or were closed; ``open`` are open now, and ``ended`` are over, by final kind."""

    changes: Sequence[Change]
    open: int
    ended: Mapping[str, int]

    def record(self, metrics: Metrics, log: Log) -> None:  # noqa: ARG002 - every event is called alike
        """Count them by step and kind."""
        metrics.incidents_open.set(self.open)
        for (step, kind), count in Counter((each.step, each.kind.name) for each in self.changes).items():
            metrics.incidents.labels(step, label(kind)).inc(count)
        for kind, count in self.ended.items():
            metrics.incidents_ended.labels(label(kind)).inc(count)


@dataclass(frozen=True, slots=True)
class RisksTold:
    """Hosts' risks were told; the highest of them now, descending."""

    highest: Sequence[float]

    def record(self, metrics: Metrics, log: Log) -> None:  # noqa: ARG002
        """Show them by rank: an address would be a series for each host, and is in the topic."""
        metrics.host_risk.replace({str(rank): risk for rank, risk in enumerate(self.highest, 1)})


@dataclass(frozen=True, slots=True)
class BudgetSet:
    """What the model in charge is held to: false incidents a day, or None where it is a budget of another kind."""

    incidents_per_day: float | None

    def record(self, metrics: Metrics, log: Log) -> None:  # noqa: ARG002
        """Show it."""
        if self.incidents_per_day is None:
            metrics.incident_budget.forget()
        else:
            metrics.incident_budget.set(self.incidents_per_day)
