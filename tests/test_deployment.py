"""What ``config/`` gives for running oddflow: compose, Prometheus, Grafana; each says only what is so."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import yaml
from prometheus_client import CollectorRegistry, Metric

from detector.every_metric import open_metrics
from detector.settings.load import PREFIX
from tests.boards.read import CONFIG, questions, rules
from tests.faults.test_rules import ELSEWHERE, PROVOKED
from tests.promtool import amtool, promtool
from training.retrain.events import RetrainMetrics
from training.retrain.state import State
from triage.measured import FromDatabase
from triage.store.engine import Database
from triage.telemetry import TriageMetrics

ROOT = Path(__file__).parent.parent

OF_PROMETHEUS = {"up", "ALERTS", "process_resident_memory_bytes", "process_cpu_seconds_total"}
"""Series that Prometheus itself or its client makes."""

HISTOGRAM_PARTS = ("_bucket", "_sum", "_count")


def expressions() -> list[tuple[str, str]]:
    """Every PromQL expression in the rules, on the boards and in the pages, with its place."""
    found = [(f"rule {rule['alert']}", rule["expr"]) for rule in rules("alerts.yaml")]
    found += [(f"figure {rule['record']}", rule["expr"]) for rule in rules("recording.yaml")]
    asked = [(each.place, each.text) for each in questions() if not each.of_sql]
    pages = [
        (f"{page.name} {number}", query)
        for page in sorted((ROOT / "docs").glob("**/*.md"))
        for number, query in enumerate(re.findall(r"`([^`\n]*oddflow_\w+[^`\n]*)`", page.read_text(encoding="utf-8")))
    ]
    return [*found, *asked, *pages]


@cache
def declared() -> dict[str, set[str]]:
    """Every series name that the daemon, the retrain service or triage may show, with its labels."""
    names: dict[str, set[str]] = {}
    for metric in open_metrics(CollectorRegistry()).declared:
        labels = {*metric.labels, "instance", "job"}
        names[metric.name] = labels
        if metric.type == "histogram":
            names |= {f"{metric.name}{part}": labels | {"le"} for part in HISTOGRAM_PARTS}
    names |= {name: {"step", "result", "instance", "job"} for name in retrain_series()}
    asked_by = {
        "oddflow_triage_sign_ins_total": {"how", "result"},
        "oddflow_triage_last_success_timestamp_seconds": {"step"},
    }
    return names | {name: asked_by.get(name, set[str]()) for name in triage_series()}


def without_recorded(expression: str) -> str:
    """A PromQL expression without the names of recorded series, such as ``job:oddflow_lag_records:sum``."""
    return re.sub(r"\b[a-z]+:\w+:\w+", "", expression)


def series_of(families: Iterable[Metric]) -> set[str]:
    """The names of the series of what a registry collects."""
    names: set[str] = set()
    for each in families:
        parts = {"counter": ("_total",), "histogram": ("", *HISTOGRAM_PARTS)}.get(each.type, ("",))
        names |= {f"{each.name}{part}" for part in parts}
    return names


def retrain_series() -> set[str]:
    """The series of the retrain service."""
    metrics = RetrainMetrics(CollectorRegistry(), State())
    metrics.serve(1.0, float)
    return series_of(metrics.registry.collect())


def triage_series() -> set[str]:
    """The series of triage, its database's among them."""
    registry = CollectorRegistry()
    TriageMetrics(registry)
    with TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/triage.db")
        database.start()
        names = series_of([*registry.collect(), *FromDatabase(database, 1.0, lambda _: None).collect()])
        database.stop()
    return names


@pytest.mark.parametrize(
    "path",
    sorted(path for path in CONFIG.glob("**/*.yaml") if path.parent.name != "templates"),
    ids=lambda path: path.name,
)
def test_every_yaml_file_parses(path: Path) -> None:
    """Every file in ``config/`` that ends in .yaml is YAML and holds mappings."""
    assert [type(each) for each in yaml.safe_load_all(path.read_text(encoding="utf-8"))].count(dict) >= 1


@pytest.mark.parametrize("path", sorted(CONFIG.glob("**/*.json")), ids=lambda path: path.name)
def test_every_json_file_parses(path: Path) -> None:
    """Every file in ``config/`` that ends in .json is JSON."""
    assert isinstance(json.loads(path.read_text(encoding="utf-8")), dict)


@pytest.mark.parametrize(("place", "expression"), expressions(), ids=lambda value: value if len(value) < 60 else "")
def test_only_metrics_that_exist_are_asked_for(place: str, expression: str) -> None:
    """Rules, dashboard and documentation name no metric and no label value's label that the daemon does not have."""
    names, expression = declared(), without_recorded(expression)
    asked = set(re.findall(r"\b(oddflow_\w+)", expression))
    assert sorted(asked - names.keys()) == [], place
    for name, labels in re.findall(r"\b(oddflow_\w+)\{([^}]*)\}", expression):
        assert set(re.findall(r"(\w+)\s*[=!]~?", labels)) - names[name] == set(), place
    others = set(re.findall(r"\b(?!oddflow_)([a-z]+(?:_[a-z]+)+)\{", expression))
    assert others <= OF_PROMETHEUS, place


def test_promtool_accepts_configuration_and_rules() -> None:
    """Prometheus' own checker accepts the configuration with its rules."""
    told = promtool("check", "config", CONFIG / "prometheus" / "prometheus.yaml")
    assert told.returncode == 0, told.stdout + told.stderr


def test_rules_fire_when_they_should() -> None:
    """Each scenario in alerts.test.yaml raises the alerts that it names, and a well daemon raises none."""
    told = promtool("test", "rules", CONFIG / "prometheus" / "alerts.test.yaml")
    assert told.returncode == 0, told.stdout + told.stderr


def test_rules_tell_what_to_do() -> None:
    """Each rule has a severity, a summary, a description, and a link to a heading that its page has."""
    for rule in rules("alerts.yaml"):
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert len(rule["annotations"]["description"]) > 20, rule["alert"]
        assert rule["annotations"]["summary"]
        page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
        assert anchor in anchors(ROOT / page), rule["alert"]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as they are made of Markdown: small letters, hyphens for blanks."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def test_only_figures_that_are_recorded_are_asked_for() -> None:
    """Boards name no recorded figure that no rule records."""
    names = {rule["record"] for rule in rules("recording.yaml")}
    asked = {name for _, expression in expressions() for name in re.findall(r"\bjob:\w+:\w+", expression)}
    assert asked - names == set()


def test_amtool_accepts_the_configuration() -> None:
    """Alertmanager's own checker accepts its configuration."""
    checked = amtool("check-config", CONFIG / "alertmanager" / "alertmanager.yaml")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_rule_is_provoked() -> None:
    """Each alert rule is one that a test makes fire at a running daemon, or named as one that none can."""
    provoked = [name for names in PROVOKED.values() for name in names]
    assert sorted([*provoked, *ELSEWHERE]) == sorted(rule["alert"] for rule in rules("alerts.yaml"))


def test_variables_are_told_apart_from_keys_by_their_prefix() -> None:
    """Every variable of oddflow in compose and chart has the prefix that settings are read by."""
    paths = [CONFIG / "compose.yaml", *(CONFIG / "helm" / "oddflow" / "templates").iterdir()]
    text = "".join(path.read_text(encoding="utf-8") for path in paths)
    assert set(re.findall(r"\b(ODDFLOW_)\w+", text)) == {PREFIX}
