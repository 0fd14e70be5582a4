"""State by partition through kills, restarts and rebalances, on the memory transport."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pytest

from detector.deadline import Deadline
from detector.errors import InputError, OutputError
from detector.pipeline.loop import Limits, Pipeline
from detector.records.flow import ROW, SCHEMA, FlowBatch
from detector.scoring.batch_result import BatchResult
from detector.state.events import StateIncomplete, StateMissing, StateRestored
from detector.state.keeper import LESS_URGENT, StateKeeper
from detector.state.store import SnapshotStore
from detector.telemetry.events import Event, silent
from detector.transport.base import Channel, OutRecord, RawBatch
from detector.transport.events import RecordsLost, TopicReplaced
from detector.transport.memory import MemorySink, MemorySource, MemoryTopic

PARTITIONS = 3
RECORDS = 400
PATIENCE_S = 60.0
"""On a loaded machine; what takes longer never ends."""


class Plain:
    """A decoder for tests: every value is a flow with that uid."""

    def decode(self, values: Sequence[bytes | None], streams: object = None) -> FlowBatch:
        """Take every value."""
        del streams
        frame = pl.DataFrame({"uid": [(value or b"").decode() for value in values]}, schema={"uid": SCHEMA["uid"]})
        return FlowBatch(frame.with_columns(pl.Series(ROW, range(len(values)), pl.UInt32)))


@dataclass
class Sums:
    """A judge for tests whose score of a record is the sum of all of its partition so far, the record's included."""

    sums: dict[int, int] = field(default_factory=dict)

    def judge(self, raw: RawBatch, flows: FlowBatch) -> BatchResult:
        """Write ``value=sum`` for every record."""
        scores = [OutRecord(f"{uid}={total}".encode()) for uid, total in self._take(raw, flows)]
        return BatchResult(scored=len(flows.frame), model_version="v1", scores=scores)

    def rest(self) -> None:
        """Nothing to do."""

    def conclude(self) -> BatchResult:
        """Nothing is left."""
        return BatchResult(scored=0, model_version="v1")

    def remember(self, raw: RawBatch, flows: FlowBatch) -> None:
        """Add up, and write nothing."""
        self._take(raw, flows)

    def _take(self, raw: RawBatch, flows: FlowBatch) -> list[tuple[str, int]]:
        taken = []
        for partition, uid in zip(raw.partitions.tolist(), flows.frame["uid"].to_list(), strict=True):
            self.sums[partition] = self.sums.get(partition, 0) + int(uid)
            taken.append((uid, self.sums[partition]))
        return taken

    def freeze(self, partition: int) -> Callable[[], dict[str, bytes]]:
        """Copy one sum."""
        total = self.sums.get(partition, 0)
        return lambda: {"sum": str(total).encode()}

    def restore(self, partition: int, parts: Mapping[str, bytes]) -> None:
        """Put one sum back."""
        if "sum" not in parts:
            raise InputError("no sum")
        self.sums[partition] = int(parts["sum"])

    def drop(self, partitions: Iterable[int]) -> None:
        """Forget sums."""
        for partition in partitions:
            self.sums.pop(partition, None)


@dataclass
class Member:
    """One daemon of a group, without the daemon."""

    source: MemorySource
    sink: MemorySink
    pipeline: Pipeline
    told: list[Event]

    def steps(self, count: int) -> None:
        """Go on for so many polls."""
        for _ in range(count):
            self.pipeline.step()

    def step_until(self, condition: Callable[[], bool]) -> None:
        """Go on until the condition holds; within a bound, so that a fault here fails and does not hang."""
        deadline = Deadline.after(PATIENCE_S)
        while not condition():
            assert not deadline.passed, f"after {PATIENCE_S:g} s: {self.pipeline.tally}, {self.source.lag()}"
            self.pipeline.step()

    def stop(self) -> None:
        """End as SIGTERM would have it."""
        self.pipeline.stop(Deadline.after(10))

    def kill(self) -> None:
        """End as kill -9 would have it: nothing more is committed or written."""
        for stage in self.pipeline._stages:
            stage.shutdown(wait=True, cancel_futures=True)

    @property
    def scores(self) -> list[bytes]:
        """What was acknowledged."""
        return [record.value or b"" for record in self.sink.records[Channel.SCORES]]


def member(
    topic: MemoryTopic,
    folder: Path,
    *,
    partitions: Iterable[int] | None = None,
    interval_s: float = 0.0,
    commit_interval_s: float = 0.02,
) -> Member:
    """Start one on its share of the topic, with batches of seven records.

    In 20 ms it may have read all there is. With 0 it commits at each poll: then at most the batches in flight lie
    between what is committed and what is read.
    """
    told: list[Event] = []
    source, sink, judge = MemorySource(topic=topic, partitions=partitions, tell=told.append), MemorySink(), Sums()
    keeper = StateKeeper(
        SnapshotStore(str(folder), "group", topic.name), judge, interval_s=interval_s, tell=told.append
    )
    pipeline = Pipeline(
        source=source,
        decoder=Plain(),
        judge=judge,
        sink=sink,
        limits=Limits(7, 1 << 20, 0.001, commit_interval_s=commit_interval_s, rebalance_deadline_s=5.0),
        tell=told.append,
        keeper=keeper,
    )
    sink.start()
    source.start(pipeline)
    return Member(source, sink, pipeline, told)


@pytest.fixture
def topic() -> MemoryTopic:
    """A topic of three partitions with numbers in them."""
    topic = MemoryTopic(partitions=PARTITIONS)
    for number in range(RECORDS):
        topic.append(str(number).encode(), partition=number % PARTITIONS)
    return topic


def undisturbed() -> set[bytes]:
    """What every record's score is when nothing happens."""
    judge, expected = Sums(), set()
    for number in range(RECORDS):
        partition = number % PARTITIONS
        judge.sums[partition] = judge.sums.get(partition, 0) + number
        expected.add(f"{number}={judge.sums[partition]}".encode())
    return expected


def folders(root: Path) -> set[Path]:
    """Where the partitions' snapshots are."""
    return {path.parent for path in root.rglob("*.state")}


def finish(one: Member, topic: MemoryTopic, records: int = RECORDS) -> None:
    """Go on until all is read, then stop."""
    one.step_until(lambda: sum(topic.committed.values()) >= records)
    one.stop()


def lengthen(topic: MemoryTopic) -> int:
    """Have as many records again come after all that were ever read; give how many there are."""
    for number in range(RECORDS, 2 * RECORDS):
        topic.append(str(number).encode(), partition=number % PARTITIONS)
    return 2 * RECORDS


@pytest.mark.parametrize("interval_s", [0.0, 0.03, 1000.0])
@pytest.mark.parametrize("polls", [1, 9, 25])
def test_a_killed_member_goes_on_as_if_nothing_happened(
    topic: MemoryTopic, tmp_path: Path, interval_s: float, polls: int
) -> None:
    """After a kill and a restart every record has the score that it has undisturbed, however old the snapshot is."""
    first = member(topic, tmp_path, interval_s=interval_s)
    first.steps(polls)
    first.kill()
    second = member(topic, tmp_path, interval_s=interval_s)
    finish(second, topic)
    assert set(first.scores) | set(second.scores) == undisturbed()


def test_a_stopped_member_leaves_nothing_to_replay(topic: MemoryTopic, tmp_path: Path) -> None:
    """After an orderly stop the state is restored without going through any record again."""
    first = member(topic, tmp_path, interval_s=1000.0)
    first.steps(20)
    first.stop()
    second = member(topic, tmp_path)
    finish(second, topic)
    assert [event.replayed for event in second.told if isinstance(event, StateRestored)] == [0] * PARTITIONS
    assert sorted(first.scores + second.scores) == sorted(undisturbed())


def test_state_moves_with_its_partition(topic: MemoryTopic, tmp_path: Path) -> None:
    """Partitions that move between members, there and back, keep their scores, and nothing is scored twice."""
    one = member(topic, tmp_path)
    one.steps(10)
    one.source.assign([0])
    one.steps(3)
    other = member(topic, tmp_path, partitions=[1, 2])
    other.steps(12)
    other.source.assign([])
    other.steps(2)
    one.source.assign(range(PARTITIONS))
    finish(one, topic)
    other.stop()
    assert sorted(one.scores + other.scores) == sorted(undisturbed())


def test_a_member_that_lost_its_partitions_begins_from_what_was_kept(topic: MemoryTopic, tmp_path: Path) -> None:
    """Partitions lost without notice and given back are read and scored again with the same scores."""
    one = member(topic, tmp_path)
    one.steps(10)
    one.source.lose([0, 1])
    one.steps(2)
    one.source.assign(range(PARTITIONS))
    finish(one, topic)
    assert set(one.scores) == undisturbed()


def test_a_damaged_snapshot_is_told_and_the_one_before_serves(topic: MemoryTopic, tmp_path: Path) -> None:
    """Of two snapshots a damaged one is passed over, and the older one is gone on from."""
    first = member(topic, tmp_path)
    first.steps(30)
    first.kill()
    first.pipeline._keeper._writer.shutdown(wait=True)  # type: ignore[union-attr] # it has one
    pairs = [sorted(folder.glob("*.state"), key=lambda each: each.stat().st_mtime_ns) for folder in folders(tmp_path)]
    newest = [pair[1] for pair in pairs if len(pair) == 2]
    assert newest
    for path in newest:
        path.write_bytes(path.read_bytes()[:-1])
    second = member(topic, tmp_path)
    finish(second, topic)
    assert set(first.scores) | set(second.scores) == undisturbed()


def test_missing_state_is_told(topic: MemoryTopic, tmp_path: Path) -> None:
    """A group that has committed offsets and no snapshots begins with empty state, and says so."""
    topic.committed.update(dict.fromkeys(range(PARTITIONS), 5))
    one = member(topic, tmp_path)
    finish(one, topic)
    missing = [event for event in one.told if isinstance(event, StateMissing)]
    assert sorted(event.partition for event in missing) == list(range(PARTITIONS))


def test_snapshots_do_not_pile_up(topic: MemoryTopic, tmp_path: Path) -> None:
    """However long a member runs, there are at most two snapshots of a partition."""
    one = member(topic, tmp_path)
    finish(one, topic)
    assert len(list(tmp_path.rglob("*.state"))) <= 2 * PARTITIONS


def test_state_goes_on_without_what_the_log_lost(topic: MemoryTopic, tmp_path: Path) -> None:
    """Where the log begins behind the snapshot, what is left is gone through again, and what is missing is told."""
    first = member(topic, tmp_path, interval_s=1000.0, commit_interval_s=0.0)  # its only snapshots are of empty state
    first.step_until(lambda: topic.committed.get(0, 0) >= 5)
    first.kill()
    records = lengthen(topic)  # however far the first one came, this is new to the second
    topic.trim(0, 4)
    second = member(topic, tmp_path, interval_s=1000.0)
    finish(second, topic, records)
    missing = sum(range(0, 4 * PARTITIONS, PARTITIONS))
    mine = [number for number in range(records) if number % PARTITIONS == 0]
    assert f"{mine[-1]}={sum(mine) - missing}".encode() in second.scores
    assert [event for event in second.told if isinstance(event, StateIncomplete)] == [StateIncomplete(0, 0, 4, 4)]
    assert [event for event in second.told if isinstance(event, RecordsLost)] == []  # all of them were scored once


@pytest.mark.parametrize("kept", [0.0, 1000.0])
def test_a_log_that_begins_behind_the_commit_is_told(topic: MemoryTopic, tmp_path: Path, kept: float) -> None:
    """Records that nobody will score are told with their number, and reading goes on with the oldest that is left."""
    first = member(topic, tmp_path, interval_s=kept, commit_interval_s=0.0)
    first.step_until(lambda: 0 in topic.committed)
    first.kill()
    records = lengthen(topic)  # however far the first one came, the log goes on beyond what is trimmed
    at = topic.committed[0]
    assert at + 50 < topic.end(0)
    topic.trim(0, at + 50)
    second = member(topic, tmp_path, interval_s=kept)
    finish(second, topic, records)
    assert [event for event in second.told if isinstance(event, RecordsLost)] == [
        RecordsLost(topic.name, 0, at, at + 50)
    ]
    assert sum(score.partition(b"=")[0] == b"%d" % (PARTITIONS * (at + 50)) for score in second.scores) == 1


def test_a_topic_made_again_keeps_what_is_remembered(topic: MemoryTopic, tmp_path: Path) -> None:
    """Sums go on over a topic that is made again; its records come from the first one, and its commits are its own."""
    one = member(topic, tmp_path)
    one.step_until(lambda: sum(topic.committed.values()) >= RECORDS)
    before = {number: sum(range(number, RECORDS, PARTITIONS)) for number in range(PARTITIONS)}
    topic.replace()
    for number in range(PARTITIONS):
        topic.append(b"1", partition=number)
    one.step_until(lambda: sum(topic.committed.values()) >= PARTITIONS)
    one.stop()
    assert set(one.scores[-PARTITIONS:]) == {f"1={before[number] + 1}".encode() for number in range(PARTITIONS)}
    assert topic.committed == dict.fromkeys(range(PARTITIONS), 1)
    assert [type(event) for event in one.told if isinstance(event, TopicReplaced | RecordsLost)] == [TopicReplaced]


def test_what_was_read_of_an_earlier_topic_is_never_committed(topic: MemoryTopic, tmp_path: Path) -> None:
    """Batches in flight when the topic is made again end without a commit: their offsets are of the earlier one."""
    one = member(topic, tmp_path)
    one.steps(3)
    topic.replace()
    one.steps(40)
    one.stop()
    assert topic.committed == {}


def test_a_restart_takes_no_snapshot_of_an_earlier_topic(topic: MemoryTopic, tmp_path: Path) -> None:
    """Snapshots of a topic that was made again while nobody read it are no state of the same offsets in the new one."""
    first = member(topic, tmp_path)
    finish(first, topic)
    topic.replace()
    for number in range(RECORDS):
        topic.append(str(number).encode(), partition=number % PARTITIONS)
    for polls in (30, 30):
        one = member(topic, tmp_path, interval_s=1000.0)
        one.steps(polls)
        one.kill()
    last = member(topic, tmp_path, interval_s=1000.0)
    finish(last, topic)
    assert set(last.scores) <= undisturbed()


def test_a_place_that_cannot_be_written_is_found_out_at_start(tmp_path: Path) -> None:
    """Before anything is read, an error names the place and the setting."""
    (tmp_path / "state").write_text("in the way", encoding="utf-8")
    keeper = StateKeeper(SnapshotStore(str(tmp_path / "state"), "g", "flows"), Sums(), interval_s=1.0, tell=silent)
    with pytest.raises(OutputError, match=r"state: cannot write snapshots to .*/state: .*; set state\.url"):
        keeper.check()


def test_a_full_disk_at_start_is_told_and_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full keeps nobody from watching the network: that passes, and is told."""
    store, told = SnapshotStore(str(tmp_path), "g", "flows"), list[Event]()

    def full() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(store, "probe", full)
    StateKeeper(store, Sums(), interval_s=1.0, tell=told.append).check()
    assert [(type(each).__name__, getattr(each, "partition", 0)) for each in told] == [("StateNotSaved", None)]


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priorities of their own")
def test_snapshots_are_written_when_others_do_not_want_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To pack one takes as long as many batches, which must not wait: its thread gives way, and no other does."""
    store, seen = SnapshotStore(str(tmp_path), "g", "flows"), list[int]()
    monkeypatch.setattr(store, "clear", lambda _: seen.append(os.getpriority(os.PRIO_PROCESS, 0)))
    before = os.getpriority(os.PRIO_PROCESS, 0)
    keeper = StateKeeper(store, Sums(), interval_s=1.0, tell=silent)
    keeper.take_over([0], {}, {})
    keeper._writer.shutdown(wait=True)
    assert (seen, os.getpriority(os.PRIO_PROCESS, 0)) == ([min(before + LESS_URGENT, 19)], before)
