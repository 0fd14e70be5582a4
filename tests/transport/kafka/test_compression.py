"""Compressed batches: read by either client, and told where a package is lacking."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable

import pytest
from confluent_kafka import Producer
from kafka import KafkaProducer

from detector.errors import ConfigurationError
from detector.transport.base import Channel, Source
from detector.transport.kafka.confluent import ConfluentSource
from detector.transport.kafka.kafka_python import KafkaPythonSink, KafkaPythonSource
from tests.conftest import MakeTopic
from tests.transport.arena import PATIENCE_S
from tests.transport.conftest import Running

pytestmark = pytest.mark.kafka

CODECS = ("gzip", "lz4", "snappy", "zstd")
VALUES = [b"a record that compresses well " * 40 + bytes([number]) for number in range(50)]


def filled(kafka: str, topic: str, codec: str) -> None:
    """Put the values into a topic, compressed."""
    producer = Producer({"bootstrap.servers": kafka, "compression.type": codec, "linger.ms": 200})
    for value in VALUES:
        producer.produce(topic, value)
    assert producer.flush(PATIENCE_S) == 0


def source_of(kind: Callable[..., Source], kafka: str, topic: str) -> Source:
    """A source of a topic, not started."""
    return kind(topic=topic, properties={"bootstrap.servers": kafka, "group.id": f"g-{topic}"})


def read(source: Source) -> list[bytes | None]:
    """Read until all are there, or patience ends."""
    found: list[bytes | None] = []
    for _ in range(int(PATIENCE_S)):
        batch = source.poll(1_000, 1 << 20, 1.0)
        found += batch.values if batch else []
        if len(found) >= len(VALUES):
            break
    return found


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("kind", [ConfluentSource, KafkaPythonSource])
def test_compressed_batches_are_read(
    kind: Callable[..., Source], codec: str, kafka: str, topic: MakeTopic, running: Running
) -> None:
    """Either client reads every codec of Kafka's."""
    name = topic()
    filled(kafka, name, codec)
    assert read(running.source(source_of(kind, kafka, name))) == VALUES


@pytest.mark.parametrize("codec", ["lz4", "snappy", "zstd"])
def test_a_codec_that_is_lacking_names_the_extra(
    codec: str, kafka: str, topic: MakeTopic, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the package for a batch's codec, reading ends with one line that says what to install."""
    monkeypatch.setattr(f"kafka.codec.has_{codec}", lambda: False)
    name = topic()
    filled(kafka, name, codec)
    source = running.source(source_of(KafkaPythonSource, kafka, name))
    with pytest.raises(ConfigurationError) as caught:
        read(source)
    assert str(caught.value) == (
        f"reading topic {name!r}: UnsupportedCodecError: Libraries for {codec} compression codec not found;"
        " pip install 'oddflow[kafka-python-codecs]', or set input.transport = confluent"
    )


def test_writing_with_a_codec_that_is_lacking_names_the_extra(
    kafka: str, topic: MakeTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked to write compressed without the package, the start says the same."""
    monkeypatch.setitem(KafkaProducer._COMPRESSORS, "zstd", (lambda: False, 4))
    sink = KafkaPythonSink(
        topics={Channel.ALERTS: topic()}, properties={"bootstrap.servers": kafka, "compression.type": "zstd"}
    )
    with pytest.raises(ConfigurationError, match=r"kafka.properties: compression.type: .*kafka-python-codecs"):
        sink.start()
    with warnings.catch_warnings():  # what kafka-python's constructor leaves open when it fails
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
