"""The daemon compares the topic's partitions with those of its model and of its settings."""

from __future__ import annotations

import pytest

from tests.kafka.fixtures import MakeDaemon
from tests.kafka.world import Outcome, promote, publish, send, simulated, wait_for

pytestmark = pytest.mark.kafka

RECORDS = 200


@pytest.mark.parametrize("transport", ["confluent", "kafka-python"])
def test_other_partitions_are_told_and_scored_all_the_same(make_daemon: MakeDaemon, kafka: str, transport: str) -> None:
    """A topic of two partitions, for a model of one and settings of three, is told of at start, and read."""
    daemon = make_daemon(partitions=2, windows=True, input={"transport": transport, "partitions": 3})
    send(kafka, daemon.topics.flows, simulated(RECORDS), partitions=2)
    daemon.start()
    daemon.wait_until_handled(RECORDS)
    scraped = daemon.scrape()
    assert daemon.stop() == 0
    assert len(Outcome.read(kafka, daemon.topics).scores) == RECORDS
    (differ,), (unexpected,) = daemon.events("partitions.differ"), daemon.events("partitions.unexpected")
    assert (differ["partitions"], differ["model_partitions"]) == (2, 1)
    assert "--partitions 2" in differ["fix"]
    assert (unexpected["partitions"], unexpected["input_partitions"]) == (2, 3)
    assert scraped.total("oddflow_topic_partitions") == 2
    assert scraped.total("oddflow_model_partitions") == 1


def test_a_model_that_takes_over_is_compared_too(make_daemon: MakeDaemon) -> None:
    """Nothing is said of a model without windows; one with windows that replaces it is compared with the topic."""
    daemon = make_daemon(partitions=2)
    daemon.start()
    wait_for(lambda: daemon.total("oddflow_topic_partitions") == 2)
    assert daemon.total("oddflow_model_partitions") == 2
    assert daemon.events("partitions.differ") == []
    promote(daemon.registry, publish(daemon.registry, 1, promote=False, windows=True))
    wait_for(lambda: bool(daemon.events("partitions.differ")))
    assert daemon.stop() == 0
    assert [told["model_partitions"] for told in daemon.events("partitions.differ")] == [1]


def test_the_right_partitions_are_nothing_to_tell(make_daemon: MakeDaemon) -> None:
    """A topic, a model and settings that agree leave no line in the log."""
    daemon = make_daemon(partitions=1, windows=True, input={"partitions": 1})
    daemon.start()
    wait_for(lambda: daemon.total("oddflow_topic_partitions") == 1)
    assert daemon.total("oddflow_model_partitions") == 1
    assert daemon.stop() == 0
    assert daemon.events("partitions.differ") + daemon.events("partitions.unexpected") == []
