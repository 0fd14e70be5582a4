"""From an event's time to its alert in a consumer's hands, open loop: the sender keeps to its clock whatever happens.

Record number i is due at i / rate after the beginning, and its alert names i, its offset. What is measured is the time
from when it was *due* to when a consumer of the alerts has it: a sender or a daemon that falls behind shows as latency
(Tene's coordinated omission).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import msgspec
import numpy as np
from confluent_kafka import OFFSET_END, Consumer, Producer, TopicPartition
from numpy.typing import NDArray

from detector.transport.kafka.librdkafka import producer_properties

TICK_S = 0.005
WARM_UP_S = 30.0
"""Not counted: the first batches, and most of the time in which a broker that has just started compiles itself."""
SETTLE_S = 3.0
SENDER_START_S = 10.0
"""Until the sender has imported everything."""
OPTIONS: dict[str, type] = {
    "bootstrap": str,
    "topic": str,
    "values": Path,
    "rate": float,
    "begin": float,
    "seconds": float,
}
ALERTS = "oddflow.alerts"


class _Metadata(msgspec.Struct):
    original_event_uid: str


class _Alert(msgspec.Struct):
    metadata: _Metadata


def send(bootstrap: str, topic: str, lines: Iterable[bytes], rate: float, *, begin: float, seconds: float) -> None:
    """Produce ``rate`` of the lines a second to partition 0, from ``begin`` (seconds since 1970) on.

    Raises RuntimeError where there are fewer: from the second time on, the same flows are usual, and none is raised.
    """
    coming = map(bytes.rstrip, lines)
    properties = {"bootstrap.servers": bootstrap, "queue.buffering.max.messages": 2_000_000, "linger.ms": 2}
    producer = Producer(producer_properties({**properties, "compression.type": "none"}))
    time.sleep(max(begin - time.time(), 0.0))
    sent = 0
    while (elapsed := time.time() - begin) < seconds:
        due = int(elapsed * rate)
        messages = [{"value": value} for value in islice(coming, due - sent)]
        if len(messages) < due - sent:
            raise RuntimeError(f"there are {sent + len(messages):,} records, for {seconds * rate:,.0f}")
        producer.produce_batch(topic, messages, 0)
        sent = due
        producer.poll(0)
        time.sleep(TICK_S)
    producer.flush()


def so_many(rate: float, seconds: float) -> int:
    """How many records :func:`measure` sends at most."""
    return int(rate * (WARM_UP_S + seconds)) + 1


def measure(bootstrap: str, topic: str, values: Path, rate: float, seconds: float) -> NDArray[np.float64]:
    """Latencies of all alerts after the warm-up, in milliseconds; ``topic`` is empty, and the daemon running on it.

    ``values`` is a file of a record a line, :func:`so_many` at least. Raises RuntimeError if the sender fails.
    """
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "latency", "fetch.wait.max.ms": 10})
    consumer.assign([TopicPartition(ALERTS, 0, OFFSET_END)])
    consumer.consume(1, 1.0)
    begin = time.time() + SENDER_START_S
    options = {"bootstrap": bootstrap, "topic": topic, "values": values, "rate": rate, "begin": begin}
    options["seconds"] = WARM_UP_S + seconds
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    sender = subprocess.Popen([sys.executable, "-m", "bench.latency", *words])
    latencies: list[float] = []
    decode = msgspec.json.Decoder(_Alert).decode
    ended = 0.0
    while not ended or time.time() - ended < SETTLE_S:
        for message in consumer.consume(1000, 0.01):
            now = time.time()
            due = int(decode(message.value() or b"").metadata.original_event_uid.split("/")[1]) / rate
            if due > WARM_UP_S:
                latencies.append((now - begin - due) * 1000)
        if not ended and sender.poll() is not None:
            ended = time.time()
    consumer.close()
    if sender.returncode:
        raise RuntimeError(f"the sender ended with exit code {sender.returncode}")
    return np.array(latencies)


def main() -> None:
    """Be the sender, as a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, kind in OPTIONS.items():
        parser.add_argument(f"--{name}", type=kind, required=True)
    options = parser.parse_args()
    with options.values.open("rb") as lines:
        send(options.bootstrap, options.topic, lines, options.rate, begin=options.begin, seconds=options.seconds)


if __name__ == "__main__":
    main()
