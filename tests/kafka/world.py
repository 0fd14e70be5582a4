"""The daemon as its own process on a real Kafka, with a small real model, and what went in and came out of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from typing import Any, Self

import msgspec
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource

from detector.registry.registry import Registry
from detector.transport.base import OutRecord
from tests.bundles import bundle, version_of
from tests.transport.arena import consume, produce
from training.demo.ports import free_port
from training.demo.scrape import Scrape, scrape
from training.simulator.scenario import Scenario
from training.simulator.stream import encode

PATIENCE_S = 90.0
TICK_S = 0.1
MODEL = "flows"
Place = tuple[int, int]
"""Partition and offset: what a record is, whatever it says."""


@cache
def simulated(count: int, format: str = "zeek-json", seed: int = 1) -> Sequence[bytes]:  # noqa: A002
    """So many values as the simulator makes them, attacks among them."""
    values: list[bytes] = []
    for frame in Scenario(seed=seed, hosts=50, duration_s=4 * 3600.0).frames(rows=2_000, endless=True):
        values += encode(frame, format)
        if len(values) >= count:
            break
    assert len(values) >= count
    return values[:count]


def publish(registry: Path, number: int = 0, *, promote: bool = True, windows: bool = False) -> str:
    """Publish the small model of that number, promote it if wanted, and give its version."""
    files = bundle(number, windows=windows)
    version = version_of(files)
    store = Registry(str(registry))
    store.publish(MODEL, version, files)
    if promote:
        store.promote(MODEL, version, reason="a test")
    return version


def challenge(registry: Path, files: Mapping[str, bytes]) -> str:
    """Publish a bundle as the challenger, and give its version."""
    store, version = Registry(str(registry)), version_of(files)
    store.publish(MODEL, version, files)
    store.promote(MODEL, version, "challenger")
    return version


def promote(registry: Path, version: str) -> None:
    """Make a published version the champion."""
    Registry(str(registry)).promote(MODEL, version, reason="a test")


def limit(kafka: str, topic: str, max_message_bytes: int) -> None:
    """Have a topic take no larger batches."""
    entry = ConfigEntry("max.message.bytes", str(max_message_bytes), incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[entry])
    admin = AdminClient({"bootstrap.servers": kafka, "log_level": 0})
    admin.incremental_alter_configs([resource])[resource].result(20)


def damage(registry: Path, version: str) -> None:
    """Change one byte of a published model's arrays."""
    (path,) = registry.rglob(f"{version}/arrays.safetensors")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.chmod(0o644)
    path.write_bytes(data)


@dataclass(frozen=True)
class Topics:
    """The topics of one daemon."""

    flows: str
    alerts: str
    dead_letters: str
    scores: str


@dataclass
class Daemon:
    """Settings for ``oddflow detect`` and the process while it runs; ``start`` again after ``kill`` or ``stop``."""

    folder: Path
    registry: Path
    bootstrap: str
    topics: Topics
    settings: dict[str, Any] = field(default_factory=dict)
    """More settings, by section."""
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """What it has logged, over all its runs."""
        return (self.folder / "daemon.log").read_text(errors="replace")

    def events(self, name: str) -> list[dict[str, Any]]:
        """Its log lines of one kind."""
        lines = [line for line in self.log.splitlines() if line.startswith("{")]
        return [found for found in map(msgspec.json.decode, lines) if found.get("event") == name]

    def start(self, before: Sequence[str] = (), harm: str = "") -> None:
        """Start it as ``launch`` does, and wait until it is up."""
        self.launch(before, harm)
        self.wait_until_up()

    def wait_until_up(self) -> None:
        """Wait until it reads: it serves its metrics long before."""
        wait_for(lambda: self.total("oddflow_start_timestamp_seconds") > 0 or not self.running)
        assert self.running, self.log[-2_000:]

    def launch(self, before: Sequence[str] = (), harm: str = "") -> subprocess.Popen[bytes]:
        """Start its process, by the command ``before`` if one is given, and wait for nothing.

        ``harm`` is Python that the process runs before all else.
        """
        path = self.folder / "oddflow.toml"
        path.write_text(_toml(self._tree()))
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ODDFLOW_")}
        if harm:
            (self.folder / "sitecustomize.py").write_text(harm)
            environment["PYTHONPATH"] = str(self.folder)
        with (self.folder / "daemon.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*before, sys.executable, "-m", "detector", "detect", "--config", str(path)],
                stdout=log,
                stderr=log,
                env=environment,
            )
        return self.process

    def _tree(self) -> dict[str, dict[str, Any]]:
        topics = self.topics
        tree: dict[str, dict[str, Any]] = {
            "input": {"topic": topics.flows, "format": "zeek"},
            "kafka": {
                "bootstrap_servers": self.bootstrap,
                "group": f"group-{topics.flows}",
                # After a kill the group waits for the old member's session: by default 45 s.
                "consumer_properties": {"session.timeout.ms": 3_000, "heartbeat.interval.ms": 500},
            },
            "batch": {"max_records": 500, "commit_interval_s": 0.2},
            "output": {
                "alerts_topic": topics.alerts,
                "dead_letters_topic": topics.dead_letters,
                "scores_topic": topics.scores,
                "incidents_topic": "",
                "risk_topic": "",
            },
            "model": {"registry": str(self.registry), "name": MODEL, "poll_interval_s": 0.2},
            "alerts": {"false_positive_rate": 0.01, "repeat": "all"},
            "suppression": {"topic": ""},
            "web": {"port": self.port},
            "shutdown": {"deadline_s": 20.0},
        }
        for section, more in self.settings.items():
            tree[section] = tree.get(section, {}) | more
        return tree

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self.process is not None and self.process.poll() is None

    def scrape(self) -> Scrape:
        """Its metrics now."""
        found = scrape(self.port)
        assert found is not None, self.log[-2_000:]
        return found

    def total(self, name: str, **labels: str) -> float:
        """One metric's sum now; 0 while it does not answer."""
        found = scrape(self.port)
        return found.total(name, **labels) if found else 0.0

    def handled(self) -> float:
        """How many records since its start are scored or dead-lettered, acknowledged, or passed over."""
        if (found := scrape(self.port)) is None:
            return 0.0
        channels = ("scores", "dead_letters")
        acknowledged = sum(found.total("oddflow_outputs_acknowledged_total", channel=channel) for channel in channels)
        return acknowledged + found.total("oddflow_records_passed_over_total")

    def wait_until_handled(self, count: int) -> None:
        """Wait until it has handled so many since its start; the commit may come a moment later."""
        wait_for(lambda: self.handled() >= count or not self.running)
        assert self.handled() >= count, f"{self.handled():.0f} of {count}\n{self.log[-2_000:]}"

    def work_through(self, values: Sequence[bytes]) -> None:
        """Send it records, start it, wait until it has handled as many, and stop it."""
        send(self.bootstrap, self.topics.flows, values)
        self.start()
        self.wait_until_handled(len(values))
        assert self.stop() == 0

    def committed(self) -> int:
        """The group's offset in partition 0; below 0 while there is none."""
        properties = {"bootstrap.servers": self.bootstrap, "group.id": f"group-{self.topics.flows}", "log_level": 0}
        consumer = Consumer(properties)
        (place,) = consumer.committed([TopicPartition(self.topics.flows, 0)], timeout=20)
        consumer.close()
        return int(place.offset)

    def kill(self) -> None:
        """End it at once, as when a machine goes down."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE_S)

    def stop(self) -> int:
        """Ask it to end, and give its exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


def _toml(tree: Mapping[str, Mapping[str, Any]]) -> str:
    lines: list[str] = []
    for section, keys in tree.items():
        lines.append(f"[{section}]")
        for key, value in keys.items():
            if isinstance(value, Mapping):
                pairs = ", ".join(f'"{name}" = {msgspec.json.encode(each).decode()}' for name, each in value.items())
                lines.append(f"{key} = {{{pairs}}}")
            else:
                lines.append(f"{key} = {msgspec.json.encode(value).decode()}")
    return "\n".join(lines) + "\n"


def wait_for(condition: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
    """Wait until the condition holds, or the patience ends: the caller asserts what it needs."""
    until = time.monotonic() + patience_s
    while not condition() and time.monotonic() < until:
        time.sleep(TICK_S)


@dataclass(frozen=True)
class Outcome:
    """Everything that came out."""

    scores: list[dict[str, Any]]
    alerts: list[dict[str, Any]]
    dead_letters: list[OutRecord]

    @classmethod
    def read(cls, bootstrap: str, topics: Topics) -> Outcome:
        """Read the outputs as they are now."""
        scores = [msgspec.json.decode(one.value or b"") for one in consume(bootstrap, topics.scores)]
        alerts = [msgspec.json.decode(one.value or b"") for one in consume(bootstrap, topics.alerts)]
        return cls(scores, alerts, consume(bootstrap, topics.dead_letters))

    def scored(self) -> Counter[Place]:
        """How often each record was scored."""
        return Counter((one["partition"], one["offset"]) for one in self.scores)

    def rejected(self) -> Counter[Place]:
        """How often each record was dead-lettered."""
        return Counter(
            (int(told["oddflow.error.partition"] or b""), int(told["oddflow.error.offset"] or b""))
            for told in (dict(one.headers) for one in self.dead_letters)
        )

    def places(self) -> Counter[Place]:
        """How often each record came out at all."""
        return self.scored() + self.rejected()


def send(bootstrap: str, topic: str, values: Sequence[bytes | None], partitions: int = 1) -> set[Place]:
    """Produce values over the partitions of an empty topic in turn; give where they are."""
    for partition in range(partitions):
        produce(bootstrap, topic, [OutRecord(value) for value in values[partition::partitions]], partition)
    counts = [len(values[partition::partitions]) for partition in range(partitions)]
    return {(partition, offset) for partition, count in enumerate(counts) for offset in range(count)}


class Trickle:
    """Produces values at a rate, to the partitions in turn, over and over, while its block runs."""

    def __init__(self, bootstrap: str, topic: str, values: Sequence[bytes], per_s: float, partitions: int = 1) -> None:
        self._bootstrap = bootstrap
        self._topic = topic
        self._values = values
        self._per_s = per_s
        self._partitions = partitions
        self._stopping = Flag()
        self._thread = Thread(target=self._run, name="trickle", daemon=True)
        self.sent = 0
        """How many are acknowledged."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(PATIENCE_S)

    def places(self) -> dict[Place, int]:
        """Where everything is that was sent, to compare with a count of what came out: once each."""
        counts = [len(range(partition, self.sent, self._partitions)) for partition in range(self._partitions)]
        return {(partition, offset): 1 for partition, count in enumerate(counts) for offset in range(count)}

    def _run(self) -> None:
        producer = Producer({"bootstrap.servers": self._bootstrap, "enable.idempotence": True, "log_level": 0})
        began, accepted = time.monotonic(), 0
        while not self._stopping.wait(TICK_S):
            due = int((time.monotonic() - began) * self._per_s)
            for number in range(accepted, due):
                value = self._values[number % len(self._values)]
                producer.produce(self._topic, value, partition=number % self._partitions)
            accepted = due
            producer.poll(0)
            self.sent = accepted - len(producer)
        assert producer.flush(PATIENCE_S) == 0
        self.sent = accepted
