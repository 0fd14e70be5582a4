"""What is told of suppressions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from detector.suppression.rule import SCOPES, Scope, Suppression, told
from detector.telemetry.logs import Log
from detector.telemetry.metrics import Metrics, from_zero

NAMED = 5
"""Rules that one line of the log names."""


def begin(metrics: Metrics) -> None:
    """Have what is hidden counted from zero, by scope."""
    from_zero(metrics.suppressed, SCOPES)
    metrics.suppressions.replace(dict.fromkeys(SCOPES, 0.0))


@dataclass(frozen=True, slots=True)
class AlertsSuppressed:
    """Alerts of a batch were hidden: how many, by the scope of the suppression."""

    scopes: Mapping[Scope, int]

    def record(self, metrics: Metrics, log: Log) -> None:  # noqa: ARG002 - every event is called alike
        """Count them."""
        for scope, count in self.scopes.items():
            metrics.suppressed.labels(scope).inc(count)


@dataclass(frozen=True, slots=True)
class SuppressionsChanged:
    """Other rules are in force than before; ``ended`` are those that ended by themselves."""

    rules: Sequence[Suppression]
    """All that are in force."""
    begun: Sequence[Suppression] = ()
    ended: Sequence[Suppression] = ()
    withdrawn: Sequence[Suppression] = ()

    def record(self, metrics: Metrics, log: Log) -> None:
        """Show how many there are, and say which came and went."""
        counts = Counter(rule.scope for rule in self.rules)
        metrics.suppressions.replace({scope: float(counts[scope]) for scope in SCOPES})
        steps = (
            ("suppressions.begun", self.begun),
            ("suppressions.ended", self.ended),
            ("suppressions.withdrawn", self.withdrawn),
        )
        for step, rules in steps:
            if rules:
                named = [{"id": rule.id, "is": told(rule)} for rule in rules[:NAMED]]
                log.info(step, count=len(rules), in_force=len(self.rules), rules=named)


@dataclass(frozen=True, slots=True)
class SuppressionsUnfit:
    """Messages on the topic are no suppressions; ``why`` tells of the first of all, once."""

    topic: str
    count: int
    why: str = ""

    def record(self, metrics: Metrics, log: Log) -> None:
        """Count them, and say what the first one is."""
        metrics.suppressions_unfit.inc(self.count)
        if self.why:
            log.warning("suppressions.unfit", topic=self.topic, why=self.why)


@dataclass(frozen=True, slots=True)
class SuppressionFileRefused:
    """The file of suppressions changed and cannot be used: those that it had before stay in force."""

    error: str

    def record(self, metrics: Metrics, log: Log) -> None:
        """Count it, and say why."""
        metrics.suppressions_unfit.inc()
        log.error("suppressions.file_refused", error=self.error, kept="what it had before")


@dataclass(frozen=True, slots=True)
class SuppressionsUnread:
    """The topic of suppressions cannot be read for now; those that are known stay in force."""

    topic: str
    why: str

    def record(self, metrics: Metrics, log: Log) -> None:  # noqa: ARG002
        """Say why."""
        log.warning("suppressions.unread", topic=self.topic, why=self.why, kept="those that are known")


@dataclass(frozen=True, slots=True)
class SuppressionsRead:
    """The topic of suppressions is read again."""

    topic: str

    def record(self, metrics: Metrics, log: Log) -> None:  # noqa: ARG002
        """Say so."""
        log.info("suppressions.read", topic=self.topic)
