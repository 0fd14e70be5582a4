"""What ``config/compose.yaml`` runs: each of our services as a process, in its order, as it is called and asked there.

So are Prometheus and Alertmanager, of Debian, with the files that are mounted there. Kafka and PostgreSQL are the
tests' own; addresses, ports and mounts are rewritten to what is here. No image is built; Grafana cannot be had.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import psycopg
import pytest

from tests.composed import composed
from tests.kafka.world import wait_for
from tests.postgres import Server
from tests.programs import needed
from training.demo.broker import EmbeddedKafka
from training.demo.ports import free_port

ROOT = Path(__file__).parents[2]

ONCE = ("secrets", "first-model", "analyst", "reader")
"""What ends by itself, in an order that `depends_on` allows."""

TARGETS = {"oddflow": "9464", "triage": "9465", "retrain": "9466"}
"""Who is scraped, and at which port there."""

PROGRAMS = {"prometheus": "9090", "alertmanager": "9093"}
"""Whose image has the program for its entrypoint, and the port that it listens on if it is told nothing else."""

GIVEN = {"ODDFLOW_FIRST_DAY": "1h", "ODDFLOW_RATE": "1500"}
"""As a `.env` file would: a short day to learn from, and traffic that brings attacks soon."""

PATIENCE_S = 600.0


@cache
def services() -> dict[str, Any]:
    """The services, their variables filled in."""
    return dict(composed(GIVEN)["services"])


def image_environment() -> dict[str, str]:
    """What the Dockerfile gives every container of ours."""
    text = re.sub(r"\\\n\s*", " ", (ROOT / "Dockerfile").read_text(encoding="utf-8"))
    last = re.findall(r"^ENV (.*)$", text, re.MULTILINE)[-1]
    return dict(pair.split("=", 1) for pair in shlex.split(last) if pair.startswith("ODDFLOW_"))


class Machine:
    """Runs services as processes, with what is mounted there in a folder here."""

    def __init__(self, folder: Path, rewritten: Mapping[str, str], database: Mapping[str, str]) -> None:
        self.folder = folder
        self._rewritten = rewritten
        self.database = database
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def here(self, text: Any) -> str:
        """A text of the file with addresses and places of this machine."""
        longest_first = sorted(self._rewritten, key=len, reverse=True)
        pattern = "|".join(map(re.escape, longest_first))
        return re.sub(pattern, lambda found: self._rewritten[found[0]], str(text).replace("$$", "$"))

    def environment(self, service: Mapping[str, Any]) -> dict[str, str]:
        """All variables of a service's processes."""
        told = {}
        if "build" in service:
            told = image_environment() | {"ODDFLOW_WEB__PORT": "9464", "ODDFLOW_TRIAGE__PORT": "9465"}
        given = {name: self.here(value) for name, value in (told | service.get("environment", {})).items()}
        own = {"PATH": os.environ["PATH"], "HOME": str(self.folder)}
        return own | given | {name: value for name, value in self.database.items() if name in given}

    def start(self, name: str) -> subprocess.Popen[bytes]:
        """Start a service's process."""
        service = services()[name]
        command = [self.here(each) for each in (*service.get("entrypoint", ["oddflow"]), *service["command"])]
        if name in PROGRAMS:
            program = needed(
                name, f"{name} is not installed: Debian has it; `make promtool` unpacks it", f"prometheus-{name}"
            )
            command = [program, *command[1:], self.here(f"--web.listen-address=127.0.0.1:{PROGRAMS[name]}")]
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                command, env=self.environment(service), stdout=log, stderr=log, cwd=self.folder
            )
        return self.running[name]

    def log(self, name: str) -> str:
        """What a service said."""
        return (self.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")[-3_000:]

    def lay(self, folder: str) -> None:
        """Copy a folder of ``config/`` that is mounted, with addresses of this machine in its files."""
        (self.folder / folder).mkdir()
        for path in (ROOT / "config" / folder).iterdir():
            (self.folder / folder / path.name).write_text(self.here(path.read_text(encoding="utf-8")), encoding="utf-8")

    def run(self, name: str) -> None:
        """Run a service that ends by itself."""
        assert self.start(name).wait(PATIENCE_S) == 0, self.log(name)

    def is_healthy(self, name: str) -> bool:
        """What the service's health check says."""
        service = services()[name]
        assert self.running[name].poll() is None, self.log(name)
        check = [self.here(each) for each in service["healthcheck"]["test"][1:]]
        done = subprocess.run(check, env=self.environment(service), capture_output=True, timeout=60, check=False)
        return done.returncode == 0

    def bring_up(self, name: str) -> None:
        """Start a service that goes on, and wait until it is healthy, where it can be asked."""
        self.start(name)
        if "healthcheck" in services()[name]:
            wait_for(partial(self.is_healthy, name), PATIENCE_S)
            assert self.is_healthy(name), self.log(name)

    def stop(self) -> dict[str, int]:
        """End what still runs as Docker does; exit codes by service."""
        left = {name: process for name, process in self.running.items() if process.poll() is None}
        for process in left.values():
            process.send_signal(signal.SIGTERM)
        codes = {}
        for name, process in left.items():
            with suppress(subprocess.TimeoutExpired):
                codes[name] = process.wait(60)
            process.kill()
        return codes


@pytest.fixture
def machine(tmp_path: Path, postgres: Server) -> Iterator[Machine]:
    """A machine with a Kafka of its own, since topics have their usual names, and an empty database."""
    needed("psql", "psql is not installed: Debian's package postgresql-client has it")
    for place in ("secrets", "registry", "state", "datasets", "tmp"):
        (tmp_path / place).mkdir()
    database = postgres.database()
    named = re.fullmatch(r"postgresql://(\w+)@/(\w+)\?host=(.*)", database)
    assert named is not None
    ports = {port: str(free_port()) for port in (*TARGETS.values(), *PROGRAMS.values())}
    with EmbeddedKafka(tmp_path / "kafka") as kafka:
        rewritten = {
            "postgresql://oddflow@postgres/oddflow": database,
            "/etc/oddflow/oddflow.toml": str(ROOT / "config" / "oddflow.toml"),
            "/reader.sql": str(ROOT / "config" / "grafana" / "reader.sql"),
            **{f"/{place}": str(tmp_path / place) for place in ("secrets", "registry", "state", "datasets")},
            "/tmp/": f"{tmp_path / 'tmp'}/",  # noqa: S108 - the container's
            "kafka:29092": kafka.bootstrap_servers,
            "http://oddflow:": "http://127.0.0.1:",
            "0.0.0.0": "127.0.0.1",  # noqa: S104 - the container's
            **{f"/etc/{name}/{name}.yaml": str(tmp_path / name / f"{name}.yaml") for name in PROGRAMS},
            **{f"path=/{name}": f"path={tmp_path / name}" for name in PROGRAMS},
            **ports,
            **{f"{name}:{port}": f"127.0.0.1:{ports[port]}" for name, port in (TARGETS | PROGRAMS).items()},
        }
        made = Machine(tmp_path, rewritten, dict(zip(("PGUSER", "PGDATABASE", "PGHOST"), named.groups(), strict=True)))
        for name in PROGRAMS:
            made.lay(name)
        yield made
        made.stop()


def rows(machine: Machine, query: str) -> list[tuple[Any, ...]]:
    """What triage's database answers."""
    at = machine.database
    with psycopg.connect(host=at["PGHOST"], user=at["PGUSER"], dbname=at["PGDATABASE"]) as connection:
        return connection.execute(query.encode()).fetchall()


def asked(machine: Machine, what: str) -> Any:
    """What Prometheus' interface answers."""
    return httpx.get(machine.here(f"http://127.0.0.1:9090/api/v1/{what}"), timeout=60).json()["data"]


def targets(machine: Machine) -> dict[str, str]:
    """How each job of Prometheus is doing."""
    return {each["labels"]["job"]: each["health"] for each in asked(machine, "targets")["activeTargets"]}


def states(machine: Machine) -> dict[str, str]:
    """The state of each alert rule."""
    groups = asked(machine, "rules?type=alert")["groups"]
    return {rule["name"]: rule["state"] for group in groups for rule in group["rules"]}


def gathered(machine: Machine) -> bool:
    """Whether retraining has read the topics of flows, incidents and labels, and written its first data set.

    The training after it takes minutes, and is not waited for.
    """
    query = 'oddflow_retrain_last_success_timestamp_seconds{step="gather"} > 0'
    return bool(asked(machine, f"query?{urlencode({'query': query})}")["result"])


def watched(machine: Machine) -> None:
    """See that all parts are scraped, that one that is killed is noticed, and that Alertmanager is there to be told."""
    up = dict.fromkeys(("oddflow", "oddflow-triage", "oddflow-retrain"), "up")
    wait_for(lambda: targets(machine) == up, PATIENCE_S)
    assert targets(machine) == up
    (manager,) = asked(machine, "alertmanagers")["activeAlertmanagers"]
    assert manager["url"] == machine.here("http://alertmanager:9093/api/v2/alerts")
    wait_for(lambda: states(machine)["OddflowRetrainDown"] == "inactive", PATIENCE_S)
    machine.running["retrain"].kill()
    wait_for(lambda: states(machine)["OddflowRetrainDown"] != "inactive", PATIENCE_S)
    assert states(machine)["OddflowRetrainDown"] == "pending"


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.timeout(2_400)
def test_everything_runs_as_compose_has_it(machine: Machine) -> None:
    """Started in its order all becomes healthy and is watched, and incidents reach triage; again makes nothing anew."""
    for name in ONCE:
        machine.run(name)
    made = {path.name: path.read_bytes() for path in (machine.folder / "secrets").iterdir()}
    assert made.keys() == {"database", "reader", "analyst"}
    for name in ("prometheus", "alertmanager", "oddflow", "simulator", "triage"):
        machine.bring_up(name)
    wait_for(lambda: bool(rows(machine, "SELECT 1 FROM incidents LIMIT 1")), PATIENCE_S)
    assert rows(machine, "SELECT 1 FROM incidents LIMIT 1"), machine.log("triage")
    machine.bring_up("retrain")
    wait_for(lambda: gathered(machine), PATIENCE_S)
    assert gathered(machine), machine.log("retrain")
    watched(machine)
    assert rows(machine, "SELECT name, role FROM users") == [("analyst", "analyst")]
    assert rows(machine, "SELECT 1 FROM pg_roles WHERE rolname = 'oddflow_reader'")
    versions = sorted(path.name for path in (machine.folder / "registry").glob("*/versions/*"))
    for name in ONCE:
        machine.run(name)
    assert {path.name: path.read_bytes() for path in (machine.folder / "secrets").iterdir()} == made
    assert sorted(path.name for path in (machine.folder / "registry").glob("*/versions/*")) == versions
    assert {name: code for name, code in machine.stop().items() if name in {"oddflow", "triage"}} == {
        "oddflow": 0,
        "triage": 0,
    }
