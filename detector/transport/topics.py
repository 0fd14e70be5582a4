"""Topics: checked at start, created only on request, never silently."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from detector.errors import BrokerError
from detector.events import silent
from detector.transport.connection import Connection
from detector.transport.librdkafka import QUIET, opened, said

Client = AdminClient | Consumer | Producer

CONNECT_S = 10.0
"""How long to look for a broker before giving up at start."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic to create: ``replication`` -1 is the brokers' own default; ``settings`` are Kafka's topic settings."""

    name: str
    partitions: int = 1
    replication: int = -1
    settings: Mapping[str, str] = field(default_factory=dict)


def check_topics(
    properties: Mapping[str, object], names: Iterable[str], timeout_s: float = CONNECT_S
) -> dict[str, int]:
    """Give each topic's number of partitions.

    Raises BrokerError where no broker answers, or naming the first topic that is missing and how to create it.
    """
    connection = Connection(silent)
    return require(_admin(properties, connection), names, servers(properties), timeout_s, connection)


def require(client: Client, names: Iterable[str], at: str, timeout_s: float, connection: Connection) -> dict[str, int]:
    """Do the same with a client that is there already.

    ``at`` is its brokers' addresses, ``connection`` where its errors go: both for the message.
    """
    found = _partitions(client, at, timeout_s, connection)
    wanted = list(names)
    for name in wanted:
        if name not in found:
            raise missing_topic(name, found, at)
    return {name: found[name] for name in wanted}


def ensure_topics(properties: Mapping[str, object], topics: Iterable[Topic], timeout_s: float = CONNECT_S) -> list[str]:
    """Create those that are missing, and give their names. One that exists stays as it is.

    Raises BrokerError where no broker answers, or one refuses.
    """
    connection = Connection(silent)
    admin = _admin(properties, connection)
    found = _partitions(admin, servers(properties), timeout_s, connection)
    missing = [topic for topic in topics if topic.name not in found]
    if not missing:
        return []
    wanted = [NewTopic(one.name, one.partitions, one.replication, config=dict(one.settings)) for one in missing]
    created = []
    for name, future in admin.create_topics(wanted, operation_timeout=timeout_s, request_timeout=timeout_s).items():
        try:
            future.result(timeout_s + 1)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:  # another process was quicker
                raise BrokerError(f"creating topic {name!r} at {servers(properties)}: {said(error)}") from error
        else:
            created.append(name)
    return created


def missing_topic(name: str, existing: Iterable[str], at: str) -> BrokerError:
    """Make the error that names the topic, one of nearly the same name, and the fix."""
    near = difflib.get_close_matches(name, [one for one in existing if not one.startswith("__")], 1)
    hint = f" (there is {near[0]!r})" if near else ""
    return BrokerError(
        f"topic {name!r} does not exist at {at}{hint}; create it: "
        f"kafka-topics.sh --bootstrap-server {at} --create --topic {name} --partitions 4"
    )


def servers(properties: Mapping[str, object]) -> str:
    """The brokers' addresses that the properties name, for messages."""
    return str(properties.get("bootstrap.servers") or properties.get("metadata.broker.list") or "no bootstrap.servers")


def complaints(connection: Connection) -> Callable[[KafkaError], None]:
    """Make the error callback that leaves librdkafka's reasons with the connection."""
    return lambda error: connection.complained(said(error))


def _admin(properties: Mapping[str, object], connection: Connection) -> AdminClient:
    return opened(AdminClient, {**QUIET, **properties, "error_cb": complaints(connection)})


def _partitions(client: Client, at: str, timeout_s: float, connection: Connection) -> dict[str, int]:
    # All topics are asked for: asking for one by name makes some brokers create it.
    try:
        topics = client.list_topics(timeout=timeout_s).topics
    except KafkaException as error:
        client.poll(0)  # so that the client tells why: refused, no such host, not authorised …
        raise unreachable(at, timeout_s, connection.reason or said(error)) from error
    return {name: len(topic.partitions) for name, topic in topics.items()}


def unreachable(at: str, timeout_s: float, why: str) -> BrokerError:
    """Make the error of a start without brokers."""
    return BrokerError(
        f"connecting to Kafka at {at}: no broker answered within {timeout_s:g} s ({why}); "
        "check kafka.bootstrap_servers and that a broker listens there"
    )
