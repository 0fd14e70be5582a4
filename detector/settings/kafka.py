"""The settings of Kafka and the schema registry: how they are reached, and what their clients are told beside that."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, SecretStr

from detector.settings.section import Scalar, Section

OWN_PROPERTIES: dict[str, str] = {
    "bootstrap.servers": "set kafka.bootstrap_servers instead",
    "group.id": "set kafka.group instead",
    "enable.auto.commit": "oddflow commits by itself, once outputs are acknowledged",
    "enable.auto.offset.store": "oddflow stores offsets by itself, once outputs are acknowledged",
    "sasl.username": "set kafka.sasl_username instead",
    "sasl.password": "set ODDFLOW_KAFKA__SASL_PASSWORD or kafka.sasl_password_file instead",
    "ssl.key.password": "set ODDFLOW_KAFKA__SSL_KEY_PASSWORD or kafka.ssl_key_password_file instead",
}
"""Client properties that may not pass through: they have a key of their own, or would break a promise."""


def flat_properties(value: object) -> object:
    """Join nested tables into dotted keys: TOML reads an unquoted ``security.protocol = …`` as a table in a table."""
    if not isinstance(value, Mapping):
        return value
    flat: dict[str, Any] = {}
    for key, inner in value.items():
        below = flat_properties(inner)
        flat |= {f"{key}.{name}": leaf for name, leaf in below.items()} if isinstance(below, dict) else {key: below}
    return flat


OWN_REGISTRY_PROPERTIES: dict[str, str] = {
    "url": "set schema_registry.url instead",
    "timeout": "set schema_registry.timeout_s instead",
    "basic.auth.user.info": "set schema_registry.username and ODDFLOW_SCHEMA_REGISTRY__PASSWORD instead",
    "max.retries": "oddflow tries again by itself",
}
"""The same for the schema registry's client."""


def _allowed_properties(value: object, own: Mapping[str, str] = OWN_PROPERTIES) -> object:
    flat = flat_properties(value)
    for key in flat if isinstance(flat, dict) else ():
        if key in own:
            raise ValueError(f"{key} may not be given here; {own[key]}")
    return flat


Properties = Annotated[dict[str, Scalar], BeforeValidator(_allowed_properties)]

RegistryProperties = Annotated[
    dict[str, Scalar], BeforeValidator(lambda value: _allowed_properties(value, OWN_REGISTRY_PROPERTIES))
]


class Kafka(Section):
    """The brokers, for both Kafka transports."""

    bootstrap_servers: str = Field(
        default="localhost:9092", min_length=1, description="Brokers to ask first, as `host:port`, separated by commas."
    )
    group: str = Field(
        default="oddflow", min_length=1, description="Consumer group: daemons of one group share the partitions."
    )
    sasl_username: str | None = Field(default=None, examples=["oddflow"], description="SASL user name.")
    sasl_password: SecretStr | None = Field(default=None, description="SASL password. From the environment only.")
    sasl_password_file: Path | None = Field(
        default=None, examples=["/run/secrets/kafka-password"], description="File that holds the SASL password."
    )
    ssl_key_password: SecretStr | None = Field(
        default=None, description="Passphrase of the private key. From the environment only."
    )
    ssl_key_password_file: Path | None = Field(
        default=None,
        examples=["/run/secrets/kafka-key-password"],
        description="File that holds the private key's passphrase.",
    )
    properties: Properties = Field(
        default={},
        examples=[{"security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-512"}],
        description="Any property of the Kafka client by its librdkafka name, such as `security.protocol`, for reading"
        " and writing alike.",
    )
    consumer_properties: Properties = Field(
        default={},
        examples=[{"fetch.min.bytes": 65536}],
        description="The same, for reading only; wins over `properties`.",
    )
    producer_properties: Properties = Field(
        default={},
        examples=[{"compression.type": "zstd"}],
        description="The same, for writing only; wins over `properties`.",
    )

    def consumer(self) -> dict[str, Scalar]:
        """All properties for reading, secrets in the clear: hand it to the client, never to a log."""
        return self._credentials() | self.properties | self.consumer_properties | {"group.id": self.group}

    def producer(self) -> dict[str, Scalar]:
        """All properties for writing, secrets in the clear: hand it to the client, never to a log."""
        return self._credentials() | self.properties | self.producer_properties

    def _credentials(self) -> dict[str, Scalar]:
        given = {
            "sasl.username": self.sasl_username,
            "sasl.password": self.sasl_password.get_secret_value() if self.sasl_password else None,
            "ssl.key.password": self.ssl_key_password.get_secret_value() if self.ssl_key_password else None,
        }
        known: dict[str, Scalar] = {"bootstrap.servers": self.bootstrap_servers}
        return known | {name: value for name, value in given.items() if value is not None}


class SchemaRegistry(Section):
    """The schema registry, where `input.encoding` is `avro` or `protobuf`. Needs `oddflow[schema-registry]`."""

    url: str | None = Field(
        default=None,
        min_length=1,
        examples=["http://localhost:8081"],
        description="Address of a registry with Confluent's API (Apicurio has it at `/apis/ccompat/v7`); several, of"
        " one registry, are separated by commas.",
    )
    username: str | None = Field(default=None, examples=["oddflow"], description="User name, or API key.")
    password: SecretStr | None = Field(default=None, description="Password, or API secret. From the environment only.")
    password_file: Path | None = Field(
        default=None, examples=["/run/secrets/schema-registry-password"], description="File that holds the password."
    )
    timeout_s: float = Field(default=10.0, gt=0, le=600, description="Seconds to wait for an answer.")
    properties: RegistryProperties = Field(
        default={},
        examples=[{"ssl.ca.location": "/etc/ssl/registry-ca.pem"}],
        description="Any property of Confluent's Python client for the registry.",
    )

    def client(self) -> dict[str, Scalar]:
        """All properties of the client, secrets in the clear: hand it to the client, never to a log."""
        known: dict[str, Scalar] = {"url": self.url or "", "timeout": self.timeout_s}
        if self.username is not None:
            secret = self.password.get_secret_value() if self.password else ""
            known["basic.auth.user.info"] = f"{self.username}:{secret}"
        return known | self.properties
