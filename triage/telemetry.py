"""What triage tells: its metrics, on a registry of their own, and one class for each thing worth telling."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.process_collector import ProcessCollector

from detector.printable import printable
from detector.telemetry.logs import Log
from detector.telemetry.metrics import from_zero

KINDS = ("incident", "alert", "risk", "label", "suppression")
"""Of documents."""

STEPS = ("ingest", "outbox", "retention")

WAYS, RESULTS = ("password", "token", "proxy"), ("accepted", "refused", "limited")
"""Of signing in."""

LONGEST = 64
"""Characters of a name or an address in the log."""

DOINGS = ("open", "ingest", "outbox", "retention", "figures", "answer")


class TriageMetrics:
    """What this process counts; what the database tells is :class:`triage.measured.FromDatabase`'s."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry

        def counter(name: str, words: str, *labels: str) -> Counter:
            return Counter(f"oddflow_triage_{name}", words, labels, registry=registry)

        def gauge(name: str, words: str, *labels: str) -> Gauge:
            return Gauge(f"oddflow_triage_{name}", words, labels, registry=registry)

        self.documents = counter("documents_total", "Documents read from topics, by kind.", "kind")
        self.foreign = counter("foreign_documents_total", "Documents that were not of the kind of their topic.", "kind")
        self.sent = counter("outbox_sent_total", "Documents sent and acknowledged, by channel.", "channel")
        self.database_errors = counter("database_errors_total", "Times that the database failed.", "doing")
        self.broker_errors = counter("broker_errors_total", "Times that Kafka failed.", "doing")
        self.forgotten = counter("forgotten_total", "Rows that retention deleted, by kind.", "kind")
        self.sign_ins = counter(
            "sign_ins_total", "Times that somebody signed in, or tried to, by way and result.", "how", "result"
        )
        self.lag = gauge("ingest_lag_records", "Records of a topic that are not read yet.", "topic")
        self.success = gauge(
            "last_success_timestamp_seconds", "When a step last worked, in seconds since 1970.", "step"
        )
        for metric, values in (
            *((self.documents, KINDS), (self.foreign, KINDS), (self.sent, ("feedback", "suppressions"))),
            *((self.database_errors, DOINGS), (self.broker_errors, ("ingest", "outbox"))),
            (self.forgotten, ("incident", "alert")),
        ):
            from_zero(metric, values)
        for how, result in product(WAYS, RESULTS):
            self.sign_ins.labels(how, result)
        ProcessCollector(registry=registry)


class Event(Protocol):
    """Something that happened."""

    def record(self, metrics: TriageMetrics, log: Log) -> None:
        """Count it, and log it if a person would want to read it."""
        ...


Tell = Callable[[Event], None]


class Telemetry:
    """Where events go."""

    def __init__(self, metrics: TriageMetrics, log: Log) -> None:
        self.metrics = metrics
        self.log = log

    def tell(self, event: Event) -> None:
        """Record ``event``."""
        event.record(self.metrics, self.log)


def silent(event: Event) -> None:
    """Tell nobody."""
    del event


@dataclass(frozen=True, slots=True)
class Taken:
    """Documents of one kind were read, and are in the database."""

    kind: str
    count: int
    foreign: int
    why: str
    """Why the first foreign one is none."""
    topic: str

    def record(self, metrics: TriageMetrics, log: Log) -> None:
        """Count them; tell of foreign ones once for a topic."""
        metrics.documents.labels(self.kind).inc(self.count)
        if self.foreign:
            metrics.foreign.labels(self.kind).inc(self.foreign)
            log.warning("triage.foreign_documents", topic=self.topic, why=self.why, once=f"foreign {self.topic}")


@dataclass(frozen=True, slots=True)
class Worked:
    """A step worked."""

    step: str
    after_failure: bool = False

    def record(self, metrics: TriageMetrics, log: Log) -> None:
        """Tell when; after a failure, that it works again."""
        metrics.success.labels(self.step).set_to_current_time()
        if self.after_failure:
            log.info("triage.works_again", step=self.step, again=f"failed {self.step}")


@dataclass(frozen=True, slots=True)
class DatabaseFailed:
    """The database failed; it is tried again, and nothing is lost."""

    doing: str
    error: str

    def record(self, metrics: TriageMetrics, log: Log) -> None:
        """Count each; tell the first of an outage."""
        metrics.database_errors.labels(self.doing).inc()
        log.error("triage.database_failed", doing=self.doing, error=self.error, once=f"failed {self.doing}")


@dataclass(frozen=True, slots=True)
class AnswerFailed:
    """The database failed while somebody waited for an answer, who was told so in fewer words."""

    error: str

    def record(self, metrics: TriageMetrics, log: Log) -> None:
        """Count each; tell some."""
        metrics.database_errors.labels("answer").inc()
        log.error("triage.answer_failed", error=self.error, sampled="triage.answer_failed")


@dataclass(frozen=True, slots=True)
class Unindexed:
    """The database has no index of texts: searches look through all of them, which takes longer."""

    why: str

    def record(self, metrics: TriageMetrics, log: Log) -> None:
        """Tell it once."""
        del metrics
        fix = "have the database's owner run CREATE EXTENSION pg_trgm, or use SQLite 3.34 or later; then start again"
        log.warning("triage.search_unindexed", why=self.why, fix=fix, once="unindexed")


@dataclass(frozen=True, slots=True)
class BrokerFailed:
    """Kafka failed; it is tried again, and nothing is lost."""

    doing: str
    error: str

    def record(self, metrics: TriageMetrics, log: Log) -> None:
        """Count each; tell the first of an outage."""
        metrics.broker_errors.labels(self.doing).inc()
        log.warning("triage.kafka_failed", doing=self.doing, error=self.error, once=f"failed {self.doing}")


@dataclass(frozen=True, slots=True)
class SignInTried:
    """Somebody signed in, or was not let in; who comes by a token or a proxy is told once an hour for each address."""

    how: str
    """One of :data:`WAYS`."""
    result: str
    """One of :data:`RESULTS`; limited is who tried too often."""
    user: str
    """As they named themselves; of a token that is not known empty."""
    address: str

    def record(self, metrics: TriageMetrics, log: Log) -> None:
        """Count and tell it; of many refusals in a minute the first few lines."""
        metrics.sign_ins.labels(self.how, self.result).inc()
        told = {"user": printable(self.user[:LONGEST]), "address": printable(self.address[:LONGEST]), "how": self.how}
        if self.result == "accepted":
            log.info("triage.signed_in", **told)
        else:
            log.warning("triage.sign_in_refused", result=self.result, sampled=f"{self.how} {self.result}", **told)


@dataclass(frozen=True, slots=True)
class TopicMissing:
    """A topic is not there (yet); the others are read."""

    topic: str

    def record(self, metrics: TriageMetrics, log: Log) -> None:
        """Tell it once."""
        del metrics
        log.warning("triage.topic_missing", topic=self.topic, once=f"missing {self.topic}")


@dataclass(frozen=True, slots=True)
class Behind:
    """How many records of a topic are not read yet."""

    topic: str
    records: int

    def record(self, metrics: TriageMetrics, log: Log) -> None:
        """Show it."""
        del log
        metrics.lag.labels(self.topic).set(self.records)


@dataclass(frozen=True, slots=True)
class Sent:
    """What was said here is acknowledged."""

    channel: str
    count: int

    def record(self, metrics: TriageMetrics, log: Log) -> None:
        """Count it."""
        del log
        metrics.sent.labels(self.channel).inc(self.count)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """Retention deleted what is old, or had no room."""

    incidents: int
    alerts: int
    for_room: bool

    def record(self, metrics: TriageMetrics, log: Log) -> None:
        """Count it; tell where it was for want of room."""
        metrics.forgotten.labels("incident").inc(self.incidents)
        metrics.forgotten.labels("alert").inc(self.alerts)
        if self.for_room and (self.incidents or self.alerts):
            log.warning("triage.no_room", incidents=self.incidents, alerts=self.alerts, sampled="no room")
