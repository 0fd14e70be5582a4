"""`oddflow triage serve` as a process: it answers, ends in order, and waits for a database that is away."""

from __future__ import annotations

import io
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import pytest

from detector.errors import ConfigurationError, ListenError
from detector.settings.load import load_settings
from tests.triage.documents import incident
from triage.app import create_app
from triage.errors import NewerError
from triage.serve import Service, listen, rules_of
from triage.store.engine import Database

PATIENCE_S = 90.0


def free_port() -> int:
    """One that nobody has now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@contextmanager
def served(folder: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The process and its port."""
    port = free_port()
    command = [sys.executable, "-m", "detector", "triage", "serve", "--port", str(port), *arguments]
    process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True)
    try:
        yield process, port
    finally:
        process.kill()
        process.communicate()


def answer(port: int, path: str) -> tuple[int, str]:
    """What is answered; 0 where nobody listens."""
    try:
        with urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as response:
            return response.status, response.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()
    except (URLError, OSError):
        return 0, ""


def until(process: subprocess.Popen[str], port: int, path: str, status: int) -> str:
    """The answer, once it has this status."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end and process.poll() is None:
        found, body = answer(port, path)
        if found == status:
            return body
        time.sleep(0.1)
    pytest.fail(f"{path} never answered {status}")


@pytest.mark.slow
def test_it_serves_files_and_ends_in_order(tmp_path: Path) -> None:
    """Without Kafka it takes files in, answers, and ends by SIGTERM with 0; the next start has what was there."""
    (tmp_path / "incidents.jsonl").write_bytes(b"\n".join(incident(n) for n in range(3)))
    with served(tmp_path, "--input", "incidents.jsonl") as (process, port):
        assert until(process, port, "/readyz", 200) == "ready\n"
        assert answer(port, "/api/v1/incidents")[1].count('"headline"') == 3
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, log
    assert "incidents.jsonl: 3 incidents" in log
    assert f"http://127.0.0.1:{port}" in log
    assert sorted(path.name for path in tmp_path.iterdir()) == ["incidents.jsonl", "triage.db"]


@pytest.mark.parametrize("words", [["triage"], ["triage", "serve"]])
def test_triage_alone_serves(words: list[str], tmp_path: Path) -> None:
    """Both go by the settings: an address of others, and nobody who may sign in, is refused."""
    environment = {**os.environ, "ODDFLOW_TRIAGE__HOST": "0.0.0.0", "ODDFLOW_TRIAGE__PORT": "0"}  # noqa: S104
    done = subprocess.run(
        [sys.executable, "-m", "detector", *words],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode != 0
    assert "triage.host" in done.stderr, done.stderr


@pytest.mark.slow
def test_it_waits_for_a_database_that_is_locked(tmp_path: Path) -> None:
    """While another program holds the file at the start it is alive and not ready; then it is ready by itself."""
    database = Database(f"sqlite:///{tmp_path}/triage.db")
    database.start()
    database.stop()
    other = sqlite3.connect(tmp_path / "triage.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with served(tmp_path, "--bootstrap-servers", "127.0.0.1:1") as (process, port):
        assert until(process, port, "/healthz", 200) == "alive\n"
        assert answer(port, "/readyz")[0] == 503
        other.execute("ROLLBACK")
        assert until(process, port, "/readyz", 200) == "ready\n"
        process.send_signal(signal.SIGINT)
        _, log = process.communicate(timeout=PATIENCE_S)
    other.close()
    assert process.returncode == 0, log
    assert "another program holds it" in log
    assert "triage.database_opened" in log


def test_a_newer_database_ends_it_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a newer oddflow wrote is not waited for."""
    monkeypatch.chdir(tmp_path)
    database = Database("sqlite:///triage.db")
    database.start()
    database.stop()
    with sqlite3.connect(tmp_path / "triage.db") as raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")
    raw.close()
    service = Service(load_settings(None, {"triage.port": 0}), io.StringIO(), create_app)
    with pytest.raises(NewerError, match="upgrade oddflow"):
        service.run()


def test_others_reach_it_only_where_somebody_can_sign_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address that others reach is refused while there are no users, and says what to set."""
    monkeypatch.chdir(tmp_path)
    settings = load_settings(None, {"triage.port": 0, "triage.host": "0.0.0.0"})  # noqa: S104 - refused
    with pytest.raises(ConfigurationError, match=r"nobody could sign in; add a user"):
        Service(settings, io.StringIO(), create_app).run()


def test_a_port_in_use_is_named() -> None:
    """A port that another program has is told with what to set instead."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ListenError, match=f"listening on 127.0.0.1 port {port}: Address already in use; choose"):
            listen("127.0.0.1", port)
    with pytest.raises(ListenError, match=r"listening on nowhere.invalid port 0: "):
        listen("nowhere.invalid", 0)


def test_settings_make_the_rules() -> None:
    """A proxy's header, addresses and groups come from the settings; an address that is none is refused."""
    given = {
        "triage.proxy_user_header": "X-Forwarded-User",
        "triage.proxy_addresses": ["10.0.0.0/24"],
        "triage.analyst_groups": ["soc"],
        "triage.session_hours": 1.0,
        "triage.public_url": "https://triage.example.org",
    }
    rules = rules_of(load_settings(None, given).triage)
    assert rules.proxy is not None
    assert (rules.proxy.is_from("10.0.0.7"), rules.proxy.is_from("10.0.1.7")) == (True, False)
    assert (rules.proxy.analyst_groups, rules.session_s, rules.is_secure) == (frozenset({"soc"}), 3_600.0, True)
    with pytest.raises(ConfigurationError, match=r"triage.proxy_addresses: .*; give addresses or networks"):
        rules_of(load_settings(None, given | {"triage.proxy_addresses": ["nowhere"]}).triage)
