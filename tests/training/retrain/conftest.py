"""What the tests of retraining share: a small log of recent flows, and the command as it is called."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from detector.registry.registry import Registry
from tests.commands import Ran, run
from tests.training.small_days import flows_of
from training.data.store import DataSets
from training.simulator.scenario import DEFAULT_START, Scenario
from training.simulator.stream import encode

SMALL = ("--kind", "isolation-forest", "--param", "n_estimators=10", "--folds", "0", "--no-windows")
"""A model of seconds: too few flows to measure it, so that most rules of the gate cannot be asked."""


Retrain = Callable[..., Ran]


def await_another_second() -> None:
    """Wait for the clock: the same flows and seed give the same arrays, whose versions differ by their second alone."""
    began = int(time.time())
    while int(time.time()) == began:
        time.sleep(0.01)


@pytest.fixture(scope="session")
def frame() -> pl.DataFrame:
    """Ten minutes of few hosts."""
    scenario = Scenario(seed=5, hosts=25, start=DEFAULT_START + 36_000.0, duration_s=600.0, attacks=())
    return flows_of(scenario)


@pytest.fixture(scope="session")
def log(frame: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as a sensor writes it."""
    path = tmp_path_factory.mktemp("logs") / "conn.log"
    path.write_bytes(b"\n".join(encode(frame, "zeek-json")) + b"\n")
    return path


@pytest.fixture(autouse=True)
def lenient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rule of loss is off: of so few flows, what the champion has seen and the new one has not is no measure."""
    monkeypatch.delenv("ODDFLOW_CONFIG", raising=False)
    monkeypatch.setenv("ODDFLOW_GATE__LARGEST_LOSS", "false")


@pytest.fixture
def places(tmp_path: Path) -> tuple[str, ...]:
    """Where models and data sets are kept."""
    return ("--registry", str(tmp_path / "registry"), "--datasets", str(tmp_path / "sets"))


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """Where models are published."""
    return Registry(str(tmp_path / "registry"))


@pytest.fixture
def sets(tmp_path: Path) -> DataSets:
    """Where data sets are kept."""
    return DataSets(str(tmp_path / "sets"))


def given(log: Path) -> tuple[str, ...]:
    """Flows from files."""
    return ("--once", "--data", str(log), "--format", "zeek-json")


@pytest.fixture
def retrain(places: tuple[str, ...]) -> Retrain:
    """Retrain a small model."""

    def call(*flags: str, **environment: str) -> Ran:
        await_another_second()
        return run("retrain", *places, *SMALL, *flags, **environment)

    return call
