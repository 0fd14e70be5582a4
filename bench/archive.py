"""What the archive costs the daemon, on a real Kafka: ``python -m bench.archive``.

A daemon reads one topic as fast as it can, without and with the archive at its defaults, in turns. Printed are records
committed a second of each run; the last line is one JSON object with the medians and their ratio.

usage: python -m bench.archive [--rounds 3] [--records 1200000]
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path

from bench.clients import fill_topic
from bench.daemon_run import running
from bench.speed import FOREST, OUTPUTS, train, values_of
from detector.transport.kafka.topics import Topic, ensure_topics
from training.demo.broker import EmbeddedKafka
from training.simulator.scenario import Scenario

HOSTS = 1_000
DISTINCT = 200_000
TOPIC = "flows-archived"


def measured(folder: Path, servers: str, records: int, rounds: int) -> dict[str, float]:
    """Medians of records a second, and how one is to the other."""
    values = values_of(Scenario(seed=7, hosts=HOSTS), DISTINCT)
    path = folder / "values.jsonl"
    path.write_bytes(b"\n".join(values) + b"\n")
    train(folder, path, "flows", *FOREST)
    ensure_topics({"bootstrap.servers": servers}, [Topic(topic) for topic in OUTPUTS])
    fill_topic(servers, TOPIC, values, records)
    settings = {"ODDFLOW_INPUT__FORMAT": "zeek-json", "ODDFLOW_MODEL__REGISTRY": str(folder / "registry")}
    rates: dict[str, list[float]] = {"without": [], "with": []}
    for number in range(rounds):
        for name in sorted(rates, reverse=number % 2 == 0):
            archive = {"ODDFLOW_ARCHIVE__ENABLED": "true", "ODDFLOW_ARCHIVE__URL": str(folder / f"archive-{number}")}
            with running(folder, servers, TOPIC, settings | (archive if name == "with" else {})) as run:
                run.wait_ready()
                run.watch(records)
            rates[name].append(run.per_second())
            print(f"{name}: {rates[name][-1]:,.0f} a second", flush=True)
    medians = {f"{name}_per_s": statistics.median(each) for name, each in rates.items()}
    return medians | {"ratio": medians["with_per_s"] / medians["without_per_s"]}


def main() -> None:
    """Start a Kafka, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--records", type=int, default=1_200_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with EmbeddedKafka(folder / "kafka") as kafka:
            figures = measured(folder, kafka.bootstrap_servers, options.records, options.rounds)
    print(json.dumps({key: round(value, 3) for key, value in figures.items()}))


if __name__ == "__main__":
    main()
