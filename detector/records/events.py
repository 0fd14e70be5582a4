"""What is told of records that are no flows, and of flows that lack measures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from detector.records.flow import RejectReason
from detector.telemetry.logs import Log
from detector.telemetry.metrics import Metrics, Stage, from_zero

OTHER = "other"

MAX_KINDS = 40
"""Different names under a label whose values come from the input; the rest are counted as ``other``."""


def begin(metrics: Metrics) -> None:
    """Have rejects counted from zero, by reason."""
    from_zero(metrics.rejected, RejectReason)


@dataclass(frozen=True, slots=True)
class RecordsRejected:
    """Records that cannot be used: how many by reason, and one of them in words."""

    counts: Mapping[str, int]
    sample: str = ""

    def record(self, metrics: Metrics, log: Log) -> None:
        """Count them as failures of the decode stage; log a sample."""
        for reason, count in self.counts.items():
            metrics.rejected.labels(reason).inc(count)
        metrics.stage_failed.labels(Stage.DECODE).inc(sum(self.counts.values()))
        log.warning("records.rejected", counts=_named(self.counts), sample=self.sample, sampled="records.rejected")


@dataclass(frozen=True, slots=True)
class FormatUnfit:
    """So many records came that cannot be used, and not one flow: the format that is set is probably not theirs."""

    format: str
    records: int
    detail: str

    def record(self, metrics: Metrics, log: Log) -> None:  # noqa: ARG002 - the rejects are counted already
        """Say so; a person is needed."""
        log.error("records.format_unfit", format=self.format, records=self.records, detail=self.detail)


@dataclass(frozen=True, slots=True)
class MeasuresMissing:
    """None of the first flows has these measures, such as bytes: their fields are probably named in another way."""

    measures: tuple[str, ...]
    flows: int
    detail: str

    def record(self, metrics: Metrics, log: Log) -> None:  # noqa: ARG002 - drift shows it in numbers
        """Say so, once; a person may want to look."""
        log.warning("records.without_measures", measures=list(self.measures), flows=self.flows, detail=self.detail)


@dataclass(frozen=True, slots=True)
class RecordsPassedOver:
    """Records that are no flows, such as header lines and other event types, by kind."""

    counts: Mapping[str, int]

    def record(self, metrics: Metrics, log: Log) -> None:
        """Count them, within a bounded number of kinds."""
        if not self.counts:
            return
        known = {sample.labels["kind"] for family in metrics.passed_over.collect() for sample in family.samples}
        for kind, count in self.counts.items():
            if kind not in known and len(known) >= MAX_KINDS:
                kind = OTHER  # noqa: PLW2901
            known.add(kind)
            metrics.passed_over.labels(kind).inc(count)
        log.debug("records.passed_over", counts=_named(self.counts), sampled="records.passed_over")


def _named(counts: Mapping[str, int]) -> dict[str, int]:
    """Counts under plain string keys, for a log line."""
    return {str(key): count for key, count in counts.items()}
