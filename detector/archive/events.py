"""What is told of the flows that are archived."""

from __future__ import annotations

from dataclasses import dataclass

from detector.archive.share import share
from detector.telemetry.logs import Log
from detector.telemetry.metrics import Metrics


@dataclass(frozen=True, slots=True)
class ArchiveWritten:
    """A file was written, and the archive kept within its bounds."""

    flows: int
    bytes: int
    """Of all days."""
    halvings: int
    again: bool
    """After failures."""

    def record(self, metrics: Metrics, log: Log) -> None:
        """Count it."""
        metrics.archive_flows.labels("written").inc(self.flows)
        metrics.archive_bytes.set(self.bytes)
        metrics.archive_share.set(share(self.halvings))
        if self.again:
            log.info("archive.written_again")


@dataclass(frozen=True, slots=True)
class FlowsNotArchived:
    """Flows that are not in the archive: ``left_out`` by the share of sources, ``dropped``, or ``failed``."""

    why: str
    flows: int

    def record(self, metrics: Metrics, log: Log) -> None:  # noqa: ARG002 - every event is called alike
        """Count them."""
        metrics.archive_flows.labels(self.why).inc(self.flows)


@dataclass(frozen=True, slots=True)
class ArchiveFailed:
    """A file could not be written, or the archive not kept within its bounds; the daemon goes on without."""

    error: str
    known: bool
    """Whether it failed the time before as well."""

    def record(self, metrics: Metrics, log: Log) -> None:
        """Say so, once until it works again."""
        metrics.archive_failures.inc()
        if not self.known:
            log.warning("archive.failed", error=self.error)
