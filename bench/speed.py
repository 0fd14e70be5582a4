"""How fast the daemon is, beside what it is measured against, on one real Kafka and the same records.

The headline is ``default``: what ``oddflow train`` makes of the first flows of a network of 10,000 hosts, on those that
follow. Beside it are a forest with its windows, and a forest of single flows, which is all that the others do: the
daemon is held against them by both. The default is trained on less than an hour, so that it has neither regularity,
reach nor volume here: ``bench.views`` says what these cost.

Everything is measured in this run, on this machine, from topic to committed offset, in interleaved rounds; printed are
the medians. The last line is one JSON object.

usage: python -m bench.speed [--rounds 3] [--records 5000000]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path

import numpy as np
import polars as pl

from bench.clients import fill_topic, kafka_python_consume_per_s, raw_consume_per_s
from bench.daemon_run import Run, running
from bench.kernel import measure_kernel
from bench.latency import measure, so_many
from detector.transport.kafka.topics import Topic, ensure_topics
from training.demo.broker import EmbeddedKafka
from training.demo.processes import start
from training.simulator.scenario import Scenario
from training.simulator.stream import encode

HOSTS = 2_000
DISTINCT = 500_000
"""Records that differ; the topics hold them over and over."""
PLAIN_BATCHES = (500, 5_000, 20_000)
OUTPUTS = ("oddflow.alerts", "oddflow.dead-letters", "oddflow.incidents", "oddflow.risk")
DEFAULT, WINDOWED, FLOWS = "default", "windowed", "flows"
"""What ``oddflow train`` makes; a forest with all windows; a forest of single flows."""
FOREST = ("--kind", "isolation-forest", "--param", "n_estimators=100", "--param", "max_samples=256")
WINDOWED_ROUNDS = 2
HOSTS_OF_DEFAULT = 10_000
LATENCY_S = 60.0
RAISED = 0.0002
"""The share of flows that is raised there: of a thousandth, each an incident of its own, a core does little else."""
MIB = 2**20


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many records each contender reads in a round: about as long each, but for the slowest."""

    long: int
    daemon: int
    plain: int
    plain_500: int
    usual: int
    single: int

    @classmethod
    def of(cls, records: int) -> Sizes:
        """In proportion to the longest run."""
        return cls(
            long=records,
            daemon=records * 2 // 5,
            plain=records // 5,
            plain_500=records // 20,
            usual=records // 200,
            single=records // 5000,
        )


@dataclass(slots=True)
class Bench:
    """One run's parts and what it found."""

    folder: Path
    servers: str
    sizes: Sizes
    own: Path
    """Where what follows the flows that the default is trained on is written for the latency."""
    rates: dict[str, list[float]] = field(default_factory=dict)
    rss_mib: tuple[float, float] = (0.0, 0.0)
    filled: set[str] = field(default_factory=set)

    def note(self, name: str, rate: float) -> None:
        """Keep a figure and show it."""
        self.rates.setdefault(name, []).append(rate)
        print(f"  {name:30} {rate:>12,.0f}", flush=True)

    def daemon(self, topic: str, records: int) -> Run:
        """Have the daemon read so many records of a topic."""
        with running(self.folder, self.servers, topic, self.settings) as run:
            run.watch(records)
        return run

    @property
    def settings(self) -> dict[str, str]:
        """The daemon's, beside where Kafka is: its defaults otherwise."""
        return {
            "ODDFLOW_INPUT__FORMAT": "zeek-json",
            "ODDFLOW_MODEL__REGISTRY": str(self.folder / "registry"),
            "ODDFLOW_MODEL__NAME": FLOWS,
        }

    def rival(self, name: str, records: int, batch: int = 500) -> float:
        """Run one of the others as a process of its own."""
        command = [sys.executable, "-m", "bench.rivals", name, "--bootstrap", self.servers, "--topic", "flows-1"]
        command += ["--records", str(records), "--batch", str(batch)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        return float(json.loads(done.stdout.splitlines()[-1])["per_s"])

    def round(self, number: int) -> None:
        """One turn of every contender."""
        sizes = self.sizes
        run = self.daemon("flows-1", sizes.long if number == 0 else sizes.daemon)
        if number == 0:
            self.rss_mib = resident_mib(run, sizes.long)
        self.note("daemon_per_s", run.per_second())
        self.with_model(DEFAULT, "default_per_s", "flows-own", sizes.daemon)
        for batch in PLAIN_BATCHES:
            records = sizes.plain_500 if batch == 500 else sizes.plain
            self.note(f"plain_{batch}_per_s", self.rival("plain", records, batch))
        self.note("daemon_4_partitions_per_s", self.daemon("flows-4", sizes.daemon).per_second())
        self.note("raw_consume_per_s", raw_consume_per_s(self.servers, "flows-1", sizes.daemon))
        self.note("kafka_python_consume_per_s", kafka_python_consume_per_s(self.servers, "flows-1", sizes.usual * 2))
        self.note("usual_per_s", self.rival("usual", sizes.usual))
        self.note("single_per_s", self.rival("single", sizes.single))

    def fill(self, name: str, values: list[bytes], records: int) -> None:
        """Make a topic of so many records, once."""
        if name not in self.filled:
            fill_topic(self.servers, f"flows-{name}", values, records)
            self.filled.add(name)

    def windowed(self, name: str, values: list[bytes], hosts: int, records: int) -> tuple[float, float]:
        """Records a second with all windows on, and the windows' bytes per host, on a topic of its own."""
        self.fill(name, values, records)
        seen = [
            self.with_model(WINDOWED, f"windows_per_s_{name}_hosts", f"flows-{name}", records)
            for _ in range(WINDOWED_ROUNDS)
        ]
        rates, sizes = zip(*seen, strict=True)
        return statistics.median(rates), sizes[-1] / hosts

    def with_model(self, model: str, figure: str, topic: str, records: int) -> tuple[float, float]:
        """Records a second of another model on ``topic``, noted as ``figure``, and its windows' bytes."""
        with running(self.folder, self.servers, topic, self.settings | {"ODDFLOW_MODEL__NAME": model}) as run:
            run.watch(records)
            seen = run.scrape()
        self.note(figure, run.per_second())
        return run.per_second(), seen.total("oddflow_window_bytes") if seen else 0.0

    def latency_ms(self, rate: float) -> tuple[float, float, int]:
        """Median and 99th percentile of the default at this rate, and how many alerts they are of."""
        ensure_topics({"bootstrap.servers": self.servers}, [Topic("flows-paced", 1)])
        # A budget in false incidents, or repetitions left out, would give too few alerts to tell a percentile of.
        settings = self.settings | {"ODDFLOW_MODEL__NAME": DEFAULT}
        settings |= {"ODDFLOW_ALERTS__FALSE_INCIDENTS_PER_DAY": "0", "ODDFLOW_ALERTS__REPEAT": "all"}
        settings["ODDFLOW_ALERTS__FALSE_POSITIVE_RATE"] = str(RAISED)
        write_lines(self.own, own_values(DISTINCT, so_many(rate, LATENCY_S)))
        with running(self.folder, self.servers, "flows-paced", settings) as run:
            run.wait_ready()
            found = measure(self.servers, "flows-paced", self.own, rate, LATENCY_S)
        median, high = np.percentile(found, (50, 99)).tolist()
        return median, high, len(found)


def resident_mib(run: Run, records: int) -> tuple[float, float]:
    """Resident memory after a tenth of the records, and at their end."""
    early = next(size for _, done, size in run.samples if done >= records // 10)
    return early / MIB, run.samples[-1][2] / MIB


def values_of(scenario: Scenario, records: int) -> list[bytes]:
    """So many of its records, or a few more."""
    values: list[bytes] = []
    for frame in scenario.frames(50_000):
        values += encode(frame, "zeek-json")
        if len(values) >= records:
            break
    return values


def write_values(path: Path, records: int = DISTINCT) -> list[bytes]:
    """Simulate so many records, or a few more, keep them as a file too, and give them."""
    values = values_of(Scenario(seed=7, hosts=HOSTS), records)
    path.write_bytes(b"\n".join(values) + b"\n")
    return values


def own_values(after: int, records: int) -> Iterator[bytes]:
    """So many records of one simulated network, after so many, which are the same each time.

    Ever new ones: a topic that begins anew goes back in time, which is odd, and what is sent again is usual. All are of
    the hosts that the model knows, since what one scanner does anyway would be odd of thousands of others.
    """
    network = Scenario(seed=7, hosts=HOSTS_OF_DEFAULT, attacks=(), attack_share=0.0)
    values = chain.from_iterable(encode(frame, "zeek-json") for frame in network.frames(50_000))
    return islice(values, after, after + records)


def write_lines(path: Path, values: Iterable[bytes]) -> None:
    """Write a record a line."""
    with path.open("wb") as file:
        file.writelines(value + b"\n" for value in values)


def distinct_hosts(hosts: int, records: int) -> list[bytes]:
    """So many flows, each from any of so many sources, all of which occur if there are flows enough."""
    frames: list[pl.DataFrame] = []
    for frame in Scenario(seed=8, hosts=HOSTS, attacks=()).frames(50_000):
        number = np.arange(len(frames) * 50_000, len(frames) * 50_000 + len(frame)) % hosts
        sources = [f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}" for n in number.tolist()]
        frames.append(frame.with_columns(pl.Series("src_ip", sources)))
        if sum(map(len, frames)) >= records:
            break
    return [value for frame in frames for value in encode(frame, "zeek-json")]


def train(folder: Path, values: Path, model: str, *options: str) -> None:
    """Train by the command that users have; how good it is, is not asked here."""
    data = ["--data", str(values), "--format", "zeek-json", "--registry", str(folder / "registry"), "--model", model]
    process = start(folder, "train", ["train", *data, "--folds", "0", *options])
    if process.wait():
        raise RuntimeError((folder / "train.log").read_text(encoding="utf-8"))


def run(folder: Path, servers: str, sizes: Sizes, rounds: int) -> dict[str, float]:
    """Measure everything; give the figures by their names."""
    values_path = folder / "values.jsonl"
    values = write_values(values_path)
    size = sum(map(len, values)) / len(values)
    print(f"{len(values):,} distinct Zeek JSON records of {size:.0f} bytes on average; training", flush=True)
    train(folder, values_path, FLOWS, *FOREST, "--no-windows")
    train(folder, values_path, WINDOWED, *FOREST, "--windows")
    learnt, later = folder / "learnt.jsonl", folder / "later.jsonl"
    write_lines(learnt, own_values(0, DISTINCT))
    train(folder, learnt, DEFAULT)
    ensure_topics({"bootstrap.servers": servers}, [Topic(topic) for topic in OUTPUTS])
    produced = fill_topic(servers, "flows-1", values, sizes.long)
    fill_topic(servers, "flows-4", values, sizes.daemon, partitions=4)
    print(
        f"filled flows-1 with {sizes.long:,} and flows-4 with {sizes.daemon:,} records, {produced:,.0f}/s", flush=True
    )
    bench = Bench(folder, servers, sizes, later)
    bench.fill("own", list(own_values(DISTINCT, sizes.daemon)), sizes.daemon)
    of_many = distinct_hosts(HOSTS_OF_DEFAULT, DISTINCT)
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", flush=True)
        bench.round(number)
    figures = {name: statistics.median(rates) for name, rates in bench.rates.items()}
    figures["plain_per_s"] = max(figures["plain_5000_per_s"], figures["plain_20000_per_s"])
    figures["latency_rate_per_s"] = figures["default_per_s"] / 2
    p50, p99, alerts = bench.latency_ms(figures["latency_rate_per_s"])
    figures |= {"latency_p50_ms": p50, "latency_p99_ms": p99, "latency_alerts": alerts}
    figures["rss_mib_early"], figures["rss_mib_late"] = bench.rss_mib
    few, _ = bench.windowed("10k", of_many, HOSTS_OF_DEFAULT, sizes.daemon)
    many, size = bench.windowed("1m", distinct_hosts(1_000_000, 1_000_000), 1_000_000, sizes.daemon)
    figures |= {"windows_per_s_10k_hosts": few, "windows_per_s_1m_hosts": many, "bytes_per_host": size}
    return figures | measure_kernel()


def ratios(figures: dict[str, float]) -> dict[str, float]:
    """The daemon with its default model, and with a forest of single flows, beside each rival, in this run."""
    return {
        f"{ours}_to_{name}": figures[f"{ours}_per_s"] / figures[f"{name}_per_s"]
        for ours in ("default", "daemon")
        for name in ("plain", "plain_500", "usual", "single")
    }


def main() -> None:
    """Start a Kafka, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--records", type=int, default=5_000_000, help="of the longest run; the others in proportion")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with EmbeddedKafka(folder / "kafka") as kafka:
            figures = run(folder, kafka.bootstrap_servers, Sizes.of(options.records), options.rounds)
    shown: Callable[[float], float] = lambda value: round(value, 2) if value < 1000 else round(value)  # noqa: E731
    print(json.dumps({key: shown(value) for key, value in (figures | ratios(figures)).items()}))


if __name__ == "__main__":
    main()
