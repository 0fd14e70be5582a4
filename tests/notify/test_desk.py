"""What waits, and what becomes of it: by a clock that goes when it is told to."""

from __future__ import annotations

from typing import Any

import pytest

from detector.notify.desk import MOST_WAITING, Desk
from detector.notify.events import AttemptFailed, Gathered, MessageSent, WaitingSeen
from detector.notify.message import Digest, Notice, Place
from detector.notify.retry import LONGEST_S, Outcome
from detector.settings.notify import Notify
from detector.telemetry.events import Event
from tests.casebook.documents import ecs
from tests.notify.made import AWAY, Clock, Pretended, document

REFUSED = Outcome("refused", "answered 403", "refused")
UNFIT = Outcome("unfit", "answered 400", "refused")


class Table:
    """A desk, its way, its clock and what it told."""

    def __init__(self, *outcomes: Outcome, **chosen: Any) -> None:
        self.way, self.clock, self.told = Pretended(*outcomes), Clock(), list[Event]()
        self.desk = Desk(
            self.way,
            Notify(**{"settle_s": 0.0, **chosen}),
            self.told.append,
            now=self.clock,
            clock=self.clock,
            chance=lambda: 0.0,
        )
        self.offset = 0

    def put(self, count: int = 1, **changes: Any) -> None:
        """Documents of incidents of their own, that come now."""
        for _ in range(count):
            self.desk.take(document(self.offset, **changes), Place(0, self.offset, self.clock.at))
            self.offset += 1

    def work(self, seconds: float = 0.0) -> None:
        """Let time pass, second by second, with all steps that are due."""
        until = self.clock.at + seconds
        while True:
            while self.desk.step():
                pass
            if self.clock.at >= until:
                return
            self.clock.at += 1.0

    @property
    def sent(self) -> list[str]:
        """Numbers of incidents that were sent, and how many were sent together."""
        return [
            f"{len(each.ids)} together" if isinstance(each, Digest) else each.told.ours.id[-3:].lstrip("0") or "0"
            for each in self.way.sent
            if isinstance(each, Notice | Digest)
        ]

    def events(self, kind: type[Any]) -> list[Any]:
        """Those of a kind."""
        return [each for each in self.told if isinstance(each, kind)]


def test_each_incident_is_sent_in_order() -> None:
    """Below the bound a minute each is a message, and then all is settled."""
    table = Table()
    table.put(3)
    assert table.desk.positions() == {0: 0}
    table.work()
    assert (table.sent, table.desk.positions(), table.desk.idle) == (["0", "1", "2"], {0: 3}, True)


def test_what_changes_while_a_message_waits_is_in_it() -> None:
    """A message waits for its incident to settle: then one says what it has become, and its places are settled."""
    table = Table(settle_s=10.0)
    for offset, (number, severity, step) in enumerate(
        [(1, "medium", "open"), (2, "medium", "open"), (1, "high", "update"), (1, "critical", "update")]
    ):
        made = document(number, severity, step=step, revision=offset + 1)
        table.desk.take(made, Place(0, offset, table.clock.at))
    table.work(9)
    assert (table.sent, table.desk.positions(), table.desk.wait_s()) == ([], {0: 0}, 1.0)
    table.work(1)
    told = [(each.key[-3:], each.why, each.told.severity) for each in table.way.sent if isinstance(each, Notice)]
    assert told == [("1:4", "opened", "critical"), ("2:2", "opened", "medium")]
    assert table.desk.positions() == {0: 4}


def test_an_incident_that_goes_on_does_not_put_its_message_off() -> None:
    """It waits from its first document on, whatever comes after it."""
    table = Table(settle_s=10.0)
    for revision, severity in enumerate(("medium", "high", "critical"), 1):
        table.desk.take(document(1, severity, revision=revision), Place(0, revision, table.clock.at))
        table.work(4)
    assert table.sent == ["1"]


def test_an_incident_that_is_over_before_it_is_told_is_one_message() -> None:
    """Opening and end in one say that it is over; a rise after a message that was sent is a message of its own."""
    table = Table(settle_s=10.0, ended=True)
    table.desk.take(document(1), Place(0, 0, table.clock.at))
    table.desk.take(document(1, step="close", revision=2), Place(0, 1, table.clock.at))
    table.work(10)
    table.desk.take(document(2, "medium"), Place(0, 2, table.clock.at))
    table.work(10)
    table.desk.take(document(2, "high", revision=2), Place(0, 3, table.clock.at))
    table.work(10)
    assert [each.why for each in table.way.sent if isinstance(each, Notice)] == ["ended", "opened", "risen"]


def test_what_is_beyond_the_bound_goes_together() -> None:
    """Of 40 in a minute at most ten messages go out: nine alone, the rest in one a minute later."""
    table = Table()
    table.put(40)
    table.work(59)
    assert (table.sent, table.desk.positions()) == ([str(n) for n in range(9)], {0: 9})
    table.work(1)
    assert (table.sent[9:], table.desk.positions()) == (["31 together"], {0: 40})
    assert [each.why for each in table.events(Gathered)] == ["rate"] * 31


def test_no_minute_has_more_messages_than_allowed() -> None:
    """Whatever comes when, in no 60 seconds are there more messages than the setting says; none is lost."""
    table, times = Table(messages_per_minute=4), list[float]()
    for second in range(400):
        table.put(second % 3)
        before = len(table.way.sent)
        table.work()
        times += [table.clock.at] * (len(table.way.sent) - before)
        table.clock.at += 1.0
    table.work(61)
    assert max(sum(start <= each < start + 60 for each in times) for start in times) == 4
    incidents = sum(len(each.ids) if isinstance(each, Digest) else 1 for each in table.way.sent)
    assert incidents == table.offset


def test_a_receiver_that_is_away_is_tried_for_ever_and_catches_up() -> None:
    """Pauses double up to a bound; when it is back, what waited is sent in order, and nothing is given up."""
    table = Table(most_age_s=1e6)
    table.way.always = AWAY
    table.put(2)
    table.work(3_000)
    pauses = [each.again_in_s for each in table.events(AttemptFailed)]
    assert pauses[:10] == [1, 2, 4, 8, 16, 32, 64, 128, 256, LONGEST_S]
    assert (table.desk.positions(), table.desk.given_up, set(pauses[10:])) == ({0: 0}, 0, {LONGEST_S})
    table.way.always = None
    table.work(LONGEST_S)
    assert (table.sent, table.desk.positions()) == (["0", "1"], {0: 2})
    assert [each.attempts for each in table.events(MessageSent)] == [len(pauses) + 1, 1]


def test_what_waited_for_too_long_goes_together() -> None:
    """After an outage longer than ``most_age_s`` there is one message about all that waited, and fresh ones alone."""
    table = Table(most_age_s=600)
    table.way.always = AWAY
    table.put(20)
    table.work(900)
    table.way.always = None
    table.put(1)
    table.work(LONGEST_S + 60)
    assert sorted(table.sent) == ["20", "20 together"]
    assert (table.desk.positions(), table.desk.idle) == ({0: 21}, True)
    assert {each.why for each in table.events(Gathered)} == {"age"}


def test_a_message_that_is_refused_for_itself_does_not_hold_up_others() -> None:
    """One that its receiver calls unfit is given up at once, and told; the next one goes out."""
    table = Table(UNFIT)
    table.put(2)
    table.work()
    (failed,) = table.events(AttemptFailed)
    assert (table.sent, failed.given_up, table.desk.given_up) == (["1"], True, 1)
    assert failed.key.startswith("00000000-0000-0000-0000-000000000000:1")
    assert table.desk.positions() == {0: 2}


def test_a_receiver_that_takes_nothing_is_given_up_after_a_time() -> None:
    """Where a token is wrong it is tried for ``most_age_s``, in which somebody may mend it, and not for ever."""
    table = Table(most_age_s=600)
    table.way.always = REFUSED
    table.desk.take(document(0), Place(0, 0, None))
    table.work(599)
    assert (table.desk.given_up, table.desk.positions()) == (0, {0: 0})
    table.work(LONGEST_S)
    assert (table.desk.given_up, table.desk.positions()) == (1, {0: 1})


def test_a_receiver_is_left_alone_for_as_long_as_it_asks() -> None:
    """``Retry-After`` is kept to, for all messages."""
    table = Table(Outcome("later", "answered 429", "throttled", 120.0))
    table.put(2)
    table.work(119)
    assert len(table.way.tried) == 1
    table.work(1)
    assert table.sent == ["0", "1"]


def test_a_receiver_that_asks_for_no_pause_gets_one() -> None:
    """``Retry-After: 0`` does not have it asked as fast as it can answer; nor does it wait as long as for silence."""
    table = Table(*[Outcome("later", "answered 429", "throttled", 0.0)] * 6)
    table.put()
    table.work(6)
    assert [each.again_in_s for each in table.events(AttemptFailed)] == [1.0] * 6
    assert table.sent == ["0"]


def test_it_takes_no_more_than_it_may_hold() -> None:
    """While its receiver is away it says when it is full; the rest waits in the topic."""
    table = Table(most_age_s=1e6)
    table.way.always = AWAY
    table.put(MOST_WAITING - 1)
    assert not table.desk.full
    table.put()
    assert table.desk.full


def test_documents_before_its_place_are_only_remembered() -> None:
    """After a restart what was told before is not told again, and a rise since then is."""
    table = Table()
    table.desk.take(document(1, "medium"), Place(0, 5, 0.0), known=True)
    table.desk.take(document(1, "medium", revision=2), Place(0, 6, table.clock.at))
    table.desk.take(document(1, "high", revision=3), Place(0, 7, table.clock.at))
    table.work()
    assert [each.why for each in table.way.sent if isinstance(each, Notice)] == ["risen"]
    assert table.desk.positions() == {0: 8}


def test_partitions_that_went_are_read_anew_when_they_come_back() -> None:
    """What was not sent of a partition that went away is sent by whoever has it then: here, once it comes back."""
    table = Table(AWAY)
    table.put(1)
    table.work()
    table.desk.forget([0])
    assert (table.desk.idle, table.desk.positions()) == (True, {})
    table.desk.take(document(0), Place(0, 0, table.clock.at))
    table.work(5)
    assert (table.sent, table.desk.positions()) == (["0"], {0: 1})


@pytest.mark.parametrize("value", [None, b"", b"  ", b"{}", b"\xff", b"[1]", b'{"unmapped": {"oddflow": {"id": "x"}}}'])
def test_what_is_no_incident_is_passed_over(value: bytes | None) -> None:
    """Foreign documents on the topic are passed over, and their places settled."""
    table = Table()
    table.desk.take(value, Place(0, 0, 0.0))
    table.work()
    assert (table.sent, table.desk.positions()) == ([], {0: 1})


@pytest.mark.parametrize(
    "made",
    [
        document(0).replace(b'"class_uid": 2005', b'"class_uid": 2004, "status_id": 3'),
        document(0, suppressed_by=["backup"]),
        ecs(revision=1, step="open", suppressed_by=["backup"]),
    ],
)
def test_a_suppressed_incident_is_not_sent(made: bytes) -> None:
    """OCSF's status 3, Suppressed, and in both shapes the ids of suppressions, send nothing."""
    assert made.count(b'"status_id": 3') + made.count(b"backup") == 1
    table = Table()
    table.desk.take(made, Place(0, 0, table.clock.at))
    table.work()
    assert (table.sent, table.desk.positions()) == ([], {0: 1})


def test_incidents_in_the_shape_of_ecs_are_sent() -> None:
    """Both shapes of documents make messages."""
    table = Table()
    table.desk.take(ecs(revision=1, step="open"), Place(0, 0, table.clock.at))
    table.work()
    assert len(table.way.sent) == 1


def test_it_shows_for_how_long_the_oldest_waits() -> None:
    """While nothing is taken the age of the oldest message is told, and 0 once all is sent."""
    table = Table(most_age_s=1e6)
    table.way.always = AWAY
    table.put(1)
    table.work(500)
    assert table.events(WaitingSeen)[-1].seconds == 500.0
    table.way.always = None
    table.work(LONGEST_S)
    assert table.events(WaitingSeen)[-1].seconds == 0.0
