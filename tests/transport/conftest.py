"""The four transports, each as an arena that the contract's tests take in turn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from detector.deadline import Deadline
from detector.transport.base import AssignmentListener, Channel, Sink, Source
from tests.transport.arena import Arena, FileArena, KafkaArena, MemoryArena, Recorder

KAFKA = [pytest.param("confluent", marks=pytest.mark.kafka), pytest.param("kafka-python", marks=pytest.mark.kafka)]


@pytest.fixture(params=["memory", "files", *KAFKA])
def arena(request: pytest.FixtureRequest, tmp_path: Path) -> Arena:
    """A transport with an input of two partitions and an output for each channel, all empty."""
    match request.param:
        case "memory":
            return MemoryArena()
        case "files":
            return FileArena(tmp_path)
        case client:
            bootstrap, topic = request.getfixturevalue("kafka"), request.getfixturevalue("topic")
            return KafkaArena(client, bootstrap, topic(2), {channel: topic() for channel in Channel})


class Running:
    """Starts sources and sinks, and stops them when the test ends."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def source(self, source: Source, listener: AssignmentListener | None = None) -> Source:
        """Start a source."""
        source.start(listener or Recorder())
        self._stack.callback(lambda: source.stop(Deadline.after(10)))
        return source

    def sink(self, sink: Sink) -> Sink:
        """Start a sink."""
        sink.start()
        self._stack.callback(lambda: sink.stop(Deadline.after(10)))
        return sink


@pytest.fixture
def running() -> Iterator[Running]:
    """Starts sources and sinks, and stops them when the test ends."""
    with ExitStack() as stack:
        yield Running(stack)
