"""A sink whose topic refuses a record for its size sends what fits of it, says so, and goes on."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable

import msgspec
import pytest

from detector.deadline import Deadline
from detector.telemetry.events import Event
from detector.transport.base import Channel, OutRecord, Sink
from detector.transport.events import OutputCut
from detector.transport.kafka.confluent import ConfluentSink
from detector.transport.kafka.kafka_python import KafkaPythonSink
from tests.conftest import MakeTopic
from tests.transport.arena import consume, values
from tests.transport.conftest import Running
from tests.transport.kafka.test_oversize import alert

pytestmark = pytest.mark.kafka
SINKS = pytest.mark.parametrize("kind", [ConfluentSink, KafkaPythonSink])
LIMIT = 20_000
FLUSH_S = 60.0


@SINKS
def test_large_among_small_is_cut_and_told(
    kind: Callable[..., Sink], kafka: str, topic: MakeTopic, running: Running
) -> None:
    """Every small record arrives whole, the large alert and dead letter cut, in one flush; both are told."""
    topics = {channel: topic(max_message_bytes=str(LIMIT)) for channel in (Channel.ALERTS, Channel.DEAD_LETTERS)}
    told: list[Event] = []
    sink = running.sink(kind(topics=topics, properties={"bootstrap.servers": kafka}, tell=told.append))
    noise, large = os.urandom(100_000), alert(5, 0)
    texts = {"unmapped": {"oddflow": {"id": "1", "flow": {"uid": os.urandom(100_000).hex()}, "vector": [0.5] * 9}}}
    sink.send(Channel.ALERTS, [*values(20), OutRecord(msgspec.json.encode(texts), b"k"), large])
    sink.send(Channel.DEAD_LETTERS, [OutRecord(b"small"), OutRecord(noise, b"key", [("oddflow.error.offset", b"9")])])
    sink.flush(Deadline.after(FLUSH_S))
    alerts = [one.value or b"" for one in consume(kafka, topics[Channel.ALERTS])]
    assert {one.value for one in values(20)} | {large.value} <= set(alerts)
    assert len(alerts) == 22
    (cut,) = [msgspec.json.decode(one) for one in alerts if len(one) > LIMIT // 2]
    assert {one["field"] for one in cut["unmapped"]["oddflow"]["cut"]} == {
        "unmapped.oddflow.vector",
        "unmapped.oddflow.flow.uid",
    }
    letters = {len(one.value or b"") > 5: one for one in consume(kafka, topics[Channel.DEAD_LETTERS])}
    assert letters[False].value == b"small"
    assert noise.startswith(letters[True].value or b"-")
    headers = dict(letters[True].headers)
    assert headers["oddflow.error.offset"] == b"9"
    assert headers["oddflow.error.value_sha256"] == hashlib.sha256(noise).hexdigest().encode()
    assert sorted(event.channel for event in told if isinstance(event, OutputCut)) == ["alerts", "dead_letters"]


@SINKS
def test_small_records_that_are_too_large_together_arrive(
    kind: Callable[..., Sink], kafka: str, topic: MakeTopic, running: Running
) -> None:
    """A batch that the topic refuses is sent one by one: nothing is cut that is small by itself."""
    name = topic(max_message_bytes="4000")
    told: list[Event] = []
    sink = running.sink(kind(topics={Channel.SCORES: name}, properties={"bootstrap.servers": kafka}, tell=told.append))
    records = [OutRecord(os.urandom(1_000)) for _ in range(12)]
    sink.send(Channel.SCORES, records)
    sink.flush(Deadline.after(FLUSH_S))
    assert {one.value for one in consume(kafka, name)} == {one.value for one in records}
    assert [event for event in told if isinstance(event, OutputCut)] == []


@SINKS
def test_in_parts_it_is_whole(kind: Callable[..., Sink], kafka: str, topic: MakeTopic, running: Running) -> None:
    """Told to send what is too large in parts, their values in order are the whole."""
    name = topic(max_message_bytes=str(LIMIT))
    told: list[Event] = []
    properties = {"bootstrap.servers": kafka}
    sink = running.sink(kind(topics={Channel.DEAD_LETTERS: name}, properties=properties, tell=told.append, whole=True))
    noise = os.urandom(70_000)
    sink.send(Channel.DEAD_LETTERS, [OutRecord(noise, b"key")])
    sink.flush(Deadline.after(FLUSH_S))
    parts = consume(kafka, name)
    assert b"".join(one.value or b"" for one in parts) == noise
    assert [dict(one.headers)["oddflow.part.number"] for one in parts] == [b"%d" % n for n in range(len(parts))]
    assert [event.parts for event in told if isinstance(event, OutputCut)] == [len(parts)]
