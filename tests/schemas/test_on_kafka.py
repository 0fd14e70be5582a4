"""Values that Confluent's own serializers wrote, through a schema registry and a real Kafka, to scores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from typer.testing import CliRunner

from detector.cli import app
from detector.transport.base import OutRecord
from tests.kafka.fixtures import MakeDaemon, make_daemon
from tests.kafka.world import Daemon, Outcome, simulated, wait_for
from tests.records.envelopes.test_protobuf_payloads import fields
from tests.schemas.small_registry import SmallRegistry
from tests.transport.arena import produce

__all__ = ["make_daemon"]

pytestmark = pytest.mark.kafka

FLOWS = 300

FLOW = {
    "ts": "double",
    "uid": "string",
    "orig": "string",
    "orig_p": "int32",
    "resp": "string",
    "resp_p": "int32",
    "proto": "string",
    "orig_bytes": "int64",
    "resp_bytes": "int64",
}
MAPPING = {
    "ts": "ts",
    "uid": "uid",
    "src_ip": "orig",
    "src_port": "orig_p",
    "dst_ip": "resp",
    "dst_port": "resp_p",
    "proto": "proto",
    "src_bytes": "orig_bytes",
    "dst_bytes": "resp_bytes",
}

Record = dict[str, Any]


def records() -> list[Record]:
    """Simulated flows as records."""
    flows = [msgspec.json.decode(value) for value in simulated(FLOWS)]
    names = {"orig": "id.orig_h", "orig_p": "id.orig_p", "resp": "id.resp_h", "resp_p": "id.resp_p"}
    empty = {"string": "", "double": 0.0}
    return [
        {name: flow.get(names.get(name, name)) or empty.get(kind, 0) for name, kind in FLOW.items()} for flow in flows
    ]


def avro_schema() -> str:
    """The flow in Avro."""
    words = {"int32": "int", "int64": "long"}
    each = [{"name": name, "type": words.get(kind, kind)} for name, kind in FLOW.items()]
    return json.dumps({"type": "record", "name": "Flow", "namespace": "net", "fields": each})


def avro_serializer(client: SchemaRegistryClient) -> Any:
    """Confluent's, which registers the schema with the first value."""
    return AvroSerializer(client, avro_schema())


def protobuf_serializer(client: SchemaRegistryClient) -> Any:
    """Confluent's, for a message made here."""
    file = FileDescriptorProto(name="net/flow.proto", package="net", syntax="proto3")
    fields(file.message_type.add(name="Flow"), **FLOW)
    pool = DescriptorPool()
    pool.Add(file)
    message = GetMessageClass(pool.FindMessageTypeByName("net.Flow"))
    serializer: Any = ProtobufSerializer(message, client, {"use.deprecated.format": False})
    return lambda record, context: serializer(message(**record), context)


SERIALIZERS = {"avro": avro_serializer, "protobuf": protobuf_serializer}


def client_of(registry: str) -> SchemaRegistryClient:
    """Confluent's client, which asks again instead of waiting without end for an answer that was lost."""
    return SchemaRegistryClient({"url": registry, "timeout": 20})


def serialized(encoding: str, registry: str, topic: str) -> list[bytes]:
    """The records as Confluent's serializer writes them, their schema registered."""
    context = SerializationContext(topic, MessageField.VALUE)
    with client_of(registry) as client:
        serialize = SERIALIZERS[encoding](client)
        return [bytes(serialize(record, context)) for record in records()]


@pytest.fixture(params=["small", pytest.param("real", marks=pytest.mark.slow)])
def registry(request: pytest.FixtureRequest) -> str:
    """Address of a registry: the tests' own, and a real one."""
    found = request.getfixturevalue(f"{request.param}_registry")
    return found.url if isinstance(found, SmallRegistry) else found


def encoded_daemon(make: MakeDaemon, encoding: str, registry: str) -> Daemon:
    """A daemon that reads values of that encoding."""
    return make(
        input={"format": "mapping", "encoding": encoding, "mapping": MAPPING}, schema_registry={"url": registry}
    )


@pytest.mark.parametrize("encoding", SERIALIZERS)
def test_what_confluent_s_serializers_write_is_scored(
    make_daemon: MakeDaemon, kafka: str, registry: str, encoding: str
) -> None:
    """Every flow is scored under its place, and what does not decode is a dead letter with its exact bytes."""
    daemon = encoded_daemon(make_daemon, encoding, registry)
    values = serialized(encoding, registry, daemon.topics.flows)
    poison = [values[0][:20], b"{}", b"\0\xff\xff\xff\xff", b"\0\0", values[0][:5] + b"\xff" * 30]
    everything = [*values[:100], *poison, *values[100:]]
    produce(kafka, daemon.topics.flows, [OutRecord(value) for value in everything])
    daemon.start()
    daemon.wait_until_handled(len(everything))
    scraped = daemon.scrape()
    assert daemon.stop() == 0
    outcome = Outcome.read(kafka, daemon.topics)
    assert outcome.places() == {(0, offset): 1 for offset in range(len(everything))}
    assert [score["uid"] for score in outcome.scores] == [record["uid"] for record in records()]
    assert [letter.value for letter in outcome.dead_letters] == poison
    reasons = [dict(letter.headers)["oddflow.error.reason"] for letter in outcome.dead_letters]
    assert reasons == [b"bad_encoding", b"bad_encoding", b"bad_schema", b"bad_encoding", b"bad_encoding"]
    assert scraped.total("oddflow_stage_records_in_total", stage="poll") == len(everything)
    assert scraped.total("oddflow_schemas_total", result="ok") == 1
    assert scraped.total("oddflow_schemas_total", result="refused") == 1


def test_commands_read_encoded_topics(
    make_daemon: MakeDaemon, kafka: str, small_registry: SmallRegistry, tmp_path: Path
) -> None:
    """``oddflow score --topic`` reads an encoded topic by the daemon's settings; without the registry it says so."""
    daemon = encoded_daemon(make_daemon, "avro", small_registry.url)
    topic = daemon.topics.flows
    values = serialized("avro", small_registry.url, topic)
    produce(kafka, topic, [OutRecord(value) for value in [*values, b"{}"]])
    config, output = daemon.folder / "score.toml", tmp_path / "scores.jsonl"
    mapping = ", ".join(f'{name} = "{field}"' for name, field in MAPPING.items())
    config.write_text(
        f'[input]\nformat = "mapping"\nencoding = "avro"\nmapping = {{ {mapping} }}\n'
        f'[kafka]\nbootstrap_servers = "{kafka}"\n[schema_registry]\nurl = "{small_registry.url}"\n'
        f'[model]\nregistry = "{daemon.registry}"\n'
    )
    command = ["score", "--config", str(config), "--topic", topic, "--output", str(output)]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.stderr
    uids = [json.loads(line)["uid"] for line in output.read_text().splitlines()]
    assert sorted(uids) == sorted(record["uid"] for record in records())
    small_registry.down()
    result = CliRunner().invoke(app, command)
    assert (result.exit_code, "asking the schema registry at" in result.stderr) == (4, True)


def test_records_wait_for_a_registry_that_is_away(
    make_daemon: MakeDaemon, kafka: str, small_registry: SmallRegistry
) -> None:
    """While the registry is away nothing is dead-lettered and nothing is lost; back, everything is scored."""
    daemon = encoded_daemon(make_daemon, "avro", small_registry.url)
    values = serialized("avro", small_registry.url, daemon.topics.flows)
    daemon.start()
    small_registry.down()
    produce(kafka, daemon.topics.flows, [OutRecord(value) for value in values])
    wait_for(lambda: daemon.total("oddflow_schema_registry_lost") == 1)
    assert daemon.total("oddflow_in_flight_records") == len(values)
    small_registry.up()
    daemon.wait_until_handled(len(values))
    assert daemon.stop() == 0
    outcome = Outcome.read(kafka, daemon.topics)
    assert (len(outcome.scores), outcome.dead_letters) == (len(values), [])
    assert [len(daemon.events(f"schema_registry.{what}")) for what in ("lost", "restored")] == [1, 1]


def test_it_stops_while_the_registry_is_away(
    make_daemon: MakeDaemon, kafka: str, small_registry: SmallRegistry
) -> None:
    """Told to end while records wait for the registry, it ends by itself; they are read after the next start."""
    daemon = encoded_daemon(make_daemon, "avro", small_registry.url)
    daemon.settings["shutdown"] = {"deadline_s": 3.0}
    values = serialized("avro", small_registry.url, daemon.topics.flows)
    daemon.start()
    small_registry.down()
    produce(kafka, daemon.topics.flows, [OutRecord(value) for value in values])
    wait_for(lambda: daemon.total("oddflow_schema_registry_lost") == 1)
    assert daemon.stop() == 0
    small_registry.up()
    daemon.start()
    daemon.wait_until_handled(len(values))
    assert daemon.stop() == 0
    assert Outcome.read(kafka, daemon.topics).scored() == {(0, offset): 1 for offset in range(len(values))}


@pytest.mark.slow
def test_a_real_registry_knows_its_own_errors(real_registry: str) -> None:
    """The real registry's word for a schema that there isn't is the one that is understood."""
    from threading import Event as Flag  # noqa: PLC0415

    from detector.schemas.registry import SchemaRegistry  # noqa: PLC0415
    from detector.telemetry.events import silent  # noqa: PLC0415

    with client_of(real_registry) as client:
        deep = client.register_schema("deep", Schema('{"type": "fixed", "name": "net.Address", "size": 4}', "AVRO"))
    asked = SchemaRegistry({"url": real_registry}, tell=silent, abandon=Flag(), patience_s=5.0)
    asked.check()
    assert asked.fetch(999_999) is None
    found = asked.fetch(deep)
    assert found is not None
    assert (found.kind, json.loads(found.text)["size"]) == ("AVRO", 4)
