"""The decoder that the settings ask for: what can be encoded, what must be installed, and a whole flow through it."""

from __future__ import annotations

import sys
from threading import Event as Flag
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from google.protobuf.message_factory import GetMessageClass
from typer.testing import CliRunner

from detector.cli import app
from detector.errors import BrokerError, ConfigurationError
from detector.pipeline.decoding import open_kafka_decoder
from detector.records.envelopes.protobuf_payloads import ProtobufReader
from detector.records.flow import Decoder
from detector.schemas.protoc import descriptors
from detector.settings.load import load_settings
from detector.telemetry.events import silent
from tests.schemas.small_registry import SmallRegistry

GOFLOW2 = """
syntax = "proto3";
package flowpb;
message FlowMessage {
  enum FlowType { FLOWUNKNOWN = 0; SFLOW_5 = 1; NETFLOW_V5 = 2; NETFLOW_V9 = 3; IPFIX = 4; }
  FlowType type = 1;
  uint64 time_received_ns = 110;
  uint64 sampling_rate = 3;
  bytes sampler_address = 11;
  uint64 time_flow_start_ns = 111;
  uint64 time_flow_end_ns = 112;
  uint64 bytes = 9;
  uint64 packets = 10;
  bytes src_addr = 6;
  bytes dst_addr = 7;
  uint32 proto = 20;
  uint32 src_port = 21;
  uint32 dst_port = 22;
  uint32 tcp_flags = 26;
}
"""


def opened(registry: str, **chosen: Any) -> Decoder:
    """A decoder by the settings' keys."""
    flags = {"schema_registry.url": registry, **{f"input.{name}": value for name, value in chosen.items()}}
    return open_kafka_decoder(load_settings(None, flags), silent, abandon=Flag(), patience_s=5.0)


def test_goflow2_s_protobuf_is_read_by_its_own_format(small_registry: SmallRegistry) -> None:
    """A flow in goflow2's Protobuf, framed, becomes what its JSON would have become."""
    number = small_registry.add("flows-value", GOFLOW2, "PROTOBUF")
    pool = ProtobufReader.open(descriptors(GOFLOW2)).pool
    record = {
        "type": "IPFIX",
        "sampling_rate": 10,
        "time_flow_start_ns": 1_700_000_000_500_000_000,
        "time_flow_end_ns": 1_700_000_002_000_000_000,
        "bytes": 1_500,
        "packets": 3,
        "src_addr": "CgAABw==",
        "dst_addr": "IAENuAAAAAAAAAAAAAAAAQ==",
        "proto": 6,
        "src_port": 50_000,
        "dst_port": 443,
        "tcp_flags": 2,
    }
    message = ParseDict(record, GetMessageClass(pool.FindMessageTypeByName("flowpb.FlowMessage"))())
    batch = opened(small_registry.url, format="goflow2", encoding="protobuf").decode(
        [b"\0" + number.to_bytes(4) + b"\0" + message.SerializeToString()]
    )
    assert batch.rejects == []
    (flow,) = batch.frame.to_dicts()
    told = {name: value for name, value in flow.items() if value is not None and name != "row"}
    assert told == {
        "ts": 1_700_000_000.5,
        "duration_s": 1.5,
        "src_ip": "10.0.0.7",
        "src_port": 50_000,
        "dst_ip": "2001:db8::1",
        "dst_port": 443,
        "proto": "tcp",
        "state": "S0",
        "src_bytes": 15_000,
        "src_packets": 30,
    }


def test_formats_of_text_cannot_be_encoded(small_registry: SmallRegistry) -> None:
    """A format whose records are no JSON objects says which ones are."""
    with pytest.raises(ConfigurationError, match=r"input.format zeek-tsv are text, not JSON; use one of zeek, zeek-js"):
        opened(small_registry.url, format="zeek-tsv", encoding="avro")


def test_a_check_of_the_settings_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    """``oddflow config check`` finds a format that cannot be encoded, without asking any registry."""
    for name, value in {"FORMAT": "argus", "ENCODING": "avro"}.items():
        monkeypatch.setenv(f"ODDFLOW_INPUT__{name}", value)
    monkeypatch.setenv("ODDFLOW_SCHEMA_REGISTRY__URL", "http://127.0.0.1:1")
    result = CliRunner().invoke(app, ["config", "check"])
    assert (result.exit_code, "argus are text" in result.stderr) == (2, True)
    monkeypatch.setenv("ODDFLOW_INPUT__FORMAT", "goflow2")
    assert CliRunner().invoke(app, ["config", "check"]).exit_code == 0


@pytest.mark.parametrize(
    ("encoding", "package", "module"),
    [
        ("avro", "fastavro", "detector.records.envelopes.avro_payloads"),
        ("protobuf", "google.protobuf", "detector.records.envelopes.protobuf_payloads"),
        ("avro", "confluent_kafka.schema_registry", "detector.schemas.registry"),
    ],
)
def test_what_is_not_installed_is_named(
    monkeypatch: pytest.MonkeyPatch, encoding: str, package: str, module: str
) -> None:
    """Without the extra, the start says what to install."""
    monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigurationError, match=r"not installed .*pip install 'oddflow\[schema-registry\]'"):
        opened("http://127.0.0.1:1", format="goflow2", encoding=encoding)


def test_a_registry_that_is_away_at_the_start(small_registry: SmallRegistry) -> None:
    """The start does not wait for a registry: it says where none answers."""
    small_registry.down()
    with pytest.raises(BrokerError, match="asking the schema registry at"):
        opened(small_registry.url, format="goflow2", encoding="avro")
