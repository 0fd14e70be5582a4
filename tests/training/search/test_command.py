"""``oddflow search``, from simulated flows to settings that ``oddflow train`` takes."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from detector.bundle.files import read_bundle
from detector.registry.registry import Registry
from tests.commands import run, until
from tests.training.small_days import lines_of
from training.evaluation.report import decode_report
from training.simulator.scenario import DEFAULT_START, Scenario

pytestmark = pytest.mark.slow

FORMAT = ("--format", "zeek-json")
SMALL = ("--kind", "isolation-forest", "--param", "n_estimators=10", "--folds", "2", "--jobs", "1")


@pytest.fixture(scope="module")
def flows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three quarters of an hour of labelled flows with scans in them."""
    scenario = Scenario(
        seed=4,
        hosts=25,
        start=DEFAULT_START + 10 * 3600.0,
        duration_s=2700.0,
        attacks=("vertical-scan", "horizontal-scan"),
        attack_share=0.1,
    )
    path = tmp_path_factory.mktemp("flows") / "labelled.json"
    path.write_bytes(b"\n".join(lines_of(scenario)) + b"\n")
    return path


def places(folder: Path) -> tuple[str, ...]:
    """Where a search writes."""
    return ("--out", str(folder / "best.toml"), "--study", str(folder / "search.db"))


def test_what_is_found_can_be_trained_by(flows: Path, tmp_path: Path) -> None:
    """The settings are taken by `oddflow train`, whose model has the parameters and lacks what was left out."""
    report = tmp_path / "report.json"
    given = (str(flows), *FORMAT, *SMALL, *places(tmp_path), "--trials", "4", "--report", str(report), "--json")
    code, out, err = run("search", *given)
    assert code == 0, err
    told = json.loads(out)
    found = decode_report(report.read_bytes())
    assert found.search is not None
    assert (found.search.trials, found.random) == (4, {})
    assert found.search.seconds > 0
    assert found.search.processor_seconds > 0
    assert {each.name for each in found.search.beside} >= {"false_incidents_per_day", "attacks_found"}
    assert found.protocol.tested_from == found.search.untouched_from
    settings = tomllib.loads((tmp_path / "best.toml").read_text())["training"]
    assert settings["kind"] == "isolation-forest"
    assert settings["parameters"] == {"n_estimators": 10, **found.search.chosen}
    assert settings["leave_out"] == list(found.search.left_out)
    assert told["train"].startswith("oddflow train --data ")
    registry = str(tmp_path / "registry")
    trained = ("train", "--data", str(flows), *FORMAT, "--registry", registry, "--folds", "0")
    code, out, err = run(*trained, "--config", str(tmp_path / "best.toml"), "--json")
    assert code in {0, 9}, err
    version = json.loads(out)["version"]
    model = read_bundle(Registry(registry).fetch("flows", version))
    left_out = {"leave_out": ",".join(found.search.left_out)} if found.search.left_out else {}
    assert model.manifest.parameters == {**settings["parameters"], **left_out}
    assert not any(fnmatchcase(name, word) for name in model.extractor.spec.names for word in found.search.left_out)


def test_a_killed_search_goes_on(flows: Path, tmp_path: Path) -> None:
    """Killed without warning after two trials, it goes on with those that had ended."""
    database = tmp_path / "search.db"
    given = (str(flows), *FORMAT, *SMALL, *places(tmp_path), "--trials")
    process = subprocess.Popen(
        [sys.executable, "-m", "detector", "search", *given, "1000"],
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        until(lambda: complete(database) >= 2, process)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(60)
    ended = complete(database)
    code, _, err = run("search", *given, str(ended + 1))
    assert code == 0, err
    assert f"going on with {database}" in err
    assert ended < complete(database) <= ended + 2


def test_sigterm_ends_it_and_says_how_to_go_on(flows: Path, tmp_path: Path) -> None:
    """A search that is told to end leaves nothing running in its study, and says what to do."""
    given = (str(flows), *FORMAT, *SMALL, *places(tmp_path), "--trials", "1000")
    process = subprocess.Popen([sys.executable, "-m", "detector", "search", *given], stderr=subprocess.PIPE, text=True)
    try:
        until(lambda: complete(tmp_path / "search.db") >= 1, process)
        process.terminate()
        _, err = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 130, err
    assert "run the same command again to go on" in err
    assert states(tmp_path / "search.db").count("RUNNING") == 0
    assert not (tmp_path / "best.toml").exists()


def states(database: Path) -> list[str]:
    """The state of every trial in a study, as its file has it."""
    if not database.exists():
        return []
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)
    try:
        return [state for (state,) in connection.execute("SELECT state FROM trials")]
    except sqlite3.OperationalError:  # its tables are being made
        return []
    finally:
        connection.close()


def complete(database: Path) -> int:
    """How many trials have ended, and were not cut off."""
    return sum(state in {"COMPLETE", "PRUNED"} for state in states(database))


@pytest.mark.parametrize(
    ("flags", "code", "words"),
    [
        (("--held-out", "0"), 2, "--held-out 0"),
        (("--choose", "luck"), 2, "--choose luck: there is parameters, features, weights"),
        (("--out", "."), 2, "it is a folder"),
        (("--report", "report.pdf"), 2, "ends in .html or .json"),
        (("--param", "n_trees=5"), 2, "n_trees"),
        (("--kind", "ensemble", "--param", 'members=["forest"]'), 2, "settings hold numbers"),
    ],
)
def test_what_cannot_be_searched_is_told(
    flows: Path, tmp_path: Path, flags: tuple[str, ...], code: int, words: str
) -> None:
    """Each in one line, and nothing is written."""
    ended, _, err = run(
        "search", str(flows), *FORMAT, "--kind", "isolation-forest", "--trials", "1", *places(tmp_path), *flags
    )
    assert (ended, words in err) == (code, True), err
    assert not (tmp_path / "best.toml").exists()


def test_too_few_flows_are_told(flows: Path, tmp_path: Path) -> None:
    """Of which no stretch can be cut off: before anything is tried."""
    few = tmp_path / "few.json"
    few.write_bytes(b"\n".join(flows.read_bytes().split(b"\n")[:60]) + b"\n")
    code, _, err = run("search", str(few), *FORMAT, *SMALL, *places(tmp_path))
    assert (code, "are too few" in err) == (3, True), err
    assert not (tmp_path / "search.db").exists()


def test_flows_without_attacks_or_inside_hosts_are_refused(tmp_path: Path) -> None:
    """Where no flow is labelled and no host is inside, there is nothing to choose by, and it says what to name."""
    lines = [
        json.dumps(
            {
                "ts": 1.7e9 + 10 * number,
                "uid": f"C{number}",
                "proto": "tcp",
                "conn_state": "SF",
                "duration": 1.0,
                "id.orig_h": f"203.0.113.{number % 9}",
                "id.orig_p": 4000 + number,
                "id.resp_h": "198.51.100.7",
                "id.resp_p": 443,
                "orig_bytes": 100 + number,
                "resp_bytes": 10,
                "orig_pkts": 2,
                "resp_pkts": 2,
            }
        )
        for number in range(800)
    ]
    (tmp_path / "conn.log").write_text("\n".join(lines) + "\n")
    code, _, err = run("search", str(tmp_path / "conn.log"), *FORMAT, *SMALL, *places(tmp_path))
    assert code == 3
    assert "there is nothing to choose by" in err
    assert "--inside" in err


def test_an_extra_that_is_missing_is_named(flows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Optuna, one line says what to install."""
    monkeypatch.setitem(sys.modules, "optuna", None)
    code, _, err = run("search", str(flows), *FORMAT)
    assert (code, "pip install 'oddflow[search]'" in err) == (2, True), err
    assert os.linesep not in err.strip()
