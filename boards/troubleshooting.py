"""Where it stands still: each stage of the pipeline, then what each stage depends on."""

from __future__ import annotations

from boards.declared import INSTANCE, Ask, Board, Panel, Row
from boards.overview import RULES, TO_READ

STAGES = (
    Panel(
        "Records in, a second",
        (Ask("sum by (stage) (rate(oddflow_stage_records_in_total{}[$__rate_interval]))", "{{stage}}"),),
    ),
    Panel(
        "Records out, a second",
        (Ask("sum by (stage) (rate(oddflow_stage_records_out_total{}[$__rate_interval]))", "{{stage}}"),),
    ),
    Panel(
        "Records failed, a second",
        (Ask("sum by (stage) (rate(oddflow_stage_records_failed_total{}[$__rate_interval]))", "{{stage}}"),),
    ),
    Panel(
        "Since a stage last did its work",
        (
            Ask(
                "max by (stage, instance) (time() - oddflow_stage_last_success_timestamp_seconds{})",
                "{{stage}} {{instance}}",
            ),
        ),
        about="The oldest one stands still.",
        unit="s",
    ),
    Panel(
        "Time a batch takes, by stage (mean)",
        (
            Ask(
                "sum by (stage) (rate(oddflow_stage_batch_duration_seconds_sum{}[$__rate_interval]))"
                " / (sum by (stage) (rate(oddflow_stage_batch_duration_seconds_count{}[$__rate_interval])) > 0)",
                "{{stage}}",
            ),
        ),
        unit="s",
    ),
    Panel(
        "Records a batch (mean)",
        (
            Ask(
                "sum(rate(oddflow_batch_records_sum{}[$__rate_interval]))"
                " / (sum(rate(oddflow_batch_records_count{}[$__rate_interval])) > 0)",
                "records",
            ),
        ),
    ),
    Panel(
        "Waiting within the daemon",
        (Ask("sum by (instance) (oddflow_in_flight_records{})", "{{instance}}"),),
        about="Read, and not yet accounted for.",
    ),
    Panel(
        "Bytes read, a second", (Ask("sum(rate(oddflow_read_bytes_total{}[$__rate_interval]))", "bytes"),), unit="Bps"
    ),
)

READ = (
    TO_READ,
    Panel(
        "Partitions: read, and of the topic",
        (
            Ask("sum(oddflow_partitions_assigned{})", "read"),
            Ask("max(oddflow_topic_partitions{})", "of the topic"),
            Ask("max(oddflow_model_partitions{})", "of the model's training"),
        ),
    ),
    Panel(
        "Brokers",
        (
            Ask("min by (instance) (oddflow_broker_up{})", "{{instance}} reaches them"),
            Ask("sum(increase(oddflow_broker_losses_total{}[$__rate_interval]))", "times lost"),
            Ask("sum(increase(oddflow_broker_errors_total{}[$__rate_interval]))", "errors, tried again"),
        ),
    ),
    Panel(
        "Rebalances, lost records, replaced topics",
        (
            Ask("sum by (kind) (increase(oddflow_rebalances_total{}[$__rate_interval]))", "partitions {{kind}}"),
            Ask("sum(increase(oddflow_records_lost_total{}[$__rate_interval]))", "records gone before they were read"),
            Ask("sum(increase(oddflow_topic_replacements_total{}[$__rate_interval]))", "topics replaced"),
        ),
    ),
)

DECODE = (
    Panel(
        "Records that cannot be used, by reason",
        (Ask("sum by (reason) (rate(oddflow_records_rejected_total{}[$__rate_interval]))", "{{reason}}"),),
        about="The dead letters have their bytes.",
    ),
    Panel(
        "Passed over, and schemas",
        (
            Ask("sum by (kind) (rate(oddflow_records_passed_over_total{}[$__rate_interval]))", "no flow: {{kind}}"),
            Ask("max(oddflow_schema_registry_lost{})", "waits for the schema registry"),
            Ask("sum by (result) (increase(oddflow_schemas_total{}[$__rate_interval]))", "schemas {{result}}"),
        ),
    ),
    Panel(
        "Times far off, and windows that make room",
        (
            Ask("sum by (kind) (rate(oddflow_window_clamped_times_total{}[$__rate_interval]))", "{{kind}}"),
            Ask("sum(rate(oddflow_window_evictions_total{}[$__rate_interval]))", "hosts and pairs forgotten"),
        ),
    ),
)

EMIT = (
    Panel(
        "Outputs acknowledged a second, by channel",
        (Ask("sum by (channel) (rate(oddflow_outputs_acknowledged_total{}[$__rate_interval]))", "{{channel}}"),),
    ),
    Panel(
        "Outputs that went wrong",
        (
            Ask("sum by (channel) (increase(oddflow_outputs_failed_total{}[$__rate_interval]))", "{{channel}}: again"),
            Ask(
                "sum by (channel, sent) (increase(oddflow_outputs_oversized_total{}[$__rate_interval]))",
                "{{channel}} too large: {{sent}}",
            ),
        ),
        about="Nothing behind a failed output is committed, so nothing is lost.",
    ),
    Panel("Commits", (Ask("sum by (result) (rate(oddflow_commits_total{}[$__rate_interval]))", "{{result}}"),)),
    Panel(
        "Kept quiet, a minute",
        (
            Ask("60 * sum(rate(oddflow_alerts_withheld_total{}[$__rate_interval]))", "repetitions within an incident"),
            Ask("60 * sum(rate(oddflow_alerts_allowed_total{}[$__rate_interval]))", "by the allow-list"),
            Ask("60 * sum(rate(oddflow_suppressed_total{}[$__rate_interval]))", "by suppressions"),
        ),
    ),
)

KEPT = (
    Panel(
        "Snapshots of state",
        (
            Ask("sum by (result) (increase(oddflow_state_saves_total{}[$__rate_interval]))", "saved: {{result}}"),
            Ask("sum by (result) (increase(oddflow_state_restores_total{}[$__rate_interval]))", "restored: {{result}}"),
            Ask(
                "sum(increase(oddflow_state_missed_records_total{}[$__rate_interval]))", "records that a restore lacks"
            ),
        ),
    ),
    Panel(
        "Windows and snapshots",
        (
            Ask("sum(oddflow_window_bytes{})", "windows in memory"),
            Ask("sum(oddflow_state_snapshot_bytes{})", "latest snapshots"),
            Ask("sum(oddflow_archive_bytes{})", "archive"),
        ),
        unit="bytes",
    ),
    Panel(
        "The archive",
        (
            Ask("sum by (result) (rate(oddflow_archive_flows_total{}[$__rate_interval]))", "flows {{result}}"),
            Ask("sum(increase(oddflow_archive_failures_total{}[$__rate_interval]))", "failures"),
        ),
    ),
    Panel(
        "The model registry",
        (
            Ask("min by (instance) (oddflow_model_registry_up{})", "{{instance}} reads it"),
            Ask("sum(increase(oddflow_model_watch_failures_total{}[$__rate_interval]))", "looks that did not work"),
        ),
    ),
)

MESSAGES = (
    Panel(
        "Messages sent, by way",
        (Ask("sum by (way, what) (increase(oddflow_notify_sent_total{}[$__rate_interval]))", "{{way}}: {{what}}"),),
    ),
    Panel(
        "Messages that went wrong",
        (
            Ask(
                "sum by (way, reason) (increase(oddflow_notify_failed_total{}[$__rate_interval]))",
                "{{way}}: {{reason}}",
            ),
            Ask("sum by (way) (increase(oddflow_notify_given_up_total{}[$__rate_interval]))", "{{way}}: given up"),
            Ask("sum by (way) (increase(oddflow_notify_lost_documents_total{}[$__rate_interval]))", "{{way}}: lost"),
        ),
    ),
    Panel(
        "For how long messages wait",
        (Ask("max by (way) (oddflow_notify_oldest_waiting_seconds{})", "{{way}}"),),
        unit="s",
    ),
)

TRIAGE = (
    Panel(
        "Documents read a second, by kind",
        (
            Ask("sum by (kind) (rate(oddflow_triage_documents_total[$__rate_interval]))", "{{kind}}"),
            Ask("sum by (kind) (rate(oddflow_triage_foreign_documents_total[$__rate_interval]))", "no {{kind}}"),
        ),
    ),
    Panel("Documents to read, by topic", (Ask("sum by (topic) (oddflow_triage_ingest_lag_records)", "{{topic}}"),)),
    Panel(
        "Since a step last worked",
        (Ask("max by (step) (time() - oddflow_triage_last_success_timestamp_seconds)", "{{step}}"),),
        unit="s",
    ),
    Panel(
        "Labels and suppressions that wait to be sent",
        (
            Ask("sum(oddflow_triage_outbox_waiting)", "waiting"),
            Ask("sum by (channel) (increase(oddflow_triage_outbox_sent_total[$__rate_interval]))", "sent: {{channel}}"),
        ),
    ),
    Panel("For how long the oldest waits", (Ask("max(oddflow_triage_outbox_oldest_seconds)", "oldest"),), unit="s"),
    Panel(
        "Database and brokers: errors",
        (
            Ask(
                "sum by (doing) (increase(oddflow_triage_database_errors_total[$__rate_interval]))",
                "database: {{doing}}",
            ),
            Ask(
                "sum by (doing) (increase(oddflow_triage_broker_errors_total[$__rate_interval]))", "brokers: {{doing}}"
            ),
        ),
    ),
    Panel("Database", (Ask("max(oddflow_triage_database_bytes)", "size"),), unit="bytes"),
    Panel(
        "Sign-ins, by way and result",
        (Ask("sum by (how, result) (increase(oddflow_triage_sign_ins_total[1h]))", "{{how}}: {{result}}"),),
    ),
    Panel(
        "Forgotten by age or for room",
        (Ask("sum by (kind) (increase(oddflow_triage_forgotten_total[1h]))", "{{kind}}"),),
    ),
)

TROUBLESHOOTING = Board(
    uid="oddflow-troubleshooting",
    title="oddflow: troubleshooting",
    about="By stage of the pipeline: what came in, went out and failed, when it last worked, and what it waits for.",
    choices=(INSTANCE,),
    notes=(RULES,),
    rows=(
        Row("Every stage", STAGES, lines=2),
        Row("Read: poll", READ),
        Row("Understand: decode, features", DECODE),
        Row("Tell: emit, commit", EMIT),
        Row("Keep: state, archive, models", KEPT),
        Row("Messages about incidents", MESSAGES),
        Row("Triage", TRIAGE, lines=2),
    ),
)
