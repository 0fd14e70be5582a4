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
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
from confluent_kafka import OFFSET_END, Consumer, Producer, TopicPartition
from numpy.typing import NDArray

from detector.transport.kafka.librdkafka import producer_properties

TICK_S = 0.005
WARM_UP_S = 10.0
"""Not counted: the first batches, and what lay in the topic."""
SETTLE_S = 3.0
SENDER_START_S = 30.0
"""Until the sender has imported and read everything, and moved what it sends again."""
_BEGINS = b'{"ts":'
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


def going_on(values: Sequence[bytes], records: int) -> list[bytes]:
    """So many Zeek JSON records: the values again and again, each time as much later as they take.

    A topic that goes back in time is odd.
    """
    apart = [value.removeprefix(_BEGINS).partition(b",") for value in values]
    times, rest = [float(ts) for ts, _, _ in apart], [rest for _, _, rest in apart]
    found = list(values[:records])
    while len(found) < records:
        moved = (times[-1] - times[0]) * (len(found) // len(values))
        found += [b"%b%.6f,%b" % (_BEGINS, ts + moved, more) for ts, more in zip(times, rest, strict=True)]
    return found[:records]


def send(bootstrap: str, topic: str, values: Sequence[bytes], rate: float, *, begin: float, seconds: float) -> None:
    """Produce ``rate`` of the records a second to partition 0, from ``begin`` (seconds since 1970) on."""
    properties = {"bootstrap.servers": bootstrap, "queue.buffering.max.messages": 2_000_000, "linger.ms": 2}
    producer = Producer(producer_properties({**properties, "compression.type": "none"}))
    time.sleep(max(begin - time.time(), 0.0))
    sent = 0
    while (elapsed := time.time() - begin) < seconds:
        due = int(elapsed * rate)
        producer.produce_batch(topic, [{"value": value} for value in values[sent:due]], 0)
        sent = due
        producer.poll(0)
        time.sleep(TICK_S)
    producer.flush()


def measure(bootstrap: str, topic: str, values: Path, rate: float, seconds: float) -> NDArray[np.float64]:
    """Latencies of all alerts after the warm-up, in milliseconds; ``topic`` is empty, and the daemon running on it.

    Raises RuntimeError if the sender fails.
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
    values = going_on(options.values.read_bytes().splitlines(), int(options.rate * options.seconds) + 1)
    send(options.bootstrap, options.topic, values, options.rate, begin=options.begin, seconds=options.seconds)


if __name__ == "__main__":
    main()
