"""What is told of messages about incidents, by the way that they go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from detector.notify.retry import REASONS
from detector.notify.ways import NAMES
from detector.telemetry.logs import Log
from detector.telemetry.metrics import Metrics, from_zero

MESSAGES = ("incident", "digest")
GATHERED = ("rate", "age")


def begin(metrics: Metrics) -> None:
    """Have everything counted from zero."""
    for way in NAMES:
        from_zero(metrics.notify_sent, MESSAGES, way)
        from_zero(metrics.notify_failed, REASONS, way)
        from_zero(metrics.notify_digested, GATHERED, way)
        metrics.notify_retries.labels(way)
        metrics.notify_given_up.labels(way)
        metrics.notify_restarts.labels(way)
        metrics.notify_commit_failures.labels(way)
        metrics.notify_unfit.labels(way)
        metrics.notify_lost.labels(way)


@dataclass(frozen=True, slots=True)
class NotifyBegun:
    """A way is served from now on."""

    way: str
    group: str

    def record(self, metrics: Metrics, log: Log) -> None:
        """Log it."""
        metrics.notify_waiting.labels(self.way).set(0)
        log.info("notify.begun", way=self.way, group=self.group)


@dataclass(frozen=True, slots=True)
class MessageSent:
    """A message was taken by its receiver."""

    way: str
    message: Literal["incident", "digest", "test"]
    attempts: int

    def record(self, metrics: Metrics, log: Log) -> None:
        """Count it; log it where it works again."""
        metrics.notify_sent.labels(self.way, self.message).inc()
        metrics.notify_success.labels(self.way).set_to_current_time()
        if self.attempts > 1:
            log.info("notify.restored", way=self.way, attempts=self.attempts, again=f"notify {self.way}")


@dataclass(frozen=True, slots=True)
class AttemptFailed:
    """A message was not taken; it is tried again, or ``given_up``."""

    way: str
    reason: str
    detail: str
    again_in_s: float
    given_up: bool
    key: str
    """Of the message: what a person looks for."""

    def record(self, metrics: Metrics, log: Log) -> None:
        """Count it; log the first of an outage, and each that is given up, sampled."""
        metrics.notify_failed.labels(self.way, self.reason).inc()
        if self.given_up:
            metrics.notify_given_up.labels(self.way).inc()
            log.error(
                "notify.given_up",
                way=self.way,
                message=self.key,
                error=self.detail,
                sampled=f"notify.given_up {self.way}",
            )
            return
        metrics.notify_retries.labels(self.way).inc()
        log.warning(
            "notify.failed",
            way=self.way,
            error=self.detail,
            again_in_s=round(self.again_in_s, 1),
            doing="trying again",
            once=f"notify {self.way}",
        )


@dataclass(frozen=True, slots=True)
class Gathered:
    """A message was put together with others: too many came (``rate``), or it waited for too long (``age``)."""

    way: str
    why: str

    def record(self, metrics: Metrics, log: Log) -> None:  # noqa: ARG002 - every event is called alike
        """Count it."""
        metrics.notify_digested.labels(self.way, self.why).inc()


@dataclass(frozen=True, slots=True)
class WaitingSeen:
    """For how long the oldest has been waiting; 0 where nothing waits."""

    way: str
    seconds: float

    def record(self, metrics: Metrics, log: Log) -> None:  # noqa: ARG002
        """Show it."""
        metrics.notify_waiting.labels(self.way).set(self.seconds)


@dataclass(frozen=True, slots=True)
class CourierFailed:
    """A way is not served for a moment, such as without its topic; it begins again where it was."""

    way: str
    error: str
    again_in_s: float

    def record(self, metrics: Metrics, log: Log) -> None:
        """Count it; log it, sampled."""
        metrics.notify_restarts.labels(self.way).inc()
        log.warning(
            "notify.stopped",
            way=self.way,
            error=self.error,
            again_in_s=self.again_in_s,
            doing="beginning again",
            sampled=f"notify.stopped {self.way}",
        )


@dataclass(frozen=True, slots=True)
class PlacesNotCommitted:
    """What is settled could not be committed: it is tried again, and sent again if the process ends before."""

    way: str
    error: str

    def record(self, metrics: Metrics, log: Log) -> None:
        """Count it; log it, sampled."""
        metrics.notify_commit_failures.labels(self.way).inc()
        log.warning("notify.commit_failed", way=self.way, error=self.error, sampled=f"notify.commit_failed {self.way}")


@dataclass(frozen=True, slots=True)
class IncidentsLost:
    """The topic no longer had documents when they were to be read."""

    way: str
    count: int

    def record(self, metrics: Metrics, log: Log) -> None:
        """Count them; a person is needed, since nobody will send them any more."""
        metrics.notify_lost.labels(self.way).inc(self.count)
        log.error("notify.lost", way=self.way, count=self.count, fix="keep incidents for longer: retention.ms")


@dataclass(frozen=True, slots=True)
class DocumentsUnfit:
    """Documents of the topic that are no incident's were passed over."""

    way: str
    count: int
    why: str

    def record(self, metrics: Metrics, log: Log) -> None:
        """Count them; log them, sampled."""
        metrics.notify_unfit.labels(self.way).inc(self.count)
        log.warning("notify.unfit", way=self.way, count=self.count, error=self.why, sampled=f"notify.unfit {self.way}")
