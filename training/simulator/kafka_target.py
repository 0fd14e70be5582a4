"""A Kafka topic as the place where simulated records go, keyed by source address."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl
from confluent_kafka import KafkaError, KafkaException, Producer

from detector.errors import BrokerError
from detector.telemetry.events import silent
from detector.transport.kafka.connection import Connection
from detector.transport.kafka.librdkafka import opened, producer_properties, said
from detector.transport.kafka.topics import CONNECT_S, require
from training.simulator.writers.lines import Lines

_GIVE_UP_MS = 30_000
"""A record that is not acknowledged by then ends the run."""
_POLL_EVERY = 1000


class KafkaTarget:
    """Produces to a topic that must exist.

    Header lines go to every partition, as each is read as a stream of its own. Raises BrokerError where no broker
    answers, the topic is missing, or a record is not acknowledged.
    """

    def __init__(self, bootstrap_servers: str, topic: str) -> None:
        self.name = f"topic {topic}"
        self._topic = topic
        self._failure = ""
        properties = {"bootstrap.servers": bootstrap_servers, "delivery.timeout.ms": _GIVE_UP_MS}
        connection = Connection(silent)
        self._producer = opened(
            Producer,
            {
                "partitioner": "murmur2_random",  # as training splits flows
                **producer_properties(properties),
                "error_cb": lambda error: connection.complained(said(error)),
                "on_delivery": self._delivered,
            },
        )
        found = require(self._producer, [topic], properties, CONNECT_S, connection)
        self._partitions = found[topic]

    def head(self, lines: Sequence[bytes]) -> None:
        """See Target."""
        for partition in range(self._partitions):
            for line in lines:
                self._produce(line, partition=partition)

    def write(self, lines: Lines, keys: pl.Series) -> None:
        """See Target."""
        for row, (value, key) in enumerate(zip(lines.values(), keys.to_list(), strict=True)):
            self._produce(value, key=key)
            if row % _POLL_EVERY == 0:
                self._producer.poll(0)
        self._check()

    def tail(self, lines: Sequence[bytes]) -> None:
        """See Target."""
        self.head(lines)

    def flush(self) -> None:
        """See Target."""
        self._producer.poll(0)
        self._check()

    def finish(self) -> None:
        """See Target."""
        waiting = self._producer.flush(_GIVE_UP_MS / 1000)
        self._check()
        if waiting:
            raise BrokerError(f"sending to {self.name}: {waiting} records were not acknowledged within 30 s")

    def abandon(self) -> None:
        """See Target; what is in a topic stays there."""
        self._producer.flush(2.0)
        self._producer.purge()

    def _produce(self, value: bytes, **where: Any) -> None:
        while True:
            try:
                self._producer.produce(self._topic, value, **where)
            except BufferError:
                self._producer.poll(0.1)
                self._check()
            except KafkaException as error:
                raise BrokerError(f"sending to {self.name}: {said(error)}") from error
            else:
                return

    def _delivered(self, error: KafkaError | None, _: object) -> None:
        if error is not None and not self._failure:
            self._failure = said(error)

    def _check(self) -> None:
        if self._failure:
            raise BrokerError(f"sending to {self.name}: {self._failure}")
