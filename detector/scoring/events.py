"""What is told of batches that are judged, and of the model that judges them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector.telemetry.events import passed
from detector.telemetry.logs import Log
from detector.telemetry.metrics import Metrics, Stage


@dataclass(frozen=True, slots=True)
class BatchFeatured:
    """Flows became a matrix."""

    rows: int
    seconds: float

    def record(self, metrics: Metrics, log: Log) -> None:  # noqa: ARG002
        """Count it at the features stage."""
        passed(metrics, Stage.FEATURES, self.seconds, self.rows, self.rows)


@dataclass(frozen=True, slots=True)
class BatchScored:
    """A matrix became scores."""

    rows: int
    seconds: float
    scores: NDArray[np.floating]
    model_version: str

    def record(self, metrics: Metrics, log: Log) -> None:  # noqa: ARG002
        """Count it at the score stage, each score in its bucket."""
        passed(metrics, Stage.SCORE, self.seconds, self.rows, self.rows)
        metrics.scores.observe(self.scores)


@dataclass(frozen=True, slots=True)
class ViewsForgot:
    """What views knew had to make room: how much, by the name that it is kept by."""

    more: Mapping[str, int]

    def record(self, metrics: Metrics, log: Log) -> None:  # noqa: ARG002
        """Count it; what was made anew since has forgotten nothing."""
        for name, count in self.more.items():
            metrics.view_evictions.labels(name).inc(max(count, 0))


@dataclass(frozen=True, slots=True)
class BatchDecided:
    """Scores were held against the budget; ``alerts`` of ``rows`` are to be raised."""

    rows: int
    alerts: int
    seconds: float

    def record(self, metrics: Metrics, log: Log) -> None:  # noqa: ARG002
        """Count it at the decide stage."""
        passed(metrics, Stage.DECIDE, self.seconds, self.rows, self.rows)


@dataclass(frozen=True, slots=True)
class ModelSwapped:
    """A model took over between two batches; ``old`` None means that it is the first."""

    name: str
    old: str | None
    new: str
    seconds: float
    digest: str = ""

    def record(self, metrics: Metrics, log: Log) -> None:
        """Count the swap, tell of the model."""
        metrics.swaps.labels("taken").inc()
        metrics.swap_seconds.observe(self.seconds)
        metrics.current_model(self.name, self.new, self.digest)
        log.info(
            "model.swapped",
            name=self.name,
            old=self.old,
            new=self.new,
            digest=self.digest,
            seconds=round(self.seconds, 3),
        )
