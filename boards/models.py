"""Models: which judges, how the challenger compares, whether traffic has drifted, and what retraining comes to."""

from __future__ import annotations

from boards.declared import INSTANCE, LABELS_ALONE, Ask, Board, Panel, Row, Sql
from boards.overview import SWAPS

IN_CHARGE = (
    Panel(
        "Model in use",
        (Ask("max by (name, version, instance) (oddflow_model_info{})"),),
        kind="table",
        columns=LABELS_ALONE,
        width=8,
    ),
    Panel(
        "Age of the model",
        (Ask("max(time() - oddflow_model_loaded_timestamp_seconds{})"),),
        kind="stat",
        about="Since it was taken, not since it was trained.",
        unit="s",
        width=4,
    ),
    Panel(
        "Swaps, refusals and moves",
        (
            Ask("sum by (result) (increase(oddflow_model_swaps_total{}[$__rate_interval]))", "{{result}}"),
            Ask("sum by (reason) (increase(oddflow_model_refusals_total{}[$__rate_interval]))", "refused: {{reason}}"),
            Ask("sum by (action) (increase(oddflow_model_moves_total{}[$__rate_interval]))", "by itself: {{action}}"),
        ),
        width=6,
    ),
    Panel(
        "Time a swap takes (mean)",
        (
            Ask(
                "sum(rate(oddflow_model_swap_duration_seconds_sum{}[1h]))"
                " / (sum(rate(oddflow_model_swap_duration_seconds_count{}[1h])) > 0)",
                "from finding to using it",
            ),
        ),
        unit="s",
        width=6,
    ),
)

SCORES = (
    Panel(
        "Scores",
        tuple(
            Ask(f"histogram_quantile({share}, sum by (le) (rate(oddflow_score_bucket{{}}[$__rate_interval])))", words)
            for share, words in ((0.5, "half"), (0.99, "99 of 100"), (0.999, "999 of 1,000"))
        ),
        least=None,
    ),
    Panel(
        "Share of flows that are raised",
        (Ask("oddflow_raised_ratio{}", "{{model_version}}"),),
        about="Near 1 the model does not know this network.",
        unit="percentunit",
        warn=0.8,
    ),
    Panel(
        "How often it is right, by model",
        (
            Sql("""SELECT model_version AS model, count(*) AS incidents,
  count(*) FILTER (WHERE verdict = 'true') AS "labelled true",
  count(*) FILTER (WHERE verdict = 'false') AS "labelled false",
  count(*) FILTER (WHERE verdict = 'unsure') AS unsure,
  round(count(*) FILTER (WHERE verdict = 'true')::numeric
    / nullif(count(*) FILTER (WHERE verdict IN ('true', 'false')), 0), 3) AS precision
FROM incidents WHERE shown AND $__unixEpochFilter(first_told)
GROUP BY model_version ORDER BY max(first_told) DESC LIMIT 20"""),
        ),
        kind="table",
        about="Of the incidents that people labelled: those are not a random sample.",
        empty="no incidents in this time",
    ),
)

CHALLENGER = (
    Panel(
        "How alike challenger and champion are",
        (
            Ask("min(oddflow_shadow_agreement_ratio{})", "flows decided alike"),
            Ask("min(oddflow_shadow_raised_jaccard_ratio{})", "of the raised, by both"),
            Ask("min(oddflow_shadow_kappa{})", "kappa"),
        ),
        unit="percentunit",
        most=1,
        least=None,
    ),
    Panel(
        "Incidents an hour: both, gained, lost",
        (Ask("sum by (found) (increase(oddflow_shadow_incidents_total{}[1h]))", "{{found}}"),),
    ),
    Panel(
        "Time a record",
        (
            Ask("max(oddflow_shadow_champion_record_seconds{})", "champion"),
            Ask("max(oddflow_shadow_challenger_record_seconds{})", "challenger"),
        ),
        unit="s",
    ),
    Panel(
        "Challenger: what went wrong",
        (
            Ask("sum by (reason) (increase(oddflow_shadow_failures_total{}[10m]))", "given up: {{reason}}"),
            Ask("sum(increase(oddflow_shadow_dropped_records_total{}[10m]))", "flows left out, since it was late"),
        ),
    ),
)

DRIFT = (
    Panel(
        "Reasons to retrain",
        (Ask("max by (reason) (oddflow_drift_retrain_advised{})", "{{reason}}"),),
        about="1 while it holds. Look at the incidents first: docs/explanation/drift.md.",
        most=1,
    ),
    Panel(
        "Scores against the calibration",
        (
            Ask("max(oddflow_drift_score_index{})", "stability index"),
            Ask("max(oddflow_drift_score_distance{})", "greatest distance"),
        ),
    ),
    Panel("Rare scores, over those expected", (Ask("max(oddflow_drift_tail_ratio{})", "p-values of 0.01 at most"),)),
    Panel(
        "Features outside their usual range the most",
        (Ask("topk(5, max by (feature) (oddflow_drift_feature_outside_ratio{}))", "{{feature}}"),),
        unit="percentunit",
    ),
)

RETRAINING = (
    Panel(
        "What the last run came to",
        (Ask("max by (result) (oddflow_retrain_last_result) == 1", "{{result}}"),),
        kind="stat",
        names=True,
        empty="no run yet",
    ),
    Panel(
        "Since a step was done",
        (Ask("time() - max by (step) (oddflow_retrain_last_success_timestamp_seconds)", "{{step}}"),),
        kind="stat",
        unit="s",
        empty="none yet",
    ),
    Panel(
        "Runs, by what they came to",
        (Ask("sum by (result) (oddflow_retrain_results_total)", "{{result}}"),),
        stacked=True,
    ),
    Panel("Time a step took", (Ask("max by (step) (oddflow_retrain_step_duration_seconds)", "{{step}}"),), unit="s"),
)

PEOPLE = (
    Panel(
        "Precision, with its 95 % interval",
        (
            Ask("oddflow_triage_precision_ratio", "{{model_version}}"),
            Ask("oddflow_triage_precision_low_ratio", "{{model_version}}: at least"),
            Ask("oddflow_triage_precision_high_ratio", "{{model_version}}: at most"),
        ),
        about="True ones among the incidents that people called true or false: those are no random sample.",
        unit="percentunit",
        most=1,
        empty="nothing labelled",
    ),
    Panel(
        "Incidents by model and label",
        (Ask("sum by (model_version, verdict) (oddflow_triage_incidents)", "{{model_version}}: {{verdict}}"),),
        stacked=True,
    ),
    Panel(
        "Budget of a day that is used",
        (Ask("max by (model_version) (oddflow_triage_budget_used_ratio)", "{{model_version}}"),),
        unit="percentunit",
        empty="no such budget",
    ),
    Panel(
        "From an incident to its label (half of them)",
        (
            Ask(
                "histogram_quantile(0.5, sum by (le, model_version) (oddflow_triage_label_delay_seconds_bucket))",
                "{{model_version}}",
            ),
        ),
        unit="s",
        empty="nothing labelled",
    ),
)

MODELS = Board(
    uid="oddflow-models",
    title="oddflow: models",
    about="Champion and challenger, drift, how often incidents are right, swaps, and retraining.",
    choices=(INSTANCE,),
    notes=(SWAPS,),
    rows=(
        Row("In charge", IN_CHARGE, height=6),
        Row("How it judges", SCORES),
        Row("What people say", PEOPLE),
        Row("Challenger", CHALLENGER),
        Row("Drift", DRIFT),
        Row("Retraining", RETRAINING, height=6),
    ),
    span="now-24h",
    refresh="30s",
)
