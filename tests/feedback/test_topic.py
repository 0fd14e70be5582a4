"""Labels on their topic: sent by any sink, read from any source, foreign documents told."""

from __future__ import annotations

from detector.deadline import Deadline
from detector.feedback.label import Of
from detector.feedback.latest import weigh
from detector.feedback.topic import LabelReader, records_of
from detector.transport.base import Channel
from detector.transport.memory import MemorySink, MemorySource, MemoryTopic
from tests.feedback.labels import START, label, uid, withdrawal
from tests.transport.arena import Recorder

LABELS = (label("true", id="a"), label("false", id="b", at=3), label("true", id="c", of={"alert": uid(7)}))


def test_what_is_sent_is_read() -> None:
    """Labels that went through a topic are the same, each with its offset and the time at which it came."""
    sink, topic, reader = MemorySink(channels=[Channel.FEEDBACK]), MemoryTopic(partitions=1), LabelReader()
    sink.start()
    sink.send(Channel.FEEDBACK, records_of(LABELS))
    sink.flush(Deadline.after(1))
    for record in sink.records[Channel.FEEDBACK]:
        topic.append(record.value, key=record.key, timestamp_ms=5_000)
    source = MemorySource(topic=topic)
    source.start(Recorder(source))
    while (raw := source.poll(2, 1 << 20, 0.01)) is not None:
        reader.take_batch(raw)
    assert [(word.label, word.place, word.came) for word in reader.words] == [
        (one, place, 5.0) for place, one in enumerate(LABELS)
    ]


def test_all_of_one_thing_stay_in_order() -> None:
    """Labels of one incident have one key, so that Kafka keeps them in one partition."""
    first, again, other = (record.key for record in records_of(LABELS))
    assert first == again != other


def test_foreign_documents_are_told() -> None:
    """What is no label is counted, with the first reason, and costs no label beside it; deletions are passed over."""
    reader, (good, away) = LabelReader(), records_of([label(), withdrawal("gone")])
    documents = [b"nonsense", None, good.value, b" ", b'{"class_uid":2004}', away.value]
    reader.take(documents, START.timestamp())
    assert (reader.parsed.read, reader.parsed.unfit, len(reader.words)) == (4, 2, 2)
    assert reader.parsed.why.startswith("JSON is malformed")
    assert weigh(reader.words).verdict(Of(incident=uid(1))) == "false"
