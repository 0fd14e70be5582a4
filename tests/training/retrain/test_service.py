"""``oddflow retrain --every``: when a run begins, what ends it, and one at a time."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from detector.errors import InputError
from detector.registry.registry import Registry
from detector.registry.storage import open_storage
from detector.settings.load import load_settings
from tests.commands import PATIENCE_S, until
from tests.training.retrain.conftest import SMALL, Retrain, given
from training.demo.ports import free_port
from training.demo.scrape import Scrape, scrape
from training.retrain.drift import DriftRule
from training.retrain.events import RetrainEvent
from training.retrain.run import Retraining
from training.retrain.service import RETRY_S, Service
from training.retrain.state import State, StateFile

NOW = 1_800_000_000.0
DAY_S = 86_400.0
IN_CHARGE = State(step="watch", began=NOW, result="promoted", version="v")
"""A model that a run has put in charge just now."""

ADVISED = 'oddflow_drift_retrain_advised{reason="scores"} 1.0\n'


# --- when a run begins ------------------------------------------------------------------------------------------------


class Fake:
    """In place of a retraining: its state, and what was asked of it."""

    awaited = Retraining.awaited

    def __init__(self, state: State, **settings: float | bool) -> None:
        self.settings = load_settings(None, {name.replace("__", "."): value for name, value in settings.items()})
        self.state = state
        self.at = NOW
        self.runs: list[str] = []
        self.told: list[RetrainEvent] = []
        self.fails = False

    def now(self) -> float:
        """The clock."""
        return self.at

    def watch(self) -> State:
        """The state."""
        return self.state

    def run(self, why: str) -> State:
        """A run, which fails where it is to."""
        self.runs.append(why)
        if self.fails:
            self.state = msgspec.structs.replace(self.state, result="failed")
            raise InputError("reading flows: there are none")
        self.state = State(step="watch", began=self.at, result="challenger", version="v")
        return self.state

    def tell(self, event: RetrainEvent) -> None:
        """Keep it."""
        self.told.append(event)


def service(fake: Fake, page: str = "") -> Service:
    """Of it, and of a daemon whose metrics are a page."""
    rule = DriftRule(
        ["http://daemon"] if page else [], fake.settings.retrain.drift_hold_s, lambda _: None, lambda _: page
    )
    return Service(retraining=fake, rule=rule, now=fake.now)  # type: ignore[arg-type]  # it stands in


def looked(fake: Fake, page: str = "", *, hours: int) -> list[str]:
    """Why runs began, looked at each half hour."""
    one = service(fake, page)
    for _ in range(2 * hours):
        one.look()
        fake.at += 1_800.0
    return fake.runs


def test_a_run_begins_each_interval() -> None:
    """At once where there was none, then a day after the beginning of the one before."""
    assert looked(Fake(State()), hours=49) == ["it is time"] * 3


def test_an_interrupted_run_goes_on_at_once() -> None:
    """A process that was killed at a step has the next one go on, whenever the run began."""
    assert looked(Fake(State(step="make", began=NOW)), hours=1) == ["it was interrupted"]


def test_drift_brings_it_forward_once() -> None:
    """It must have held for an hour, six hours after the last run; then the challenger is of recent traffic already."""
    fake = Fake(IN_CHARGE)
    assert looked(fake, ADVISED, hours=20) == ["drift of scores"]
    assert fake.state.began == NOW + 6 * 3_600.0
    assert looked(Fake(IN_CHARGE), ADVISED.replace("1.0", "0.0"), hours=20) == []


def test_a_failure_is_tried_again_after_a_pause() -> None:
    """Not at each look, and it is told; the next process tries at once."""
    fake = Fake(State())
    fake.fails = True
    one = service(fake)
    for _ in range(20):
        one.look()
        fake.at += RETRY_S / 10
    assert len(fake.runs) == 2
    assert len(fake.told) == 2
    service(fake).look()
    assert len(fake.runs) == 3


def test_the_verdict_of_daemons_is_waited_for() -> None:
    """Where they promote by themselves, a challenger is given its time, and a bounded one."""
    assert looked(Fake(State(), shadow__promote=True), hours=47) == ["it is time"]
    assert looked(Fake(State(), shadow__promote=True), hours=49) == ["it is time"] * 2
    assert looked(Fake(State(), shadow__promote=True, shadow__share=0), hours=47) == ["it is time"] * 2


# --- a process of its own ---------------------------------------------------------------------------------------------


@contextmanager
def served(places: tuple[str, ...], log: Path, *flags: str) -> Iterator[subprocess.Popen[str]]:
    """The service, as a process."""
    command = [sys.executable, "-m", "detector", "retrain", "--every", "24h", "--data", str(log)]
    command += ["--format", "zeek-json", "--no-incidents", *SMALL, *places, *flags]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def page(port: int) -> Scrape:
    """Its metrics; none while nobody answers."""
    return scrape(port) or Scrape([])


@pytest.mark.slow
def test_the_service_makes_a_model_and_keeps_others_away_until_sigterm(
    places: tuple[str, ...], log: Path, registry: Registry, retrain: Retrain
) -> None:
    """Its metrics tell each step; a second one ends with 10 and names it; after SIGTERM the next may begin at once."""
    port = free_port()
    with served(places, log, "--metrics-port", str(port)) as process:
        until(lambda: page(port).total("oddflow_retrain_results_total", result="promoted") == 1.0, process)
        assert page(port).total("oddflow_retrain_step_duration_seconds", step="make") > 0.0
        assert page(port).total("oddflow_retrain_interval_seconds") == 86_400.0
        assert page(port).total("oddflow_retrain_lease_until_timestamp_seconds") > time.time()
        second = retrain(*given(log), "--no-incidents")
        assert (second.code, f"process {process.pid} on" in second.err) == (10, True), second.err
        process.terminate()
        out = process.communicate(timeout=PATIENCE_S)[0]
    assert process.returncode == 0, out
    events = [json.loads(line)["event"] for line in out.splitlines()]
    assert [each for each in events if each != "retrain.note"] == [
        "retrain.began",
        *["retrain.step"] * 2,
        "retrain.result",
    ]
    assert retrain(*given(log), "--no-incidents").code == 0
    assert len(registry.versions("flows")) == 2


@pytest.mark.slow
def test_sigterm_within_a_step_ends_it_and_the_next_goes_on(
    places: tuple[str, ...], log: Path, registry: Registry, retrain: Retrain
) -> None:
    """It ends with 0 while it trains, and leaves no version; the next call goes on with the same set."""
    file = StateFile(open_storage(registry.url), "flows", "here")
    with served(places, log, "--param", "n_estimators=10000") as process:
        until(lambda: file.read().step == "make", process)
        process.terminate()
        out = process.communicate(timeout=PATIENCE_S)[0]
    assert (process.returncode, registry.versions("flows")) == (0, []), out
    begun = file.read()
    assert begun.step == "make"
    assert retrain(*given(log), "--no-incidents").code == 0
    assert file.read().dataset == begun.dataset
    assert registry.aliases("flows") == {"champion": registry.versions("flows")[0]}
