"""Fixtures of the tests that run the whole daemon on Kafka."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MakeTopic
from tests.kafka.world import Daemon, Topics, publish

MakeDaemon = Callable[..., Daemon]


@pytest.fixture
def make_daemon(tmp_path: Path, kafka: str, topic: MakeTopic) -> Iterator[MakeDaemon]:
    """Make a daemon, with fresh topics and a promoted model, that is not started; it ends with the test.

    ``make_daemon(partitions=1, beside=None, windows=False, **settings)``: ``beside`` another daemon, it joins that
    one's group; with ``windows``, its model has windows and a calibration of incidents.
    """
    made: list[Daemon] = []

    def make(
        partitions: int = 1, beside: Daemon | None = None, windows: bool = False, **settings: dict[str, Any]
    ) -> Daemon:
        folder = tmp_path / f"daemon-{len(made)}"
        folder.mkdir()
        topics = beside.topics if beside else Topics(topic(partitions), topic(), topic(), topic())
        registry = beside.registry if beside else folder / "registry"
        if beside is None:
            publish(registry, windows=windows)
        made.append(Daemon(folder, registry, kafka, topics, settings))
        return made[-1]

    yield make
    for daemon in made:
        if daemon.process is not None and daemon.running:
            daemon.kill()
