"""What happens between this process and the brokers: outputs, offsets, partitions, connections."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from detector.telemetry.events import passed
from detector.telemetry.logs import Log
from detector.telemetry.metrics import Metrics, Stage, from_zero
from detector.transport.base import Channel


def begin(metrics: Metrics) -> None:
    """Have outputs counted from zero, by channel."""
    for counter in (metrics.acknowledged, metrics.unacknowledged):
        from_zero(counter, Channel)
    for channel in Channel:
        from_zero(metrics.outputs_oversized, ("cut", "parts", "dropped"), channel)


@dataclass(frozen=True, slots=True)
class OutputAcknowledged:
    """Outputs are safe: acknowledged by the brokers, or written."""

    channel: str
    count: int
    seconds: float

    def record(self, metrics: Metrics, log: Log) -> None:
        """Count it at the emit stage."""
        passed(metrics, Stage.EMIT, self.seconds, self.count, self.count)
        metrics.acknowledged.labels(self.channel).inc(self.count)
        log.debug("output.acknowledged", channel=self.channel, count=self.count)


@dataclass(frozen=True, slots=True)
class OutputFailed:
    """Outputs were not acknowledged; nothing is committed, and they are tried again."""

    channel: str
    count: int
    error: str

    def record(self, metrics: Metrics, log: Log) -> None:
        """Count the attempt; log it, sampled."""
        metrics.stage_failed.labels(Stage.EMIT).inc(self.count)
        metrics.unacknowledged.labels(self.channel).inc(self.count)
        log.warning(
            "output.failed", channel=self.channel, count=self.count, error=self.error, sampled=f"output {self.channel}"
        )


@dataclass(frozen=True, slots=True)
class OutputCut:
    """An output was larger than its topic takes: it was sent cut, saying so, or whole in ``parts``."""

    channel: str
    topic: str
    bytes: int
    limit_bytes: int
    parts: int = 0

    def record(self, metrics: Metrics, log: Log) -> None:
        """Count it; log it, sampled."""
        metrics.outputs_oversized.labels(self.channel, "parts" if self.parts else "cut").inc()
        log.warning(
            "output.oversized",
            channel=self.channel,
            topic=self.topic,
            bytes=self.bytes,
            limit_bytes=self.limit_bytes,
            sent=f"in {self.parts} parts" if self.parts else "cut",
            fix="raise the topic's max.message.bytes, or set output.oversized = parts",
            sampled=f"output.oversized {self.channel}",
        )


@dataclass(frozen=True, slots=True)
class OutputDropped:
    """Nothing of an output could be sent, since its topic takes next to nothing."""

    channel: str
    topic: str
    bytes: int
    why: str

    def record(self, metrics: Metrics, log: Log) -> None:
        """Count it; a person is needed."""
        metrics.outputs_oversized.labels(self.channel, "dropped").inc()
        fix = "raise the topic's max.message.bytes"
        log.error(
            "output.dropped",
            channel=self.channel,
            topic=self.topic,
            bytes=self.bytes,
            why=self.why,
            fix=fix,
            sampled=f"output.dropped {self.channel}",
        )


@dataclass(frozen=True, slots=True)
class OffsetsCommitted:
    """The next offset to read, by partition, is recorded."""

    positions: Mapping[int, int]

    def record(self, metrics: Metrics, log: Log) -> None:
        """Show the positions in the gauges."""
        for partition, offset in self.positions.items():
            metrics.committed.labels(str(partition)).set(offset)
        metrics.commits.labels("ok").inc()
        metrics.stage_success.labels(Stage.COMMIT).set_to_current_time()
        log.debug("offsets.committed", positions=dict(self.positions))


@dataclass(frozen=True, slots=True)
class CommitFailed:
    """Offsets were not accepted; they are committed with the next ones, or read again by whoever has the partitions."""

    error: str

    def record(self, metrics: Metrics, log: Log) -> None:
        """Count it; log it, sampled."""
        metrics.commits.labels("failed").inc()
        log.warning("offsets.commit_failed", error=self.error, sampled="offsets.commit_failed")


@dataclass(frozen=True, slots=True)
class LagSeen:
    """Records not yet read, by partition; not a number where that is not known."""

    by_partition: Mapping[int, float]

    def record(self, metrics: Metrics, log: Log) -> None:  # noqa: ARG002
        """Set the gauges."""
        for partition, records in self.by_partition.items():
            metrics.lag.labels(str(partition)).set(records)


@dataclass(frozen=True, slots=True)
class PartitionsAssigned:
    """Partitions came to this process."""

    partitions: Collection[int]

    def record(self, metrics: Metrics, log: Log) -> None:
        """Count and log the change."""
        metrics.rebalances.labels("assigned").inc()
        metrics.assigned.inc(len(self.partitions))
        log.info("partitions.assigned", partitions=sorted(self.partitions))


@dataclass(frozen=True, slots=True)
class PartitionsSeen:
    """How many partitions the topic has, the model's windows were trained over, and the settings name.

    None: the model has no windows; the settings name no number.
    """

    topic: str
    partitions: int
    model: int | None
    expected: int | None

    def record(self, metrics: Metrics, log: Log) -> None:
        """Show them; warn where they differ, since every destination's counts are then others than in training."""
        metrics.topic_partitions.set(self.partitions)
        metrics.model_partitions.set(self.partitions if self.model is None else self.model)
        if self.expected not in {None, self.partitions}:
            fix = "create the topic anew with so many partitions, or change input.partitions"
            log.warning(
                "partitions.unexpected",
                topic=self.topic,
                partitions=self.partitions,
                input_partitions=self.expected,
                fix=fix,
            )
        if self.model not in {None, self.partitions}:
            fix = f"train with --partitions {self.partitions}, or on the topic itself with --topic {self.topic}"
            log.warning(
                "partitions.differ", topic=self.topic, partitions=self.partitions, model_partitions=self.model, fix=fix
            )


@dataclass(frozen=True, slots=True)
class FilesUndivided:
    """The windows of the model were trained over several partitions, and a file is one: they begin with a part."""

    model: int

    def record(self, metrics: Metrics, log: Log) -> None:
        """Show it, and warn: most hosts are new to such windows, and are raised for that."""
        metrics.model_partitions.set(self.model)
        fix = "for files, train with --partitions 1; or read the topic that the model was trained for"
        log.warning("partitions.differ", partitions=1, model_partitions=self.model, fix=fix)


@dataclass(frozen=True, slots=True)
class RecordsLost:
    """The log of a partition begins behind the place to go on at: what lay between was deleted before it was read."""

    topic: str
    partition: int
    expected: int
    found: int

    def record(self, metrics: Metrics, log: Log) -> None:
        """Count the records; a person is needed, since nobody will read them any more."""
        lost = self.found - self.expected
        metrics.records_lost.inc(lost)
        log.error(
            "records.lost",
            topic=self.topic,
            partition=self.partition,
            expected=self.expected,
            found=self.found,
            lost=lost,
            state="what is remembered goes on without them",
            fix="keep records for longer than a daemon may be down or behind: retention.ms and retention.bytes",
        )


@dataclass(frozen=True, slots=True)
class TopicCreated:
    """A topic was missing, and made because that was asked for. ``like`` is one of nearly the same name, or empty."""

    topic: str
    partitions: int
    like: str = ""

    def record(self, metrics: Metrics, log: Log) -> None:  # noqa: ARG002
        """Say so; a likely mistake in the name is a warning."""
        if self.like:
            log.warning("topic.created", topic=self.topic, partitions=self.partitions, is_it_meant=self.like)
        else:
            log.info("topic.created", topic=self.topic, partitions=self.partitions)


@dataclass(frozen=True, slots=True)
class TopicReplaced:
    """The topic was deleted and made again under its name, or its log ends before the place to go on at.

    Reading begins at its start. ``unread`` are the records that the earlier one still had, as last seen.
    ``partitions`` are those concerned; none are all.
    """

    topic: str
    was: str
    now: str
    unread: int = 0
    partitions: tuple[int, ...] = ()
    expected: int | None = None
    end: int | None = None
    held: bool = True
    """Whether they were read here until now: what is remembered of partitions that only come now is not known here."""

    def record(self, metrics: Metrics, log: Log) -> None:
        """Count it, and what was not read of the earlier one."""
        metrics.topic_replacements.inc()
        metrics.records_lost.inc(self.unread)
        told = {"was": self.was, "now": self.now, "expected": self.expected, "end": self.end}
        write = log.error if self.unread else log.warning
        write(
            "topic.replaced",
            topic=self.topic,
            partitions=list(self.partitions) or "all",
            lost=self.unread,
            doing="reading from its start",
            state="what is remembered goes on" if self.held else "begins with what the model brings",
            **{name: value for name, value in told.items() if value not in {None, ""}},
        )


@dataclass(frozen=True, slots=True)
class TopicMissing:
    """The topic that is read was deleted, or its brokers came back without it."""

    topic: str

    def record(self, metrics: Metrics, log: Log) -> None:
        """Show that it has no partitions; a person is needed."""
        metrics.topic_partitions.set(0)
        log.error("topic.missing", topic=self.topic, fix="create it again; it is then read from its start")


@dataclass(frozen=True, slots=True)
class TopicFound:
    """The topic that was told missing is there, and the same one: a broker did not know of it for a moment."""

    topic: str
    partitions: int

    def record(self, metrics: Metrics, log: Log) -> None:
        """Show its partitions again, and say so."""
        metrics.topic_partitions.set(self.partitions)
        log.info("topic.found", topic=self.topic, partitions=self.partitions)


@dataclass(frozen=True, slots=True)
class PartitionsAdded:
    """The topic has more partitions than before; they are read from their start."""

    topic: str
    before: int
    partitions: int

    def record(self, metrics: Metrics, log: Log) -> None:
        """Show it, and say so."""
        metrics.topic_partitions.set(self.partitions)
        log.info("partitions.added", topic=self.topic, before=self.before, partitions=self.partitions)


@dataclass(frozen=True, slots=True)
class PartitionsRevoked:
    """Partitions went to another member, committed as far as they were done."""

    partitions: Collection[int]

    def record(self, metrics: Metrics, log: Log) -> None:
        """Count and log the change."""
        metrics.rebalances.labels("revoked").inc()
        metrics.assigned.dec(len(self.partitions))
        metrics.forget_partitions(self.partitions)
        log.info("partitions.revoked", partitions=sorted(self.partitions))


@dataclass(frozen=True, slots=True)
class PartitionsLost:
    """Partitions were taken away before their work could be committed; their new owner reads it again."""

    partitions: Collection[int]

    def record(self, metrics: Metrics, log: Log) -> None:
        """Count and log the change."""
        metrics.rebalances.labels("lost").inc()
        metrics.assigned.dec(len(self.partitions))
        metrics.forget_partitions(self.partitions)
        log.warning("partitions.lost", partitions=sorted(self.partitions))


@dataclass(frozen=True, slots=True)
class BrokerLost:
    """No broker can be reached; the client keeps trying. May be told at every retry: only the first is logged."""

    error: str

    def record(self, metrics: Metrics, log: Log) -> None:
        """Show it in the gauge; log it once until it is restored."""
        metrics.broker_lost()
        log.warning("broker.lost", error=self.error, doing="retrying with backoff", once="broker")


@dataclass(frozen=True, slots=True)
class BrokerReached:
    """A broker answers for the first time."""

    def record(self, metrics: Metrics, log: Log) -> None:  # noqa: ARG002 - nothing was lost
        """Show it in the gauge."""
        metrics.broker_restored()


@dataclass(frozen=True, slots=True)
class BrokerRestored:
    """A broker answers again."""

    after_s: float

    def record(self, metrics: Metrics, log: Log) -> None:
        """Show it in the gauge and log it."""
        metrics.broker_restored()
        log.info("broker.restored", after_s=round(self.after_s, 3), again="broker")


@dataclass(frozen=True, slots=True)
class FetchFailed:
    """The client reported an error that it retries, such as a fetch that a broker rejected."""

    error: str

    def record(self, metrics: Metrics, log: Log) -> None:
        """Count it; log it, sampled."""
        metrics.broker_errors.inc()
        log.warning("broker.error", error=self.error, sampled="broker.error")
