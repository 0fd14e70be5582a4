"""Readers by schema: fetched once, refused for a while, Protobuf compiled with what it imports."""

from __future__ import annotations

import base64
import json

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from prometheus_client import CollectorRegistry

from detector.errors import ConfigurationError
from detector.records.envelopes.encoded import PayloadReader, UnusableSchemaError
from detector.schemas import protoc, readers
from detector.schemas.events import SchemaOpened, SchemaRefused
from detector.schemas.protoc import check_protoc, descriptors
from detector.schemas.readers import ASK_AGAIN_S, SchemaReaders
from detector.schemas.registry import Registered
from detector.telemetry.events import Event
from tests.telemetry.test_events import Told

RECORD = json.dumps({"type": "record", "name": "Flow", "fields": [{"name": "port", "type": "int"}]})


class Shelf:
    """Schemas by number, and how often each was asked for."""

    def __init__(self, **schemas: Registered) -> None:
        self.schemas = {int(name.removeprefix("_")): schema for name, schema in schemas.items()}
        self.asked: list[int] = []

    def fetch(self, schema_id: int) -> Registered | None:
        """Give one."""
        self.asked.append(schema_id)
        return self.schemas.get(schema_id)


class Clock:
    """Seconds, as set."""

    now = 100.0

    def __call__(self) -> float:
        """Give them."""
        return self.now


def test_a_schema_is_fetched_once() -> None:
    """However many values name a schema, it is asked for once, and told once."""
    shelf, told = Shelf(_1=Registered("AVRO", RECORD)), list[Event]()
    open_readers = SchemaReaders(shelf, "avro", told.append)
    assert [open_readers.reader(1).read(b"\x02") for _ in range(3)] == [{"port": 1}] * 3
    assert (shelf.asked, told) == ([1], [SchemaOpened(1, "avro")])


def test_a_refused_schema_is_asked_for_again_later() -> None:
    """A schema that there isn't is refused without asking for a while, and then asked for once more."""
    shelf, told, clock = Shelf(), list[Event](), Clock()
    open_readers = SchemaReaders(shelf, "avro", told.append, clock)
    for _ in range(3):
        with pytest.raises(UnusableSchemaError, match="the registry has no schema 1"):
            open_readers.reader(1)
    assert (shelf.asked, told) == ([1], [SchemaRefused(1, "the registry has no schema 1")])
    shelf.schemas[1] = Registered("AVRO", RECORD)
    clock.now += ASK_AGAIN_S
    assert open_readers.reader(1).read(b"\x02") == {"port": 1}
    assert shelf.asked == [1, 1]


def test_refusals_are_remembered_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Values that name ever other schemas cost no more memory than the bound."""
    monkeypatch.setattr(readers, "MOST_REFUSED", 10)
    open_readers = SchemaReaders(Shelf(), "avro", lambda _: None)
    for number in range(100):
        with pytest.raises(UnusableSchemaError):
            open_readers.reader(number)
    assert len(open_readers._refused) <= 10


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        (Registered("JSON", "{}"), "schema 1 is JSON, not AVRO; see input.encoding"),
        (Registered("AVRO", "{"), "schema 1: not an Avro schema"),
    ],
)
def test_other_schemas_are_refused(schema: Registered, said: str) -> None:
    """A schema of another kind, or none at all, says so."""
    with pytest.raises(UnusableSchemaError, match=said):
        SchemaReaders(Shelf(_1=schema), "avro", lambda _: None).reader(1)


def test_events_count() -> None:
    """Schemas show by result, and a registry that is away as long as it is."""
    told = Told()
    told.tell(SchemaOpened(1, "avro"))
    told.tell(SchemaRefused(2, "no schema"))
    assert (told.sample("schemas_total", result="ok"), told.sample("schemas_total", result="refused")) == (1.0, 1.0)
    assert [line["event"] for line in told.lines] == ["schema.opened", "schema.refused"]
    assert isinstance(told.registry, CollectorRegistry)


# --- Protobuf -------------------------------------------------------------------------------------------------------

FLOW = """
syntax = "proto3";
package net;
import "google/protobuf/timestamp.proto";
import "net/address.proto";
import "confluent/meta.proto";
message Flow { google.protobuf.Timestamp seen = 1; Address client = 2; }
"""
ADDRESS = 'syntax = "proto3"; package net; message Address { bytes ip = 1; }'
PAYLOAD = b"\0\x0a\x02\x08\x01\x12\x06\x0a\x04\x0a\x00\x00\x07"
READ = {"seen": "1970-01-01T00:00:01Z", "client": {"ip": "10.0.0.7"}}


def protobuf(text: str, **references: str) -> PayloadReader:
    """A reader of a Protobuf schema."""
    named = tuple((name.replace("__", "/").replace("_", "."), source) for name, source in references.items())
    schema = Registered("PROTOBUF", text, named)
    return SchemaReaders(Shelf(_1=schema), "protobuf", lambda _: None).reader(1)


def as_base64(text: str, name: str, references: dict[str, str] | None = None) -> str:
    """A schema as some serializers register it."""
    file = next(each for each in reversed(descriptors(text, references)))
    file.name = name
    return base64.b64encode(file.SerializeToString()).decode()


def test_a_schema_is_compiled_with_what_it_imports() -> None:
    """A .proto file's text is read with the files that it refers to and those that everybody knows."""
    assert protobuf(FLOW, net__address_proto=ADDRESS).read(PAYLOAD) == READ


@pytest.mark.parametrize("folder", ["type", "types"])
def test_confluent_s_own_types_are_known(folder: str) -> None:
    """A registry does not give the files of Confluent's own types: they are known, by their older name too."""
    seven = {"value": b"\x07", "precision": 1, "scale": 0}
    known = f'import "confluent/{folder}/decimal.proto";'
    text = f'syntax = "proto3"; {known} message Flow {{ confluent.type.Decimal sum = 1; }}'
    assert protobuf(text).read(b"\0\x0a\x05\x0a\x01\x07\x10\x01") == {"sum": seven}


def test_descriptors_in_base64_are_taken_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Descriptors need no compiler; nor do those of the files that they refer to."""
    plain = FLOW.replace('import "confluent/meta.proto";', "")
    flow = as_base64(plain, "flow.proto", {"net/address.proto": ADDRESS})
    address = as_base64(ADDRESS, "whatever.proto")
    monkeypatch.setattr(protoc, "_protoc", lambda: "/nowhere/protoc")
    assert protobuf(flow, net__address_proto=address).read(PAYLOAD) == READ


def test_text_and_descriptors_may_be_mixed() -> None:
    """A schema in text may refer to one in base64, and the other way round."""
    assert protobuf(FLOW, net__address_proto=as_base64(ADDRESS, "a.proto")).read(PAYLOAD) == READ
    flow = as_base64(FLOW, "flow.proto", {"net/address.proto": ADDRESS})
    with_meta = protobuf(flow, net__address_proto=ADDRESS)
    assert with_meta.read(PAYLOAD) == READ


@pytest.mark.parametrize(
    ("text", "references", "said"),
    [
        ("message {", {}, "schema 1: not a Protobuf schema: schema.proto:1:"),
        (FLOW, {}, "net/address.proto"),
        ('syntax = "proto3";', {}, "no message"),
        ("", {}, "no message"),
        (FLOW, {"..__address_proto": ADDRESS}, "no name of a file"),
        ("\0\0", {}, "not a Protobuf schema"),
    ],
)
def test_schemas_that_do_not_compile_are_refused(text: str, references: dict[str, str], said: str) -> None:
    """Text that is no schema, lacks an import or reaches out of its folder is refused, in the compiler's words."""
    with pytest.raises(UnusableSchemaError, match=said):
        protobuf(text, **references)


def test_a_compiler_that_is_not_there_is_told_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where protoc cannot be run, the start says what to install."""
    check_protoc()
    monkeypatch.setattr(protoc, "_protoc", lambda: "/nowhere/protoc")
    with pytest.raises(ConfigurationError, match=r"pip install 'oddflow\[schema-registry\]'"):
        check_protoc()


def test_the_schema_s_own_name_may_be_taken() -> None:
    """A schema that refers to a file named as ours would be is still told from it."""
    text = 'syntax = "proto3"; import "schema.proto"; message Top { net.Address client = 1; }'
    files = descriptors(text, {"schema.proto": ADDRESS})
    assert [file.message_type[0].name for file in files] == ["Address", "Top"]
    assert isinstance(files[0], FileDescriptorProto)
