"""A start that fails for its security settings says which it is, and names the setting."""

from __future__ import annotations

import gc
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin._acl import AclOperation
from confluent_kafka.admin._resource import ResourceType

from detector.errors import BrokerError
from detector.transport.base import Channel, Sink, Source
from detector.transport.kafka.confluent import ConfluentSink, ConfluentSource
from detector.transport.kafka.kafka_python import KafkaPythonSink, KafkaPythonSource
from detector.transport.kafka.topics import Topic, ensure_topics
from tests.transport.arena import Recorder
from tests.transport.guarded import PASSWORD, GuardedKafka, right
from training.demo.ports import free_port

pytestmark = [
    pytest.mark.kafka,
    # kafka-python's constructor leaves its sockets open when it fails; the daemon ends with the error anyway.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]
CONNECT_S = 5.0
SOURCES = pytest.mark.parametrize("source", [ConfluentSource, KafkaPythonSource])
CLIENTS = pytest.mark.parametrize(
    ("source", "sink"), [(ConfluentSource, ConfluentSink), (KafkaPythonSource, KafkaPythonSink)]
)
Secure = tuple["SecureKafka", Path]


@pytest.fixture(autouse=True)
def _unfinished_clients() -> Iterator[None]:
    """Let go of those sockets here, and not in another test."""
    yield
    gc.collect()


class SecureKafka(GuardedKafka):
    """With one listener more, by TLS, that wants client certificates."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "kafka")
        self._certificates = folder
        self.tls = f"localhost:{free_port()}"

    def _settings(self, node: Any, nodes: Any) -> dict[str, str]:
        known = super()._settings(node, nodes)
        return known | {
            "listeners": f"{known['listeners']},TLS://{self.tls}",
            "advertised.listeners": f"{known['advertised.listeners']},TLS://{self.tls}",
            "listener.security.protocol.map": f"{known['listener.security.protocol.map']},TLS:SSL",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self._certificates / "broker.pem"),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self._certificates / "ca.crt"),
            "ssl.client.auth": "required",
        }


def certificates(folder: Path) -> None:
    """Make an authority, another one, and the broker's certificate by the first, for localhost only."""
    (folder / "san").write_text("subjectAltName=DNS:localhost\n")
    commands = [
        f"req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={name} -keyout {name}.key -out {name}.crt"
        for name in ("ca", "other")
    ]
    commands += [
        "req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout broker.key -out broker.csr",
        "x509 -req -in broker.csr -CA ca.crt -CAkey ca.key -days 2 -extfile san -out broker.crt",
    ]
    for command in commands:
        subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)  # noqa: S607
    (folder / "broker.pem").write_text((folder / "broker.key").read_text() + (folder / "broker.crt").read_text())


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SecureKafka, Path]]:
    """That Kafka, with a topic ``flows``, and where its certificates are."""
    folder = tmp_path_factory.mktemp("secure")
    certificates(folder)
    with SecureKafka(folder) as kafka:
        ensure_topics({"bootstrap.servers": kafka.bootstrap_servers}, [Topic("flows"), Topic("alerts")])
        kafka.allow(
            right("reader", AclOperation.READ, ResourceType.TOPIC, "flows"),
            right("reader", AclOperation.DESCRIBE, ResourceType.TOPIC, "alerts"),
        )
        yield kafka, folder


def said(kind: Callable[..., Source], properties: Mapping[str, object]) -> str:
    """What a source's start says, on one line."""
    source = kind(topic="flows", properties={"group.id": "g", **properties}, connect_s=CONNECT_S)
    with pytest.raises(BrokerError) as error:
        source.start(Recorder())
    assert "\n" not in str(error.value)
    return str(error.value)


def as_user(kafka: SecureKafka, name: str, password: str = PASSWORD) -> dict[str, object]:
    """The properties of a user of the SASL listener."""
    return {
        "bootstrap.servers": kafka.sasl,
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "PLAIN",
        "sasl.username": name,
        "sasl.password": password,
    }


@SOURCES
def test_each_fault_of_tls_is_named(secure: Secure, source: Callable[..., Source]) -> None:
    """A wrong authority, a wrong host name, no client certificate, TLS to no TLS and the reverse are told apart."""
    kafka, folder = secure
    tls = {"bootstrap.servers": kafka.tls, "security.protocol": "SSL", "ssl.ca.location": str(folder / "ca.crt")}
    assert "set kafka.properties: ssl.ca.location" in said(
        source, {**tls, "ssl.ca.location": str(folder / "other.crt")}
    )
    by_address = {**tls, "bootstrap.servers": kafka.tls.replace("localhost", "127.0.0.1")}
    assert "for another host name" in said(source, by_address)
    assert "ssl.certificate.location" in said(source, tls)
    assert "speaks no TLS" in said(source, {**tls, "bootstrap.servers": kafka.bootstrap_servers})
    assert "speaks TLS" in said(source, {"bootstrap.servers": kafka.tls})


@SOURCES
def test_other_faults_of_a_start_are_named(secure: Secure, source: Callable[..., Source]) -> None:
    """A refused connection, an unknown host, a wrong password and no password are told apart, with the setting."""
    kafka, _ = secure
    assert "refused: nothing listens" in said(source, {"bootstrap.servers": "127.0.0.1:1"})
    assert "name is unknown" in said(source, {"bootstrap.servers": "no-such-host.invalid:9092"})
    assert "kafka.sasl_password_file" in said(source, as_user(kafka, "weak", "wrong"))
    assert "security.protocol to SASL_SSL" in said(source, {"bootstrap.servers": kafka.sasl})


@CLIENTS
def test_a_missing_acl_is_named(secure: Secure, source: Callable[..., Source], sink: Callable[..., Sink]) -> None:
    """A hidden topic, a forbidden group and an output that cannot be written to say which ACL is missing."""
    kafka, _ = secure
    assert "lacks the ACL: Describe and Read" in said(source, as_user(kafka, "weak"))
    assert "lacks the ACL Read for the group" in said(source, as_user(kafka, "reader"))
    for user in ("weak", "reader"):
        output = sink(topics={Channel.ALERTS: "alerts"}, properties=as_user(kafka, user), connect_s=CONNECT_S)
        with pytest.raises(BrokerError, match=r"'alerts'.*Describe and Write for outputs"):
            output.start()
