"""Prometheus' rules: each alert fires in a test and stays quiet in one, and each recorded figure is worked out."""

from __future__ import annotations

import re
from typing import Any

from tests.boards.read import CONFIG, rules, tree
from tests.promtool import promtool


def told(test: dict[str, Any]) -> set[str]:
    """The alerts that a scenario says to fire."""
    by_name = {each["alertname"] for each in test.get("alert_rule_test", ()) if each["exp_alerts"]}
    for asked in test.get("promql_expr_test", ()):
        if any(sample["value"] for sample in asked["exp_samples"]):
            labels = " ".join(sample.get("labels", "") for sample in asked["exp_samples"])
            by_name |= set(re.findall(r'alertname="(\w+)"', labels or asked["expr"]))
    return by_name


def test_each_alert_fires_in_a_scenario() -> None:
    """No alert is without a scenario of alerts.test.yaml that says it fires."""
    fired = set[str]().union(*map(told, tree("prometheus/alerts.test.yaml")["tests"]))
    assert {rule["alert"] for rule in rules("alerts.yaml")} - fired == set()


def test_each_alert_stays_quiet_though_its_metrics_are_there() -> None:
    """The first scenario, in which nothing fires, has every series that a rule asks for."""
    well = tree("prometheus/alerts.test.yaml")["tests"][0]
    assert told(well) == set()
    there = {each["series"].partition("{")[0] for each in well["input_series"]}
    asked = {name for rule in rules("alerts.yaml") for name in re.findall(r"\b(?:oddflow_\w+|up)\b(?!:)", rule["expr"])}
    assert asked - there == set()


def test_each_recorded_figure_is_worked_out() -> None:
    """The scenario of recording.test.yaml asks for every recorded series, and Prometheus' checker agrees with it."""
    scenarios = tree("prometheus/recording.test.yaml")["tests"]
    asked = " ".join(each["expr"] for test in scenarios for each in test["promql_expr_test"])
    assert [rule["record"] for rule in rules("recording.yaml") if rule["record"] not in asked] == []
    checked = promtool("test", "rules", CONFIG / "prometheus" / "recording.test.yaml")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_rule_s_name_begins_with_its_group_s() -> None:
    """A group is a part's: oddflow is the daemon, oddflow-retrain has the rules that are named OddflowRetrain…"""
    for group in tree("prometheus/alerts.yaml")["groups"]:
        start = "".join(part.capitalize() for part in group["name"].split("-"))
        assert [rule["alert"] for rule in group["rules"] if not rule["alert"].startswith(start)] == []
