"""A way that is served from a topic, with restarts, rebalances and errors in between; the topic is in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from detector.deadline import Deadline
from detector.errors import BrokerError
from detector.notify.courier import Courier
from detector.notify.desk import Desk
from detector.notify.events import CourierFailed, DocumentsUnfit, PlacesNotCommitted
from detector.notify.message import Digest, Notice
from detector.notify.retry import Outcome
from detector.settings.notify import Notify
from detector.telemetry.events import Event
from detector.transport.memory import MemorySource, MemoryTopic
from tests.kafka.world import wait_for
from tests.notify.made import AWAY, Pretended, document

PATIENCE_S = 30.0


class Post:
    """A topic, a way, and a courier between them that may be stopped and begun again."""

    def __init__(self, **chosen: Any) -> None:
        self.topic = MemoryTopic("incidents", partitions=2)
        self.way = Pretended()
        self.told: list[Event] = []
        self.chosen = Notify(messages_per_minute=1_000, settle_s=0.0, **chosen)
        self.sources: list[MemorySource] = []
        self.fails = 0
        """How often a source cannot be opened."""

    def put(self, *documents: bytes, partition: int = 0) -> None:
        """Add to the topic."""
        self.topic.extend(documents, partition)

    def _source(self) -> MemorySource:
        if self.fails:
            self.fails -= 1
            raise BrokerError("no broker answers")
        self.sources.append(MemorySource(topic=self.topic))
        return self.sources[-1]

    @contextmanager
    def served(self, *, patient: bool = True) -> Iterator[Courier]:
        """Serve it while the block runs."""
        courier = Courier(
            lambda: Desk(self.way, self.chosen, self.told.append, chance=lambda: 1.0),
            self._source,
            self.told.append,
            group="g",
            patient=patient,
        )
        courier.start()
        try:
            yield courier
        finally:
            courier.stop(Deadline.after(PATIENCE_S))
            assert not courier.running

    def wait(self, condition: Callable[[], bool]) -> None:
        """Until the condition holds."""
        wait_for(condition, PATIENCE_S)
        assert condition()

    @property
    def keys(self) -> list[str]:
        """What was sent: number of the incident, revision, and why."""
        return [
            f"{int(each.told.ours.id[-12:])} {each.why}" if isinstance(each, Notice) else "many"
            for each in self.way.sent
            if isinstance(each, Notice | Digest)
        ]


def test_what_is_sent_is_committed() -> None:
    """Documents of every partition are sent, and their places committed."""
    post = Post()
    post.put(document(1), document(1, revision=2), document(2))
    post.put(document(3), b"foreign", partition=1)
    with post.served():
        post.wait(lambda: post.topic.committed == {0: 3, 1: 2})
    assert sorted(post.keys) == ["1 opened", "2 opened", "3 opened"]
    assert [each.count for each in post.told if isinstance(each, DocumentsUnfit)] == [1]


def test_a_restart_knows_what_was_told() -> None:
    """After one, an incident that goes on is not told again, and one that got worse is."""
    post = Post()
    post.put(document(1, "medium"), document(2, "medium"))
    with post.served():
        post.wait(lambda: post.topic.committed == {0: 2})
    post.put(document(1, "medium", revision=2), document(2, "high", revision=2))
    with post.served():
        post.wait(lambda: post.topic.committed == {0: 4})
    assert post.keys == ["1 opened", "2 opened", "2 risen"]


def test_what_was_not_taken_is_sent_after_a_restart() -> None:
    """While its receiver is away nothing is committed; the next start sends it all, once."""
    post = Post()
    post.way.always = AWAY
    post.put(document(1), document(2))
    with post.served():
        post.wait(lambda: bool(post.way.tried))
    assert (post.topic.committed.get(0, 0), post.keys) == (0, [])
    post.way.always = None
    with post.served():
        post.wait(lambda: post.topic.committed == {0: 2})
    assert post.keys == ["1 opened", "2 opened"]


def test_a_partition_that_leaves_and_comes_back_is_read_anew() -> None:
    """What another reader did not take of it is sent here once it is back, and what was taken is not sent again."""
    post = Post()
    post.put(document(1))
    with post.served():
        post.wait(lambda: post.topic.committed == {0: 1})
        post.way.always = AWAY
        post.put(document(2))
        post.wait(lambda: len(post.way.tried) > 1)
        post.sources[-1].assign([1])
        post.wait(lambda: not post.sources[-1]._wanted)
        post.sources[-1].assign([0, 1])
        post.way.always = None
        post.wait(lambda: post.topic.committed.get(0) == 2)
    assert post.keys == ["1 opened", "2 opened"]


def test_what_another_reader_sent_meanwhile_is_not_sent_here() -> None:
    """A partition that leaves takes along what waits of it."""
    post = Post()
    post.way.always = AWAY
    post.put(document(1), document(2))
    with post.served():
        post.wait(lambda: bool(post.way.tried))
        post.sources[-1].assign([1])
        post.wait(lambda: not post.sources[-1]._wanted)
        post.topic.committed[0] = 2  # by whoever has it now
        post.sources[-1].assign([0, 1])
        post.wait(lambda: not post.sources[-1]._wanted)
        post.way.always = None
        post.put(document(3))
        post.wait(lambda: post.topic.committed.get(0) == 3)
    assert post.keys == ["3 opened"]


def test_a_topic_that_is_made_again_is_read_from_its_start() -> None:
    """Places in the earlier one mean nothing any more."""
    post = Post()
    post.put(document(1), document(2))
    with post.served():
        post.wait(lambda: post.topic.committed == {0: 2})
        post.topic.replace()
        post.put(document(3))
        post.wait(lambda: post.topic.committed.get(0) == 1)
    assert post.keys == ["1 opened", "2 opened", "3 opened"]


def test_errors_are_told_and_begun_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker that is away at the start, or a fault of a way, ends nothing: it goes on where it was."""
    monkeypatch.setattr("detector.notify.courier.PAUSES_S", (0.01,))
    post = Post()
    post.fails = 2
    post.put(document(1))
    faults = iter([RuntimeError("a fault")])
    deliver = post.way.deliver

    def faulty(message: Any) -> Outcome:
        for fault in faults:
            raise fault
        return deliver(message)

    monkeypatch.setattr(post.way, "deliver", faulty)
    with post.served():
        post.wait(lambda: post.topic.committed == {0: 1})
    failed = [each.error for each in post.told if isinstance(each, CourierFailed)]
    assert failed == ["BrokerError: no broker answers"] * 2 + ["RuntimeError: a fault"]
    assert post.keys == ["1 opened"]


def test_a_commit_that_fails_is_told_and_made_again() -> None:
    """What it is of is not sent again meanwhile."""
    post = Post()
    with post.served():
        post.wait(lambda: bool(post.sources))
        post.sources[-1].fail_next_commit("no right")
        post.put(document(1))
        post.wait(lambda: post.topic.committed == {0: 1})
    assert [each.error for each in post.told if isinstance(each, PlacesNotCommitted)] == [
        "committing offsets: no right"
    ]
    assert post.keys == ["1 opened"]


def test_alone_the_first_error_ends_it() -> None:
    """For a command of its own, a broker that is away at the start is an error to end with."""
    post = Post()
    post.fails = 1
    with post.served(patient=False) as courier:
        post.wait(lambda: not courier.running)
    assert str(courier.error) == "no broker answers"


def test_reading_waits_while_nothing_can_be_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """What would be too much to hold stays in the topic, and is sent once its receiver is back."""
    monkeypatch.setattr("detector.notify.desk.MOST_WAITING", 5)
    monkeypatch.setattr("detector.notify.courier.MOST_RECORDS", 5)
    post = Post()
    post.way.always = AWAY
    post.put(*map(document, range(40)))
    with post.served():
        post.wait(lambda: len(post.way.tried) >= 2)
        assert post.sources[-1]._next[0] < 40
        post.way.always = None
        post.wait(lambda: post.topic.committed == {0: 40})
    assert post.keys == [f"{number} opened" for number in range(40)]
