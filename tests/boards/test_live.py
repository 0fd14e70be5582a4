"""Boards, rules and Alertmanager's routes on real ones: Prometheus scrapes a daemon, and a retraining that fails."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from functools import partial

import httpx
import pytest

from detector.feedback.label import Of, write_label
from detector.registry.storage import open_storage
from detector.transport.base import OutRecord
from detector.transport.kafka.topics import Topic, ensure_topics
from tests.boards.read import Question, questions
from tests.boards.servers import Prometheus, Receiver, alertmanager, prometheus, receiver, running, tell
from tests.bundles import judged, verdict
from tests.kafka.world import (
    MODEL,
    Daemon,
    Topics,
    Trickle,
    challenge,
    damage,
    promote,
    publish,
    simulated,
    wait_for,
)
from tests.transport.arena import produce
from training.demo.ports import free_port
from training.retrain.state import State, StateFile
from triage.store.labels import new_label

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(600)]


NO_DATA = {
    "oddflow_schema_registry_lost": "is there only where input.encoding needs a schema registry",
}
"""What no panel has data of here, by a part of its question, and why; tests/faults has it with a real registry."""

FEW_ROWS = """
from detector.drift import monitor
monitor.BLOCK_ROWS, monitor.LEAST_ROWS = 128, 256
monitor.DriftMonitor.__init__.__kwdefaults__["every"] = 4
"""
"""Run at the start of the daemon: drift is told after a thousand rows, not after 131,072."""

PROVOKED = {"OddflowRetrainFailed", "OddflowRetrainOverdue"}
"""Rules that the retraining makes fire."""

ASKED = [question for question in questions() if not question.of_sql and "label_values" not in question.text]


@pytest.fixture(scope="module")
def messages() -> Iterator[Receiver]:
    """Who gets the daemon's messages about incidents."""
    with receiver() as received:
        yield received


@pytest.fixture(scope="module")
def daemon(kafka: str, messages: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon that reads, with a champion, all that it can keep, a budget of false incidents, and messages."""
    folder, stem = tmp_path_factory.mktemp("daemon"), uuid.uuid4().hex
    names = [f"{stem}-{name}" for name in ("flows", "alerts", "dead-letters", "scores", "incidents", "risk")]
    ensure_topics({"bootstrap.servers": kafka}, [Topic(name) for name in names])
    publish(folder / "registry", windows=True)
    made = Daemon(folder, folder / "registry", kafka, Topics(*names[:4]))
    (folder / "webhook").write_text(messages.url)
    made.settings = {
        "webhook": {"url_file": str(folder / "webhook")},
        "alerts": {"false_incidents_per_day": 10.0},
        "output": {"incidents_topic": names[4], "risk_topic": names[5]},
        "state": {"url": str(folder / "state"), "snapshot_interval_s": 1.0},
        "shadow": {"share": 1.0, "figures_interval_s": 1.0},
        "archive": {"enabled": True, "url": str(folder / "archive"), "interval_s": 1.0},
        "batch": {"max_records": 1_000, "commit_interval_s": 0.2},
    }
    made.start(harm=FEW_ROWS)
    yield made
    made.kill()


@pytest.fixture(scope="module")
def retraining(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of one that made a model a day ago and should each minute, and whose flows are not there any more."""
    folder, port = tmp_path_factory.mktemp("retraining"), free_port()
    url, day_ago = str(folder / "registry"), time.time() - 86_400.0
    before = State(
        step="watch",
        began=day_ago,
        version="v",
        result="challenger",
        last_success={"gather": day_ago, "make": day_ago},
        duration_s={"gather": 60.0, "make": 600.0},
        results={"challenger": 1},
    )
    publish(folder / "registry")
    StateFile(open_storage(url), MODEL, url).write(before)
    command = [sys.executable, "-m", "detector", "retrain", "--every", "1m", "--registry", url, "--model", MODEL]
    command += ["--datasets", str(folder / "sets"), "--data", str(folder / "gone.log"), "--format", "zeek"]
    command += ["--no-incidents", "--metrics-port", str(port)]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        yield port
        process.kill()


@pytest.fixture(scope="module")
def triage(daemon: Daemon, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of one that reads what the daemon found, into SQLite."""
    folder, port = tmp_path_factory.mktemp("triage"), free_port()
    names = [f"{daemon.topics.flows}-{name}" for name in ("feedback", "suppressions")]
    ensure_topics({"bootstrap.servers": daemon.bootstrap}, [Topic(name) for name in names])
    output = daemon.settings["output"]
    told = {
        "ODDFLOW_KAFKA__BOOTSTRAP_SERVERS": daemon.bootstrap,
        "ODDFLOW_OUTPUT__ALERTS_TOPIC": daemon.topics.alerts,
        "ODDFLOW_OUTPUT__INCIDENTS_TOPIC": output["incidents_topic"],
        "ODDFLOW_OUTPUT__RISK_TOPIC": output["risk_topic"],
        "ODDFLOW_FEEDBACK__TOPIC": names[0],
        "ODDFLOW_SUPPRESSION__TOPIC": names[1],
        "ODDFLOW_TRIAGE__DATABASE": f"sqlite:///{folder}/triage.db",
    }
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ODDFLOW_")} | told
    command = [sys.executable, "-m", "detector", "triage", "serve", "--port", str(port)]
    with running(command, folder, f"http://127.0.0.1:{port}/healthz", environment):
        yield port


def label_one(daemon: Daemon, triage: int) -> bool:
    """Call an incident true, if there is one yet."""
    response = httpx.get(f"http://127.0.0.1:{triage}/api/v1/incidents", timeout=30)
    found = response.json()["rows"]
    if found:
        said = write_label(new_label(Of(incident=found[0]["id"]), "true", "ada", time.time()))
        produce(daemon.bootstrap, f"{daemon.topics.flows}-feedback", [OutRecord(said)])
    return bool(found)


@pytest.fixture(scope="module")
def told() -> Iterator[Receiver]:
    """Who is told by Alertmanager."""
    with receiver() as received:
        yield received


@pytest.fixture(scope="module")
def manager(told: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Alertmanager's port."""
    with alertmanager(tmp_path_factory.mktemp("alertmanager"), told.url) as port:
        yield port


@pytest.fixture(scope="module")
def live(
    daemon: Daemon, retraining: int, triage: int, manager: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    """Prometheus, after a challenger, a swap, a refused model, broken records and drift, once panels have data."""
    targets = {"oddflow": daemon.port, "oddflow-retrain": retraining, "oddflow-triage": triage}
    odd = [b"{", b"#close\t2026-11-29-00-00-00"]
    values = [value for part in range(0, 6_000, 500) for value in (*simulated(6_000)[part : part + 500], *odd)]
    challenge(daemon.registry, judged(1, verdict(True), windows=True))
    with (
        prometheus(tmp_path_factory.mktemp("prometheus"), targets, manager) as asked,
        Trickle(daemon.bootstrap, daemon.topics.flows, values, per_s=500),
    ):
        wait_for(lambda: daemon.total("oddflow_shadow_flows_total") > 0)
        wait_for(lambda: bool(asked.ask("oddflow_model_info")))
        promote(daemon.registry, publish(daemon.registry, 2, promote=False, windows=True))
        wait_for(lambda: daemon.total("oddflow_model_swaps_total", result="taken") >= 2)
        damaged = publish(daemon.registry, 3, promote=False, windows=True)
        damage(daemon.registry, damaged)
        promote(daemon.registry, damaged)
        wait_for(lambda: label_one(daemon, triage))
        for question in ASKED:
            if not why_not(question):
                wait_for(partial(asked.has_shown, as_asked(question)))
        yield asked


def as_asked(question: Question) -> str:
    """What Prometheus is asked where nothing is chosen at the board's top."""
    return question.text.replace("$instance", ".*").replace("$__rate_interval", "1m")


def why_not(question: Question) -> str:
    """Why a question has no data here; empty where it is to have some."""
    return next((why for part, why in NO_DATA.items() if part in question.text), "")


@pytest.mark.parametrize("question", ASKED, ids=lambda question: question.place)
def test_every_panel_has_data(live: Prometheus, question: Question) -> None:
    """Every question of every board is taken by Prometheus, and a number comes back, but for those named with why."""
    assert live.has_shown(as_asked(question)) is not bool(why_not(question)), as_asked(question)


def test_every_choice_has_something_to_choose(live: Prometheus) -> None:
    """The choice of daemons at a board's top is of a series that is there, by a label that it has."""
    chosen = {question.text for question in questions() if "label_values" in question.text}
    assert chosen
    for text in chosen:
        found = re.fullmatch(r"label_values\((\w+), (\w+)\)", text)
        assert found is not None
        assert [each["metric"][found[2]] for each in live.ask(found[1])] != []


def test_rules_are_loaded_and_figures_recorded(live: Prometheus) -> None:
    """Prometheus takes the rules as they are, none is in error, and each figure is recorded of the daemon."""
    rules = live.rules()
    assert [rule["name"] for rule in rules if rule["health"] == "err"] == []
    recorded = {rule["name"] for rule in rules if rule["type"] == "recording"}
    assert {name for name in recorded if live.ask(name) == []} == set()


def test_a_failed_retraining_is_told_to_people(live: Prometheus, told: Receiver) -> None:
    """From the process by Prometheus' rule and Alertmanager's routes to who is told, with the page that helps."""
    wait_for(lambda: {"OddflowRetrainFailed", "OddflowRetrainOverdue"} <= live.firing())
    assert live.firing() >= PROVOKED
    wait_for(lambda: bool(told.alerts("OddflowRetrainFailed")))
    alert = told.alerts("OddflowRetrainFailed")[0]
    assert (alert["status"], alert["labels"]["severity"]) == ("firing", "warning")
    assert alert["annotations"]["runbook_url"] == "docs/guides/operations.md#oddflowretrainfailed"
    assert told.told[0]["receiver"] == "people"


def test_what_follows_from_something_worse_is_not_told(manager: int, told: Receiver) -> None:
    """A daemon that is down is told; that it scores nothing is not, for it alone."""
    tell(manager, "OddflowDown", "here")
    wait_for(lambda: bool(told.of("OddflowDown", "here")))
    assert told.of("OddflowDown", "here")
    tell(manager, "OddflowStandsStill", "here")
    tell(manager, "OddflowStandsStill", "elsewhere")
    wait_for(lambda: bool(told.of("OddflowStandsStill", "elsewhere")))
    assert told.of("OddflowStandsStill", "elsewhere")
    assert told.of("OddflowStandsStill", "here") == []
