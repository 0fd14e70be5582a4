"""What kafka-python's source and sink share: librdkafka's names of properties in its own, opening, errors.

A property of librdkafka's that kafka-python does not have is refused, so that a setting means the same with either.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition, errors
from kafka.admin import ACLOperation
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor

from detector.errors import ConfigurationError
from detector.transport.kafka.start_errors import cause_of
from detector.transport.kafka.topics import forbidden_group, forbidden_topic, missing_topics, servers, unreachable

_NAMES = {
    "sasl.mechanisms": "sasl_mechanism",
    "sasl.username": "sasl_plain_username",
    "sasl.password": "sasl_plain_password",
    "ssl.ca.location": "ssl_cafile",
    "ssl.certificate.location": "ssl_certfile",
    "ssl.key.location": "ssl_keyfile",
    "ssl.key.password": "ssl_password",
    "message.max.bytes": "max_request_size",
    "fetch.message.max.bytes": "max_partition_fetch_bytes",
    "fetch.wait.max.ms": "fetch_max_wait_ms",
    "socket.receive.buffer.bytes": "receive_buffer_bytes",
}
_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
_STRATEGY = "cooperative-sticky"
_EVERY = KafkaConsumer.DEFAULT_CONFIG | KafkaProducer.DEFAULT_CONFIG | KafkaAdminClient.DEFAULT_CONFIG
_HIDDEN = errors.TopicAuthorizationFailedError.errno
_UNTOLD = -(1 << 31)
"""What stands for the allowed operations where a broker does not tell them (KIP-430)."""


def options(properties: Mapping[str, object], known: Mapping[str, object]) -> dict[str, Any]:
    """Turn librdkafka's names into kafka-python's. Raises ConfigurationError for what it does not have."""
    found: dict[str, Any] = {}
    for key, value in properties.items():
        name = _NAMES.get(key, key.replace(".", "_"))
        if name not in known:
            raise ConfigurationError(
                f"kafka.properties: kafka-python has nothing like {key!r}; "
                "leave it out, or set input.transport = confluent"
            )
        found[name] = _value(name, value)
    return found


def _value(name: str, value: object) -> object:
    if name == "partition_assignment_strategy":
        if value != _STRATEGY:
            # Where all partitions are revoked and come back, the client goes on where it was, not at what is committed.
            raise ConfigurationError(
                f"kafka.properties: with kafka-python, partition.assignment.strategy can only be {_STRATEGY}"
            )
        return (CooperativeStickyAssignor,)
    if name == "security_protocol" and str(value).upper() not in _PROTOCOLS:  # it would look for a broker first
        raise ConfigurationError(f"kafka.properties: security.protocol = {value!r} is none of {', '.join(_PROTOCOLS)}")
    if name == "security_protocol":
        return str(value).upper()
    if name == "acks" and value in ("-1", "all"):
        return "all"
    if name == "bootstrap_servers":
        return str(value).split(",")
    return value


def quiet() -> None:
    """Leave it to events to tell of lost connections: kafka-python would log each attempt."""
    log = logging.getLogger("kafka")
    if log.level == logging.NOTSET:
        log.setLevel(logging.CRITICAL)


def said(error: BaseException) -> str:
    """Give the client's sentence, on one line."""
    return " ".join(str(error).split()) or type(error).__name__  # which begins with the name, for its own errors


def opened(
    client: Callable[..., Any], given: Mapping[str, Any], properties: Mapping[str, object], connect_s: float
) -> Any:
    """Make a client of what is ``given`` in its own names, and of the ``properties`` in librdkafka's.

    Raises BrokerError where no broker answers, ConfigurationError for what it does not accept.
    """
    heard: list[str] = []
    try:
        with _hearing(heard):
            return client(**{"bootstrap_timeout_ms": int(connect_s * 1000), **given})
    except errors.KafkaConfigurationError as error:
        raise ConfigurationError(f"kafka.properties: {error}") from error
    except (errors.KafkaError, OSError) as error:
        why = next((line for line in reversed(heard) if cause_of(line)), said(error))
        raise unreachable(properties, connect_s, why) from error
    except RuntimeError as error:  # a producer's word for compression that it lacks a package for
        raise no_codec("kafka.properties: compression.type", error) from error
    except (TypeError, ValueError, AssertionError) as error:
        raise ConfigurationError(f"kafka.properties: {error}") from error


@contextmanager
def _hearing(heard: list[str]) -> Iterator[None]:
    """Take in what kafka-python logs of errors: what it raises says that it could not connect, and never why."""
    log, ear = logging.getLogger("kafka"), logging.Handler(logging.ERROR)
    ear.emit = lambda record: heard.append(re.sub(r"^<.*>:? ", "", " ".join(record.getMessage().split())))  # type: ignore[method-assign]  # of this one alone
    level, propagate = log.level, log.propagate
    log.addHandler(ear)
    if level == logging.CRITICAL:  # ours; see quiet
        log.setLevel(logging.ERROR)
        log.propagate = False
    try:
        yield
    finally:
        log.removeHandler(ear)
        log.setLevel(level)
        log.propagate = propagate


def no_codec(doing: str, error: BaseException) -> ConfigurationError:
    """Make the error for compression that kafka-python lacks a package for: waiting would not help."""
    return ConfigurationError(
        f"{doing}: {said(error)}; pip install 'oddflow[kafka-python-codecs]', or set input.transport = confluent"
    )


def require(
    topics: Callable[[], Iterable[str]], names: Iterable[str], properties: Mapping[str, object], connect_s: float
) -> None:
    """Raise BrokerError for those of ``names`` that are not among ``topics()``, or if that is not answered."""
    try:
        found = set(topics())
    except errors.KafkaError as error:
        raise unreachable(properties, connect_s, said(error)) from error
    missing, at = [name for name in dict.fromkeys(names) if name not in found], servers(properties)
    for name in missing:
        if _described(properties, name, connect_s).get("error_code") == _HIDDEN:
            raise forbidden_topic(name, at)
    if missing:
        raise missing_topics(missing, found, at)


def require_write(properties: Mapping[str, object], names: Iterable[str], connect_s: float) -> None:
    """Raise BrokerError for the first of these topics that the brokers say this user may not write to."""
    for name in dict.fromkeys(names):
        allowed = _described(properties, name, connect_s).get("topic_authorized_operations", _UNTOLD)
        told = {bit for bit in range(31) if allowed & 1 << bit} if isinstance(allowed, int) else set(allowed or ())
        if allowed != _UNTOLD and told and ACLOperation.WRITE.value not in {int(one) for one in told}:
            raise forbidden_topic(name, servers(properties))


def require_group(consumer: Any, topic: str, properties: Mapping[str, object], connect_s: float) -> None:
    """Raise BrokerError where this user may not use the group; what else is wrong with it shows by itself."""
    try:
        consumer.committed(TopicPartition(topic, 0), timeout_ms=connect_s * 1000)
    except errors.GroupAuthorizationFailedError as error:
        raise forbidden_group(properties.get("group.id"), servers(properties)) from error
    except errors.KafkaError:
        return


def _described(properties: Mapping[str, object], name: str, connect_s: float) -> dict[str, Any]:
    """Tell a topic's error and what may be done with it, without creating it; nothing from brokers before 3.7."""
    known = options(properties, _EVERY)
    admin = opened(KafkaAdminClient, _only(known, KafkaAdminClient.DEFAULT_CONFIG), properties, connect_s)
    try:
        found: list[dict[str, Any]] = admin.describe_topic_partitions([name])["topics"]
    except errors.KafkaError:
        return {}
    else:
        return found[0] if found else {}
    finally:
        admin.close()


def _only(known: Mapping[str, Any], names: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in known.items() if name in names}
