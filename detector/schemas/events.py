"""What is told of the schema registry and its schemas."""

from __future__ import annotations

from dataclasses import dataclass

from detector.telemetry.logs import Log
from detector.telemetry.metrics import Metrics


@dataclass(frozen=True, slots=True)
class SchemaRegistryLost:
    """The schema registry does not answer, or refuses; it is asked again until it does, and records wait."""

    url: str
    error: str

    def record(self, metrics: Metrics, log: Log) -> None:
        """Show it, and say so once."""
        metrics.schema_registry_lost.set(1)
        log.warning("schema_registry.lost", url=self.url, error=self.error)


@dataclass(frozen=True, slots=True)
class SchemaRegistryRestored:
    """The schema registry answers again."""

    after_s: float

    def record(self, metrics: Metrics, log: Log) -> None:
        """Say for how long records waited."""
        metrics.schema_registry_lost.set(0)
        log.info("schema_registry.restored", after_s=round(self.after_s, 3))


@dataclass(frozen=True, slots=True)
class SchemaOpened:
    """A schema was fetched and can be read from now on."""

    schema_id: int
    kind: str

    def record(self, metrics: Metrics, log: Log) -> None:
        """Count it; the registry answers."""
        metrics.schemas.labels("ok").inc()
        metrics.schema_registry_lost.set(0)
        log.info("schema.opened", schema_id=self.schema_id, kind=self.kind)


@dataclass(frozen=True, slots=True)
class SchemaRefused:
    """A schema that values name does not exist or cannot be read: they become dead letters."""

    schema_id: int
    reason: str

    def record(self, metrics: Metrics, log: Log) -> None:
        """Count it; a damaged value may name any number, so the log has a sample."""
        metrics.schemas.labels("refused").inc()
        log.warning("schema.refused", schema_id=self.schema_id, reason=self.reason, sampled="schema.refused")
