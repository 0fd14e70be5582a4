"""Where a topic's partitions end, asked of the brokers every second or two, without ever waiting for the answer.

What a client learns from fetching stands still while it does not fetch: paused, or with no broker that answers. Lag
made of that alone would stay at 0 with thousands of records waiting.
"""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Mapping
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec

from detector.transport.kafka.librdkafka import QUIET, common_properties, opened

ASK_S = 1.0
"""Between an answer and the next question."""

ANSWER_S = 5.0
"""How long one question may take."""

FRESH_S = 10.0
"""How long an answer counts; brokers that gave none for so long do not answer, whatever their connections say."""

_SILENCE = {
    KafkaError._TIMED_OUT,  # noqa: SLF001 - librdkafka's own codes begin so
    KafkaError._TRANSPORT,  # noqa: SLF001
    KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001
    KafkaError._RESOLVE,  # noqa: SLF001
    KafkaError._DESTROY,  # noqa: SLF001
    KafkaError.REQUEST_TIMED_OUT,
}
"""Errors that are no answer; any other one is, such as a refusal."""

_OUTDATED = {
    KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.UNKNOWN_LEADER_EPOCH,
    KafkaError.NOT_LEADER_FOR_PARTITION,
}
"""Refusals of a client that goes on by a leader of before: after a broker's restart it would be refused for ever."""


class Ends:
    """The ends of one topic's partitions. Used from one thread, but for ``silent``."""

    def __init__(self, topic: str, properties: Mapping[str, object]) -> None:
        self._topic = topic
        self._properties = common_properties(properties)
        self._admin: AdminClient | None = None
        self._asked: dict[int, Future[Any]] = {}
        self._asked_at = 0.0
        self._ends: dict[int, tuple[int, float]] = {}
        self._silent_since: float | None = None
        self._apart_at = -math.inf

    def look(self, partitions: Collection[int]) -> None:
        """Take in what was answered, and ask again if it is time. Never waits."""
        self._harvest()
        now = time.monotonic()
        if self._asked or not partitions or now - self._asked_at < ASK_S:
            return
        if self._admin is None:
            self._admin = opened(AdminClient, {**self._properties, **QUIET, "error_cb": lambda _: None})
        latest: OffsetSpec = OffsetSpec.latest()  # type: ignore[no-untyped-call]  # a client without types
        wanted = {TopicPartition(self._topic, number): latest for number in partitions}
        self._asked_at = now
        answers = self._admin.list_offsets(wanted, request_timeout=ANSWER_S)
        self._asked = {place.partition: answer for place, answer in answers.items()}

    def _harvest(self) -> None:
        now = time.monotonic()
        for number, answer in list(self._asked.items()):
            if not answer.done():
                continue
            del self._asked[number]
            try:
                end = answer.result().offset
                silence = end < 0  # no end and no error is given where nobody was reached
            except KafkaException as error:
                code = error.args[0].code()
                end, silence = -1, code in _SILENCE
                if code in _OUTDATED:
                    self._admin = None
            if silence:
                self._silent_since = self._asked_at if self._silent_since is None else self._silent_since
                continue
            self._silent_since = None
            if end >= 0:
                self._ends[number] = (end, now)

    def of(self, partition: int) -> int | None:
        """The offset that its next record will get, as answered lately; None where that is not known."""
        end, at = self._ends.get(partition, (0, 0.0))
        return end if at and time.monotonic() - at < FRESH_S else None

    @property
    def silent(self) -> bool:
        """Whether no broker that is connected has answered for so long that none can be said to."""
        if self._silent_since is None:
            return False
        return time.monotonic() - max(self._silent_since, self._apart_at) > FRESH_S

    def apart(self) -> None:
        """No broker is connected now: that none answers is no silence of theirs, until they are back for as long."""
        self._apart_at = time.monotonic()

    def forget(self, partitions: Collection[int]) -> None:
        """Another member reads these."""
        for number in partitions:
            self._ends.pop(number, None)
            self._asked.pop(number, None)

    def close(self) -> None:
        """Ask no more."""
        self._asked.clear()
        self._ends.clear()
        self._admin = None
