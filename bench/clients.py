"""How fast the clients alone are: filling a topic, and reading it with nothing done to the records.

usage: python -m bench.clients  (starts a Kafka of its own; prints one JSON object last)
"""

from __future__ import annotations

import json
import tempfile
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Producer
from kafka import KafkaConsumer

from detector.transport.kafka.librdkafka import consumer_properties, producer_properties
from detector.transport.kafka.topics import Topic, ensure_topics
from training.demo.broker import EmbeddedKafka

POLL_RECORDS = 10_000
PRODUCE_RECORDS = 5_000
LIBRDKAFKA_DEFAULTS: Mapping[str, object] = {"auto.offset.reset": "earliest", "enable.auto.commit": False}
TUNED = consumer_properties({})


def fill_topic(bootstrap: str, topic: str, values: Sequence[bytes], records: int, partitions: int = 1) -> float:
    """Create ``topic`` and produce ``values``, over and over, until it holds ``records``; give records a second.

    Record number i goes to partition i mod ``partitions``.
    """
    ensure_topics({"bootstrap.servers": bootstrap}, [Topic(topic, partitions)])
    properties = {
        "bootstrap.servers": bootstrap,
        "queue.buffering.max.messages": 500_000,
        "linger.ms": 20,
        "compression.type": "none",  # as a sender does by default; kafka-python would need a codec of its own besides
    }
    producer = Producer(producer_properties(properties))
    started, sent, turn = time.perf_counter(), 0, 0
    while sent < records:
        begin = sent % len(values)
        block = values[begin : begin + min(PRODUCE_RECORDS, records - sent)]
        _produce(producer, topic, block, turn % partitions)
        sent, turn = sent + len(block), turn + 1
    producer.flush()
    return records / (time.perf_counter() - started)


def _produce(producer: Any, topic: str, values: Sequence[bytes], partition: int) -> None:
    for value in values:
        while True:
            try:
                producer.produce(topic, value, partition=partition)
                break
            except BufferError:  # its queue is full: let it send
                producer.poll(0.05)
    producer.poll(0)


def raw_consume_per_s(bootstrap: str, topic: str, records: int, properties: Mapping[str, object] = TUNED) -> float:
    """Records a second through librdkafka, values touched, in a fresh group."""
    consumer = Consumer({**properties, "bootstrap.servers": bootstrap, "group.id": uuid.uuid4().hex})
    consumer.subscribe([topic])
    done, size, started = 0, 0, 0.0
    while done < records:
        messages = consumer.consume(POLL_RECORDS, 1.0)
        if not started and messages:
            started = time.perf_counter()
            continue  # joining the group and the first fetch are not timed
        size += sum(len(message.value() or b"") for message in messages)
        done += len(messages)
        if done + POLL_RECORDS >= records:
            break
    seconds = time.perf_counter() - started
    consumer.close()
    return done / seconds


def kafka_python_consume_per_s(bootstrap: str, topic: str, records: int) -> float:
    """Records a second through kafka-python, values touched, in a fresh group."""
    consumer = KafkaConsumer(
        topic,
        bootstrap_servers=bootstrap,
        group_id=uuid.uuid4().hex,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_poll_records=POLL_RECORDS,
    )
    done, size, started = 0, 0, 0.0
    while done < records:
        polled = consumer.poll(timeout_ms=1000)
        messages = [record for part in polled.values() for record in part]
        if not started and messages:
            started = time.perf_counter()
            continue
        size += sum(len(record.value) for record in messages)
        done += len(messages)
    seconds = time.perf_counter() - started
    consumer.close()
    return done / seconds


def main() -> None:
    """Measure on a Kafka of its own, three interleaved rounds, and print the medians."""
    values = [b'{"ts": 1767571200.0, "uid": "C%017d", "note": "%s"}' % (i, b"x" * 350) for i in range(100_000)]
    rates: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder, EmbeddedKafka(Path(folder)) as kafka:
        servers = kafka.bootstrap_servers
        produced = fill_topic(servers, "raw", values, 1_000_000)
        for _ in range(3):
            for name, rate in (
                ("librdkafka_defaults_per_s", raw_consume_per_s(servers, "raw", 1_000_000, LIBRDKAFKA_DEFAULTS)),
                ("librdkafka_tuned_per_s", raw_consume_per_s(servers, "raw", 1_000_000)),
                ("kafka_python_per_s", kafka_python_consume_per_s(servers, "raw", 50_000)),
            ):
                rates.setdefault(name, []).append(rate)
                print(f"{name:28} {rate:>12,.0f}", flush=True)
    medians = {name: round(sorted(each)[1]) for name, each in rates.items()}
    print(json.dumps({"produce_per_s": round(produced), **medians}))


if __name__ == "__main__":
    main()
