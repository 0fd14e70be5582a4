"""What the daemon wrote to its topics, read as an analyst's tool would read it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from detector.casebook.latest import Latest
from detector.casebook.told import Told, read_told
from detector.incidents.wholes import named

FLOWS, ALERTS = "flows", "oddflow.alerts"
INCIDENTS, RISK, DEAD_LETTERS = "oddflow.incidents", "oddflow.risk", "oddflow.dead-letters"
FEEDBACK, SUPPRESSIONS = "oddflow.feedback", "oddflow.suppressions"
PARTITIONS = 4

TOPICS = (FLOWS, ALERTS, INCIDENTS, RISK, DEAD_LETTERS, FEEDBACK, SUPPRESSIONS)
WAIT_S = 0.05


@dataclass(slots=True)
class OutputTopics:
    """Counts what lies on them; in no group, so that nothing is committed."""

    consumer: Consumer
    dead_letters: int = 0
    alerts: int = 0
    incidents: Latest = field(default_factory=lambda: Latest(named=named))
    _told: list[Told] = field(default_factory=list)

    @classmethod
    def open(cls, bootstrap_servers: str) -> OutputTopics:
        """Begin with the first record of each."""
        consumer = Consumer({"bootstrap.servers": bootstrap_servers, "group.id": "demo", "enable.auto.commit": False})
        consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING) for topic in (ALERTS, INCIDENTS, DEAD_LETTERS)])
        return cls(consumer)

    def read(self) -> Iterator[dict[str, Any]]:
        """Give the alerts that came since the last call."""
        for message in self.consumer.consume(10_000, WAIT_S):
            if message.error():
                continue
            if message.topic() == DEAD_LETTERS:
                self.dead_letters += 1
            elif message.topic() == INCIDENTS:
                told = read_told(message.value() or b"")
                if self.incidents.put(told):
                    self._told.append(told)
            else:
                self.alerts += 1
                yield msgspec.json.decode(message.value() or b"")

    def take_told(self) -> list[Told]:
        """Give what was read of incidents since the last call, in order."""
        told, self._told = self._told, []
        return told

    def close(self) -> None:
        """Stop reading."""
        self.consumer.close()
