"""What the confluent-kafka source, sink and topic checks share: properties, and librdkafka's words for an error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec
from confluent_kafka import KafkaError, KafkaException

from detector.errors import ConfigurationError

Client = TypeVar("Client")

# librdkafka would write its own lines to standard error, one per attempt; what matters is told as an event instead.
QUIET: dict[str, object] = {"log_level": 0, "log.connection.close": False}

METADATA_MS = 3000

CONSUMER: dict[str, object] = {
    **QUIET,
    "client.id": "oddflow",
    "auto.offset.reset": "earliest",
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "allow.auto.create.topics": False,
    "check.crcs": True,
    # Its default of 1,000 ms leaves the local queue empty for long: a quarter of the rate.
    "fetch.queue.backoff.ms": 5,
    # What is fetched ahead: enough for several batches, and a bound on memory that large records cannot exceed.
    "queued.min.messages": 50_000,
    "queued.max.messages.kbytes": 32 * 1024,
    "fetch.message.max.bytes": 1 << 20,
    # A broker answers each fetch once this much is there, or after so long: a fetch for each of a producer's requests
    # would cost it and us more than the records do, and a batch waits for longer than that anyway.
    "fetch.min.bytes": 256 * 1024,
    "fetch.wait.max.ms": 10,
    # The connection's state and the offsets behind the lag, once a second, without a request to the broker.
    "statistics.interval.ms": 1000,
    "reconnect.backoff.max.ms": 2000,
    # New partitions, and a topic that is made again, are heard of within seconds, and not five minutes.
    "topic.metadata.refresh.interval.ms": METADATA_MS,
}

# Members keep what they have in a rebalance. The newer protocol (KIP-848) refuses these: there the broker decides.
CLASSIC_GROUP: dict[str, object] = {"partition.assignment.strategy": "cooperative-sticky"}

PRODUCER: dict[str, object] = {
    **QUIET,
    "client.id": "oddflow",
    "enable.idempotence": True,
    "acks": "all",
    "linger.ms": 5,
    "compression.type": "lz4",
    # A dead letter is its record and a few headers more: the topic decides what is too large, not the client.
    "message.max.bytes": 16 << 20,
    "queue.buffering.max.kbytes": 64 * 1024,
    # Never give a record up: flush says what is not acknowledged, and the caller decides.
    "delivery.timeout.ms": 0,
    "reconnect.backoff.max.ms": 2000,
    "topic.metadata.refresh.interval.ms": METADATA_MS,
}


def consumer_properties(properties: Mapping[str, object]) -> dict[str, object]:
    """Complete what the operator gave, which wins, with our own."""
    return {**CONSUMER, **({} if _newer_protocol(properties) else CLASSIC_GROUP), **properties}


_COMMON = ("client.", "security.", "sasl.", "ssl.", "bootstrap.", "metadata.broker.", "socket.", "reconnect.")


def common_properties(properties: Mapping[str, object]) -> dict[str, object]:
    """What of a consumer's or producer's properties an admin client has as well."""
    return {name: value for name, value in properties.items() if name.startswith(_COMMON)}


def incremental(properties: Mapping[str, object]) -> bool:
    """Whether rebalances add and take away partitions, and don't begin with none."""
    return _newer_protocol(properties) or "cooperative" in str(properties.get("partition.assignment.strategy", ""))


def _newer_protocol(properties: Mapping[str, object]) -> bool:
    return str(properties.get("group.protocol", "classic")).lower() == "consumer"


def producer_properties(properties: Mapping[str, object]) -> dict[str, object]:
    """Complete what the operator gave, which wins, with our own."""
    return {**PRODUCER, **properties}


def opened(client: Callable[..., Client], properties: Mapping[str, object]) -> Client:
    """Make a client. Raises ConfigurationError naming the property that librdkafka does not accept."""
    try:
        return client(dict(properties))
    except KafkaException as error:
        raise ConfigurationError(f"kafka.properties: {said(error)}") from error
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"kafka.properties: {error}") from error


def said(error: KafkaException | KafkaError) -> str:
    """Librdkafka's sentence, on one line."""
    inner: Any = error.args[0] if isinstance(error, KafkaException) else error
    text = inner.str() if isinstance(inner, KafkaError) else str(inner)
    return " ".join(str(text).split()).rstrip(".")


class _Broker(msgspec.Struct):
    state: str = ""


class _Partition(msgspec.Struct):
    next_offset: int = -1001


class _Topic(msgspec.Struct):
    partitions: dict[int, _Partition]


class Statistics(msgspec.Struct):
    """The few of librdkafka's statistics that are used."""

    brokers: dict[str, _Broker] = {}
    topics: dict[str, _Topic] = {}

    @property
    def connected(self) -> bool:
        """Whether any broker is connected."""
        return any(broker.state == "UP" for broker in self.brokers.values())

    def next_offsets(self, topic: str) -> dict[int, int]:
        """The offsets to fetch next, by partition, as far as the client knows them."""
        return {number: one.next_offset for number, one in self._partitions(topic).items() if one.next_offset >= 0}

    def _partitions(self, topic: str) -> dict[int, _Partition]:
        found = self.topics.get(topic)
        return {number: one for number, one in found.partitions.items() if number >= 0} if found else {}


statistics = msgspec.json.Decoder(Statistics).decode
