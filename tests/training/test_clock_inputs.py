"""Inputs with wrong clocks, from training to incidents."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.commands import run
from tests.training.test_commands import INPUTS

BUDGET = "2000"
"""False incidents a day: a capture of minutes supports no fewer."""


def trained(name: str, folder: Path) -> str:
    """Train a forest on an input; give its registry. One of half as many trees varies by as much as clocks may."""
    registry = str(folder / name)
    given = ("--data", str(INPUTS / f"{name}.json.gz"), "--format", "zeek", "--registry", registry)
    code, _, err = run("train", *given, "--kind", "isolation-forest", "--param", "n_estimators=100")
    assert code == 0, err
    return registry


def incidents(name: str, registry: str, folder: Path) -> list[str]:
    """The incident of each alert that an input raises."""
    alerts = folder / "alerts.jsonl"
    given = ("--input", str(INPUTS / name), "--format", "zeek", "--registry", registry, "--output", str(alerts))
    code, _, err = run("detect", *given, "--log-level", "error")
    assert code == 0, err
    found = [json.loads(line)["metadata"]["correlation_uid"] for line in alerts.read_bytes().splitlines()]
    alerts.unlink()
    return found


@pytest.mark.slow
def test_wrong_clocks_change_little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One training flow of 2099, or a connection days old, changes few incidents; a first record of 2099 none."""
    monkeypatch.setenv("ODDFLOW_ALERTS__FALSE_INCIDENTS_PER_DAY", BUDGET)
    good = trained("31-train-good", tmp_path)
    expected = incidents("31-live.json.gz", good, tmp_path)
    assert 10 <= len(set(expected)) <= 60
    for name in ("31-train-one-flow-in-2099", "32-train-one-long-connection"):
        found = incidents("31-live.json.gz", trained(name, tmp_path), tmp_path)
        assert abs(len(set(found)) - len(set(expected))) <= 5
    first_wrong = incidents("33-live-first-record-in-2099.json.gz", good, tmp_path)
    assert abs(len(set(first_wrong)) - len(set(expected))) <= 1
    told = []
    for records in ("1", "20000"):
        monkeypatch.setenv("ODDFLOW_BATCH__MAX_RECORDS", records)
        told.append(incidents("36-incident-split.json", good, tmp_path))
    assert told[0] == told[1]
