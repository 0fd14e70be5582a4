"""Looks at a topic every few seconds: its id and how many partitions it has, by Kafka's Metadata request.

librdkafka's consumer tells neither: it goes on at the same offset in a topic that was made again under the same name.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._topic import TopicDescription

from detector.transport.kafka.librdkafka import QUIET, common_properties, opened
from detector.transport.kafka.positions import Identity

LOOK_S = 2.0
"""How often to look; half of it and the brokers' answer pass, on average, before a change is seen."""


class TopicWatch:
    """Asks with a client of its own, without waiting: ``look`` gives an answer where one has come."""

    def __init__(self, topic: str, properties: Mapping[str, object]) -> None:
        self._topic = topic
        self._admin = opened(AdminClient, {**QUIET, **common_properties(properties)})
        self._answer: Future[TopicDescription] | None = None
        self._asked_at = 0.0

    def look(self) -> Identity | None:
        """The topic as it is, where that was asked and answered since the last call; None otherwise."""
        if self._answer is not None and self._answer.done():
            answer, self._answer = self._answer, None
            return _identity(answer)
        if self._answer is None and time.monotonic() - self._asked_at >= LOOK_S:
            self._ask()
        return None

    def wait(self, timeout_s: float) -> Identity | None:
        """Ask, and wait for the answer; None if there is none in time."""
        self._ask()
        answer, self._answer = self._answer, None
        return None if answer is None else _identity(answer, timeout_s)

    def _ask(self) -> None:
        self._asked_at = time.monotonic()
        asked: dict[str, Future[TopicDescription]] = self._admin.describe_topics(TopicCollection([self._topic]))
        self._answer = asked[self._topic]


def _identity(answer: Future[TopicDescription], timeout_s: float = 0.0) -> Identity | None:
    try:
        found = answer.result(timeout_s)
    except FutureTimeoutError:
        return None
    except KafkaException as error:
        missing = error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART
        return Identity() if missing else None
    return Identity.of_bytes(base64.b64decode(f"{found.topic_id}=="), len(found.partitions))
