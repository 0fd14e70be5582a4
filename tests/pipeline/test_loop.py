"""The pipeline on the memory transport: order, accounting, commits and faults."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import wait
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from detector.deadline import Deadline
from detector.errors import BrokerError
from detector.pipeline.events import RecordsFound, RecordsRead
from detector.pipeline.loop import IN_FLIGHT_BATCHES, Limits, Pipeline
from detector.records.envelopes.pieces import Pieces
from detector.records.flow import ROW, SCHEMA, FlowBatch, Reject, RejectReason
from detector.scoring.batch_result import BatchResult
from detector.telemetry.events import Event
from detector.transport.base import Channel, OutRecord, RawBatch
from detector.transport.events import CommitFailed, LagSeen, OutputFailed
from detector.transport.memory import MemorySink, MemorySource, MemoryTopic

LIMITS = Limits(max_records=10, max_bytes=1 << 20, max_wait_s=0.01, commit_interval_s=0.0, rebalance_deadline_s=5.0)


class Words:
    """A decoder for tests: ``bad`` is a reject, ``#…`` is passed over, anything else is a flow with that uid."""

    def decode(self, values: Sequence[bytes | None], streams: NDArray[np.int32] | None = None) -> FlowBatch:
        """Decode by the first letters."""
        del streams
        texts = [(value or b"").decode() for value in values]
        good = [row for row, text in enumerate(texts) if text != "bad" and not text.startswith("#")]
        frame = pl.DataFrame({"uid": [texts[row] for row in good]}, schema={"uid": SCHEMA["uid"]})
        return FlowBatch(
            frame.with_columns(pl.Series(ROW, good, pl.UInt32)),
            [Reject(row, RejectReason.NOT_JSON, "") for row, text in enumerate(texts) if text == "bad"],
            {"header": sum(text.startswith("#") for text in texts)},
        )


class Several(Words):
    """Words, but a value may hold several, with ``|`` between."""

    def decode(self, values: Sequence[bytes | None], streams: NDArray[np.int32] | None = None) -> FlowBatch:
        """Decode each word by itself."""
        pieces = Pieces()
        for row, value in enumerate(values):
            pieces.several(row, 1_000, (value or b"").split(b"|"))
        return pieces.told_of_messages(super().decode(pieces.values, streams))


@dataclass
class Echo:
    """A judge for tests: writes every flow as a score, flows that begin with ``odd`` as alerts.

    Flows that begin with ``again`` are alerts that are not written; all are one incident.
    """

    seen: list[str] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    def judge(self, raw: RawBatch, flows: FlowBatch) -> BatchResult:
        """Wait for the gate, then give everything back."""
        self.gate.wait(10)
        uids = flows.frame["uid"].to_list()
        self.seen += uids
        alerts = [OutRecord(uid.encode()) for uid in uids if uid.startswith("odd")]
        return BatchResult(
            scored=len(uids),
            model_version="v1",
            alerts=alerts,
            withheld=sum(uid.startswith("again") for uid in uids),
            incidents_met=1,
            dead_letters=[OutRecord(raw.values[reject.row]) for reject in flows.rejects],
            dead_lettered=len(flows.rejects),
            scores=[OutRecord(uid.encode()) for uid in uids],
            passed_over=flows.passed_over,
            severities={"high": len(alerts)},
            alert_timestamps_ms=[],
        )

    def rest(self) -> None:
        """Nothing to do."""

    def conclude(self) -> BatchResult:
        """Tell how many there were."""
        return BatchResult(scored=0, model_version="v", incidents=[OutRecord(b"%d" % len(self.seen))])

    def remember(self, raw: RawBatch, flows: FlowBatch) -> None:
        """Nothing is remembered."""


@dataclass
class Parts:
    """A pipeline and everything around it."""

    topic: MemoryTopic
    source: MemorySource
    sink: MemorySink
    judge: Echo
    pipeline: Pipeline
    told: list[Event]


@pytest.fixture
def parts() -> Parts:
    """A pipeline over one partition, not yet started."""
    topic, sink, judge, told = MemoryTopic("flows"), MemorySink(), Echo(), list[Event]()
    source = MemorySource(topic=topic, ends=True)
    pipeline = Pipeline(source=source, decoder=Words(), judge=judge, sink=sink, limits=LIMITS, tell=told.append)
    return Parts(topic, source, sink, judge, pipeline, told)


def run(parts: Parts) -> None:
    """Process everything that the topic holds, then stop in order."""
    parts.sink.start()
    parts.pipeline.run(threading.Event())
    parts.pipeline.stop(Deadline.after(10))


def test_a_message_of_several_counts_as_so_many_records() -> None:
    """Records and counters agree where messages hold several: one record in flight, all of them once decoded."""
    topic, sink, judge, told = MemoryTopic("flows"), MemorySink(), Echo(), list[Event]()
    source = MemorySource(topic=topic, ends=True)
    pipeline = Pipeline(source=source, decoder=Several(), judge=judge, sink=sink, limits=LIMITS, tell=told.append)
    topic.extend([b"a|b|bad|#header", b"c", b"bad|bad"])
    judge.gate.clear()
    sink.start()
    source.start(pipeline)
    pipeline.step()
    tally = pipeline.tally
    assert (tally.read, tally.in_flight, tally.balanced) == (3, 3, True)
    judge.gate.set()
    pipeline._finish(wait_s=10)
    assert (tally.read, tally.scored, tally.dead_lettered, tally.passed_over, tally.in_flight) == (7, 3, 3, 1, 0)
    assert tally.balanced
    counted = sum(event.count for event in told if isinstance(event, RecordsRead | RecordsFound))
    assert counted == tally.read
    pipeline.stop(Deadline.after(10))
    assert topic.committed == {0: 3}


def test_alerts_are_counted_whether_written_or_not(parts: Parts) -> None:
    """The tally has all alerts, those written, and how many incidents there were, once the input has ended too."""
    parts.topic.extend([b"a", b"odd-1", b"again-1", b"again-2", b"odd-2"])
    run(parts)
    tally = parts.pipeline.tally
    assert (tally.alerts, tally.written, tally.incidents) == (4, 2, 1)


def test_every_record_is_accounted_for(parts: Parts) -> None:
    """Flows are scored, broken records dead-lettered with their bytes, the rest passed over, and the sums agree."""
    parts.topic.extend([b"a", b"bad", b"#fields", b"odd-1", b"bad", b"b"])
    run(parts)
    tally = parts.pipeline.tally
    assert (tally.read, tally.scored, tally.dead_lettered, tally.passed_over) == (6, 3, 2, 1)
    assert tally.balanced
    assert tally.in_flight == 0
    assert parts.sink.values(Channel.DEAD_LETTERS) == [b"bad", b"bad"]
    assert parts.sink.values(Channel.ALERTS) == [b"odd-1"]


def test_batches_keep_their_order(parts: Parts) -> None:
    """Records are judged and emitted in the order in which they were read, over many batches."""
    values = [f"{number}".encode() for number in range(137)]
    parts.topic.extend(values)
    run(parts)
    assert parts.judge.seen == [value.decode() for value in values]
    assert parts.sink.values(Channel.SCORES) == values


def test_each_new_batch_is_told_with_its_flows() -> None:
    """Who keeps flows is told of every batch that is decoded, in order, with where its records were."""
    topic, sink, kept = MemoryTopic("flows"), MemorySink(), list[int]()
    topic.extend([b"a", b"bad", b"b"])
    pipeline = Pipeline(
        source=MemorySource(topic=topic, ends=True),
        decoder=Words(),
        judge=Echo(),
        sink=sink,
        limits=LIMITS,
        tell=list[Event]().append,
        decoded=lambda raw, flows: kept.extend(raw.offsets[flows.rows].tolist()),
    )
    sink.start()
    pipeline.run(threading.Event())
    pipeline.stop(Deadline.after(10))
    assert kept == [0, 2]


def test_everything_is_committed_at_the_end(parts: Parts) -> None:
    """After a stop in order the committed offset is the end of the topic."""
    parts.topic.extend([b"a"] * 25)
    run(parts)
    assert parts.topic.committed == {0: 25}


def test_the_end_of_the_input_is_concluded(parts: Parts) -> None:
    """What is left to tell when the input ends comes last, once, and counts as no record."""
    parts.topic.extend([b"a"] * 25)
    run(parts)
    assert parts.sink.values(Channel.INCIDENTS) == [b"25"]
    assert parts.pipeline.tally.balanced


def test_a_stop_concludes_nothing(parts: Parts) -> None:
    """Told to stop before the input has ended, nothing is concluded: it goes on after the next start."""
    stopping = threading.Event()
    stopping.set()
    parts.topic.extend([b"a"])
    parts.sink.start()
    parts.pipeline.run(stopping)
    parts.pipeline.stop(Deadline.after(1))
    assert parts.sink.values(Channel.INCIDENTS) == []


def test_nothing_is_committed_before_it_is_acknowledged(parts: Parts) -> None:
    """While flushes fail, no offset moves; once they succeed every output is there exactly once."""
    parts.topic.extend([b"a", b"b"])
    parts.sink.fail_next_flushes(1)
    run(parts)
    assert any(isinstance(event, OutputFailed) for event in parts.told)
    assert parts.sink.values(Channel.SCORES) == [b"a", b"b"]
    assert parts.topic.committed == {0: 2}


def test_unfinished_batches_are_not_committed(parts: Parts) -> None:
    """A stop whose deadline passes leaves the offsets of what is still in flight where they were."""
    parts.topic.extend([b"a"] * 5)
    parts.judge.gate.clear()
    parts.sink.start()
    parts.source.start(parts.pipeline)
    parts.pipeline.step()
    parts.pipeline.stop(Deadline.after(0.05))
    parts.judge.gate.set()
    assert parts.topic.committed == {}
    assert parts.pipeline.tally.in_flight == 5
    assert parts.pipeline.tally.balanced


def test_a_stop_leaves_time_for_its_commit(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was finished is committed within the stop's deadline though the next batch is never finished."""
    deadlines: list[Deadline] = []
    commit = parts.source.commit

    def noting(positions: Mapping[int, int], deadline: Deadline) -> None:
        assert not deadline.passed
        deadlines.append(deadline)
        commit(positions, deadline)

    monkeypatch.setattr(parts.source, "commit", noting)
    monkeypatch.setattr(parts.pipeline, "_limits", replace(LIMITS, commit_interval_s=600.0))
    parts.topic.extend([b"a"] * 4)
    parts.sink.start()
    parts.source.start(parts.pipeline)
    parts.pipeline.step()
    wait([work.emitted for work in parts.pipeline._in_flight])
    parts.judge.gate.clear()
    parts.topic.extend([b"b"])
    parts.pipeline.step()
    stop = Deadline.after(2.0)
    parts.pipeline.stop(stop)
    parts.judge.gate.set()
    assert deadlines == [stop]
    assert parts.topic.committed == {0: 4}


def test_a_wait_ends_with_the_stop(parts: Parts) -> None:
    """Asked to stop while outputs are stuck, ``run`` returns, however long it would have waited."""
    stopping = threading.Event()
    parts.judge.gate.clear()
    parts.topic.extend([b"a"] * 200)
    parts.sink.start()
    running = threading.Thread(target=lambda: parts.pipeline.run(stopping))
    running.start()
    stopping.set()
    running.join(60)
    assert not running.is_alive()
    parts.pipeline.stop(Deadline.after(0.1))
    parts.judge.gate.set()


def test_a_failing_stage_ends_the_run(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception that nobody foresaw in a stage comes out of ``run`` and commits nothing."""

    def fail(raw: RawBatch, flows: FlowBatch) -> BatchResult:  # noqa: ARG001 - a judge's signature
        raise ZeroDivisionError

    monkeypatch.setattr(parts.judge, "judge", fail)
    parts.topic.extend([b"a"])
    with pytest.raises(ZeroDivisionError):
        run(parts)
    parts.pipeline.stop(Deadline.after(1))
    assert parts.topic.committed == {}


def test_a_revoked_partition_is_committed_first(parts: Parts) -> None:
    """Before a partition goes to another member, what was read of it is finished and committed."""
    parts.topic.extend([b"a"] * 4)
    parts.sink.start()
    parts.source.start(parts.pipeline)
    parts.pipeline.step()
    parts.source.assign([])
    parts.pipeline.step()
    assert parts.topic.committed == {0: 4}
    assert not parts.pipeline.assigned
    parts.pipeline.stop(Deadline.after(5))


def test_a_lost_partition_is_not_committed(parts: Parts) -> None:
    """What was in flight of a partition that another member has already is neither committed nor counted twice."""
    parts.topic.extend([b"a"] * 4)
    parts.judge.gate.clear()
    parts.sink.start()
    parts.source.start(parts.pipeline)
    parts.pipeline.step()
    parts.source.lose([0])
    parts.pipeline.step()
    parts.judge.gate.set()
    parts.pipeline.stop(Deadline.after(5))
    assert parts.topic.committed == {}
    assert parts.pipeline.tally.balanced


def finished(parts: Parts, values: list[bytes]) -> None:
    """Have these read, judged and emitted, and not committed before the next step."""
    parts.topic.extend(values)
    parts.sink.start()
    parts.source.start(parts.pipeline)
    parts.pipeline._limits = replace(LIMITS, commit_interval_s=600.0)
    parts.pipeline.step()
    parts.pipeline._finish(wait_s=30)
    parts.pipeline._limits = LIMITS


def test_a_refused_commit_is_tried_again(parts: Parts) -> None:
    """What the brokers did not take is committed with the next one, though nothing new was read meanwhile."""
    finished(parts, [b"a"] * 4)
    parts.source.fail_next_commit()
    parts.pipeline.step()
    assert [type(event) for event in parts.told if isinstance(event, CommitFailed)] == [CommitFailed]
    assert parts.topic.committed == {}
    parts.pipeline.step()
    assert parts.topic.committed == {0: 4}
    parts.pipeline.stop(Deadline.after(5))


def test_a_commit_that_is_tried_again_takes_nothing_back(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was finished while a commit was being refused, as within a rebalance, is what is committed next."""
    finished(parts, [b"a"] * 4)
    commit = parts.source.commit

    def refuse(positions: Mapping[int, int], deadline: Deadline) -> None:
        del positions, deadline
        monkeypatch.setattr(parts.source, "commit", commit)
        parts.pipeline._finish(wait_s=30)
        raise BrokerError("committing offsets: the coordinator is not available")

    monkeypatch.setattr(parts.pipeline, "_limits", replace(LIMITS, commit_interval_s=600.0))
    parts.judge.gate.clear()
    parts.topic.extend([b"b"] * 3)
    parts.pipeline.step()
    parts.judge.gate.set()
    monkeypatch.setattr(parts.source, "commit", refuse)
    parts.pipeline._commit(Deadline.after(30))
    parts.pipeline.stop(Deadline.after(30))
    assert (parts.source.commits[-1], parts.topic.committed) == ({0: 7}, {0: 7})


def test_a_lost_partition_s_position_is_kept_by_nobody(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was finished before a partition was lost is not committed once it comes back: others read on meanwhile."""
    finished(parts, [b"a"] * 4)
    monkeypatch.setattr(parts.pipeline, "_limits", replace(LIMITS, commit_interval_s=600.0))
    parts.source.lose([0])
    parts.pipeline.step()
    parts.topic.committed[0] = 2  # by its owner meanwhile
    parts.source.assign([0])
    parts.judge.gate.clear()
    parts.pipeline.step()
    parts.pipeline.stop(Deadline.after(0.2))
    parts.judge.gate.set()
    assert (parts.source.commits, parts.topic.committed) == ([], {0: 2})


def test_lag_is_told_while_outputs_are_stuck(parts: Parts) -> None:
    """While nothing can be emitted, the lag of every partition goes on being told, and grows with the topic."""
    parts.topic.extend([b"odd"] * 100)
    parts.judge.gate.clear()
    parts.sink.start()
    stopping = threading.Event()
    running = threading.Thread(target=lambda: parts.pipeline.run(stopping))
    running.start()
    wait_until(lambda: len(parts.pipeline._in_flight) >= IN_FLIGHT_BATCHES)
    parts.topic.extend([b"odd"] * 1_000)
    wait_until(lambda: lags(parts)[-1] == {0: 1_100.0 - 10 * IN_FLIGHT_BATCHES})
    stopping.set()
    parts.judge.gate.set()
    running.join(30)
    parts.pipeline.stop(Deadline.after(10))
    assert math.isnan(lags(parts)[0][0])  # from its assignment on, before anything is known of it


def lags(parts: Parts) -> list[Mapping[int, float]]:
    """What was told of the lag."""
    return [each.by_partition for each in parts.told if isinstance(each, LagSeen)]


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until it holds."""
    deadline = Deadline.after(30)
    while not condition():
        assert not deadline.passed
        time.sleep(0.05)


def test_an_unknown_end_is_not_a_number(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    """A partition whose end the brokers do not tell has a lag all the same: not a number, and not the last one."""
    monkeypatch.setattr(parts.source, "lag", dict)
    run(parts)
    assert [math.isnan(each[0]) for each in lags(parts)] == [True, True]


def test_outputs_that_are_refused_say_for_how_long_and_why(parts: Parts) -> None:
    """While outputs are not acknowledged the pipeline tells since when and what was said; after that, nothing."""
    parts.topic.extend([b"odd"])
    parts.sink.fail_next_flushes(2)
    parts.sink.start()
    parts.pipeline._source.start(parts.pipeline)
    parts.pipeline.step()
    wait_until(lambda: "a fault was asked for" in parts.pipeline.unacknowledged[1])
    assert parts.pipeline.unacknowledged[0] > 0
    wait_until(lambda: parts.pipeline.unacknowledged == (0.0, ""))
    parts.pipeline.stop(Deadline.after(10))
