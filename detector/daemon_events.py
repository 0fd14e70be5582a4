"""What is told of the process."""

from __future__ import annotations

from dataclasses import dataclass

from detector.telemetry.logs import Log
from detector.telemetry.metrics import Metrics


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
