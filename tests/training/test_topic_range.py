"""A range of a real topic as input: read once, in full, by offsets and times, without a group."""

from __future__ import annotations

import pytest
from confluent_kafka import Producer

from detector.errors import BrokerError, ConfigurationError, InputError
from detector.transport.kafka.topic_range import Bound, TopicRange
from tests.conftest import MakeTopic


def filled(kafka: str, topic: MakeTopic, partitions: int, records: int) -> str:
    """A topic with so many records, spread over its partitions; each value is its number, its time that in seconds."""
    name = topic(partitions)
    producer = Producer({"bootstrap.servers": kafka})
    for number in range(records):
        producer.produce(name, str(number).encode(), partition=number % partitions, timestamp=1_000_000 + 1000 * number)
    producer.flush()
    return name


def read(kafka: str, topic: str, start: str | None = None, end: str | None = None) -> list[int]:
    """The numbers of the records in a range, ascending."""
    bounds = Bound.parse(start, "--from"), Bound.parse(end, "--to")
    parts = TopicRange(topic, {"bootstrap.servers": kafka}, *bounds).read()
    return sorted(int(value or b"") for _, values, _ in parts for value in values)


@pytest.mark.kafka
def test_whole_topic(kafka: str, topic: MakeTopic) -> None:
    """Every record of every partition comes once."""
    assert read(kafka, filled(kafka, topic, 3, 1000)) == list(range(1000))


@pytest.mark.kafka
def test_offsets_and_times(kafka: str, topic: MakeTopic) -> None:
    """A range begins at its first offset or time and ends before its last, in every partition."""
    name = filled(kafka, topic, 2, 100)
    assert read(kafka, name, "10", "20") == list(range(20, 40))
    assert read(kafka, name, "1970-01-01T00:17:00Z", "1970-01-01T00:17:10") == list(range(20, 30))


@pytest.mark.kafka
def test_nothing_in_the_range(kafka: str, topic: MakeTopic) -> None:
    """A range without records, or a topic that is not there, is told."""
    name = filled(kafka, topic, 1, 3)
    with pytest.raises(InputError, match="no record in this range"):
        read(kafka, name, "3")
    with pytest.raises(BrokerError, match="does not exist"):
        read(kafka, f"{name}-other")


def test_bound_that_is_neither() -> None:
    """A bound is an offset or a time, and the message shows both."""
    with pytest.raises(ConfigurationError, match="--from yesterday: give an offset"):
        Bound.parse("yesterday", "--from")
