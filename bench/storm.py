"""A flood of 10,000 alerts a second, on top of usual traffic, on a real Kafka: ``python -m bench.storm``.

A model is trained on three benign hours of a simulated network, as ``oddflow train`` does. The daemon, with its default
settings, reads the traffic that follows, as it comes: every record is produced when its flow happens, whatever the
daemon does, and after some usual seconds a flood comes at a steady rate. Storms are

* ``bots``: 120 sources at one service,
* ``spoofed``: made-up sources, each of them once, at one service,
* ``strangers``: made-up sources, each once at an address and port of its own: as many incidents as flows.

Told are the records offered and read a second, what was not yet read (the lag, told by broker and daemon) four times a
second, alerts counted and written, incidents open, the daemon's CPU and resident memory. ``--inside`` has no Kafka:
batches as large as such polls are judged one after the other, with the time of each step for an alert. The last line is
one JSON object.

usage: python -m bench.storm [--storm bots|spoofed|strangers …] [--rate 10000] [--seconds 60] [--inside] [--folder F]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from numpy.typing import NDArray

from bench.daemon_run import Run, running
from bench.storm_inside import judged
from detector.transport.kafka.librdkafka import producer_properties
from detector.transport.kafka.topics import Topic, ensure_topics
from training.demo.broker import EmbeddedKafka
from training.demo.processes import start
from training.demo.scrape import Scrape
from training.simulator.addresses import OWN_PUBLIC
from training.simulator.attacks import Attack
from training.simulator.flows import NO_ATTACK, Intents
from training.simulator.hosts import Role
from training.simulator.internet import fresh_addresses
from training.simulator.scenario import DEFAULT_START, Scenario
from training.simulator.services import INDEX
from training.simulator.stream import encode

HOUR_S = 3600.0
LEARNT = Scenario(seed=21, hosts=200, start=DEFAULT_START + 8 * HOUR_S, duration_s=3 * HOUR_S, attacks=())
STORMS = ("bots", "spoofed", "strangers")
BOTS = 120
QUIET_S = 10.0
"""Usual traffic before the flood: the first batches are not measured."""
TICK_S = 0.005
SAMPLE_S = 0.25
SENDER_START_S = 15.0
"""Until the sender has imported and read everything."""
SETTLE_S = 5.0
TOPIC, OUTPUTS = "flows", ("oddflow.alerts", "oddflow.dead-letters", "oddflow.incidents", "oddflow.risk")
MIB = 2**20


@dataclass(frozen=True, slots=True)
class Records:
    """What is sent, and when: seconds after the beginning, ascending."""

    values: list[bytes]
    due: NDArray[np.float64]

    def save(self, folder: Path, name: str) -> None:
        """Keep them as files."""
        (folder / f"{name}.jsonl").write_bytes(b"\n".join(self.values))
        np.save(folder / f"{name}.npy", self.due)

    @classmethod
    def load(cls, folder: Path, name: str) -> Records:
        """Read what ``save`` kept."""
        return cls((folder / f"{name}.jsonl").read_bytes().splitlines(), np.load(folder / f"{name}.npy"))


def simulated(storm: str, rate: float, seconds: float) -> Records:
    """Usual traffic with a flood of so many flows a second in it, from ``QUIET_S`` on."""
    scenario = Scenario(
        seed=LEARNT.seed, hosts=LEARNT.hosts, start=LEARNT.end, duration_s=QUIET_S + seconds, attacks=()
    )
    scenario.extra.append(flood(storm, scenario, rate, seconds))
    frames = list(scenario.frames())
    values = [value for frame in frames for value in encode(frame, "zeek-json")]
    ts = np.concatenate([frame["ts"].to_numpy() for frame in frames])
    return Records(values, ts - scenario.start)


def flood(storm: str, scenario: Scenario, rate: float, seconds: float) -> tuple[Attack, Intents]:
    """The flood: half-open connections by the clock."""
    rng = np.random.default_rng(1)
    count = round(rate * seconds)
    ts = scenario.start + QUIET_S + np.arange(count) / rate
    dst: Any = int(scenario.network.addresses(Role.WEB)[0])
    src, port = fresh_addresses(count, rng), np.full(count, 443)
    if storm == "bots":
        src = fresh_addresses(BOTS, rng)[rng.integers(0, BOTS, count)]
    if storm == "strangers":
        dst, port = OWN_PUBLIC + rng.integers(1, 255, count), rng.integers(1, 65_536, count)
    intents = Intents.of(ts, src, dst, INDEX["flood"], port, rng.integers(1024, 65_536, count), attack=NO_ATTACK + 1)
    return Attack("flood-0", "syn-flood", float(ts[0]), float(ts[-1]), count, (), ()), intents


@dataclass(slots=True)
class Watched:
    """What was seen of the daemon while the records came."""

    moments: list[tuple[float, int, int]] = field(default_factory=list)
    """Seconds since 1970, records in the topic, records read, while the flood came."""
    first: Scrape | None = None
    last: Scrape | None = None
    rss: list[float] = field(default_factory=list)

    def look(self, seen: Scrape, end: int, *, at: float) -> None:
        """Keep a moment."""
        self.first = self.first or seen
        self.last = seen
        self.moments.append((at, end, int(seen.total("oddflow_stage_records_in_total", stage="poll"))))
        self.rss.append(seen.total("process_resident_memory_bytes") / MIB)

    def gained(self, name: str, **labels: str) -> float:
        """What a counter gained from the first moment to the last."""
        assert self.first is not None  # noqa: S101
        assert self.last is not None  # noqa: S101
        return self.last.total(name, **labels) - self.first.total(name, **labels)

    def figures(self) -> dict[str, float]:
        """Summed up."""
        times, ends, reads = (np.array(column) for column in zip(*self.moments, strict=True))
        lag, seconds = np.maximum(ends - reads, 0), float(times[-1] - times[0])
        batches = self.gained("oddflow_batch_records_count")
        alerts, withheld = self.gained("oddflow_alerts_total"), self.gained("oddflow_alerts_withheld_total")
        return {
            "offered_per_s": float(ends[-1] - ends[0]) / seconds,
            "read_per_s": float(reads[-1] - reads[0]) / seconds,
            "records_a_poll": float(reads[-1] - reads[0]) / max(batches, 1.0),
            "lag_p50": float(np.median(lag)),
            "lag_max": float(lag.max()),
            "lag_end": float(lag[-1]),
            "alerts_per_s": alerts / seconds,
            "alerts_written_per_s": (alerts - withheld) / seconds,
            "incidents_open": self.last.total("oddflow_incidents_open") if self.last else 0.0,
            "incidents_written_per_s": self.gained("oddflow_outputs_acknowledged_total", channel="incidents") / seconds,
            "cpu_share": self.gained("process_cpu_seconds_total") / seconds,
            "rss_mib_first": self.rss[0],
            "rss_mib_max": max(self.rss),
        }


def watch(run: Run, servers: str, begin: float, end: float) -> Watched:
    """Look at the daemon from ``begin`` to ``end`` (seconds since 1970). Raises RuntimeError if it ends before."""
    watched = Watched()
    client = Consumer({"bootstrap.servers": servers, "group.id": "storm-watch"})
    time.sleep(max(begin - time.time(), 0.0))
    while time.time() < end:
        high = end_of(client)
        if high is not None and (seen := run.scrape()):
            watched.look(seen, high, at=time.time())
        elif run.process.poll() is not None:
            raise RuntimeError(f"the daemon ended: {run.log.read_text()[-2000:]}")
        time.sleep(SAMPLE_S)
    client.close()
    return watched


def end_of(client: Consumer) -> int | None:
    """How many records the topic holds; None while the broker does not tell."""
    try:
        return int(client.get_watermark_offsets(TopicPartition(TOPIC, 0), timeout=10)[1])
    except KafkaException:
        return None


def stormed(folder: Path, name: str, seconds: float, registry: Path) -> dict[str, float]:
    """Have the daemon read what was kept as ``name`` while it is sent, with a Kafka of its own."""
    with EmbeddedKafka(folder / f"kafka-{name}-{time.time():.0f}") as kafka:
        servers = kafka.bootstrap_servers
        ensure_topics({"bootstrap.servers": servers}, [Topic(topic) for topic in (TOPIC, *OUTPUTS)])
        settings = {"ODDFLOW_INPUT__FORMAT": "zeek-json", "ODDFLOW_MODEL__REGISTRY": str(registry)}
        with running(folder, servers, TOPIC, settings) as run:
            run.wait_ready()
            begin = time.time() + SENDER_START_S
            words = ["--send", servers, "--begin", str(begin), "--storm", name, "--folder", str(folder)]
            sender = subprocess.Popen([sys.executable, "-m", "bench.storm", *words])
            flooded = begin + QUIET_S
            try:
                watched = watch(run, servers, flooded, flooded + seconds)
                if sender.wait(seconds + SENDER_START_S):
                    raise RuntimeError(f"the sender ended with exit code {sender.returncode}")
            finally:
                sender.kill()
    return watched.figures()


def send(servers: str, records: Records, begin: float) -> None:
    """Produce each record when it is due, from ``begin`` (seconds since 1970) on, whatever the daemon does."""
    properties = {"bootstrap.servers": servers, "queue.buffering.max.messages": 2_000_000, "linger.ms": 2}
    producer = Producer(producer_properties({**properties, "compression.type": "none"}))
    time.sleep(max(begin - time.time(), 0.0))
    sent = 0
    while sent < len(records.values):
        due = int(np.searchsorted(records.due, time.time() - begin))
        producer.produce_batch(TOPIC, [{"value": value} for value in records.values[sent:due]], 0)
        sent = due
        producer.poll(0)
        time.sleep(TICK_S)
    producer.flush()


def train(folder: Path) -> Path:
    """Train by the command that users have, unless it was done; give the registry."""
    registry = folder / "registry"
    if not registry.exists():
        values = folder / "learnt.jsonl"
        values.write_bytes(b"\n".join(value for frame in LEARNT.frames() for value in encode(frame, "zeek-json")))
        options = ["--data", str(values), "--format", "zeek-json", "--registry", str(registry), "--folds", "0"]
        if start(folder, "train", ["train", *options]).wait():
            raise RuntimeError((folder / "train.log").read_text(encoding="utf-8"))
    return registry


def table(figures: dict[str, dict[str, float]]) -> str:
    """The figures for people: a column a storm."""
    rows = list(dict.fromkeys(name for each in figures.values() for name in each))
    lines = [f"{'':26}" + "".join(f"{storm:>12}" for storm in figures)]
    lines += [f"{row:26}" + "".join(f"{each.get(row, 0):>12,.6g}" for each in figures.values()) for row in rows]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print; with ``--send``, be the sender, as a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--storm", nargs="*", choices=STORMS, default=["bots", "spoofed"])
    parser.add_argument("--rate", type=float, default=10_000.0, help="flows of the flood a second")
    parser.add_argument("--seconds", type=float, default=60.0, help="for which the flood lasts")
    parser.add_argument("--inside", action="store_true", help="judge without Kafka, and tell each step's time")
    parser.add_argument("--folder", type=Path, help="where model and records are kept for another run")
    parser.add_argument("--send", help=argparse.SUPPRESS)
    parser.add_argument("--begin", type=float, help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.send:
        send(asked.send, Records.load(asked.folder, asked.storm[0]), asked.begin)
        return
    with tempfile.TemporaryDirectory() as passing:
        folder = asked.folder or Path(passing)
        folder.mkdir(parents=True, exist_ok=True)
        registry = train(folder)
        figures = {}
        for storm in asked.storm:
            records = simulated(storm, asked.rate, asked.seconds)
            if asked.inside:
                figures[storm] = judged(records.values, registry, round(asked.rate / 20))
            else:
                records.save(folder, storm)
                figures[storm] = stormed(folder, storm, asked.seconds, registry)
            print(table({storm: figures[storm]}), flush=True)
    print(table(figures))
    print(
        json.dumps({storm: {name: round(value, 3) for name, value in each.items()} for storm, each in figures.items()})
    )


if __name__ == "__main__":
    main()
