"""What is told of drift, and of whether a model knows the network."""

from __future__ import annotations

from dataclasses import dataclass

from detector.drift.familiarity import Raised
from detector.drift.monitor import REASONS, DriftReport
from detector.drift.strangers import Strangers
from detector.drift.turning import Block
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


@dataclass(frozen=True, slots=True)
class FlowsRaised:
    """A block of flows came together, judged by the model ``version``."""

    block: Block[Raised]
    name: str
    version: str

    def record(self, metrics: Metrics, log: Log) -> None:
        """Show the share raised; say once that the model does not know the network, and once that it does again."""
        counts = self.block.counts
        metrics.raised.replace({self.version: counts.share})
        told = {"raised": counts.raised, "flows": counts.flows}
        _tell_turn(log, self, "model.network_unknown", "model.network_known", told)


@dataclass(frozen=True, slots=True)
class StrangersSeen:
    """A block of flows from inside came together, judged by the model ``version``."""

    block: Block[Strangers]
    name: str
    version: str

    def record(self, metrics: Metrics, log: Log) -> None:
        """Show the share of strangers; say once that it is another network, and once that it is the model's again."""
        counts = self.block.counts
        metrics.strangers.replace({self.version: counts.share})
        told = {
            "flows": counts.flows,
            "strange": counts.strange,
            "hosts": counts.hosts,
            "strange_hosts": counts.strange_hosts,
        }
        _tell_turn(log, self, "model.hosts_unknown", "model.hosts_known", told)


def _tell_turn(log: Log, seen: FlowsRaised | StrangersSeen, begun: str, ended: str, told: dict[str, int]) -> None:
    """Say what has begun as an error with what to do, and what has ended; nothing where neither has."""
    turned, which = seen.block.turned, {"name": seen.name, "version": seen.version}
    if turned:
        log.error(begun, detail=seen.block.counts.told(f"{seen.name} {seen.version}"), **which, **told)
    elif turned is False:
        log.info(ended, **which, **told)
