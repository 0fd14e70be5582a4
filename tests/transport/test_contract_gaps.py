"""A position that the log does not have: what every source that resumes promises of retention and of other topics."""

from __future__ import annotations

from typing import TypeVar

import pytest

from detector.deadline import Deadline
from detector.errors import BrokerError
from detector.telemetry.events import Event
from detector.transport.base import Source
from detector.transport.events import PartitionsAdded, RecordsLost, TopicMissing, TopicReplaced
from tests.transport.arena import (
    PATIENCE_S,
    Arena,
    KafkaArena,
    Recorder,
    commit,
    poll_until,
    read,
    values,
    values_of,
)
from tests.transport.conftest import Running


@pytest.fixture(autouse=True)
def _resuming(arena: Arena) -> None:
    """Files have no positions to lose."""
    if not arena.resumes:
        pytest.skip("a file is read from its start")


def commit_for_ever(source: Source, positions: dict[int, int], deadline: Deadline) -> None:
    """Commit over and over: a broker may take a moment to hear what became of a topic."""
    while not deadline.passed:
        source.commit(positions, deadline)


def commit_up_to(arena: Arena, running: Running, count: int) -> None:
    """Have the group read so many records of partition 0, commit them, and leave."""
    source = running.source(arena.source())
    poll_until(source, count, max_records=count)
    source.pause()
    commit(source, {0: count})
    source.stop(Deadline.after(10))


Kind = TypeVar("Kind", bound=Event)


def of(told: list[Event], kind: type[Kind]) -> list[Kind]:
    """The events of a kind."""
    return [event for event in told if isinstance(event, kind)]


def from_the_end(arena: Arena) -> None:
    """Have a group without a position begin at the end, where the transport can."""
    if isinstance(arena, KafkaArena):
        arena.properties["auto.offset.reset"] = "latest"


@pytest.mark.parametrize("latest", [False, True])
def test_retention_that_passed_the_commit_is_told(arena: Arena, running: Running, latest: bool) -> None:
    """Records deleted behind the committed offset are told with their number; the oldest that is left comes next."""
    arena.fill(values(60))
    commit_up_to(arena, running, 10)
    arena.trim(45)
    if latest:
        from_the_end(arena)
    told: list[Event] = []
    source = running.source(arena.source(told.append))
    assert values_of(poll_until(source, 15)) == [record.value for record in values(15, 45)]
    assert [(lost.partition, lost.expected, lost.found) for lost in of(told, RecordsLost)] == [(0, 10, 45)]


def test_retention_that_passes_a_slow_reader_is_told(arena: Arena, running: Running) -> None:
    """Records deleted before they were fetched are told with their number; reading goes on with the oldest."""
    arena.fill(values(30))
    told: list[Event] = []
    source = running.source(arena.source(told.append))
    poll_until(source, 30)
    source.pause()
    for _ in range(3):  # no fetch is under way any more
        assert read(source) is None
    arena.fill(values(70, 30))
    arena.trim(90)
    source.resume()
    assert values_of(poll_until(source, 10)) == [record.value for record in values(10, 90)]
    assert [(lost.partition, lost.expected, lost.found) for lost in of(told, RecordsLost)] == [(0, 30, 90)]


def test_going_back_is_bounded_by_the_log(arena: Arena, running: Running) -> None:
    """On assignment a source tells what each log begins with; going back behind it loses nothing that there is."""
    arena.fill(values(60))
    commit_up_to(arena, running, 50)
    arena.trim(30)
    from_the_end(arena)
    source = arena.source()
    listener = Recorder(source, rewind={0: 10})
    running.source(source, listener)
    assert values_of(poll_until(source, 30)) == [record.value for record in values(30, 30)]
    assert (listener.committed[0], listener.oldest[0]) == (50, 30)


@pytest.mark.parametrize("count", [5, 20, 500])
def test_a_topic_that_is_made_again_is_read_from_its_start(arena: Arena, running: Running, count: int) -> None:
    """Deleted, made again and filled at once, be it with fewer records than were read, as many or more: all come."""
    arena.fill(values(20))
    told: list[Event] = []
    listener = Recorder()
    source = running.source(arena.source(told.append), listener)
    poll_until(source, 20)
    commit(source, {0: 20})
    arena.replace()
    fresh = values(count, 1_000)
    arena.fill(fresh)
    found: list[bytes | None] = []
    deadline = Deadline.after(PATIENCE_S)
    while not (set(listener.replaced + listener.assigned[2:]) >= {0} and len(found) >= count) and not deadline.passed:
        if (batch := read(source)) is not None:
            found += batch.values
    wanted = [record.value for record in fresh]
    assert found[-count:] == wanted
    assert of(told, TopicReplaced)
    assert of(told, RecordsLost) == []


def test_a_topic_that_is_gone_takes_no_commit_and_is_told(arena: Arena, running: Running) -> None:
    """For a topic that was deleted a commit ends before its deadline, so that reading goes on and finds it missing."""
    if not isinstance(arena, KafkaArena):
        pytest.skip("in memory, a topic stays")
    arena.fill(values(20))
    told: list[Event] = []
    source = running.source(arena.source(told.append))
    poll_until(source, 20)
    arena.remove()
    deadline = Deadline.after(PATIENCE_S)
    with pytest.raises(BrokerError):
        commit_for_ever(source, {0: 20}, deadline)
    assert not deadline.passed
    while not source.missing and not deadline.passed:
        read(source)
    assert (source.missing, source.partitions, len(of(told, TopicMissing))) == (True, None, 1)


def test_a_commit_of_an_earlier_topic_is_no_position(arena: Arena, running: Running) -> None:
    """A position that was committed for another topic of that name is told of, and reading begins at the start."""
    if not isinstance(arena, KafkaArena):
        pytest.skip("in memory, commits go with their topic")
    arena.fill(values(20))
    commit_up_to(arena, running, 20)
    commit_again = arena.keep_commits()
    arena.replace()
    arena.fill(values(50))
    commit_again()
    told: list[Event] = []
    source = running.source(arena.source(told.append))
    assert values_of(poll_until(source, 50)) == [record.value for record in values(50)]
    assert [replaced.partitions for replaced in of(told, TopicReplaced)] == [(0,)]


def test_partitions_that_are_added_are_read_from_their_start(arena: Arena, running: Running) -> None:
    """A partition that comes while it is read is told of and begun at its start, wherever a group would begin."""
    from_the_end(arena)
    told: list[Event] = []
    source = running.source(arena.source(told.append))
    deadline = Deadline.after(PATIENCE_S)
    while not source.lag() and not deadline.passed:
        read(source)
    arena.add_partitions(3)
    arena.fill(values(5), partition=2)
    batches = poll_until(source, 5)
    assert values_of(batches) == [record.value for record in values(5)]
    assert [(added.before, added.partitions) for added in of(told, PartitionsAdded)] == [(2, 3)]
    assert source.partitions == 3
