"""The first look: is everything read in time, what is found, and which model judges."""

from __future__ import annotations

from boards.declared import INSTANCE, LABELS_ALONE, Ask, Board, Note, Panel, Row

SWAPS = Note(
    name="Models",
    ask=Ask(
        "oddflow_model_info{} * on (instance, job) group_left () (1000 * oddflow_model_loaded_timestamp_seconds{})"
    ),
    title="{{name}} {{version}}",
    text="taken by {{instance}}",
    value_is_time=True,
)

RULES = Note(
    name="Alert rules",
    ask=Ask('ALERTS{alertname=~"Oddflow.*", alertstate="firing"}'),
    title="{{alertname}}",
    text="{{instance}}",
    colour="red",
)

NOW = (
    Panel(
        "Records a second",
        (Ask('sum(rate(oddflow_stage_records_out_total{,stage="score"}[$__rate_interval]))'),),
        kind="stat",
        unit="short",
    ),
    Panel(
        "Records to read",
        (Ask("sum(oddflow_lag_records{})"),),
        kind="stat",
        about="No number while the brokers do not tell. Falling behind: add daemons, up to one a partition.",
        warn=100_000,
    ),
    Panel(
        "From event to alert (99 %)",
        (Ask("histogram_quantile(0.99, sum by (le) (rate(oddflow_event_to_alert_seconds_bucket{}[5m])))"),),
        kind="stat",
        unit="s",
        warn=5,
        empty="no alert",
    ),
    Panel(
        "Incidents in a day, against the budget",
        (Ask("max(job:oddflow_incidents_budget:ratio1d)"),),
        kind="stat",
        about="100 %: as many as alerts.false_incidents_per_day allows to be false. A rule fires at 500 %.",
        unit="percentunit",
        warn=5,
        empty="no such budget",
    ),
    Panel(
        "Model in use",
        (Ask("max by (name, version) (oddflow_model_info{})", "{{name}} {{version}}"),),
        kind="stat",
        names=True,
    ),
    Panel(
        "Alert rules that fire",
        (Ask('count(ALERTS{alertname=~"Oddflow.*", alertstate="firing"}) or vector(0)'),),
        kind="stat",
        about="Each has its section in docs/guides/operations.md.",
        warn=1,
    ),
)

TO_READ = Panel(
    "Records to read, by partition", (Ask("sum by (partition) (oddflow_lag_records{})", "partition {{partition}}"),)
)

FLOW = (
    Panel(
        "Records scored a second, by daemon",
        (
            Ask(
                'sum by (instance) (rate(oddflow_stage_records_out_total{,stage="score"}[$__rate_interval]))',
                "{{instance}}",
            ),
        ),
        stacked=True,
    ),
    TO_READ,
    Panel(
        "From event to alert",
        tuple(
            Ask(
                f"histogram_quantile({share},"
                " sum by (le) (rate(oddflow_event_to_alert_seconds_bucket{}[$__rate_interval])))",
                words,
            )
            for share, words in ((0.5, "half of them"), (0.99, "99 of 100"))
        ),
        unit="s",
    ),
)

FOUND = (
    Panel(
        "Alerts a minute, by severity",
        (Ask("60 * sum by (severity) (rate(oddflow_alerts_total{}[$__rate_interval]))", "{{severity}}"),),
        stacked=True,
    ),
    Panel(
        "Incidents an hour, by kind",
        (Ask("sum by (kind) (increase(oddflow_incidents_ended_total{}[1h]))", "{{kind}}"),),
        about="Those that are over, by the kind that they turned out to be.",
        stacked=True,
    ),
    Panel(
        "Incidents in a day, and the budget",
        (
            Ask('sum(increase(oddflow_incidents_total{,step="open"}[1d]))', "incidents"),
            Ask("max(oddflow_incidents_budget_per_day{})", "allowed to be false"),
            Ask("sum(oddflow_incidents_open{})", "open now"),
        ),
    ),
)

HEALTH = (
    Panel(
        "Alert rules that fire",
        (Ask('max by (alertname, severity, instance) (ALERTS{alertname=~"Oddflow.*", alertstate="firing"})'),),
        kind="table",
        columns=LABELS_ALONE,
        width=12,
        empty="none",
    ),
    Panel(
        "Memory",
        (Ask('process_resident_memory_bytes{job=~"oddflow.*"}', "{{job}} {{instance}}"),),
        width=6,
        unit="bytes",
    ),
    Panel(
        "Processors in use",
        (Ask('rate(process_cpu_seconds_total{job=~"oddflow.*"}[$__rate_interval])', "{{job}} {{instance}}"),),
        width=6,
    ),
)

OVERVIEW = Board(
    uid="oddflow",
    title="oddflow: overview",
    about="Rate, lag, latency, incidents against their budget, and which model judges.",
    choices=(INSTANCE,),
    notes=(SWAPS, RULES),
    rows=(Row("Now", NOW, height=4), Row("Records", FLOW), Row("What is found", FOUND), Row("Health", HEALTH)),
)
