"""One record's way, in seven steps: poll, decode, features, score, decide, emit, commit.

Poll and commit run in the caller's thread; decode, judge (features, score, decide) and emit have a thread each, so
that a batch is decoded while the one before it is scored. Each thread takes batches in the order they were read.

Promises: an offset is committed only after every record up to it is scored or dead-lettered *and acknowledged*;
``read = scored + dead_lettered + passed_over + in_flight`` at any moment; a new model takes over between two batches.
A message that holds several records is one record while it is in flight, and so many as it holds from then on.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from threading import Event as Flag
from typing import Protocol

import numpy as np

from detector.deadline import Deadline, Interruptible
from detector.errors import BrokerError
from detector.pipeline.events import AlertsRaised, BatchDecoded, InFlight, RecordsFound, RecordsRead
from detector.pipeline.tally import Tally
from detector.records.flow import Decoder, FlowBatch
from detector.scoring.batch_result import BatchResult
from detector.state.keeper import StateKeeper
from detector.telemetry.events import Tell
from detector.transport.base import Channel, OutRecord, RawBatch, Sink, Source, StaleCommitError
from detector.transport.events import (
    CommitFailed,
    LagSeen,
    OffsetsCommitted,
    OutputAcknowledged,
    OutputFailed,
    PartitionsAssigned,
    PartitionsLost,
    PartitionsRevoked,
)

DECODE, JUDGE, EMIT = range(3)
"""Places of the stages' threads."""

IN_FLIGHT_BATCHES = 4
"""One batch in each stage's hands and one waiting: more would only add latency and memory."""

FLUSH_SECONDS = 5.0
"""One attempt's bound: short enough that a stopped process does not linger on it."""

COMMIT_SECONDS = 10.0
"""How long a commit may take before it counts as not accepted; one that is not is tried again with the next."""

LAST_COMMIT_SECONDS = 2.0
"""Left of a shutdown's deadline for committing what was finished, should something never finish."""

RETRY_SECONDS = (0.5, 1.0, 2.0, 5.0)
"""Pauses between attempts to have outputs acknowledged; the last one repeats."""

KEEP_ALIVE_SECONDS = 5.0
"""How long to wait for the stages before polling just to stay in the group, far below max.poll.interval.ms."""


LOOK_SECONDS = 0.1
"""How often a wait looks whether it is time to stop."""

LAG_SECONDS = 1.0
"""How often the lag is told: more often than anyone scrapes it."""


class Clock(Protocol):
    """Seconds since 1970, as ``time.time`` gives them."""

    def __call__(self) -> float:
        """Give the time now."""
        ...


class Judge(Protocol):
    """Turns decoded flows into a verdict; :class:`detector.scoring.judge.Judge` is the one."""

    def judge(self, raw: RawBatch, flows: FlowBatch) -> BatchResult:
        """Judge ``flows``, decoded from ``raw``, batch after batch in the order read."""
        ...

    def remember(self, raw: RawBatch, flows: FlowBatch) -> None:
        """Take flows in that were judged before a restart: for what is remembered of them, without a verdict."""
        ...

    def rest(self) -> None:
        """Do what can be done while no records come."""
        ...

    def conclude(self) -> BatchResult:
        """Give what is left to tell once the input has ended."""
        ...


@dataclass(frozen=True, slots=True)
class Work:
    """A batch on its way through the stages, and the assignment that it was read under."""

    raw: RawBatch
    epoch: int
    emitted: Future[BatchResult | None]
    """None for records that were only gone through again."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When a batch closes, whichever comes first, and how often offsets are committed."""

    max_records: int
    max_bytes: int
    max_wait_s: float
    commit_interval_s: float
    rebalance_deadline_s: float


class Pipeline:
    """Moves batches from ``source`` through the stages to ``sink``."""

    def __init__(
        self,
        *,
        source: Source,
        decoder: Decoder,
        judge: Judge,
        sink: Sink,
        limits: Limits,
        tell: Tell,
        keeper: StateKeeper | None = None,
        decoded: Callable[[RawBatch, FlowBatch], None] | None = None,
        clock: Clock = time.time,
    ) -> None:
        self._keeper = keeper
        self._source = source
        self._decoder = decoder
        self._judge = judge
        self._sink = sink
        self._limits = limits
        self._tell = tell
        self._decoded = decoded
        """Told of each new batch's flows; it neither waits nor raises."""
        self._clock = clock
        self._in_flight: deque[Work] = deque()
        self._done: dict[int, int] = {}
        self._epoch = 0
        self._gone: dict[int, int] = {}
        self._committed_at = time.monotonic()
        self._lag_told_at = -math.inf
        self._emitting_since: float | None = None
        self._refusal = ""
        self._abandon = Flag()
        self._stopping = Flag()
        self._assigned: set[int] = set()
        self.joined = False
        self._stages = [ThreadPoolExecutor(1, thread_name_prefix=name) for name in ("decode", "judge", "emit")]
        self.tally = Tally()
        self.ticked_at = time.monotonic()

    # --- the loop -----------------------------------------------------------------------------------------------

    def run(self, stopping: Flag, started: Callable[[], None] = lambda: None) -> None:
        """Process until ``stopping`` is set or the source has ended and everything is committed.

        ``started`` is called once the source is, before anything is read.
        """
        self._stopping = stopping
        self._source.start(self)
        started()
        while not stopping.is_set() and not self._source.ended:
            self.step()
        while self._source.ended and self._in_flight and not stopping.is_set():
            self._finish(wait_s=self._limits.max_wait_s)
            self.ticked_at = time.monotonic()
        if self._source.ended and not stopping.is_set():
            self._conclude()

    def step(self) -> None:
        """Poll once, hand the batch to the stages, commit what they have finished."""
        self.ticked_at = time.monotonic()
        limits = self._limits
        raw = self._source.poll(limits.max_records, limits.max_bytes, limits.max_wait_s)
        if raw is not None:
            self._submit(raw)
        elif not self._in_flight:
            self._stages[JUDGE].submit(self._judge.rest)
        self._finish()
        self._tell_lag()
        if len(self._in_flight) >= IN_FLIGHT_BATCHES:
            self._wait_for_room()
        if time.monotonic() - self._committed_at >= limits.commit_interval_s and not self._stopping.is_set():
            self._commit(Interruptible(Deadline.after(COMMIT_SECONDS).at, self._stopping))

    def stop(self, deadline: Deadline) -> None:
        """Finish what is in flight, commit it, and close, all within the deadline; the sink is left open."""
        self._drain(deadline.before(LAST_COMMIT_SECONDS))
        self._commit(deadline)
        if self._keeper and not self._in_flight:
            self._keeper.stop(deadline)
        self._abandon.set()
        for stage in self._stages:
            stage.shutdown(wait=False, cancel_futures=True)
        self._source.stop(deadline)

    @property
    def assigned(self) -> frozenset[int]:
        """The partitions that this pipeline reads now."""
        return frozenset(self._assigned)

    @property
    def connected(self) -> bool:
        """Whether the brokers that records come from answer."""
        return self._source.connected

    @property
    def missing(self) -> bool:
        """Whether the topic that is read is known not to be there any more."""
        return self._source.missing

    @property
    def unacknowledged(self) -> tuple[float, str]:
        """For how many seconds outputs have waited to be acknowledged, and what was said about them last."""
        since = self._emitting_since
        return (0.0 if since is None else time.monotonic() - since), self._refusal

    # --- the stages ---------------------------------------------------------------------------------------------

    def _submit(self, raw: RawBatch) -> None:
        """Send a batch through the stages; records that were judged before a restart go first, and no further."""
        replayed = self._keeper.replayed(raw) if self._keeper else None
        if replayed is None:
            self._submit_new(raw)
            return
        self._submit_replay(raw.take(np.flatnonzero(replayed)))
        if not replayed.all():
            self._submit_new(raw.take(np.flatnonzero(~replayed)))

    def _submit_new(self, raw: RawBatch) -> None:
        self.tally.read += len(raw)
        self.tally.in_flight += len(raw)
        self._tell(RecordsRead(count=len(raw), bytes=sum(map(len, filter(None, raw.values)))))
        stages = self._stages
        decoded = stages[DECODE].submit(self._decode_new, raw)
        judged = stages[JUDGE].submit(lambda: self._judge_new(raw, decoded.result()))
        emitted = stages[EMIT].submit(lambda: self._emit(judged.result()))
        self._in_flight.append(Work(raw, self._epoch, emitted))

    def _submit_replay(self, raw: RawBatch) -> None:
        decoded = self._stages[DECODE].submit(self._decode, raw)
        done: Future[BatchResult | None] = self._stages[JUDGE].submit(lambda: self._replay(raw, decoded.result()))
        self._in_flight.append(Work(raw, self._epoch, done))

    def _decode(self, raw: RawBatch) -> FlowBatch:
        started = time.perf_counter()
        flows = self._decoder.decode(raw.values, raw.partitions)
        self._tell(BatchDecoded(flows.records, time.perf_counter() - started, len(flows.frame)))
        return flows

    def _decode_new(self, raw: RawBatch) -> FlowBatch:
        flows = self._decode(raw)
        if self._decoded:
            self._decoded(raw, flows)
        return flows

    def _judge_new(self, raw: RawBatch, flows: FlowBatch) -> BatchResult:
        if self._keeper is None:
            return self._judge.judge(raw, flows)
        self._keeper.before(raw)
        verdict = self._judge.judge(raw, flows)
        self._keeper.after(raw)
        return verdict

    def _replay(self, raw: RawBatch, flows: FlowBatch) -> None:
        self._judge.remember(raw, flows)
        if self._keeper:
            self._keeper.after(raw)

    def _emit(self, verdict: BatchResult) -> BatchResult | None:
        started = time.perf_counter()
        outputs = verdict.outputs()
        self._emitting_since = time.monotonic() if outputs else None
        for channel, records in outputs.items():
            self._sink.send(channel, records)
        if outputs:
            self._flush(outputs)
        self._emitting_since, self._refusal = None, ""
        for channel, records in outputs.items():
            self._tell(OutputAcknowledged(channel, len(records), time.perf_counter() - started))
        if verdict.severities:
            self._tell(AlertsRaised(verdict.severities, self._latencies(verdict), verdict.withheld, verdict.allowed))
        return verdict

    def _flush(self, outputs: dict[Channel, list[OutRecord]]) -> None:
        """Have everything acknowledged, however long that takes; nothing later is emitted or committed meanwhile."""
        attempt = 0
        while not self._abandon.is_set():
            try:
                return self._sink.flush(Deadline.after(FLUSH_SECONDS))
            except BrokerError as error:  # anything else, such as a full disk, ends the run; nothing of it is committed
                self._refusal = str(error)
                self._tell(OutputFailed(next(iter(outputs)), sum(map(len, outputs.values())), str(error)))
                self._abandon.wait(RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)])
                attempt += 1
        raise StageAbandonedError

    def _latencies(self, verdict: BatchResult) -> list[float]:
        now = self._clock()
        return [now - sent_ms / 1000.0 for sent_ms in verdict.alert_timestamps_ms if sent_ms >= 0]

    def _conclude(self) -> None:
        """Have what is left to tell emitted, after everything else; it belongs to no record."""
        judged = self._stages[JUDGE].submit(self._judge.conclude)
        emitted = self._stages[EMIT].submit(lambda: self._emit(judged.result()))
        while not emitted.done() and not self._stopping.is_set():
            wait([emitted], timeout=LOOK_SECONDS)
            self.ticked_at = time.monotonic()
        if emitted.done():
            emitted.result()

    # --- finishing ----------------------------------------------------------------------------------------------

    def _finish(self, wait_s: float = 0.0) -> None:
        """Account for the batches that are emitted, oldest first; wait for one, but no longer than until a stop."""
        until = Interruptible(Deadline.after(wait_s).at, self._stopping)
        while self._in_flight and not until.passed:
            if wait([self._in_flight[0].emitted], timeout=min(until.remaining_s, LOOK_SECONDS)).done:
                break
        while self._in_flight and self._in_flight[0].emitted.done():
            work = self._in_flight[0]
            verdict = work.emitted.result()  # what a stage raised comes out here, and stays uncommitted
            self._in_flight.popleft()
            if verdict is not None:
                self._account(work, verdict)
                self._done.update(
                    {p: at for p, at in work.raw.positions().items() if self._gone.get(p, 0) <= work.epoch}
                )
        self._tell(InFlight(self.tally.in_flight))

    def _account(self, work: Work, verdict: BatchResult) -> None:
        tally = self.tally
        passed_over = sum(verdict.passed_over.values())
        tally.in_flight -= len(work.raw)
        tally.scored += verdict.scored
        tally.dead_lettered += verdict.dead_lettered
        tally.passed_over += passed_over
        tally.passed_over_kinds.update(verdict.passed_over)
        if more := verdict.scored + verdict.dead_lettered + passed_over - len(work.raw):
            tally.read += more
            self._tell(RecordsFound(more))
        written = len(verdict.alerts) - verdict.written_hidden
        tally.alerts += written + verdict.withheld
        tally.written += written
        tally.suppressed += sum(verdict.suppressed.values())
        tally.incidents = verdict.incidents_met
        if verdict.model_version not in tally.versions:
            tally.versions.append(verdict.model_version)

    def _wait_for_room(self) -> None:
        """Wait for the oldest batch; while outputs are stuck, poll without fetching so as to stay in the group."""
        self._finish(wait_s=KEEP_ALIVE_SECONDS)
        while len(self._in_flight) >= IN_FLIGHT_BATCHES and not self._stopping.is_set():
            self._source.pause()
            raw = self._source.poll(self._limits.max_records, self._limits.max_bytes, 0.0)
            if raw is not None:  # fetched before the pause took hold
                self._submit(raw)
            self.ticked_at = time.monotonic()
            self._tell_lag()
            self._finish(wait_s=1.0)
        self._source.resume()

    def _drain(self, deadline: Deadline) -> None:
        while self._in_flight and not deadline.passed and not _failed(self._in_flight[0].emitted):
            wait([self._in_flight[0].emitted], timeout=min(LOOK_SECONDS, deadline.remaining_s))
            self._finish()

    def _commit(self, deadline: Deadline) -> None:
        self._committed_at = time.monotonic()
        if not self._done:
            return
        positions, self._done = self._done, {}
        try:
            self._source.commit(positions, deadline)
        except StaleCommitError as error:  # its new owner reads them again
            self._tell(CommitFailed(str(error)))
        except BrokerError as error:
            self._done = positions | self._done  # tried again with the next one; committing twice does no harm
            self._tell(CommitFailed(str(error)))
        else:
            if self._keeper:
                self._keeper.committed(positions)
            self._tell(OffsetsCommitted(positions))

    def _tell_lag(self) -> None:
        """Tell the lag of every partition that is read here: not a number where its end is not known now."""
        if (now := time.monotonic()) - self._lag_told_at < LAG_SECONDS:
            return
        self._lag_told_at = now
        self._tell(LagSeen(dict.fromkeys(self._assigned, math.nan) | self._source.lag()))

    # --- what the source tells ----------------------------------------------------------------------------------

    def on_assigned(self, partitions: Iterable[int]) -> None:
        """Partitions came: what is remembered of them is restored before their records are."""
        added = list(partitions)
        self.joined = True
        self._assigned.update(added)
        if self._keeper:
            self._source.rewind(self._restore(self._keeper, added))
        self._tell(PartitionsAssigned(added))
        self._tell(LagSeen(dict.fromkeys(added, math.nan)))

    def _restore(self, keeper: StateKeeper, partitions: list[int]) -> dict[int, int]:
        """Have the judge's thread, which alone touches that state, put back what is remembered of these."""
        committed, oldest = self._committed(partitions), self._source.oldest(partitions)
        return self._stages[JUDGE].submit(lambda: keeper.take_over(partitions, committed, oldest)).result()

    def _committed(self, partitions: list[int]) -> dict[int, int]:
        """Ask where the group is; a broker that has just given partitions may still need a moment for that."""
        for pause_s in RETRY_SECONDS[:-1]:
            try:
                return self._source.committed(partitions)
            except BrokerError:
                self._stopping.wait(pause_s)
        return self._source.committed(partitions)

    def on_revoked(self, partitions: Iterable[int]) -> None:
        """Partitions go: finish and commit what was read of them, so that the next member starts behind it."""
        gone, deadline = list(partitions), Deadline.after(self._limits.rebalance_deadline_s)
        self._drain(deadline)
        self._commit(deadline)
        if self._keeper and not self._in_flight:
            self._keeper.give_up(gone, deadline)
        self._forget(gone)
        self._tell(PartitionsRevoked(gone))

    def on_lost(self, partitions: Iterable[int]) -> None:
        """Partitions are gone already: what is in flight of them will be read again by their new owner."""
        gone = list(partitions)
        if keeper := self._keeper:
            self._stages[JUDGE].submit(lambda: keeper.forget(gone))
        self._forget(gone)
        self._tell(PartitionsLost(gone))

    def on_replaced(self, partitions: Iterable[int]) -> None:
        """Another topic is read under this name: offsets of the earlier one, in flight or done, mean nothing in it."""
        numbers = list(partitions)
        self._outdate(numbers)
        if keeper := self._keeper:
            self._stages[JUDGE].submit(lambda: keeper.begin_anew(numbers)).result()

    def _forget(self, gone: Iterable[int]) -> None:
        numbers = list(gone)
        self._outdate(numbers)
        self._assigned.difference_update(numbers)

    def _outdate(self, partitions: Iterable[int]) -> None:
        """Let nothing that was read of these before now be committed."""
        self._epoch += 1
        for partition in partitions:
            self._gone[partition] = self._epoch
            self._done.pop(partition, None)


def _failed(future: Future[BatchResult | None]) -> bool:
    return future.done() and future.exception() is not None


class StageAbandonedError(Exception):
    """The pipeline was stopped while outputs were not acknowledged: their offsets stay uncommitted."""
