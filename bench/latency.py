"""From an event's time to its alert in a consumer's hands, open loop: the sender keeps to its clock whatever happens.

Each record carries the moment at which it was *due*, so a sender or a daemon that falls behind shows as latency
(Tene's coordinated omission). The alert names that moment; what is measured is when a consumer of the alerts has it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
from confluent_kafka import OFFSET_END, Consumer, Producer, TopicPartition
from numpy.typing import NDArray

from detector.transport.librdkafka import producer_properties

TICK_S = 0.005
WARM_UP_S = 5.0
"""Not counted: the first batches, and what lay in the topic."""
SETTLE_S = 3.0
ALERTS = "oddflow.alerts"


class _Alert(msgspec.Struct):
    time: int
    """The record's timestamp, in milliseconds since 1970: when it was due."""


def send(bootstrap: str, topic: str, values: Sequence[bytes], rate: float, seconds: float) -> int:
    """Produce ``rate`` records a second to partition 0; give how many."""
    properties = {"bootstrap.servers": bootstrap, "queue.buffering.max.messages": 2_000_000, "linger.ms": 2}
    producer = Producer(producer_properties({**properties, "compression.type": "none"}))
    began, sent = time.time(), 0
    while (elapsed := time.time() - began) < seconds:
        due = int(elapsed * rate)
        stamp = int((began + sent / rate) * 1000)
        block = [{"value": values[place % len(values)], "timestamp": stamp} for place in range(sent, due)]
        if block:
            producer.produce_batch(topic, block, 0)
        sent = due
        producer.poll(0)
        time.sleep(TICK_S)
    producer.flush()
    return sent


def measure(bootstrap: str, topic: str, values: Path, rate: float, seconds: float) -> NDArray[np.float64]:
    """Latencies of all alerts after the warm-up, in milliseconds; the daemon must be running on ``topic``."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "latency", "fetch.wait.max.ms": 10})
    consumer.assign([TopicPartition(ALERTS, 0, OFFSET_END)])
    consumer.consume(1, 1.0)
    arguments = ["--bootstrap", bootstrap, "--topic", topic, "--values", str(values)]
    sender = subprocess.Popen(
        [sys.executable, "-m", "bench.latency", *arguments, "--rate", str(rate), "--seconds", str(WARM_UP_S + seconds)]
    )
    latencies: list[float] = []
    decode = msgspec.json.Decoder(_Alert).decode
    first, ended = 0.0, 0.0
    while not ended or time.time() - ended < SETTLE_S:
        for message in consumer.consume(1000, 0.01):
            now, due = time.time() * 1000, decode(message.value() or b"").time
            first = first or due
            if due - first > WARM_UP_S * 1000:
                latencies.append(now - due)
        if not ended and sender.poll() is not None:
            ended = time.time()
    consumer.close()
    return np.array(latencies)


def main() -> None:
    """Be the sender, as a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, kind in (("bootstrap", str), ("topic", str), ("values", Path), ("rate", float), ("seconds", float)):
        parser.add_argument(f"--{name}", type=kind, required=True)
    options = parser.parse_args()
    values = options.values.read_bytes().splitlines()
    send(options.bootstrap, options.topic, values, options.rate, options.seconds)


if __name__ == "__main__":
    main()
