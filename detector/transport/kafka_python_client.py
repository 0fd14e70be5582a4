"""What kafka-python's source and sink share: librdkafka's names of properties in its own, opening, errors.

A property of librdkafka's that kafka-python does not have is refused, so that a setting means the same with either.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kafka import errors
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor

from detector.errors import ConfigurationError
from detector.transport.topics import missing_topic, unreachable

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


def opened(client: Callable[..., Any], given: Mapping[str, Any], at: str, connect_s: float) -> Any:
    """Make a client. Raises BrokerError where no broker answers, ConfigurationError for what it does not accept."""
    try:
        return client(**{"bootstrap_timeout_ms": int(connect_s * 1000), **given})
    except errors.KafkaConfigurationError as error:
        raise ConfigurationError(f"kafka.properties: {error}") from error
    except (errors.KafkaError, OSError) as error:
        raise unreachable(at, connect_s, said(error)) from error
    except RuntimeError as error:  # a producer's word for compression that it lacks a package for
        raise no_codec("kafka.properties: compression.type", error) from error
    except (TypeError, ValueError, AssertionError) as error:
        raise ConfigurationError(f"kafka.properties: {error}") from error


def no_codec(doing: str, error: BaseException) -> ConfigurationError:
    """Make the error for compression that kafka-python lacks a package for: waiting would not help."""
    return ConfigurationError(
        f"{doing}: {said(error)}; pip install 'oddflow[kafka-python-codecs]', or set input.transport = confluent"
    )


def require(topics: Callable[[], Iterable[str]], names: Iterable[str], at: str, connect_s: float) -> None:
    """Raise BrokerError for the first of ``names`` that is not among ``topics()``, or if that is not answered."""
    try:
        found = set(topics())
    except errors.KafkaError as error:
        raise unreachable(at, connect_s, said(error)) from error
    for name in names:
        if name not in found:
            raise missing_topic(name, found, at)
