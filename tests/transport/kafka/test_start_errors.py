"""What cannot start says why in one line, with what to do, and leaves nothing behind."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from detector.deadline import Deadline
from detector.errors import BrokerError, ConfigurationError, InputError, OutputError
from detector.settings.tree import Settings
from detector.telemetry.events import Event
from detector.transport.base import Channel, OutRecord, Sink, Source
from detector.transport.choose import open_source
from detector.transport.events import TopicCreated
from detector.transport.files import FileSink, FileSource
from detector.transport.kafka.confluent import ConfluentSink, ConfluentSource
from detector.transport.kafka.kafka_python import KafkaPythonSink, KafkaPythonSource
from detector.transport.kafka.own_topics import create_missing
from detector.transport.kafka.topics import Topic, check_topics, ensure_topics
from tests.conftest import MakeTopic
from tests.transport.arena import Recorder

# The cycle collector may come upon what kafka-python's failed constructor leaves open before the fixture below does.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
NOBODY = "127.0.0.1:1"
SOURCES = pytest.mark.parametrize("kind", [ConfluentSource, KafkaPythonSource])
SINKS = pytest.mark.parametrize("kind", [ConfluentSink, KafkaPythonSink])


def _says(error: pytest.ExceptionInfo[BaseException], *parts: str) -> None:
    text = str(error.value)
    assert "\n" not in text
    assert [part for part in parts if part not in text] == []


def _read_to_the_end(source: Source) -> None:
    source.start(Recorder())
    while not source.ended:
        source.poll(10, 1000, 1.0)


@pytest.fixture(autouse=True)
def _unfinished_clients() -> Iterator[None]:
    """Let go of what kafka-python's constructor leaves open when it fails; the daemon ends with the error anyway."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.mark.kafka
@SOURCES
def test_a_missing_input_topic_is_named(kind: Callable[..., Source], kafka: str, topic: MakeTopic) -> None:
    """The error names the topic, one of nearly that name, and the command that creates it."""
    near = topic()
    source = kind(topic=f"{near}x", properties={"bootstrap.servers": kafka, "group.id": "g"})
    with pytest.raises(BrokerError) as error:
        source.start(Recorder())
    _says(error, repr(f"{near}x"), repr(near), "kafka-topics.sh", "--create")
    assert not source.connected


@pytest.mark.kafka
@SINKS
def test_a_missing_output_topic_is_named(kind: Callable[..., Sink], kafka: str, topic: MakeTopic) -> None:
    """A sink looks for all its topics at start, and names all that are missing, with the flag that makes them."""
    there = topic()
    sink = kind(
        topics={Channel.ALERTS: there, Channel.DEAD_LETTERS: "nowhere", Channel.SCORES: "neither"},
        properties={"bootstrap.servers": kafka},
    )
    with pytest.raises(BrokerError) as error:
        sink.start()
    _says(error, "'nowhere', 'neither'", "oddflow detect --create-topics", "--create ")


@SOURCES
def test_brokers_that_do_not_answer_are_named(kind: Callable[..., Source]) -> None:
    """The error names the address and the setting, after the seconds that were allowed."""
    source = kind(topic="flows", properties={"bootstrap.servers": NOBODY, "group.id": "g"}, connect_s=1.0)
    with pytest.raises(BrokerError) as error:
        source.start(Recorder())
    _says(error, NOBODY, "kafka.bootstrap_servers", "1 s")


@SINKS
def test_a_sink_without_brokers_says_so(kind: Callable[..., Sink]) -> None:
    """A sink that reaches no broker says the same."""
    sink = kind(topics={Channel.ALERTS: "alerts"}, properties={"bootstrap.servers": NOBODY}, connect_s=1.0)
    with pytest.raises(BrokerError) as error:
        sink.start()
    _says(error, NOBODY, "kafka.bootstrap_servers")


@SOURCES
def test_an_unknown_property_is_named(kind: Callable[..., Source]) -> None:
    """A property that the client does not have is an error with its name, before anything is connected."""
    source = kind(
        topic="flows", properties={"bootstrap.servers": NOBODY, "group.id": "g", "fetch.min.byte": 3}, connect_s=1.0
    )
    with pytest.raises(ConfigurationError) as error:
        source.start(Recorder())
    _says(error, "fetch.min.byte", "kafka.properties")


@SOURCES
def test_a_property_with_a_wrong_value_is_named(kind: Callable[..., Source]) -> None:
    """A value that the client does not take is an error of the settings, not of the brokers."""
    properties = {"bootstrap.servers": NOBODY, "group.id": "g", "security.protocol": "carrier pigeon"}
    with pytest.raises(ConfigurationError) as error:
        kind(topic="flows", properties=properties, connect_s=1.0).start(Recorder())
    _says(error, "kafka.properties")


def test_kafka_python_takes_no_other_assignment() -> None:
    """A strategy under which kafka-python would lose records is refused."""
    properties = {"bootstrap.servers": NOBODY, "group.id": "g", "partition.assignment.strategy": "range"}
    with pytest.raises(ConfigurationError, match="cooperative-sticky"):
        KafkaPythonSource(topic="flows", properties=properties).start(Recorder())


@pytest.mark.kafka
def test_topics_are_created_on_request_only(kafka: str, topic: MakeTopic) -> None:
    """Checking a missing topic does not create it; ensuring does, once, and leaves one that exists as it is."""
    name = f"{topic()}-new"
    properties = {"bootstrap.servers": kafka}
    with pytest.raises(BrokerError):
        check_topics(properties, [name])
    with pytest.raises(BrokerError):
        check_topics(properties, [name])
    assert ensure_topics(properties, [Topic(name, 3)]) == [name]
    assert ensure_topics(properties, [Topic(name, 5)]) == []
    assert check_topics(properties, [name]) == {name: 3}


@pytest.mark.kafka
def test_a_topic_with_a_wrong_setting_is_refused(kafka: str, topic: MakeTopic) -> None:
    """What the brokers refuse comes out with the topic's name and their reason."""
    with pytest.raises(BrokerError) as error:
        ensure_topics({"bootstrap.servers": kafka}, [Topic(f"{topic()}-odd", settings={"retention.ms": "soon"})])
    _says(error, "creating topic", "-odd")


@pytest.mark.kafka
def test_the_daemons_own_topics_are_created(kafka: str, topic: MakeTopic) -> None:
    """The topics that the settings name are created and told; of the input, a topic of nearly its name as well."""
    stem = topic()
    kinds = ("alerts", "incidents", "risk", "dead_letters", "scores")
    names = {f"{kind}_topic": f"{stem}-{kind[0]}" for kind in kinds}
    settings = Settings.model_validate(
        {
            "input": {"topic": f"{stem}-f", "partitions": 2},
            "kafka": {"bootstrap_servers": kafka},
            "output": names,
            "feedback": {"topic": f"{stem}-labels"},
            "suppression": {"topic": f"{stem}-rules"},
        }
    )
    told: list[Event] = []
    own = [f"{stem}-f", f"{stem}-labels", f"{stem}-rules"]
    assert sorted(create_missing(settings, told.append)) == sorted([*own, *names.values()])
    assert [event for event in told if isinstance(event, TopicCreated) and event.like] == [
        TopicCreated(f"{stem}-f", 2, like=stem)
    ]
    assert len(told) == len(own) + len(kinds)
    assert check_topics({"bootstrap.servers": kafka}, [f"{stem}-f", f"{stem}-d"]) == {f"{stem}-f": 2, f"{stem}-d": 1}


def test_memory_is_for_tests_only() -> None:
    """Chosen in the settings, the memory transport is refused with what to choose in its place."""
    settings = Settings.model_validate({"input": {"transport": "memory"}})
    with pytest.raises(ConfigurationError, match="confluent or files"):
        open_source(settings, lambda _: None)


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "no such file"), (b"", "empty"), (b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03abc", "compressed data")],
)
def test_an_unusable_file_is_named(tmp_path: Path, content: bytes | None, message: str) -> None:
    """A file that is missing, empty or not what it begins as is named, with what is wrong."""
    path = tmp_path / "conn.log"
    if content is not None:
        path.write_bytes(content)
    source = FileSource([path])
    with pytest.raises(InputError) as error:
        _read_to_the_end(source)
    _says(error, str(path), message)


def test_an_output_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A folder that does not exist is an error with the path and what to do, at start."""
    sink = FileSink(paths={Channel.ALERTS: tmp_path / "missing" / "alerts.jsonl"})
    with pytest.raises(OutputError) as error:
        sink.start()
    _says(error, "alerts.jsonl", "choose another path")


def test_a_full_disk_is_told_and_survived() -> None:
    """On a full disk flush says how many records wait and what to do, and they stay for the next flush."""
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    sink = FileSink(paths={Channel.ALERTS: "/dev/full"})
    sink.start()
    sink.send(Channel.ALERTS, [OutRecord(b"a"), OutRecord(b"b")])
    for _ in range(2):
        with pytest.raises(OutputError) as error:
            sink.flush(Deadline.after(1))
        _says(error, "/dev/full", "2 records not written", "make room")
    sink.stop(Deadline.after(1))
