"""How large a message each output topic takes, learnt only once one was refused for its size."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from detector.telemetry.events import Tell
from detector.transport.base import Channel, OutRecord
from detector.transport.events import OutputCut, OutputDropped
from detector.transport.kafka.oversize import LEAST_BYTES, fitted, in_parts, sent_bytes

DEFAULT_BYTES = 1_048_588
"""Kafka's own ``max.message.bytes``, where the topic's cannot be asked for."""

FRESH_S = 60.0
"""A topic's setting is asked for anew after so long: an operator may have raised it."""


class Sizes:
    """Fits refused records to their topics. ``asked`` gives a topic's limit, None where that is not told.

    With ``in_parts`` they are sent whole, in parts; otherwise they are cut. ``own_bytes`` is the client's limit.
    """

    def __init__(self, asked: Callable[[str], int | None], tell: Tell, *, own_bytes: int, whole: bool) -> None:
        self._asked = asked
        self._tell = tell
        self._own_bytes = own_bytes
        self._whole = whole
        self._limits: dict[str, tuple[int, float]] = {}

    def limit(self, topic: str) -> int:
        """What the topic takes, in bytes, as far as is known."""
        limit, at = self._limits.get(topic, (0, 0.0))
        if not limit or time.monotonic() - at > FRESH_S:
            limit = min(self._asked(topic) or DEFAULT_BYTES, self._own_bytes)
            self._limits[topic] = limit, time.monotonic()
        return limit

    def refused(self, topic: str, record: OutRecord) -> None:
        """Note that a record was refused alone: where it was within the limit, that is lower than was thought."""
        if (size := sent_bytes(record)) <= self.limit(topic):
            self._limits[topic] = size // 2, time.monotonic()

    def fit(self, channel: Channel, topic: str, record: OutRecord) -> Sequence[OutRecord]:
        """Give what to send in a refused record's place: itself if it is small, or it cut, or its parts.

        Nothing where nothing of it could go: that is told, since waiting would hold everything else back for ever.
        """
        limit = self.limit(topic)
        if (size := sent_bytes(record)) <= limit:
            return [record]
        if limit < LEAST_BYTES:
            self._tell(OutputDropped(channel, topic, size, f"the topic takes {limit} bytes at most"))
            return []
        try:
            sent = in_parts(record, limit) if self._whole else [fitted(channel, record, limit)]
        except ValueError as error:
            self._tell(OutputDropped(channel, topic, size, str(error)))
            return []
        self._tell(OutputCut(channel, topic, size, limit, parts=len(sent) if self._whole else 0))
        return sent
