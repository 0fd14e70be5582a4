"""An outbox as a process of its own, which can be killed right after Kafka acknowledged and before the database knows.

``python -m tests.triage.sender DATABASE SERVERS TOPIC``
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable

from detector.deadline import Deadline
from detector.telemetry.events import silent as untold
from detector.transport.base import Channel, OutRecord
from detector.transport.kafka.confluent import ConfluentSink
from triage.outbox import Outbox
from triage.store.engine import Database
from triage.telemetry import silent


class KilledSink:
    """A sink that ends the process as soon as all is acknowledged."""

    def __init__(self, sink: ConfluentSink) -> None:
        self._sink = sink

    def start(self) -> None:
        """Connect."""
        self._sink.start()

    def send(self, channel: Channel, records: Iterable[OutRecord]) -> None:
        """Send."""
        self._sink.send(channel, records)

    def flush(self, deadline: Deadline) -> None:
        """Have it acknowledged, and die."""
        self._sink.flush(deadline)
        os.kill(os.getpid(), signal.SIGKILL)

    def stop(self, deadline: Deadline) -> None:
        """Close."""
        self._sink.stop(deadline)


def main(url: str, servers: str, topic: str) -> None:
    """Send what waits, and die."""
    database = Database(url)
    database.start()
    sink = ConfluentSink(topics={Channel.FEEDBACK: topic}, properties={"bootstrap.servers": servers}, tell=untold)
    Outbox(database, {"feedback": lambda: KilledSink(sink)}, silent).send_waiting()


if __name__ == "__main__":
    main(*sys.argv[1:])
