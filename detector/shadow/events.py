"""What is told of the challenger beside the champion, and of promotion and rollback by themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from detector.telemetry.logs import Log
from detector.telemetry.metrics import Metrics, from_zero

DECIDED = ("both", "champion", "challenger", "neither")
FOUND = ("both", "gained", "lost")
FAILURES = ("crash", "hang", "refused", "registry")
MOVES = ("promote", "rollback")


def begin(metrics: Metrics) -> None:
    """Have everything counted from zero."""
    from_zero(metrics.shadow_flows, DECIDED)
    from_zero(metrics.shadow_incidents, FOUND)
    from_zero(metrics.shadow_failures, FAILURES)
    from_zero(metrics.model_moves, MOVES)


@dataclass(frozen=True, slots=True)
class ShadowBegun:
    """A challenger is compared with the champion from now on."""

    champion: str
    challenger: str
    share: float

    def record(self, metrics: Metrics, log: Log) -> None:
        """Tell which, once."""
        metrics.shadow_info.clear()
        metrics.shadow_info.labels(self.challenger).set(1)
        log.info("shadow.begun", champion=self.champion, challenger=self.challenger, share=self.share)


@dataclass(frozen=True, slots=True)
class ShadowEnded:
    """There is no challenger to compare any more: it is the champion now, or failed."""

    def record(self, metrics: Metrics, log: Log) -> None:  # noqa: ARG002 - every event is called alike
        """Show it no more."""
        metrics.shadow_info.clear()
        for gauge in (
            *(metrics.shadow_agreement, metrics.shadow_kappa, metrics.shadow_jaccard, metrics.shadow_shift),
            *(metrics.shadow_champion_seconds, metrics.shadow_challenger_seconds),
        ):
            gauge.forget()


@dataclass(frozen=True, slots=True)
class ShadowCompared:
    """Flows were compared; counts are since the last such event, the others since it began."""

    flows: Mapping[str, int]
    incidents: Mapping[str, int]
    agreement: float | None
    kappa: float | None
    jaccard: float | None
    shift_decades: float | None
    champion_us: float | None
    challenger_us: float | None

    def record(self, metrics: Metrics, log: Log) -> None:  # noqa: ARG002
        """Count and show them."""
        for decided, count in self.flows.items():
            metrics.shadow_flows.labels(decided).inc(count)
        for found, count in self.incidents.items():
            metrics.shadow_incidents.labels(found).inc(count)
        nothing = float("nan")
        metrics.shadow_agreement.set(nothing if self.agreement is None else self.agreement)
        metrics.shadow_kappa.set(nothing if self.kappa is None else self.kappa)
        metrics.shadow_jaccard.set(nothing if self.jaccard is None else self.jaccard)
        metrics.shadow_shift.set(nothing if self.shift_decades is None else self.shift_decades)
        metrics.shadow_champion_seconds.set(nothing if self.champion_us is None else self.champion_us * 1e-6)
        metrics.shadow_challenger_seconds.set(nothing if self.challenger_us is None else self.challenger_us * 1e-6)


@dataclass(frozen=True, slots=True)
class ShadowDropped:
    """A batch was left out: the challenger is late. What is emitted is not touched."""

    flows: int

    def record(self, metrics: Metrics, log: Log) -> None:
        """Count it; log it, sampled."""
        metrics.shadow_dropped.inc(self.flows)
        log.warning("shadow.dropped", flows=self.flows, sampled="shadow.dropped")


@dataclass(frozen=True, slots=True)
class ShadowFailed:
    """A challenger is not compared any more, or not at all; what is emitted is not touched."""

    version: str
    reason: str
    """``crash``, ``hang`` or ``refused``."""
    detail: str

    def record(self, metrics: Metrics, log: Log) -> None:
        """Count and log it: told once for a version."""
        metrics.shadow_failures.labels(self.reason).inc()
        log.error("shadow.failed", version=self.version, reason=self.reason, detail=self.detail)


@dataclass(frozen=True, slots=True)
class FiguresFailed:
    """Figures could not be written to the registry, or read; ``known`` of an outage that was told already."""

    error: str
    known: bool = False

    def record(self, metrics: Metrics, log: Log) -> None:
        """Count each; log the first of an outage."""
        metrics.shadow_failures.labels("registry").inc()
        if not self.known:
            log.warning("shadow.figures_failed", error=self.error)


@dataclass(frozen=True, slots=True)
class FiguresWork:
    """Figures are written again after an outage."""

    after_failures: int

    def record(self, metrics: Metrics, log: Log) -> None:  # noqa: ARG002
        """Log it."""
        log.info("shadow.figures_restored", after_failures=self.after_failures)


@dataclass(frozen=True, slots=True)
class ModelMoved:
    """This daemon promoted a challenger, or rolled a champion back."""

    action: str
    old: str
    new: str
    reason: str

    def record(self, metrics: Metrics, log: Log) -> None:
        """Count and log it; the history has it too."""
        metrics.model_moves.labels(self.action).inc()
        tell = log.warning if self.action == "rollback" else log.info
        tell(
            "model.promoted" if self.action == "promote" else "model.rolled_back",
            old=self.old,
            new=self.new,
            reason=self.reason,
        )


@dataclass(frozen=True, slots=True)
class PromotionHeld:
    """A challenger keeps all rules, and yet is not to be promoted by itself."""

    version: str
    why: str

    def record(self, metrics: Metrics, log: Log) -> None:  # noqa: ARG002
        """Log it: told once for a version."""
        log.warning("model.not_promoted", version=self.version, reason=self.why)
