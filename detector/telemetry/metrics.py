"""Every metric of the daemon, declared once on a registry of its own.

Takes a ``CollectorRegistry`` and fills it; the events of each package are the only ones to touch what is
here. Labels are bounded: stages, reasons, severities, channels, partitions; never an address.
``docs/reference/metrics.md`` is made from these declarations. Safe to use from any thread.

Knows no part of the daemon: series by a part's own names are begun by its events (:mod:`detector.every_metric`).
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.process_collector import ProcessCollector

from detector.telemetry.collectors import BulkHistogram, KnownGauge, ReplacedGauge

RESTORE_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)

BATCH_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""From one kernel call over a few hundred rows to a broker that does not acknowledge."""

ALERT_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
"""Around the 250 ms that the 99th percentile is meant to keep, and up to a backlog being worked off."""

BATCH_RECORDS = (1, 10, 100, 500, 1_000, 2_500, 5_000, 10_000, 20_000, 50_000, 100_000)

SCORES = (
    *(round(0.3 + 0.02 * step, 2) for step in range(31)),  # forests score within 0..1, and nearly all of it in here
    *(1.0, 1.5, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0, 20.0, 30.0, 50.0, 100.0, 1_000.0),  # distances and negative logs
)


class Stage(StrEnum):
    """The steps of a record's way: the values of the label ``stage``."""

    POLL = "poll"
    DECODE = "decode"
    FEATURES = "features"
    SCORE = "score"
    DECIDE = "decide"
    EMIT = "emit"
    COMMIT = "commit"


RECORD_STAGES = (Stage.POLL, Stage.DECODE, Stage.FEATURES, Stage.SCORE, Stage.DECIDE, Stage.EMIT)
"""Those that count records; a commit is of positions."""


MODEL_REFUSALS = ("bundle", "missing", "defect")
"""Reasons that the registry's watcher has for refusing a model."""


@dataclass(frozen=True, slots=True)
class Declared:
    """What one metric is, for the reference page."""

    name: str
    type: str
    documentation: str
    labels: tuple[str, ...] = ()


class Metrics:
    """All metrics, as attributes; one instance a process, one registry an instance."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.declared: list[Declared] = []
        self._broker_lost = False
        self._declare_stages()
        self._declare_input()
        self._declare_schemas()
        self._declare_results()
        self._declare_kafka()
        self._declare_model()
        self._declare_shadow()
        self._declare_windows()
        self._declare_state()
        self._declare_archive()
        self._declare_incidents()
        self._declare_notify()
        self._declare_drift()
        self._declare_process()

    def _counter(self, name: str, documentation: str, *labels: str) -> Counter:
        self.declared.append(Declared(f"oddflow_{name}", "counter", documentation, labels))
        return Counter(f"oddflow_{name}", documentation, labels, registry=self.registry)

    def _gauge(self, name: str, documentation: str, *labels: str) -> Gauge:
        self.declared.append(Declared(f"oddflow_{name}", "gauge", documentation, labels))
        return Gauge(f"oddflow_{name}", documentation, labels, registry=self.registry)

    def _known(self, name: str, documentation: str) -> KnownGauge:
        self.declared.append(Declared(f"oddflow_{name}", "gauge", documentation))
        return KnownGauge(f"oddflow_{name}", documentation, self.registry)

    def _histogram(self, name: str, documentation: str, bounds: Sequence[float], *labels: str) -> Histogram:
        self.declared.append(Declared(f"oddflow_{name}", "histogram", documentation, labels))
        return Histogram(f"oddflow_{name}", documentation, labels, buckets=bounds, registry=self.registry)

    def _bulk(self, name: str, documentation: str, bounds: Sequence[float]) -> BulkHistogram:
        self.declared.append(Declared(f"oddflow_{name}", "histogram", documentation))
        return BulkHistogram(f"oddflow_{name}", documentation, bounds, self.registry)

    def _replaced(self, name: str, documentation: str, label: str) -> ReplacedGauge:
        self.declared.append(Declared(f"oddflow_{name}", "gauge", documentation, (label,)))
        return ReplacedGauge(f"oddflow_{name}", documentation, label, self.registry)

    def _declare_stages(self) -> None:
        self.stage_in = self._counter("stage_records_in_total", "Records that entered a stage.", "stage")
        self.stage_out = self._counter("stage_records_out_total", "Records that left a stage well.", "stage")
        self.stage_failed = self._counter("stage_records_failed_total", "Records that a stage failed on.", "stage")
        self.stage_success = self._gauge(
            "stage_last_success_timestamp_seconds", "When a stage last did its work, in seconds since 1970.", "stage"
        )
        self.stage_seconds = self._histogram(
            "stage_batch_duration_seconds", "Time that a stage took for a batch.", BATCH_SECONDS, "stage"
        )
        for counter in (self.stage_in, self.stage_out, self.stage_failed):
            from_zero(counter, RECORD_STAGES)

    def _declare_input(self) -> None:
        self.read_bytes = self._counter("read_bytes_total", "Bytes of record values read.")
        self.batch_records = self._histogram("batch_records", "Records in a batch as read.", BATCH_RECORDS)
        self.rejected = self._counter("records_rejected_total", "Records that cannot be used, by reason.", "reason")
        self.passed_over = self._counter(
            "records_passed_over_total", "Records that are no flows, such as header lines, by kind.", "kind"
        )
        self.in_flight = self._gauge("in_flight_records", "Records read and not yet accounted for.")

    def _declare_schemas(self) -> None:
        self.schema_registry_lost = self._known(
            "schema_registry_lost", "Whether records wait for a schema registry that does not answer: 1 or 0."
        )
        self.schemas = self._counter(
            "schemas_total", "Schemas that values named for the first time, by result: ok or refused.", "result"
        )
        from_zero(self.schemas, ("ok", "refused"))

    def _declare_results(self) -> None:
        self.scores = self._bulk("score", "Scores of the model in use; higher is more anomalous.", SCORES)
        self.alerts = self._counter("alerts_total", "Alerts raised, by severity.", "severity")
        self.alerts_withheld = self._counter(
            "alerts_withheld_total",
            "Of the alerts raised, those not written: repetitions within their incident (`alerts.repeat`).",
        )
        self.suppressed = self._counter(
            "suppressed_total",
            "Alerts that a suppression hid, by its scope: written, and not among the alerts raised.",
            "scope",
        )
        self.suppressions = self._replaced("suppressions", "Suppressions in force, by their scope.", "scope")
        self.suppressions_unfit = self._counter(
            "suppressions_unfit_total",
            "Messages on the topic of suppressions that are none, and files of them that were refused.",
        )
        self.alerts_allowed = self._counter(
            "alerts_allowed_total",
            "Of the alerts raised, those that are no risk by the allow-list (`assets.file`).",
        )
        self.raised = self._replaced(
            "raised_ratio",
            "Share of the latest 1,000 flows or more that were raised; near 1, the model does not know this network.",
            "model_version",
        )
        self.alert_seconds = self._bulk(
            "event_to_alert_seconds",
            "From a record's timestamp in the broker to its alert acknowledged.",
            ALERT_SECONDS,
        )
        self.acknowledged = self._counter("outputs_acknowledged_total", "Outputs acknowledged, by channel.", "channel")
        self.unacknowledged = self._counter(
            "outputs_failed_total", "Attempts at outputs that were not acknowledged and are tried again.", "channel"
        )
        self.outputs_oversized = self._counter(
            "outputs_oversized_total",
            "Outputs larger than their topic takes, by what was sent: cut, parts, or dropped (nothing could be).",
            "channel",
            "sent",
        )

    def _declare_kafka(self) -> None:
        self.lag = self._gauge(
            "lag_records",
            "Records in the topic not yet read, by partition that is read here; NaN while the brokers do not tell.",
            "partition",
        )
        self.committed = self._gauge("committed_offset", "Next offset to read as committed, by partition.", "partition")
        self.commits = self._counter("commits_total", "Commits of offsets, by result: ok or failed.", "result")
        from_zero(self.commits, ("ok", "failed"))
        self.assigned = self._gauge("partitions_assigned", "Partitions that this process reads.")
        self.topic_partitions = self._known(
            "topic_partitions", "Partitions that the topic has, as last seen; 0 where it was deleted."
        )
        self.model_partitions = self._known(
            "model_partitions", "Partitions that the model's windows were trained over; the topic's if it has none."
        )
        self.records_lost = self._counter(
            "records_lost_total", "Records that the topic no longer had when they were to be read."
        )
        self.topic_replacements = self._counter(
            "topic_replacements_total", "Times that the topic was found to be another one of its name."
        )
        self.rebalances = self._counter(
            "rebalances_total", "Changes of assignment, by kind: assigned, revoked or lost.", "kind"
        )
        from_zero(self.rebalances, ("assigned", "revoked", "lost"))
        self.broker_up = self._known("broker_up", "Whether the last contact with the brokers worked: 1 or 0.")
        self.broker_losses = self._counter("broker_losses_total", "Times that the brokers became unreachable.")
        self.broker_errors = self._counter("broker_errors_total", "Errors that the Kafka client reported and retries.")

    def _declare_model(self) -> None:
        self.model_info = self._gauge(
            "model_info", "The model in use: always 1, told by its labels.", "name", "version", "digest"
        )
        self.model_loaded = self._known(
            "model_loaded_timestamp_seconds", "When the model in use was taken, in seconds since 1970."
        )
        self.swaps = self._counter("model_swaps_total", "Models offered, by result: taken or refused.", "result")
        self.refused = self._counter("model_refusals_total", "Models refused, by reason.", "reason")
        from_zero(self.swaps, ("taken", "refused"))
        from_zero(self.refused, MODEL_REFUSALS)
        self.swap_seconds = self._histogram(
            "model_swap_duration_seconds", "From finding a new version to using it.", BATCH_SECONDS
        )
        self.registry_up = self._known(
            "model_registry_up", "Whether the last look at the model registry worked: 1 or 0."
        )
        self.watch_failures = self._counter("model_watch_failures_total", "Looks at the registry that did not work.")

    def _declare_shadow(self) -> None:
        self.shadow_info = self._gauge(
            "shadow_info",
            "The challenger that is compared with the model in use: always 1, told by its label.",
            "version",
        )
        self.shadow_flows = self._counter(
            "shadow_flows_total",
            "Flows of sampled sources, by who raised them: both, champion, challenger or neither.",
            "raised_by",
        )
        self.shadow_incidents = self._counter(
            "shadow_incidents_total",
            "Incidents of sampled sources, by who found them: both, the challenger alone (gained) or not it (lost).",
            "found",
        )
        self.shadow_dropped = self._counter(
            "shadow_dropped_records_total", "Flows not compared with the challenger, since it was late."
        )
        self.shadow_failures = self._counter(
            "shadow_failures_total",
            "Challengers given up, by reason (crash, hang, refused), and figures not written or read (registry).",
            "reason",
        )
        self.shadow_agreement = self._known("shadow_agreement_ratio", "Share of compared flows decided alike.")
        self.shadow_kappa = self._known("shadow_kappa", "Cohen's kappa of which flows are raised.")
        self.shadow_jaccard = self._known(
            "shadow_raised_jaccard_ratio", "Of the compared flows that either raised, the share that both did."
        )
        self.shadow_shift = self._known(
            "shadow_shift_decades",
            "By how many powers of ten the challenger holds the median flow to be rarer than the champion does.",
        )
        self.shadow_champion_seconds = self._known(
            "shadow_champion_record_seconds", "Time a record of the champion's features, score and decision."
        )
        self.shadow_challenger_seconds = self._known(
            "shadow_challenger_record_seconds", "The same of the challenger, in batches of its own size."
        )
        self.model_moves = self._counter(
            "model_moves_total",
            "Moves of the champion that this process made by itself: promote or rollback.",
            "action",
        )

    def _declare_windows(self) -> None:
        self.window_keys = self._known("window_keys", "Sources, destinations and pairs that the windows hold.")
        self.window_bytes = self._known("window_bytes", "Memory that the windows take.")
        self.window_evictions = self._counter(
            "window_evictions_total", "Keys that had to make room for others, the least recently used first."
        )
        self.view_evictions = self._counter(
            "view_evictions_total",
            "What views knew and had to make room for others, by what it is kept for, such as evidence or pairs.",
            "state",
        )
        self.window_times = self._counter(
            "window_clamped_times_total",
            "Records so far behind (late) or ahead of their partition's time that they counted as happening now.",
            "kind",
        )

    def _declare_state(self) -> None:
        self.state_saves = self._counter("state_saves_total", "Snapshots of state, by result: ok or failed.", "result")
        self.state_save_seconds = self._histogram(
            "state_save_duration_seconds", "Time to write a partition's snapshot.", BATCH_SECONDS
        )
        self.state_bytes = self._gauge("state_snapshot_bytes", "Size of the latest snapshot.", "partition")
        self.state_restores = self._counter(
            "state_restores_total",
            "Partitions that came, by state: ok (as it was), missing, begun (with what training ended with), unfit, or"
            " other_time (its records are not of after training).",
            "result",
        )
        self.state_restore_seconds = self._histogram(
            "state_restore_seconds",
            "From a partition's coming to its state being where it was, records gone through again included.",
            RESTORE_SECONDS,
        )
        self.state_replayed = self._counter(
            "state_replayed_records_total", "Records gone through again, without output, to restore state."
        )
        self.state_missed = self._counter(
            "state_missed_records_total", "Records that state was restored without: the topic no longer had them."
        )

    def _declare_archive(self) -> None:
        self.archive_flows = self._counter(
            "archive_flows_total",
            "Flows for the archive: written, left_out (by the share of sources), dropped (too many waited) or failed.",
            "result",
        )
        self.archive_failures = self._counter(
            "archive_failures_total", "Times that the archive could not be written or kept within its bounds."
        )
        self.archive_bytes = self._known("archive_bytes", "Size of the archive, all days.")
        self.archive_share = self._known("archive_source_share", "Share of the sources whose flows are kept today.")

    def _declare_incidents(self) -> None:
        self.incidents_open = self._known("incidents_open", "Incidents that are open.")
        self.incidents = self._counter(
            "incidents_total",
            "Incidents told, by step (open, update, close) and the kind guessed at that moment.",
            "step",
            "kind",
        )
        self.incidents_ended = self._counter(
            "incidents_ended_total", "Incidents that are over, by the kind that they turned out to be.", "kind"
        )
        self.incident_budget = self._known(
            "incidents_budget_per_day",
            "False incidents a day that the settings allow; absent where the budget is of another kind.",
        )

        self.host_risk = self._replaced(
            "host_risk",
            "Risk of the ten hosts with the highest, by rank, as last told; `oddflow.risk` says which hosts they are.",
            "rank",
        )

    def _declare_notify(self) -> None:
        way = "way"
        self.notify_sent = self._counter(
            "notify_sent_total",
            "Messages that were taken, by way and what they are: incident, digest, test.",
            way,
            "what",
        )
        self.notify_failed = self._counter(
            "notify_failed_total",
            "Attempts that failed: timeout, unreachable, tls, server (5xx), throttled (429), refused (4xx).",
            way,
            "reason",
        )
        self.notify_retries = self._counter("notify_retries_total", "Attempts that failed and are made again.", way)
        self.notify_given_up = self._counter(
            "notify_given_up_total", "Messages that no receiver will get: they were refused.", way
        )
        self.notify_digested = self._counter(
            "notify_digested_total",
            "Messages put together into one, since too many came (rate), or they waited for too long (age).",
            way,
            "why",
        )
        self.notify_unfit = self._counter(
            "notify_unfit_documents_total", "Documents of the topic of incidents that are none.", way
        )
        self.notify_lost = self._counter(
            "notify_lost_documents_total", "Documents that the topic no longer had when they were to be read.", way
        )
        self.notify_restarts = self._counter(
            "notify_restarts_total", "Times that a way was not served for a moment, such as without its topic.", way
        )
        self.notify_commit_failures = self._counter(
            "notify_commit_failures_total", "Commits that did not work: what they are of would be sent again.", way
        )
        self.notify_waiting = self._gauge(
            "notify_oldest_waiting_seconds", "For how long the oldest message has been waiting; 0 where none does.", way
        )
        self.notify_success = self._gauge(
            "notify_last_success_timestamp_seconds", "When a message was last taken, in seconds since 1970.", way
        )

    def _declare_drift(self) -> None:
        self.drift_rows = self._known("drift_rows", "Sampled rows behind the drift figures, fading with the hours.")
        self.drift_index = self._known(
            "drift_score_index", "Population stability index of the p-values against the calibration."
        )
        self.drift_distance = self._known(
            "drift_score_distance", "Greatest difference between the p-values' distribution and the calibration's."
        )
        self.drift_tail = self._known(
            "drift_tail_ratio", "Rows with a p-value of 0.01 at most, over those that the calibration had."
        )
        self.drift_outside = self._replaced(
            "drift_feature_outside_ratio", "Share of rows outside a feature's usual range; 0.01 in training.", "feature"
        )
        self.drift_unseen = self._replaced(
            "drift_unseen_category_ratio", "Share of rows with a category that training never showed.", "column"
        )
        self.drift_retrain = self._replaced(
            "drift_retrain_advised", "Whether a reason to retrain holds: 1 or 0: docs/explanation/drift.md.", "reason"
        )
        self.strangers = self._replaced(
            "strangers_ratio",
            "Share of the latest 1,000 flows from inside whose host training never saw; from 0.5: of another network.",
            "model_version",
        )

    def _declare_process(self) -> None:
        self.build_info = self._gauge("build_info", "This build: always 1, told by its labels.", "version", "python")
        self.build_info.labels(_distribution_version(), platform.python_version()).set(1)
        self.started = self._known("start_timestamp_seconds", "When the daemon started, in seconds since 1970.")
        ProcessCollector(registry=self.registry)

    def current_model(self, name: str, model_version: str, digest: str) -> None:
        """Make this the one model that ``oddflow_model_info`` tells of."""
        self.model_info.clear()
        self.model_info.labels(name, model_version, digest).set(1)
        self.model_loaded.set_to_current_time()

    def broker_lost(self) -> None:
        """Show that no broker answers; told again before it is restored, it is still one loss."""
        self.broker_up.set(0)
        if not self._broker_lost:
            self._broker_lost = True
            self.broker_losses.inc()

    def broker_restored(self) -> None:
        """Show that a broker answers."""
        self.broker_up.set(1)
        self._broker_lost = False

    def forget_partitions(self, partitions: Iterable[int]) -> None:
        """Drop the series of partitions that this process reads no more: another process tells of them now."""
        for partition in partitions:
            for gauge in (self.lag, self.committed, self.state_bytes):
                with suppress(KeyError):  # older clients raise it for one that was assigned and never seen
                    gauge.remove(str(partition))


def label(name: str) -> str:
    """A name as a label's value: without blanks, which every query and tool would have to quote."""
    return name.replace(" ", "_")


def from_zero(counter: Counter, values: Iterable[str], *before: str) -> None:
    """Make a counter's series be there from the start: the first step up of one that was not shows in no rate."""
    for value in values:
        counter.labels(*before, value)


def _distribution_version() -> str:
    try:
        return version("oddflow")
    except PackageNotFoundError:  # run from a folder of sources
        return "unknown"
