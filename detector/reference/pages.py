"""Writes the pages that are made from declarations: ``python -m detector.reference [--check]``, from the sources' root.

With ``--check`` nothing is written; exit 1 names the pages that are not current.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry

from detector.cli import EXIT_CODES
from detector.every_metric import open_metrics
from detector.reference.commands import commands_page
from detector.reference.documents import DOCUMENTS, fields_page, schema_file
from detector.reference.exporters import exporters_page
from detector.reference.features import features_page
from detector.reference.incidents import incidents_page, kind_pages
from detector.settings.pages import example_file, reference_page
from detector.telemetry.metrics import Declared

KINDS = Path("docs/guides/incidents")
"""Where the guides to the kinds of incident are, and nothing else."""

METRICS_INTRODUCTION = """\
# Metrics

<!-- Made from detector/telemetry/metrics.py by `make docs`; change it there. -->

Served at `/metrics` (see `[web]` in [configuration.md](configuration.md)). Every stage counts what came in, went out
and failed, and when it last worked; labels are bounded, never an address. `process_…` metrics of the Python client come
with them. What to look at first:

| question | query |
| --- | --- |
| Is anything scored? | `rate(oddflow_stage_records_out_total{stage="score"}[5m])` |
| Which stage stands still? | `time() - oddflow_stage_last_success_timestamp_seconds` |
| Is it falling behind? | `sum(oddflow_lag_records)` |
| Is input thrown out? | `sum by (reason) (rate(oddflow_records_rejected_total[5m]))` |
| Do people hear of incidents? See [notify.md](../guides/notify.md) | `oddflow_notify_oldest_waiting_seconds` |
| How late are alerts? | `histogram_quantile(0.99, rate(oddflow_event_to_alert_seconds_bucket[5m]))` |
| Has traffic drifted? See [drift.md](../explanation/drift.md) | `oddflow_drift_retrain_advised == 1` |
| Which model scores? | `oddflow_model_info` |

| metric | type | labels | meaning |
| --- | --- | --- | --- |
"""


def metrics_page() -> str:
    """``docs/reference/metrics.md``."""
    return METRICS_INTRODUCTION + "".join(_row(metric) for metric in open_metrics(CollectorRegistry()).declared)


def _row(metric: Declared) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    return f"| `{metric.name}` | {metric.type} | {labels} | {metric.documentation} |\n"


def pages() -> dict[Path, str]:
    """Every page made from declarations, by its path under the sources' root."""
    return {
        Path("config/oddflow.toml"): example_file(),
        Path("docs/reference/commands.md"): commands_page(),
        Path("docs/reference/configuration.md"): reference_page(EXIT_CODES),
        Path("docs/reference/exporters.md"): exporters_page(),
        Path("docs/reference/features.md"): features_page(),
        Path("docs/reference/fields.md"): fields_page(),
        KINDS / "index.md": incidents_page(),
        Path("docs/reference/metrics.md"): metrics_page(),
        **{KINDS / f"{name}.md": text for name, text in kind_pages().items()},
        **{Path(f"detector/{each.package}/{each.name}.schema.json"): schema_file(each) for each in DOCUMENTS},
    }


def stale(root: Path) -> list[Path]:
    """The pages that are not what the declarations say, and those of kinds that nobody declares any more."""
    made = pages()
    kinds = [path.relative_to(root) for path in sorted((root / KINDS).glob("*.md"))]
    return [path for path in kinds if path not in made] + [
        path
        for path, text in made.items()
        if not (root / path).is_file() or (root / path).read_text(encoding="utf-8") != text
    ]


def main(arguments: Sequence[str]) -> int:
    """Write the pages, or check them; gives the exit code."""
    root = Path.cwd()
    old = stale(root)
    if "--check" in arguments:
        for path in old:
            sys.stderr.write(f"{path}: not current; run `make docs`\n")
        return 1 if old else 0
    made = pages()
    for path in old:
        if path not in made:
            (root / path).unlink()
            sys.stdout.write(f"removed {path}\n")
            continue
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(made[path], encoding="utf-8")
        sys.stdout.write(f"wrote {path}\n")
    return 0
