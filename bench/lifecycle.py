"""What a model's life costs the daemon, on a real Kafka: swaps under full load, a challenger beside the champion.

``swap_pause_ms`` is the longest time between two batches' scores within a second of a swap, by the producer's clock;
``usual_pause_ms`` the same where no model is swapped, the median over stretches as long.
``promote_to_scored_s`` and ``rollback_s`` are from the move of the alias to the first score of the version that it
then points to. ``shadow_cost_ratio`` is the throughput lost with a tenth of the sources in shadow: runs with it and
without it take turns, and the medians are compared. The last line is one JSON object.

``train_1m_s`` and ``train_1m_gib`` are of ``oddflow train --folds 0`` on a million simulated flows,
``train_gate_card_1m_s`` of the same measured, judged and with its card. ``budget_obtained`` is what ten days raise
after seven that were trained on. These come first, before there is a Kafka.

usage: python -m bench.lifecycle [--rounds 3] [--records 1000000] [--only training|budgets|swaps …]
"""

from __future__ import annotations

import argparse
import itertools
import json
import re
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from confluent_kafka import Consumer, TopicPartition

from bench.clients import fill_topic
from bench.daemon_run import running
from bench.speed import FOREST, OUTPUTS, train, write_values
from bench.training_cost import budgets, million
from detector.registry.registry import Registry
from detector.transport.kafka.topics import Topic, ensure_topics
from training.demo.broker import EmbeddedKafka

MODEL = "flows"
SCORES = "bench.scores"
POLL_S = 1.0
SWAP_BATCH = 2_000
"""Records a batch where pauses are measured: larger ones take as long by themselves."""
VERSION = re.compile(rb'"model_version":"([^"]+)"')
AROUND_S = 1.0
QUIET_S = 5.0


@dataclass(frozen=True, slots=True)
class Seen:
    """When scores were written, in seconds since 1970, and by which version; one for each time and version."""

    at: list[float]
    versions: list[str]

    def first(self, version: str, after: float) -> float:
        """When the first score of a version was written after a moment."""
        return next(at for at, by in zip(self.at, self.versions, strict=True) if by == version and at >= after)

    def longest_gap_s(self, around: float) -> float:
        """The longest time without a score, near a moment."""
        near = [at for at in self.at if abs(at - around) <= AROUND_S]
        return max(after - before for before, after in itertools.pairwise(near))

    def usual_gap_s(self, swapped: Sequence[float]) -> float:
        """The longest time without a score in stretches that are no nearer to a swap than a stretch is long."""
        places = np.arange(self.at[0] + AROUND_S, self.at[-1] - AROUND_S, 2 * AROUND_S)
        quiet = [place for place in places.tolist() if all(abs(place - each) > 2 * AROUND_S for each in swapped)]
        return statistics.median(self.longest_gap_s(place) for place in quiet)


def scores_seen(servers: str) -> Seen:
    """Read all scores."""
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "bench", "enable.auto.commit": False})
    consumer.assign([TopicPartition(SCORES, 0, 0)])
    seen: dict[tuple[float, str], None] = {}
    while messages := consumer.consume(10_000, QUIET_S):
        for message in messages:
            found = VERSION.search(message.value() or b"")
            if found:
                seen[message.timestamp()[1] / 1000.0, found[1].decode()] = None
    consumer.close()
    ordered = sorted(seen)
    return Seen([at for at, _ in ordered], [version for _, version in ordered])


def swaps(folder: Path, servers: str, settings: dict[str, str], versions: list[str]) -> dict[str, float]:
    """Promote and roll back under full load."""
    registry = Registry(str(folder / "registry"))
    registry.promote(MODEL, versions[0])
    more = {"ODDFLOW_OUTPUT__SCORES_TOPIC": SCORES, "ODDFLOW_BATCH__MAX_RECORDS": str(SWAP_BATCH)}
    with running(folder, servers, "flows", settings | more | {"ODDFLOW_SHADOW__SHARE": "0"}) as run:
        run.wait_ready()
        time.sleep(6 * POLL_S)
        promoted = time.time()
        registry.promote(MODEL, versions[1])
        time.sleep(8 * POLL_S)
        rolled_back = time.time()
        registry.rollback(MODEL)
        time.sleep(8 * POLL_S)
        found = run.scrape()
        lag = found.total("oddflow_lag_records") if found else 0.0
    if not lag:
        raise RuntimeError("the topic was read before the swaps were done; give more --records")
    seen = scores_seen(servers)
    scored = seen.first(versions[1], promoted)
    back = seen.first(versions[0], seen_last(seen, versions[1]))
    return {
        "swap_pause_ms": 1000 * max(seen.longest_gap_s(scored), seen.longest_gap_s(back)),
        "usual_pause_ms": 1000 * seen.usual_gap_s([scored, back]),
        "promote_to_scored_s": scored - promoted,
        "rollback_s": back - rolled_back,
    }


def seen_last(seen: Seen, version: str) -> float:
    """When the last score of a version was written."""
    return max(at for at, by in zip(seen.at, seen.versions, strict=True) if by == version)


def shadow_cost(
    folder: Path, servers: str, settings: dict[str, str], versions: list[str], options: argparse.Namespace
) -> dict[str, float]:
    """The throughput with and without a challenger in shadow, in turns."""
    registry = Registry(str(folder / "registry"))
    registry.promote(MODEL, versions[0])
    registry.promote(MODEL, versions[1], "challenger")
    rates: dict[str, list[float]] = {"0": [], "0.1": []}
    dropped = compared = 0.0
    for _ in range(options.rounds):
        for share, found in rates.items():
            with running(folder, servers, "flows", settings | {"ODDFLOW_SHADOW__SHARE": share}) as run:
                run.watch(options.records)
                scraped = run.scrape()
            found.append(run.per_second())
            if scraped and share != "0":
                dropped += scraped.total("oddflow_shadow_dropped_records_total")
                compared += scraped.total("oddflow_shadow_flows_total")
            print(f"  share {share:4} {found[-1]:>12,.0f} records/s", flush=True)
    without, beside = (statistics.median(found) for found in rates.values())
    return {
        "shadow_cost_ratio": 1 - beside / without,
        "without_shadow_per_s": without,
        "with_shadow_per_s": beside,
        "shadow_compared": compared / options.rounds,
        "shadow_dropped_ratio": dropped / options.rounds / options.records,
    }


def main() -> None:
    """Start a Kafka, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="of both with and without a shadow; 0: swaps alone")
    parser.add_argument("--records", type=int, default=1_000_000, help="of a run; for the swaps five times as many")
    parts = ("training", "budgets", "swaps")
    parser.add_argument("--only", nargs="+", choices=parts, default=parts, help="parts to run; swaps with the shadow")
    options = parser.parse_args()
    told: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as name:
        if "training" in options.only:
            told |= _tell(million(Path(name)))
    if "budgets" in options.only:
        told |= _tell(budgets())
    if "swaps" in options.only:
        told |= _tell(on_kafka(options))
    print(json.dumps(told))


def _tell(figures: Mapping[str, object]) -> dict[str, object]:
    rounded = {name: round(value, 3) if isinstance(value, float) else value for name, value in figures.items()}
    for name, value in rounded.items():
        print(f"  {name} {value}", flush=True)
    return rounded


def on_kafka(options: argparse.Namespace) -> dict[str, float]:
    """What a swap and a shadow cost a daemon."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with EmbeddedKafka(folder / "kafka") as kafka:
            servers = kafka.bootstrap_servers
            values_path = folder / "values.jsonl"
            values = write_values(values_path)
            for seed in ("1", "2"):
                train(folder, values_path, MODEL, *FOREST, "--windows", "--seed", seed)
            versions = Registry(str(folder / "registry")).versions(MODEL)
            ensure_topics({"bootstrap.servers": servers}, [Topic(topic) for topic in (*OUTPUTS, SCORES)])
            fill_topic(servers, "flows", values, 5 * options.records)
            settings = {
                "ODDFLOW_INPUT__FORMAT": "zeek-json",
                "ODDFLOW_MODEL__REGISTRY": str(folder / "registry"),
                "ODDFLOW_MODEL__POLL_INTERVAL_S": str(POLL_S),
            }
            figures = shadow_cost(folder, servers, settings, versions, options) if options.rounds else {}
            return figures | swaps(folder, servers, settings, versions)


if __name__ == "__main__":
    main()
