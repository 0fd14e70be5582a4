"""What every source promises: bounded batches, right positions, commits that hold, a way back on assignment."""

from __future__ import annotations

import numpy as np
import pytest

from detector.deadline import Deadline
from detector.errors import OddflowError
from detector.transport.base import OutRecord, Source, StaleCommitError
from tests.transport.arena import Arena, Recorder, commit, one_batch, poll_until, values, values_of
from tests.transport.conftest import Running


def test_a_batch_closes_at_its_count(arena: Arena, running: Running) -> None:
    """No batch has more records than asked for, and none of them is lost between batches."""
    arena.fill(values(57))
    source = running.source(arena.source())
    batches = poll_until(source, 57, max_records=10)
    assert max(map(len, batches)) == 10
    assert values_of(batches) == [record.value for record in values(57)]


def test_a_batch_closes_at_its_bytes(arena: Arena, running: Running) -> None:
    """A batch ends about where its values reach the bytes asked for, from the first batch on."""
    arena.fill([OutRecord(b"%03d " % number + b"x" * 996) for number in range(200)])
    source = running.source(arena.source())
    batches = poll_until(source, 200, max_bytes=20_000)
    sizes = [sum(len(value or b"") for value in batch.values) for batch in batches]
    assert sum(sizes) == 200_000
    assert max(sizes) <= 22_000


def test_one_record_larger_than_the_bound_still_comes(arena: Arena, running: Running) -> None:
    """A record that exceeds the bytes asked for is given all the same: a batch has at least one."""
    arena.fill([OutRecord(b"x" * 50_000)])
    source = running.source(arena.source())
    assert values_of(poll_until(source, 1, max_bytes=1_000)) == [b"x" * 50_000]


def test_a_batch_closes_after_its_wait(arena: Arena, running: Running) -> None:
    """A few records come without waiting for the batch to fill, which they never will."""
    arena.fill(values(3))
    source = running.source(arena.source())
    assert values_of(poll_until(source, 3)) == [record.value for record in values(3)]


@pytest.mark.timeout(60)
def test_a_quiet_input_gives_nothing(arena: Arena, running: Running) -> None:
    """Once all is read, a poll comes back with nothing, as often as it is called."""
    arena.fill(values(1))
    source = running.source(arena.source())
    poll_until(source, 1)
    assert [source.poll(10, 1000, wait) for wait in (0.0, 0.1, 0.0)] == [None, None, None]


def test_positions_belong_to_their_values(arena: Arena, running: Running) -> None:
    """Each value comes with its own partition and offset, in the partition's order, over both partitions."""
    for partition in (0, 1):
        arena.fill([OutRecord(b"%d %d" % (partition, offset)) for offset in range(25)], partition)
    source = running.source(arena.source())
    batches = poll_until(source, 50, max_records=7)
    places = [
        b"%d %d" % place
        for batch in batches
        for place in zip(batch.partitions.tolist(), batch.offsets.tolist(), strict=True)
    ]
    assert values_of(batches) == places
    assert sorted(places) == sorted(b"%d %d" % (partition, offset) for partition in (0, 1) for offset in range(25))
    for partition in (0, 1):
        offsets = np.concatenate([batch.offsets[batch.partitions == partition] for batch in batches])
        assert offsets.tolist() == list(range(25))


def test_a_batch_says_where_to_go_on(arena: Arena, running: Running) -> None:
    """``positions`` is the offset after the last record of each partition."""
    arena.fill(values(5))
    source = running.source(arena.source())
    assert one_batch(source, 5).positions() == {0: 5}


def test_the_listener_is_told_of_the_partitions(arena: Arena, running: Running) -> None:
    """Both partitions are told as assigned before their first record comes, and none as revoked or lost."""
    listener = Recorder()
    for partition in (0, 1):
        arena.fill(values(1), partition)
    source = running.source(arena.source(), listener)
    poll_until(source, 2)
    assert sorted(listener.assigned) == [0, 1]
    assert (listener.revoked, listener.lost) == ([], [])


def test_commits_hold(arena: Arena, running: Running) -> None:
    """A source opened again goes on after what was committed; a file, of which nothing is kept, begins anew."""
    arena.fill(values(20))
    first = running.source(arena.source())
    done = poll_until(first, 10, max_records=10)[0]
    commit(first, done.positions())
    first.stop(Deadline.after(10))
    second = running.source(arena.source())
    start = 10 if arena.resumes else 0
    assert values_of(poll_until(second, 20 - start)) == [record.value for record in values(20 - start, start)]


def test_nothing_is_committed_by_itself(arena: Arena, running: Running) -> None:
    """What was read but not committed is read again by the next one to open."""
    arena.fill(values(10))
    first = running.source(arena.source())
    poll_until(first, 10)
    first.stop(Deadline.after(10))
    second = running.source(arena.source())
    assert values_of(poll_until(second, 10)) == [record.value for record in values(10)]


def test_what_is_committed_can_be_asked_for(arena: Arena, running: Running) -> None:
    """On assignment the committed offsets are those last committed, and none where nothing ever was."""
    arena.fill(values(10))
    listeners = []
    for _ in range(2):
        source = arena.source()
        listeners.append(Recorder(source))
        running.source(source, listeners[-1])
        poll_until(source, 1, max_records=4)
        commit(source, {0: 4})
        source.stop(Deadline.after(10))
    assert listeners[0].committed == {}
    assert listeners[1].committed == ({0: 4} if arena.resumes else {})


def test_a_source_goes_back_on_assignment(arena: Arena, running: Running) -> None:
    """Rewound on assignment, reading begins there, below what is committed, and what is committed stays."""
    if not arena.resumes:
        pytest.skip("a file is read from its start, so there is nothing to go back to")
    for partition in (0, 1):
        arena.fill(values(20), partition)
    first = running.source(arena.source())
    poll_until(first, 40)
    commit(first, {0: 15, 1: 12})
    first.stop(Deadline.after(10))
    second = arena.source()
    running.source(second, Recorder(second, rewind={0: 3}))
    batches = poll_until(second, 25)
    for partition, start in ((0, 3), (1, 12)):
        offsets = np.concatenate([batch.offsets[batch.partitions == partition] for batch in batches])
        assert offsets.tolist() == list(range(start, 20))
    assert second.committed([0, 1]) == {0: 15, 1: 12}


def test_a_partition_of_another_cannot_be_committed(arena: Arena, running: Running) -> None:
    """Committing a partition that is not read here is refused as stale, while what is its own is recorded."""
    if not arena.resumes:
        pytest.skip("files have no other members")
    arena.fill(values(5))
    source = running.source(arena.source())
    poll_until(source, 5)
    commit(source, {0: 4})
    with pytest.raises(StaleCommitError, match=r"partitions \[7\]"):
        source.commit({0: 5, 7: 1}, Deadline.after(60))
    assert source.committed([0]) == {0: 5}


def test_keys_headers_and_nulls_come_through(arena: Arena, running: Running) -> None:
    """A record's key, its headers in order, repeated ones and null ones too, and a null value are as produced."""
    if not arena.keeps_envelopes:
        pytest.skip("a line of a file has no key and no headers")
    headers = [("a", b"1"), ("b", None), ("a", b"\xff\x00"), ("c", b"")]
    arena.fill([OutRecord(None, b"key"), OutRecord(b"", None, headers), OutRecord(b"\xff\n\x00", b"")])
    source = running.source(arena.source())
    batch = one_batch(source, 3)
    assert batch.values == [None, b"", b"\xff\n\x00"]
    envelopes = [batch.envelope(row) for row in range(3)]
    assert [envelope.key for envelope in envelopes] == [b"key", None, b""]
    assert [list(envelope.headers) for envelope in envelopes] == [[], headers, []]


def test_paused_it_gives_nothing_and_loses_nothing(arena: Arena, running: Running) -> None:
    """Between pause and resume polls come back empty; afterwards everything comes, once and in order."""
    arena.fill(values(40))
    source = running.source(arena.source())
    before = poll_until(source, 5, max_records=5)
    source.pause()
    while (late := source.poll(5, 1 << 20, 0.1)) is not None:  # fetched before the pause took hold
        before.append(late)
    source.resume()
    rest = poll_until(source, 40 - sum(map(len, before)))
    assert values_of([*before, *rest]) == [record.value for record in values(40)]


def test_lag_is_what_is_left(arena: Arena, running: Running) -> None:
    """The lag counts the records not yet read, and is zero once all are; files, whose end is not known, tell none."""
    arena.fill(values(30))
    source = running.source(arena.source())
    poll_until(source, 10, max_records=10)
    source.pause()
    if not arena.resumes:
        assert source.lag() == {}
        return
    left = lag_is_true(source, 20)
    source.resume()
    poll_until(source, left)
    lag_is_true(source, 0)


def test_lag_grows_while_paused(arena: Arena, running: Running) -> None:
    """The lag is of where the topic ends now, also while nothing is fetched."""
    if not arena.resumes:
        pytest.skip("a file's end is not known")
    arena.fill(values(30))
    source = running.source(arena.source())
    poll_until(source, 30)
    source.pause()
    arena.fill(values(500))
    lag_is_true(source, 500)


def lag_is_true(source: Source, left: int) -> int:
    """Ask for the lag as the pipeline does, until it is what is left, as soon as brokers tell; give what is left."""
    deadline = Deadline.after(30)
    while True:
        left -= len(source.poll(1_000, 1 << 20, 0.1) or ())  # fetched before a pause took hold
        lag = source.lag()
        if sum(lag.values()) == left and lag:
            return left
        assert not deadline.passed, (lag, left)


def test_it_is_connected_while_it_runs(arena: Arena, running: Running) -> None:
    """It counts as connected once started, and no more once stopped."""
    arena.fill(values(1))
    source = running.source(arena.source())
    poll_until(source, 1)
    assert source.connected
    source.stop(Deadline.after(10))
    assert not source.connected


def test_a_stopped_source_says_so(arena: Arena, running: Running) -> None:
    """Polling before the start or after a stop is an error that says why, not an empty batch for ever."""
    arena.fill(values(1))
    source = arena.source()
    with pytest.raises(OddflowError, match="not started"):
        source.poll(1, 1, 0.0)
    running.source(source)
    source.stop(Deadline.after(10))
    source.stop(Deadline.after(10))
    with pytest.raises(OddflowError, match="not started"):
        source.poll(1, 1, 0.0)


def test_rows_of_a_batch_keep_together(arena: Arena, running: Running) -> None:
    """Some rows of a batch keep their values, positions and envelopes."""
    arena.fill([OutRecord(b"record %d" % number, b"key %d" % number) for number in range(6)])
    source = running.source(arena.source())
    batch = one_batch(source, 6)
    some = batch.take(np.array([4, 1]))
    assert some.values == [b"record 4", b"record 1"]
    assert some.offsets.tolist() == [4, 1]
    assert [some.envelope(row) for row in (0, 1)] == [batch.envelope(row) for row in (4, 1)]


def test_partitions_are_known_once_started(arena: Arena, running: Running) -> None:
    """A topic's source knows how many partitions it has, a file's that there are none."""
    source = arena.source()
    assert source.partitions is None
    running.source(source)
    assert source.partitions == (2 if arena.resumes else None)
