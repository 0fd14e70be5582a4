"""What ``config/compose.yaml`` runs: each of our services as a process, in its order, as it is called and asked there.

Kafka and PostgreSQL are the tests' own; addresses, ports and mounts are rewritten to what is here. No image is built.
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

PORTS = ("9464", "9465", "9466")

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
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                command, env=self.environment(service), stdout=log, stderr=log, cwd=self.folder
            )
        return self.running[name]

    def log(self, name: str) -> str:
        """What a service said."""
        return (self.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")[-3_000:]

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
            **{port: str(free_port()) for port in PORTS},
        }
        made = Machine(tmp_path, rewritten, dict(zip(("PGUSER", "PGDATABASE", "PGHOST"), named.groups(), strict=True)))
        yield made
        made.stop()


def rows(machine: Machine, query: str) -> list[tuple[Any, ...]]:
    """What triage's database answers."""
    at = machine.database
    with psycopg.connect(host=at["PGHOST"], user=at["PGUSER"], dbname=at["PGDATABASE"]) as connection:
        return connection.execute(query.encode()).fetchall()


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.timeout(2_400)
def test_everything_runs_as_compose_has_it(machine: Machine) -> None:
    """Started in its order everything becomes healthy, and incidents reach triage; once more makes nothing anew."""
    for name in ONCE:
        machine.run(name)
    made = {path.name: path.read_bytes() for path in (machine.folder / "secrets").iterdir()}
    assert made.keys() == {"database", "reader", "analyst"}
    for name in ("oddflow", "simulator", "triage", "retrain"):
        machine.start(name)
        if "healthcheck" in services()[name]:
            wait_for(partial(machine.is_healthy, name), PATIENCE_S)
            assert machine.is_healthy(name), machine.log(name)
    wait_for(lambda: bool(rows(machine, "SELECT 1 FROM incidents LIMIT 1")), PATIENCE_S)
    assert rows(machine, "SELECT 1 FROM incidents LIMIT 1"), machine.log("triage")
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
