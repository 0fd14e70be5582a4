"""A compacted topic that is followed: what it says from its beginning, and once it is another topic."""

from __future__ import annotations

import pytest
from confluent_kafka.admin import AdminClient

from detector.transport.base import OutRecord
from detector.transport.kafka.compacted import CompactedTopic
from detector.transport.kafka.topics import Topic, ensure_topics
from tests.conftest import MakeTopic
from tests.kafka.world import wait_for
from tests.transport.arena import produce

pytestmark = [pytest.mark.kafka, pytest.mark.faults]


class Followed:
    """A topic, and what it said since it began."""

    def __init__(self, kafka: str, name: str) -> None:
        self.topic = CompactedTopic(name, {"bootstrap.servers": kafka})
        self.begins = 0
        self.values: list[bytes | None] = []

    def says(self, *values: bytes) -> bool:
        """Whether it is read whole and said this since it began."""
        came = self.topic.poll(0.2)
        if self.topic.begins != self.begins:
            self.begins, self.values = self.topic.begins, []
        self.values += [each.value for each in came]
        return self.topic.read_whole and self.values == [*values]


def test_a_topic_that_is_made_again_begins_anew(kafka: str, topic: MakeTopic) -> None:
    """Deleted and made again while it is followed, it says what the new one has, and the old one's is void."""
    name, admin = topic(), AdminClient({"bootstrap.servers": kafka, "log_level": 0})
    produce(kafka, name, [OutRecord(b"old", b"a"), OutRecord(b"older", b"b")])
    followed = Followed(kafka, name)
    wait_for(lambda: followed.says(b"old", b"older"))
    admin.delete_topics([name])[name].result(20)
    ensure_topics({"bootstrap.servers": kafka}, [Topic(name)])
    wait_for(followed.says)
    produce(kafka, name, [OutRecord(b"new", b"c")])
    wait_for(lambda: followed.says(b"new"))
    assert followed.says(b"new")
    followed.topic.close()
