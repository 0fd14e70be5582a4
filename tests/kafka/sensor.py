"""A sensor that goes on sending whatever becomes of its topic, and what that topic holds."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from threading import Event as Flag
from threading import Thread
from typing import Any, Self

import msgspec
from confluent_kafka import KafkaException, Producer

from tests.kafka.world import PATIENCE_S, TICK_S, simulated
from tests.transport.arena import consume


class Sensor:
    """Sends flows at a rate while its block runs, each with an id of its own; what nobody takes is given up."""

    def __init__(self, bootstrap: str, topic: str, per_s: float, partitions: int = 1) -> None:
        self._bootstrap = bootstrap
        self._topic = topic
        self._per_s = per_s
        self._stopping = Flag()
        self._thread = Thread(target=self._run, name="sensor", daemon=True)
        self.partitions = partitions
        """Over how many it sends, in turn; may be changed meanwhile."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(PATIENCE_S)

    def _run(self) -> None:
        bounds = {"message.timeout.ms": 3_000, "topic.metadata.refresh.interval.ms": 500}
        producer = Producer({"bootstrap.servers": self._bootstrap, "log_level": 0, **bounds})
        flows, began, sent = _flows(), time.monotonic(), 0
        while not self._stopping.wait(TICK_S):
            due = int((time.monotonic() - began) * self._per_s)
            for number in range(sent, due):
                with suppress(KafkaException, BufferError):  # such as of a partition that is not there yet
                    producer.produce(self._topic, next(flows), partition=number % self.partitions)
            sent = due
            producer.poll(0)
        producer.flush(PATIENCE_S)


def _flows() -> Iterator[bytes]:
    number = 0
    while True:
        for value in simulated(3_000):
            flow: dict[str, Any] = msgspec.json.decode(value)
            yield msgspec.json.encode(flow | {"uid": f"C{number}"})
            number += 1


def ids(bootstrap: str, topic: str) -> set[str]:
    """The ids of the flows, or of the scores, that a topic holds now."""
    return {msgspec.json.decode(record.value or b"{}")["uid"] for record in consume(bootstrap, topic)}
