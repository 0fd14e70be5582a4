"""A real Prometheus and a real Alertmanager with the configuration of ``config/``, quicker; and who is told."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.boards.read import tree
from tests.kafka.world import PATIENCE_S, wait_for
from tests.notify.receivers import Receiver as HttpReceiver
from tests.notify.receivers import receiving
from tests.programs import needed
from training.demo.ports import free_port

QUICK = {"scrape_interval": "1s", "evaluation_interval": "1s"}


@contextmanager
def running(
    command: Sequence[str], folder: Path, ready: str, environment: Mapping[str, str] | None = None
) -> Iterator[None]:
    """A program, from when its page says that it is ready; it ends with the block."""
    log = folder / "log"
    with (
        log.open("wb") as out,
        subprocess.Popen(command, stdout=out, stderr=out, cwd=folder, env=environment) as process,
    ):
        try:
            wait_for(lambda: answers(ready) or process.poll() is not None)
            assert answers(ready), log.read_text()[-2_000:]
            yield
        finally:
            process.terminate()
            process.wait(PATIENCE_S)


def answers(url: str) -> bool:
    """Whether it answers well."""
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:
        return False


class Prometheus:
    """Asked by PromQL."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self._began = time.time()

    def ask(self, expr: str) -> list[dict[str, Any]]:
        """The series that it gives now; an expression that is none fails."""
        found: list[dict[str, Any]] = self._got("query", {"query": expr})["result"]
        return found

    def has_shown(self, expr: str) -> bool:
        """Whether it has given a number at any time since the start; an expression that is none fails."""
        asked = {"query": expr, "start": f"{self._began}", "end": f"{time.time()}", "step": "1s"}
        found = self._got("query_range", asked)["result"]
        return any(value != "NaN" for series in found for _, value in series["values"])

    def firing(self) -> set[str]:
        """The alerts that fire now."""
        return {each["metric"]["alertname"] for each in self.ask('ALERTS{alertstate="firing"}')}

    def rules(self) -> list[dict[str, Any]]:
        """All rules, and how they are doing."""
        return [rule for group in self._got("rules", {})["groups"] for rule in group["rules"]]

    def _got(self, what: str, asked: Mapping[str, str]) -> Any:
        response = self._client.get(f"/api/v1/{what}", params=asked)
        assert response.is_success, response.text
        return response.json()["data"]


@contextmanager
def prometheus(folder: Path, targets: Mapping[str, int], alertmanager: int) -> Iterator[Prometheus]:
    """One with the rules as they are, but that each holds for a second only; ``targets`` are ports by job."""
    program = needed("prometheus", "prometheus is not installed: Debian's package of that name has it")
    for name in ("alerts.yaml", "recording.yaml"):
        quick = tree(f"prometheus/{name}")
        for rule in (rule for group in quick["groups"] for rule in group["rules"] if "for" in rule):
            rule["for"] = "1s"
        (folder / name).write_text(json.dumps(quick))
    given = tree("prometheus/prometheus.yaml")
    assert {job["job_name"] for job in given["scrape_configs"]} <= targets.keys()
    given["global"] |= QUICK
    given["scrape_configs"] = [
        {"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]} for job, port in targets.items()
    ]
    given["alerting"]["alertmanagers"] = [{"static_configs": [{"targets": [f"127.0.0.1:{alertmanager}"]}]}]
    (folder / "prometheus.yaml").write_text(json.dumps(given))
    port = free_port()
    flags = ("--config.file=prometheus.yaml", "--storage.tsdb.path=data", f"--web.listen-address=127.0.0.1:{port}")
    address = f"http://127.0.0.1:{port}"
    with (
        running((program, *flags), folder, f"{address}/-/ready"),
        httpx.Client(base_url=address, timeout=60) as client,  # its context of TLS takes long to make
    ):
        yield Prometheus(client)


@contextmanager
def alertmanager(folder: Path, receiver: str) -> Iterator[int]:
    """One with the routes as they are, but that each waits for a second only; people are told at a URL. Its port."""
    program = needed(
        "prometheus-alertmanager",
        "it is not installed: Debian's package prometheus-alertmanager has it",
        "alertmanager",
    )
    given = tree("alertmanager/alertmanager.yaml")
    for route in (given["route"], *given["route"]["routes"]):
        route |= {"group_wait": "1s", "group_interval": "1s"}
    (people,) = given["receivers"]
    people["webhook_configs"] = [{"url": receiver}]
    (folder / "alertmanager.yaml").write_text(json.dumps(given))
    port = free_port()
    flags = ("--config.file=alertmanager.yaml", "--storage.path=data", f"--web.listen-address=127.0.0.1:{port}")
    with running((program, *flags, "--cluster.listen-address="), folder, f"http://127.0.0.1:{port}/-/ready"):
        yield port


class Receiver:
    """Where Alertmanager tells people."""

    def __init__(self, http: HttpReceiver) -> None:
        self._http = http
        self.url = http.url

    @property
    def told(self) -> list[dict[str, Any]]:
        """What it was told, in order."""
        return [json.loads(each.body) for each in self._http.requests]

    def alerts(self, name: str) -> list[dict[str, Any]]:
        """What was told of one alert."""
        return [alert for body in self.told for alert in body["alerts"] if alert["labels"]["alertname"] == name]

    def of(self, name: str, instance: str) -> list[dict[str, Any]]:
        """What was told of one alert at one daemon."""
        return [alert for alert in self.alerts(name) if alert["labels"]["instance"] == instance]


def tell(manager: int, name: str, instance: str) -> None:
    """Tell Alertmanager of an alert, as Prometheus does."""
    alert = {"labels": {"alertname": name, "instance": instance, "job": instance, "severity": "critical"}}
    assert httpx.post(f"http://127.0.0.1:{manager}/api/v2/alerts", json=[alert]).is_success


@contextmanager
def receiver() -> Iterator[Receiver]:
    """One that listens on this machine."""
    with receiving() as http:
        yield Receiver(http)
