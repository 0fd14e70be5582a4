"""Keeps what is remembered of each partition, and puts it back when the partition comes.

A snapshot is taken between two batches and written by a thread of its own. When a partition comes, the latest snapshot
at or before the group's committed offset is restored, and the records since are gone through once more without output:
then the state is what it would have been without the restart. Before the first record of a partition that has no
snapshot, one of the empty state is written, so that there is always one to begin from.

Where the log has lost records that were to be gone through again, state goes on without them, and that is told. Where
the topic is another one of the same name, what is remembered goes on too: it is of the network, not of offsets.

``take_over``, ``begin_anew``, ``before``, ``after`` and ``give_up`` belong to the thread that judges; ``committed``
and ``replayed`` to the one that polls.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector.deadline import Deadline
from detector.errors import InputError, OutputError
from detector.state.events import StateIncomplete, StateMissing, StateNotSaved, StateRestored, StateSaved
from detector.state.protocol import Remembering
from detector.state.snapshot import Snapshot
from detector.state.store import SnapshotStore
from detector.telemetry.events import Tell
from detector.transport.base import RawBatch

_PASSING = {errno.ENOSPC, errno.EDQUOT}
"""A disk or quota that is full: it is no reason to leave the network unwatched."""


LESS_URGENT = 10
"""Steps of niceness: a tenth of a processor is left for it where all are wanted."""


@dataclass(slots=True)
class Held:
    """A partition that is read here."""

    position: int
    """The next offset to judge; -1 before the first record of a partition that nothing is known of."""
    replay_until: int
    began: float
    replay_from: int
    saved_at: float
    based: bool
    """Whether there is a snapshot to begin from."""
    saving: Future[None] | None = None


class StateKeeper:
    """Takes a snapshot of each partition every ``interval_s`` seconds, in turn; ``stop`` ends its thread."""

    def __init__(self, store: SnapshotStore, memory: Remembering, *, interval_s: float, tell: Tell) -> None:
        self._store = store
        self._memory = memory
        self._interval_s = interval_s
        self._tell = tell
        self._held: dict[int, Held] = {}
        self._committed: dict[int, int] = {}
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="state", initializer=_yield_to_others)

    def check(self) -> None:
        """Make sure that snapshots can be written. Raises OutputError; a full disk, which passes, is only told."""
        try:
            self._store.probe()
        except OSError as error:
            if error.errno not in _PASSING:
                raise OutputError(
                    f"state: cannot write snapshots to {self._store.url}: {error.strerror or error}; set state.url"
                    " (ODDFLOW_STATE__URL) to a place that can be written and outlives the process,"
                    " or state.enabled = false"
                ) from error
            self._tell(StateNotSaved(None, str(error)))

    # --- partitions come and go -----------------------------------------------------------------------------------

    def take_over(
        self, partitions: Iterable[int], committed: Mapping[int, int], oldest: Mapping[int, int]
    ) -> dict[int, int]:
        """Restore these partitions; give, by partition, the offset to read again from: none that the log lacks."""
        rewound: dict[int, int] = {}
        for partition in partitions:
            self._memory.drop([partition])
            at = committed.get(partition, -1)
            self._committed[partition] = at
            began = time.monotonic()
            snapshot = self._load(partition, at) if at >= 0 else None
            if at < 0:
                self._writer.submit(self._clear, partition)
            position = snapshot.offset if snapshot is not None and snapshot.parts else at
            position = self._still_there(partition, position, at, oldest.get(partition, 0))
            self._held[partition] = Held(position, at, began, position, began, based=snapshot is not None)
            if snapshot is None:
                continue
            if position < at:
                rewound[partition] = position
            else:
                self._tell(StateRestored(partition, 0, time.monotonic() - began))
        return rewound

    def _still_there(self, partition: int, position: int, committed: int, oldest: int) -> int:
        """The place to go through again from, which is later where the log begins later."""
        there = min(max(position, oldest), committed)
        if there > position >= 0:
            self._tell(StateIncomplete(partition, position, oldest, there - position))
        return there

    def begin_anew(self, partitions: Iterable[int]) -> None:
        """Go on with what is remembered of these, at offsets of another topic; snapshots of the earlier one end."""
        for partition in partitions:
            if (held := self._held.get(partition)) is None:
                continue
            self._committed[partition] = held.position = held.replay_until = -1
            held.based = False
            self._writer.submit(self._clear, partition)

    def _load(self, partition: int, committed: int) -> Snapshot | None:
        try:
            snapshot = self._writer.submit(self._store.load, partition, committed).result()
            if snapshot is None:
                self._tell(StateMissing(partition, committed, "there is no snapshot of it"))
            else:
                self._memory.restore(partition, snapshot.parts)
        except (OSError, InputError) as error:
            self._tell(StateMissing(partition, committed, str(error)))
            return None
        return snapshot

    def give_up(self, partitions: Iterable[int], deadline: Deadline) -> None:
        """Write what is remembered of these, where all of it is committed, and forget it."""
        gone = [partition for partition in partitions if partition in self._held]
        last = []
        for partition in gone:
            held = self._held.pop(partition)
            done = held.position >= 0 and held.position == self._committed.get(partition)
            if done and held.position >= held.replay_until:
                last.append(self._write(partition, held.position))
        wait(last, timeout=deadline.remaining_s)
        self._memory.drop(gone)
        for partition in gone:
            self._writer.submit(self._store.forget, partition)

    def forget(self, partitions: Iterable[int]) -> None:
        """Forget partitions that are gone already: their new owner begins from what was kept before."""
        gone = list(partitions)
        for partition in gone:
            self._held.pop(partition, None)
            self._writer.submit(self._store.forget, partition)
        self._memory.drop(gone)

    def stop(self, deadline: Deadline) -> None:
        """Write what is remembered of every partition, and end."""
        self.give_up(list(self._held), deadline)
        self._writer.shutdown(wait=False, cancel_futures=True)

    # --- around each batch ----------------------------------------------------------------------------------------

    def replayed(self, raw: RawBatch) -> NDArray[np.bool_] | None:
        """Which records were judged before the restart, shape (records,); None if none were."""
        waiting = {partition: held.replay_until for partition, held in list(self._held.items()) if _replays(held)}
        if not waiting:
            return None
        mask = np.zeros(len(raw), dtype=np.bool_)
        for partition, until in waiting.items():
            mask |= (raw.partitions == partition) & (raw.offsets < until)
        return mask if mask.any() else None

    def before(self, raw: RawBatch) -> None:
        """Have a snapshot to begin from for every partition in the batch."""
        for partition, first in _firsts(raw).items():
            held = self._held.get(partition)
            if held is not None and not held.based:
                held.position, held.replay_from = first, first
                self._write(partition, first).result()
                held.based = True

    def after(self, raw: RawBatch) -> None:
        """Note what is judged; take a snapshot of the partition that has waited longest, if it is due."""
        for partition, position in raw.positions().items():
            if (held := self._held.get(partition)) is not None:
                replaying = _replays(held)
                held.position = position
                if replaying and not _replays(held):
                    self._tell(
                        StateRestored(partition, held.replay_until - held.replay_from, time.monotonic() - held.began)
                    )
        now = time.monotonic()
        due = [
            (held.saved_at, partition)
            for partition, held in self._held.items()
            if now - held.saved_at >= self._interval_s and held.position >= 0 and not _replays(held) and _idle(held)
        ]
        if due:
            _, partition = min(due)
            held = self._held[partition]
            held.saved_at, held.saving = now, self._write(partition, held.position)

    def committed(self, positions: Mapping[int, int]) -> None:
        """Note what the group has committed."""
        self._committed.update(positions)

    # --- writing --------------------------------------------------------------------------------------------------

    def _write(self, partition: int, position: int) -> Future[None]:
        parts = self._memory.freeze(partition)
        return self._writer.submit(self._save, partition, position, parts)

    def _save(self, partition: int, position: int, parts: Callable[[], dict[str, bytes]]) -> None:
        began = time.monotonic()
        try:
            written = parts()
            snapshot = Snapshot(self._store.topic, partition, position, written)
            if self._store.save(snapshot, self._committed.get(partition, -1)):
                size = sum(map(len, written.values()))
                self._tell(StateSaved(partition, position, size, time.monotonic() - began))
        except OSError as error:
            self._tell(StateNotSaved(partition, str(error)))

    def _clear(self, partition: int) -> None:
        try:
            self._store.clear(partition)
        except OSError as error:
            self._tell(StateNotSaved(partition, str(error)))


def _yield_to_others() -> None:
    """Have this thread run when others do not want to: to pack a snapshot is work for a second, which nobody waits for.

    Where the platform knows priorities of threads, and lets them be lowered.
    """
    if sys.platform == "linux":
        with suppress(OSError):
            os.nice(LESS_URGENT)


def _replays(held: Held) -> bool:
    return held.position < held.replay_until


def _idle(held: Held) -> bool:
    return held.saving is None or held.saving.done()


def _firsts(raw: RawBatch) -> dict[int, int]:
    """The first offset of each partition in a batch."""
    partitions, rows = np.unique(raw.partitions, return_index=True)
    return dict(zip(partitions.tolist(), raw.offsets[rows].tolist(), strict=True))
