"""What is told of whether a model knows the network."""

from __future__ import annotations

from dataclasses import dataclass

from detector.familiarity import Block
from detector.telemetry.logs import Log
from detector.telemetry.metrics import Metrics


@dataclass(frozen=True, slots=True)
class FlowsRaised:
    """A block of flows came together, judged by the model ``version``."""

    block: Block
    name: str
    version: str

    def record(self, metrics: Metrics, log: Log) -> None:
        """Show the share raised; say once that the model does not know the network, and once that it does again."""
        counts = self.block.counts
        metrics.raised.replace({self.version: counts.share})
        if self.block.turned is None:
            return
        told = {"name": self.name, "version": self.version, "raised": counts.raised, "flows": counts.flows}
        if self.block.turned:
            log.error("model.network_unknown", detail=counts.told(f"{self.name} {self.version}"), **told)
        else:
            log.info("model.network_known", **told)
