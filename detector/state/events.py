"""What is told of state that is kept and restored."""

from __future__ import annotations

from dataclasses import dataclass

from detector.telemetry.logs import Log
from detector.telemetry.metrics import Metrics


@dataclass(frozen=True, slots=True)
class StateSaved:
    """A partition's state was kept."""

    partition: int
    offset: int
    bytes: int
    seconds: float

    def record(self, metrics: Metrics, log: Log) -> None:  # noqa: ARG002 - every event is called alike
        """Count it."""
        metrics.state_saves.labels("ok").inc()
        metrics.state_bytes.labels(str(self.partition)).set(self.bytes)
        metrics.state_save_seconds.observe(self.seconds)


@dataclass(frozen=True, slots=True)
class StateNotSaved:
    """A partition's state could not be kept: a restart would replay from the one before. None: found out at start."""

    partition: int | None
    error: str

    def record(self, metrics: Metrics, log: Log) -> None:
        """Count it, and say so now and then."""
        metrics.state_saves.labels("failed").inc()
        log.warning("state.not_saved", partition=self.partition, error=self.error, sampled="state.not_saved")


@dataclass(frozen=True, slots=True)
class StateMissing:
    """A partition that was read before came without its state: it begins with what training ended with, or empty."""

    partition: int
    committed: int
    why: str

    def record(self, metrics: Metrics, log: Log) -> None:
        """Count it; scores differ until the windows have filled, so a person may want to know."""
        metrics.state_restores.labels("missing").inc()
        log.warning("state.missing", partition=self.partition, committed=self.committed, why=self.why)


@dataclass(frozen=True, slots=True)
class StateIncomplete:
    """A partition's snapshot is older than its log: the records between were to be gone through again, and are gone."""

    partition: int
    snapshot: int
    oldest: int
    missing: int

    def record(self, metrics: Metrics, log: Log) -> None:
        """Count them: counts, evidence and incidents are as if those flows had not been."""
        metrics.state_missed.inc(self.missing)
        log.warning(
            "state.incomplete",
            partition=self.partition,
            snapshot=self.snapshot,
            oldest=self.oldest,
            missing=self.missing,
        )


@dataclass(frozen=True, slots=True)
class StateBegun:
    """A partition that nothing was known of begins with what its model's training ended with."""

    partition: int
    model_version: str

    def record(self, metrics: Metrics, log: Log) -> None:
        """Count it."""
        metrics.state_restores.labels("begun").inc()
        log.info("state.begun", partition=self.partition, version=self.model_version)


@dataclass(frozen=True, slots=True)
class StateLeft:
    """A partition's records are not of after what its model's training ended with: it begins empty."""

    partition: int
    model_version: str
    why: str

    def record(self, metrics: Metrics, log: Log) -> None:
        """Count it; its first flows will look new, so a person may want to know."""
        metrics.state_restores.labels("other_time").inc()
        log.warning("state.not_begun", partition=self.partition, version=self.model_version, why=self.why)


@dataclass(frozen=True, slots=True)
class StateUnfit:
    """What its model's training ended with is not for this build: the partition begins empty."""

    partition: int
    model_version: str
    why: str

    def record(self, metrics: Metrics, log: Log) -> None:
        """Count it; a person may want to train anew."""
        metrics.state_restores.labels("unfit").inc()
        log.warning("state.unfit", partition=self.partition, version=self.model_version, why=self.why)


@dataclass(frozen=True, slots=True)
class StateRestored:
    """A partition is where it was: its snapshot is loaded, and the records since were gone through again."""

    partition: int
    replayed: int
    seconds: float

    def record(self, metrics: Metrics, log: Log) -> None:
        """Count it and show how long it took."""
        metrics.state_restores.labels("ok").inc()
        metrics.state_replayed.inc(self.replayed)
        metrics.state_restore_seconds.observe(self.seconds)
        log.info("state.restored", partition=self.partition, replayed=self.replayed, seconds=round(self.seconds, 3))
