"""Topics: checked at start, created only on request, never silently."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicCollection
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import AclOperation
from confluent_kafka.cimpl import NewTopic

from detector.errors import BrokerError
from detector.telemetry.events import Tell, silent
from detector.transport.events import TopicCreated
from detector.transport.kafka.connection import Connection
from detector.transport.kafka.librdkafka import QUIET, common_properties, opened, said
from detector.transport.kafka.probe import cause
from detector.transport.kafka.start_errors import GENERAL, LOGIN, cause_of

Client = AdminClient | Consumer | Producer

CONNECT_S = 10.0
"""How long to look for a broker before giving up at start."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic to create: ``replication`` -1 is the brokers' own default; ``settings`` are Kafka's topic settings.

    ``read``: records should have been there already, so that a name mistyped is likely.
    """

    name: str
    partitions: int = 1
    replication: int = -1
    settings: Mapping[str, str] = field(default_factory=dict)
    read: bool = False


def check_topics(
    properties: Mapping[str, object], names: Iterable[str], timeout_s: float = CONNECT_S
) -> dict[str, int]:
    """Give each topic's number of partitions.

    Raises BrokerError where no broker answers, or naming the topics that are missing and how to create them.
    """
    connection = Connection(silent)
    admin = _admin(properties, connection)
    return require(admin, names, properties, timeout_s, connection)


def is_there(properties: Mapping[str, object], name: str, timeout_s: float = CONNECT_S) -> bool:
    """Whether there is such a topic. Raises BrokerError where no broker answers, or this user may not see it."""
    found = _partitions(_admin(properties, Connection(silent)), properties, timeout_s, Connection(silent))
    if name not in found and _hidden(properties, name):
        raise forbidden_topic(name, servers(properties))
    return name in found


def require(
    client: Client, names: Iterable[str], properties: Mapping[str, object], timeout_s: float, connection: Connection
) -> dict[str, int]:
    """Do the same with a client of these properties that is there already; its errors go to ``connection``.

    Brokers list what this user may see and no more: a topic that is not listed may be there.
    """
    found, at = _partitions(client, properties, timeout_s, connection), servers(properties)
    wanted = list(dict.fromkeys(names))
    missing = [name for name in wanted if name not in found]
    for name in missing:
        if _hidden(properties, name):
            raise forbidden_topic(name, at)
    if missing:
        raise missing_topics(missing, found, at)
    return {name: found[name] for name in wanted}


def require_write(properties: Mapping[str, object], names: Iterable[str]) -> None:
    """Raise BrokerError for the first of these topics that the brokers say this user may not write to."""
    admin, wanted = opened(AdminClient, {**QUIET, **common_properties(properties)}), list(dict.fromkeys(names))
    asked = admin.describe_topics(
        TopicCollection(wanted), include_authorized_operations=True, request_timeout=CONNECT_S
    )
    for name in wanted:
        try:
            allowed = asked[name].result(CONNECT_S + 1.0).authorized_operations
        except (KafkaException, FutureTimeoutError):  # a broker too old to tell: sending will
            return
        if allowed and AclOperation.WRITE not in allowed:
            raise forbidden_topic(name, servers(properties))


def require_group(properties: Mapping[str, object], group: str) -> None:
    """Raise BrokerError where this user may not use the group; what else is wrong with it shows by itself."""
    admin = opened(AdminClient, {**QUIET, **common_properties(properties)})
    try:
        admin.describe_consumer_groups([group], request_timeout=CONNECT_S)[group].result(CONNECT_S + 1.0)
    except KafkaException as error:
        if error.args[0].code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
            raise forbidden_group(group, servers(properties)) from error
    except FutureTimeoutError:
        return


def ensure_topics(
    properties: Mapping[str, object], topics: Iterable[Topic], timeout_s: float = CONNECT_S, tell: Tell = silent
) -> list[str]:
    """Create those that are missing, tell of each, and give their names. One that exists stays as it is.

    Raises BrokerError where no broker answers, or one refuses.
    """
    connection = Connection(silent)
    admin = _admin(properties, connection)
    found = _partitions(admin, properties, timeout_s, connection)
    missing = [topic for topic in topics if topic.name not in found]
    if not missing:
        return []
    wanted = [NewTopic(one.name, one.partitions, one.replication, config=dict(one.settings)) for one in missing]
    created = []
    answers = admin.create_topics(wanted, operation_timeout=timeout_s, request_timeout=timeout_s)
    for topic in missing:
        name = topic.name
        try:
            answers[name].result(timeout_s + 1)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:  # another process was quicker
                raise BrokerError(f"creating topic {name!r} at {servers(properties)}: {said(error)}") from error
        else:
            created.append(name)
            tell(TopicCreated(name, topic.partitions, _alike(name, found) if topic.read else ""))
    return created


def _hidden(properties: Mapping[str, object], name: str) -> bool:
    """Whether a topic is hidden from this user; to ask this never creates one."""
    admin = opened(AdminClient, {**QUIET, **common_properties(properties)})
    try:
        admin.describe_topics(TopicCollection([name]), request_timeout=CONNECT_S)[name].result(CONNECT_S + 1.0)
    except KafkaException as error:
        return bool(error.args[0].code() == KafkaError.TOPIC_AUTHORIZATION_FAILED)
    except FutureTimeoutError:
        return False
    return False


def missing_topics(names: Sequence[str], existing: Iterable[str], at: str) -> BrokerError:
    """Make the error that names the topics, for each one of nearly the same name, and the fix."""
    there = list(existing)
    told = ", ".join(f"{name!r} (there is {near!r})" if (near := _alike(name, there)) else repr(name) for name in names)
    subject, do, them = ("topic", "does", "it") if len(names) == 1 else ("topics", "do", "them")
    return BrokerError(
        f"{subject} {told} {do} not exist at {at}; create {them}:"
        f" oddflow detect --create-topics, or kafka-topics.sh --bootstrap-server {at} --create --topic {names[0]}"
        " --partitions 4"
    )


def _alike(name: str, existing: Iterable[str]) -> str:
    """The topic of nearly the same name, without the brokers' own; empty if there is none."""
    near = difflib.get_close_matches(name, [one for one in existing if not one.startswith("__")], 1)
    return near[0] if near else ""


def servers(properties: Mapping[str, object]) -> str:
    """The brokers' addresses that the properties name, for messages."""
    return str(properties.get("bootstrap.servers") or properties.get("metadata.broker.list") or "no bootstrap.servers")


def complaints(connection: Connection) -> Callable[[KafkaError], None]:
    """Make the error callback that leaves librdkafka's reasons with the connection."""
    return lambda error: connection.complained(said(error))


def _admin(properties: Mapping[str, object], connection: Connection) -> AdminClient:
    return opened(AdminClient, {**QUIET, **properties, "error_cb": complaints(connection)})


def _partitions(
    client: Client, properties: Mapping[str, object], timeout_s: float, connection: Connection
) -> dict[str, int]:
    # All topics are asked for: asking for one by name makes some brokers create it.
    try:
        topics = client.list_topics(timeout=timeout_s).topics
    except KafkaException as error:
        client.poll(0)  # so that the client tells why: refused, no such host, not authorised …
        raise unreachable(properties, timeout_s, connection.reason or said(error)) from error
    return {name: len(topic.partitions) for name, topic in topics.items()}


def unreachable(properties: Mapping[str, object], timeout_s: float, why: str) -> BrokerError:
    """Make the error of a start without brokers: which cause, by a look of our own or the client's ``why``."""
    found = cause(properties) or cause_of(why)
    if found is None and str(properties.get("security.protocol", "")).upper().startswith("SASL"):
        found = LOGIN
    told, fix = (f"{found.what}: {why}", found.fix) if found else (why, GENERAL)
    at = servers(properties)
    return BrokerError(f"connecting to Kafka at {at}: no broker could be used within {timeout_s:g} s ({told}); {fix}")


def forbidden_topic(name: str, at: str) -> BrokerError:
    """Make the error for a topic that this user may not see."""
    return BrokerError(
        f"topic {name!r} at {at}: not authorized; it may be there, but this user lacks the ACL: Describe and Read for "
        "the input, Describe and Write for outputs (kafka-acls.sh --add); or set another user: kafka.sasl_username"
    )


def forbidden_group(group: object, at: str) -> BrokerError:
    """Make the error for a consumer group that this user may not join."""
    return BrokerError(
        f"consumer group {group!r} at {at}: not authorized; this user lacks the ACL Read for the group "
        "(kafka-acls.sh --add --operation Read --group …), or kafka.group is another one"
    )
