"""What is in force of what a topic holds."""

from __future__ import annotations

import random
from typing import Any

import pytest

from detector.suppression.topic import RuleReader, records_of, withdrawals_of
from detector.transport.base import KeyedRecord
from tests.suppression.rules import rule


def read(*messages: tuple[bytes | None, bytes | None], **place: Any) -> RuleReader:
    """What is read of messages, a millisecond apart."""
    reader = RuleReader()
    reader.take(
        KeyedRecord(key, value, **({"timestamp_ms": at, "partition": 0, "offset": at} | place))
        for at, (key, value) in enumerate(messages)
    )
    return reader


def sent(*rules: Any) -> list[tuple[bytes | None, bytes | None]]:
    """Messages that have rules in force."""
    return [(each.key, each.value) for each in records_of(rules)]


WITHDRAWN = [(each.key, each.value) for each in withdrawals_of(["r1"])]


def test_the_last_of_each_id_counts() -> None:
    """A rule that was made again takes the place of the one before; one that was withdrawn is gone."""
    longer, other = rule(days=30), rule(id="r2")
    assert read(*sent(rule(), other, longer)).rules == (longer, other)
    assert read(*sent(rule(), other), *WITHDRAWN).rules == (other,)
    assert read(*sent(rule()), *WITHDRAWN, *sent(longer)).rules == (longer,)


def test_messages_of_several_partitions_go_by_time() -> None:
    """As where two clients put one key into different partitions: whichever is read first."""
    records = [
        KeyedRecord(key, value, 1_000 * at, partition, 0)
        for at, (partition, (key, value)) in enumerate(zip([1, 0], [*sent(rule()), *WITHDRAWN], strict=True))
    ]
    for _ in range(4):
        random.shuffle(records)
        reader = RuleReader()
        reader.take(records)
        assert reader.rules == ()


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        (b"else", b"{", "partition 0 offset 1: "),
        (b"else", b'{"id": 1}', "partition 0 offset 1: id: "),
        (b"else", records_of([rule()])[0].value, "the message's key is else"),
        (None, records_of([rule()])[0].value, "the message's key is missing"),
        (b"\xff\x1b", b"\xff", "partition 0 offset 1: "),
    ],
)
def test_foreign_messages_change_no_other_rule(key: bytes | None, value: bytes, why: str) -> None:
    """They are counted, and the first of them is told."""
    reader = read(*sent(rule()), (key, value), (b"more", b"nothing"))
    assert (reader.rules, reader.read, reader.unfit) == ((rule(),), 3, 2)
    assert why in reader.why
    assert "\x1b" not in reader.why


def test_a_foreign_message_takes_the_place_of_its_key() -> None:
    """As it would once the topic is compacted: a restart changes nothing."""
    assert read(*sent(rule()), (b"r1", b"nothing")).rules == ()
