"""A search on a real Dask cluster: a scheduler and two workers as processes, one of which is killed."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue

import pytest

from detector.errors import ConfigurationError
from tests.commands import run, until
from tests.training.search.test_command import FORMAT, complete, flows, places, states
from tests.training.small_days import flows_of
from training.evaluation.marked import Marked
from training.evaluation.protocol import protocol_of
from training.search import cluster
from training.search.cluster import Cluster, differences, versions
from training.search.held_out import HeldOut
from training.search.workers import Result
from training.simulator.scenario import Scenario
from training.train import Recipe

__all__ = ["flows"]

pytestmark = pytest.mark.slow

SMALL = ("--kind", "isolation-forest", "--param", "n_estimators=10", "--folds", "2")


class Dask:
    """A scheduler and its workers, each a process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []
        file = folder / "scheduler.json"
        scheduler = self.start("dask_scheduler", "--port", "0", "--no-dashboard", "--scheduler-file", str(file))
        until(lambda: file.exists() and bool(file.read_text()), scheduler)
        self.address = re.sub(r"//.*:", "//127.0.0.1:", json.loads(file.read_text())["address"])

    def worker(self, name: str) -> subprocess.Popen[bytes]:
        """Start one more."""
        flags = ("--no-nanny", "--nthreads", "1", "--name", name, "--no-dashboard")
        return self.start("dask_worker", self.address, *flags, "--local-directory", str(self._folder / name))

    def start(self, module: str, *flags: str) -> subprocess.Popen[bytes]:
        """Start a process of it."""
        command = [sys.executable, "-m", f"distributed.cli.{module}", *flags]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.processes.append(process)
        return process

    def stop(self) -> None:
        """End all of them."""
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.wait(60)


@pytest.fixture
def dask(tmp_path: Path) -> Iterator[Dask]:
    """A scheduler without workers."""
    found = Dask(tmp_path)
    yield found
    found.stop()


def test_a_worker_is_killed_and_the_search_ends(flows: Path, dask: Dask, tmp_path: Path) -> None:
    """With two workers, one killed in mid-search, every trial ends, none is lost, and the report says who tried."""
    first, _ = dask.worker("a"), dask.worker("b")
    given = (str(flows), *FORMAT, *SMALL, *places(tmp_path), "--trials", "6", "--dask", dask.address, "--json")
    search = subprocess.Popen([sys.executable, "-m", "detector", "search", *given], stdout=subprocess.PIPE)
    try:
        until(lambda: complete(tmp_path / "search.db") >= 1, search)
        first.send_signal(signal.SIGKILL)
        out, _ = search.communicate(timeout=300)
    finally:
        search.kill()
    assert search.returncode == 0
    found = json.loads(out)["report"]["search"]
    assert (found["trials"], found["failed"], found["cut_off"]) == (6, 0, 0)
    assert found["workers"] == "a Dask cluster"
    assert found["processor_seconds"] > 0
    assert set(states(tmp_path / "search.db")) <= {"COMPLETE", "PRUNED"}


def test_the_cluster_gives_what_is_given_here(dask: Dask) -> None:
    """A worker of the cluster gives a recipe the same value as this process does, and counts its own seconds."""
    frame = flows_of(Scenario(seed=4, hosts=25, duration_s=1800.0, attacks=("vertical-scan",), attack_share=0.1))
    recipe = Recipe(kind="isolation-forest", params={"n_estimators": 5}, leave_out=("pair_*",))
    held = HeldOut.of(Marked.of(frame), 0.25)
    material, _ = held.material(recipe, protocol_of(folds=2, repeats=1, most_rows=1000), [], lambda _: None)
    dask.worker("a")
    results: SimpleQueue[Result] = SimpleQueue()
    with Cluster(material, dask.address, None) as workers:
        assert workers.places == 1
        workers.submit(0, recipe, results.put)
        there = results.get(timeout=240).result()
        assert workers.processor_s() >= there.processor_s
    assert there.value == material.evaluated(0, recipe).value


def test_a_scheduler_without_workers_is_told(
    flows: Path, dask: Dask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says how to start some, and nothing is read."""
    monkeypatch.setattr(cluster, "PATIENCE_S", 1.0)
    code, _, err = run("search", str(flows), *FORMAT, *SMALL, *places(tmp_path), "--dask", dask.address)
    assert code == 2
    assert f"start some by `dask worker {dask.address} --nthreads 1`" in err
    assert "reading" not in err


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:{free}", "127.0.0.1", "carrier-pigeon://loft"])
def test_an_address_without_a_scheduler_fails_soon(
    flows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """Nobody there, no port, no such protocol: one line with what to give, before a flow is read."""
    monkeypatch.setattr(cluster, "PATIENCE_S", 1.0)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        asked = address.format(free=free.getsockname()[1])
    code, _, err = run("search", str(flows), *FORMAT, *SMALL, *places(tmp_path), "--dask", asked)
    assert code == 2, err
    assert f"--dask {asked}: no scheduler answers" in err
    assert err.count("\n") == 1


def test_workers_of_other_versions_are_refused(dask: Dask, monkeypatch: pytest.MonkeyPatch) -> None:
    """What differs is named, with the worker that has it, before anything is tried."""
    dask.worker("a")
    ours = versions()
    monkeypatch.setattr(cluster, "PATIENCE_S", 60.0)
    client = cluster.connected(dask.address)
    try:
        cluster.check_versions(client, dask.address)
        monkeypatch.setattr(cluster, "version", lambda name: "0.0.1" if name == "numpy" else ours.get(name, ""))
        with pytest.raises(ConfigurationError, match=r"worker tcp://.* has numpy .*, not 0\.0\.1"):
            cluster.check_versions(client, dask.address)
    finally:
        client.close()


def test_versions_that_differ_are_named() -> None:
    """Other and missing ones, and none where all are alike."""
    assert differences({"numpy": "1", "oddflow": "2"}, {"numpy": "1", "oddflow": "2"}) == ""
    assert differences({"numpy": "1"}, {"numpy": "2", "oddflow": "2"}) == "numpy 1, not 2, oddflow missing, not 2"
