"""Each transport with something behind it, in one shape, so that one suite can hold all of them to the contract."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

import msgspec
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions

from detector.deadline import Deadline
from detector.errors import BrokerError
from detector.telemetry.events import Tell, silent
from detector.transport.base import Channel, OutRecord, RawBatch, Sink, Source
from detector.transport.files import FileSink, FileSource
from detector.transport.kafka.confluent import ConfluentSink, ConfluentSource
from detector.transport.kafka.kafka_python import KafkaPythonSink, KafkaPythonSource
from detector.transport.kafka.topics import Topic, ensure_topics
from detector.transport.memory import MemorySink, MemorySource, MemoryTopic

PATIENCE_S = 30.0


class Arena(Protocol):
    """An input and outputs that a transport reads and writes."""

    resumes: bool
    """Whether a source that is opened again goes on where was committed."""
    keeps_envelopes: bool
    """Whether keys, headers and null values pass."""

    def fill(self, records: Sequence[OutRecord], partition: int = 0) -> None:
        """Add records to the input; it has two partitions."""
        ...

    def trim(self, before: int, partition: int = 0) -> None:
        """Delete what the input has before an offset, as retention does; only where ``resumes``."""
        ...

    def replace(self) -> None:
        """Delete the input and make it again, empty; only where ``resumes``."""
        ...

    def add_partitions(self, count: int) -> None:
        """Have so many partitions; only where ``resumes``."""
        ...

    def source(self, tell: Tell = silent) -> Source:
        """Make a member of the one group, not started."""
        ...

    def sink(self, channels: Iterable[Channel] = tuple(Channel)) -> Sink:
        """Make a sink, not started."""
        ...

    def written(self, channel: Channel) -> list[OutRecord]:
        """What is acknowledged on a channel, in order."""
        ...


class Recorder:
    """A listener that remembers, and rewinds as it is told to."""

    def __init__(self, source: Source | None = None, rewind: Mapping[int, int] | None = None) -> None:
        self.assigned: list[int] = []
        self.revoked: list[int] = []
        self.lost: list[int] = []
        self.replaced: list[int] = []
        self.committed: dict[int, int] = {}
        self.oldest: dict[int, int] = {}
        self._source = source
        self._rewind = dict(rewind or {})

    def on_assigned(self, partitions: Iterable[int]) -> None:
        """Remember; ask what is committed, and go back."""
        added = list(partitions)
        self.assigned += added
        if self._source is not None:
            self.committed |= self._source.committed(added)
            self.oldest |= self._source.oldest(added)
            self._source.rewind({number: self._rewind[number] for number in added if number in self._rewind})

    def on_revoked(self, partitions: Iterable[int]) -> None:
        """Remember."""
        self.revoked += partitions

    def on_lost(self, partitions: Iterable[int]) -> None:
        """Remember."""
        self.lost += partitions

    def on_replaced(self, partitions: Iterable[int]) -> None:
        """Remember."""
        self.replaced += partitions


class MemoryArena:
    """A topic in memory."""

    resumes = True
    keeps_envelopes = True

    def __init__(self) -> None:
        self._topic = MemoryTopic(partitions=2)
        self._sinks: list[MemorySink] = []

    def fill(self, records: Sequence[OutRecord], partition: int = 0) -> None:
        """Append."""
        for record in records:
            self._topic.append(record.value, partition=partition, key=record.key, headers=record.headers)

    def trim(self, before: int, partition: int = 0) -> None:
        """Forget."""
        self._topic.trim(partition, before)

    def replace(self) -> None:
        """Begin anew."""
        self._topic.replace()

    def add_partitions(self, count: int) -> None:
        """Add."""
        self._topic.add_partitions(count)

    def source(self, tell: Tell = silent) -> Source:
        """Read the topic."""
        return MemorySource(topic=self._topic, tell=tell)

    def sink(self, channels: Iterable[Channel] = tuple(Channel)) -> Sink:
        """Keep what is sent."""
        sink = MemorySink(channels=channels)
        self._sinks.append(sink)
        return sink

    def written(self, channel: Channel) -> list[OutRecord]:
        """What the sinks have."""
        return [record for sink in self._sinks for record in sink.records[channel]]


class FileArena:
    """Two files of lines as input, one output file a channel."""

    resumes = False
    keeps_envelopes = False

    def __init__(self, folder: Path) -> None:
        self._inputs = [folder / "input-0", folder / "input-1"]
        self._outputs = {channel: folder / f"{channel}.jsonl" for channel in Channel}

    def fill(self, records: Sequence[OutRecord], partition: int = 0) -> None:
        """Append lines."""
        with self._inputs[partition].open("ab") as file:
            file.writelines((record.value or b"") + b"\n" for record in records)

    def trim(self, before: int, partition: int = 0) -> None:
        """Files keep their lines."""
        raise NotImplementedError

    def replace(self) -> None:
        """A file is read once."""
        raise NotImplementedError

    def add_partitions(self, count: int) -> None:
        """Files are named at start."""
        raise NotImplementedError

    def source(self, tell: Tell = silent) -> Source:
        """Read the files that have been filled."""
        return FileSource([path for path in self._inputs if path.exists()], tell=tell)

    def sink(self, channels: Iterable[Channel] = tuple(Channel)) -> Sink:
        """Write the outputs anew."""
        return FileSink(paths={channel: self._outputs[channel] for channel in channels})

    def written(self, channel: Channel) -> list[OutRecord]:
        """Read an output back."""
        lines = self._outputs[channel].read_bytes().splitlines()
        return [_dead_letter(line) if channel is Channel.DEAD_LETTERS else OutRecord(line) for line in lines]


def _dead_letter(line: bytes) -> OutRecord:
    found = msgspec.json.decode(line)
    headers = [(name, None if text is None else text.encode()) for name, text in found["headers"].items()]
    return OutRecord(_bytes(found, "value"), _bytes(found, "key"), headers)


def _bytes(line: Mapping[str, Any], name: str) -> bytes | None:
    if f"{name}_base64" in line:
        return base64.b64decode(line[f"{name}_base64"])
    text = line[name]
    return None if text is None else text.encode()


class KafkaArena:
    """Topics on a real Kafka, by either client."""

    resumes = True
    keeps_envelopes = True

    def __init__(self, client: str, bootstrap: str, input_topic: str, topics: Mapping[Channel, str]) -> None:
        self._client = client
        self._bootstrap = bootstrap
        self._input = input_topic
        self._topics = dict(topics)
        self._group = uuid.uuid4().hex
        self.properties: dict[str, object] = {}
        """More properties of the sources."""

    def fill(self, records: Sequence[OutRecord], partition: int = 0) -> None:
        """Produce."""
        produce(self._bootstrap, self._input, records, partition)

    def trim(self, before: int, partition: int = 0) -> None:
        """Delete records."""
        place = TopicPartition(self._input, partition, before)
        admin = self._admin()
        for done in admin.delete_records([place]).values():
            done.result(PATIENCE_S)

    def remove(self) -> None:
        """Delete the input."""
        admin = self._admin()
        for deleted in admin.delete_topics([self._input]).values():
            deleted.result(PATIENCE_S)

    def replace(self) -> None:
        """Delete and create, at once."""
        self.remove()
        ensure_topics({"bootstrap.servers": self._bootstrap}, [Topic(self._input, 2)])

    def add_partitions(self, count: int) -> None:
        """Add."""
        admin = self._admin()
        for done in admin.create_partitions([NewPartitions(self._input, count)]).values():
            done.result(PATIENCE_S)

    def keep_commits(self) -> Callable[[], None]:
        """Remember what the group has committed; give what commits it again, as a member does that knows no better."""
        properties = {"bootstrap.servers": self._bootstrap, "group.id": self._group, "log_level": 0}
        consumer = Consumer(properties)
        places = consumer.committed([TopicPartition(self._input, 0)], timeout=PATIENCE_S)

        def again() -> None:
            consumer.commit(offsets=places, asynchronous=False)
            consumer.close()

        return again

    def _admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self._bootstrap, "log_level": 0})

    def source(self, tell: Tell = silent) -> Source:
        """Join the group."""
        properties = {"bootstrap.servers": self._bootstrap, "group.id": self._group, **self.properties}
        kind = ConfluentSource if self._client == "confluent" else KafkaPythonSource
        return kind(topic=self._input, properties=properties, tell=tell)

    def sink(self, channels: Iterable[Channel] = tuple(Channel)) -> Sink:
        """Produce to the topics."""
        kind = ConfluentSink if self._client == "confluent" else KafkaPythonSink
        topics = {channel: self._topics[channel] for channel in channels}
        return kind(topics=topics, properties={"bootstrap.servers": self._bootstrap})

    def written(self, channel: Channel) -> list[OutRecord]:
        """Read a topic from its start to its present end."""
        return consume(self._bootstrap, self._topics[channel])


def produce(bootstrap: str, topic: str, records: Sequence[OutRecord], partition: int = 0) -> None:
    """Put records into a partition, acknowledged."""
    every = {"queue.buffering.max.messages": len(records) + 1, "queue.buffering.max.kbytes": 1 << 21}
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 1, "log_level": 0, **every})
    for record in records:
        headers: list[tuple[str, str | bytes | None]] = [*record.headers]
        producer.produce(topic, record.value, record.key, partition=partition, headers=headers or None)
        producer.poll(0)
    assert producer.flush(PATIENCE_S) == 0


def consume(bootstrap: str, topic: str) -> list[OutRecord]:
    """Every record that a topic has now, partition after partition."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": uuid.uuid4().hex, "log_level": 0})
    found: list[OutRecord] = []
    try:
        for number in consumer.list_topics(topic, PATIENCE_S).topics[topic].partitions:
            found += _consume_partition(consumer, TopicPartition(topic, number))
    finally:
        consumer.close()
    return found


def _consume_partition(consumer: Consumer, place: TopicPartition) -> list[OutRecord]:
    low, high = consumer.get_watermark_offsets(place, PATIENCE_S)
    place.offset = low
    consumer.assign([place])
    found: list[OutRecord] = []
    deadline = Deadline.after(PATIENCE_S)
    at = low
    while at < high and not deadline.passed:
        for message in consumer.consume(10_000, 0.5):
            if message.error() is None:
                at = (message.offset() or 0) + 1
                headers = cast("list[tuple[str, bytes | None]]", message.headers() or [])
                found.append(OutRecord(message.value(), message.key(), headers))
        at = max(at, consumer.position([place])[0].offset)
    return found


def values(count: int, start: int = 0) -> list[OutRecord]:
    """Records that tell their number."""
    return [OutRecord(b"record %d" % number) for number in range(start, start + count)]


def poll_until(source: Source, count: int, max_records: int = 1000, max_bytes: int = 1 << 20) -> list[RawBatch]:
    """Poll until so many records have come; what comes too late is missing."""
    deadline = Deadline.after(PATIENCE_S)
    batches: list[RawBatch] = []
    while sum(map(len, batches)) < count and not deadline.passed:
        batch = source.poll(max_records, max_bytes, 0.2)
        if batch is not None:
            batches.append(batch)
    return batches


def read(source: Source, wait_s: float = 0.2) -> RawBatch | None:
    """Poll once."""
    return source.poll(1_000, 1 << 20, wait_s)


def commit(source: Source, positions: dict[int, int]) -> None:
    """Commit, again after a poll if the group was just being joined, as the pipeline does."""
    deadline = Deadline.after(PATIENCE_S)
    while True:
        try:
            return source.commit(positions, deadline)
        except BrokerError:
            if deadline.passed:
                raise
            read(source)


def one_batch(source: Source, count: int) -> RawBatch:
    """A single batch of so many records."""
    batch = source.poll(count, 1 << 20, PATIENCE_S)
    assert batch is not None
    assert len(batch) == count
    return batch


def values_of(batches: Iterable[RawBatch]) -> list[bytes | None]:
    """All values, in the order in which they came."""
    return [value for batch in batches for value in batch.values]
