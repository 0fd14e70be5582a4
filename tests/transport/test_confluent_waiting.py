"""While one commit waits for a broker that is away, everything else goes on."""

from __future__ import annotations

from threading import Thread

import pytest
from confluent_kafka import Consumer

from detector.deadline import Deadline
from detector.errors import BrokerError
from detector.transport.confluent import ConfluentSource

NOBODY = {"bootstrap.servers": "localhost:9", "group.id": "g"}


def test_a_commit_that_waits_holds_nothing_back() -> None:
    """A client that let others wait for it would stand still for good: the group is joined again only within poll."""
    source = ConfluentSource(topic="flows", properties=NOBODY)
    source._consumer, source._assigned = Consumer({**NOBODY, "log_level": 0}), {0}  # as after a start
    with pytest.raises(BrokerError, match="not answered in time"):
        source.commit({0: 70}, Deadline.after(0.1))
    told: list[object] = []
    others = Thread(target=lambda: told.extend([source.lag(), source.poll(10, 1_000, 0.1)]), daemon=True)
    others.start()
    others.join(10.0)
    assert told == [{}, None]
