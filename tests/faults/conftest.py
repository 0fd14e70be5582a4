"""The daemon on a real Kafka, for every test here; and on one that a test may stop and change."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from detector.transport.kafka.topics import Topic, ensure_topics
from tests.kafka.fixtures import make_daemon
from tests.kafka.world import Daemon, Topics, publish
from tests.transport.guarded import GuardedKafka

__all__ = ["make_daemon"]


@pytest.fixture(scope="module")
def own_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedKafka]:
    """A Kafka that may be stopped and changed; every test leaves it running and as it was."""
    with GuardedKafka(tmp_path_factory.mktemp("own-kafka")) as kafka:
        yield kafka


@pytest.fixture
def daemon(own_kafka: GuardedKafka, tmp_path: Path) -> Iterator[Daemon]:
    """A daemon on that Kafka, with fresh topics, not started."""
    stem = uuid.uuid4().hex
    topics = Topics(*(f"{stem}-{name}" for name in ("flows", "alerts", "dead-letters", "scores")))
    ensure_topics(
        {"bootstrap.servers": own_kafka.bootstrap_servers},
        [Topic(name) for name in (topics.flows, topics.alerts, topics.dead_letters, topics.scores)],
    )
    publish(tmp_path / "registry")
    made = Daemon(tmp_path, tmp_path / "registry", own_kafka.bootstrap_servers, topics)
    yield made
    if made.running:
        made.kill()
    own_kafka.start()
