"""What is made of what brokers say about the topic that is read."""

from __future__ import annotations

from detector.transport.events import TopicFound, TopicMissing, TopicReplaced
from detector.transport.kafka.positions import Commit, Identity, Positions, Span


def test_a_topic_that_a_broker_did_not_know_for_a_moment_is_found_again() -> None:
    """Missing is told once, and found once the same topic is seen; so no rule goes on firing for a passing answer."""
    told: list[object] = []
    positions = Positions("flows", "earliest", told.append)
    positions.notice(Identity("one", 3))
    for seen in (Identity("", 0), Identity("", 0), Identity("one", 3), Identity("one", 3)):
        assert positions.notice(seen) is False
    assert told == [TopicMissing("flows"), TopicFound("flows", 3)]


def test_a_missing_topic_has_no_partitions_and_keeps_its_identity() -> None:
    """While it is missing nobody can say how many it has; that the next one is another is known all the same."""
    positions = Positions("flows", "earliest", lambda _: None)
    seen = []
    for identity in (Identity("one", 3), Identity(), Identity("two", 5)):
        replaced = positions.notice(identity)
        seen.append((replaced, positions.missing, positions.partitions))
    assert seen == [(False, False, 3), (False, True, None), (True, False, 5)]


def test_a_topic_that_was_told_replaced_is_not_told_again_where_its_partitions_come() -> None:
    """Commits of the earlier topic are still no positions; of a topic that nobody has told of yet, they are told."""
    told: list[object] = []
    positions = Positions("flows", "earliest", told.append)
    positions.notice(Identity("one", 1))
    positions.notice(Identity("two", 1), unread=5, held=False)
    assert positions.begin([0], {0: Commit(70, Identity("one", 1))}, {0: Span(0, 90)}) == {0: 0}
    assert positions.begin([0], {0: Commit(70, Identity("zero", 1))}, {0: Span(0, 90)}) == {0: 0}
    assert told == [
        TopicReplaced("flows", "one", "two", 5, held=False),
        TopicReplaced("flows", "zero", "two", 0, (0,), held=False),
    ]
