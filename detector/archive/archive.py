"""Keeps the flows that the daemon decodes, in a thread of its own.

``offer`` only puts a batch into a bounded queue: what does not fit is dropped and counted. The thread gathers flows and
writes a file every so many rows or seconds. Whatever goes wrong with that is told once, until it works again, and
counted; it never reaches the pipeline. Flows that are not written yet when the process dies are not in the archive;
those that are read again after it are in it twice, and reading takes them once.

More flows a second than it may take make the sample of sources smaller, as too many a day do: the thread then does less
work, and the pipeline keeps the processor.

By day of arrival, not of event: one day is open at a time, and a clock that says 2099 pushes out no real day.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.archive.events import ArchiveFailed, ArchiveWritten, FlowsNotArchived
from detector.archive.share import MOST_HALVINGS, of_kept_sources
from detector.archive.shelf import Bounds, Shelf
from detector.deadline import Deadline
from detector.records.decoder import join_frames
from detector.records.flow import ROW, FlowBatch
from detector.telemetry.events import Tell
from detector.transport.base import RawBatch

PARTITION, OFFSET = "partition", "offset"
"""Columns beside the canonical ones: where each flow's record was in the topic; Int32 and Int64."""

MOST_WAITING = 400_000
"""Flows in the queue: about 100 MB."""

MOST_GATHERED = 200_000
"""Flows of one file, at most about."""

LOOK_S = 0.5

WINDOW_S = 10.0
"""Time over which flows a second are counted."""


@dataclass(frozen=True, slots=True)
class Offered:
    """A batch of flows; ``partitions`` and ``offsets`` are of its values."""

    frame: pl.DataFrame
    partitions: NDArray[np.int32]
    offsets: NDArray[np.int64]


class Archive:
    """Writes to ``shelf``; ``start`` and ``stop`` its thread."""

    def __init__(
        self,
        shelf: Shelf,
        bounds: Bounds,
        *,
        format: str,  # noqa: A002 - what it is called everywhere
        interval_s: float,
        rows_per_second: float,
        tell: Tell,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._shelf = shelf
        self._bounds = bounds
        self._format = format
        self._interval_s = interval_s
        self._most_in_window = rows_per_second * WINDOW_S
        self._tell = tell
        self._now = now
        self._queue: queue.SimpleQueue[Offered | None] = queue.SimpleQueue()
        self._waiting = 0
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="archive", daemon=True)
        self._member = f"{int(now() * 1000)}-{uuid4().hex[:8]}"
        self._number = 0
        self._day, self._halvings = "", 0
        self._gathered: list[pl.DataFrame] = []
        self._rows = 0
        self._began = 0.0
        self._window_began, self._window_rows = -WINDOW_S, 0
        self._failing = False

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def offer(self, raw: RawBatch, flows: FlowBatch) -> None:
        """Take flows that were decoded from ``raw``, or drop them where too many wait; never waits itself."""
        rows = len(flows.frame)
        if not rows:
            return
        with self._lock:
            room = not self._waiting or self._waiting + rows <= MOST_WAITING
            self._waiting += rows if room else 0
        if room:
            self._queue.put(Offered(flows.frame, raw.partitions, raw.offsets))
        else:
            self._tell(FlowsNotArchived("dropped", rows))

    def stop(self, deadline: Deadline) -> None:
        """Write what was offered, as far as the deadline allows."""
        self._queue.put(None)
        self._thread.join(timeout=deadline.remaining_s)

    def _run(self) -> None:
        while True:
            try:
                offered = self._queue.get(timeout=LOOK_S)
            except queue.Empty:
                if self._rows and time.monotonic() - self._began >= self._interval_s:
                    self._write()
                continue
            if offered is None:
                self._write()
                return
            self._take(offered)

    def _take(self, offered: Offered) -> None:
        rows = len(offered.frame)
        with self._lock:
            self._waiting -= rows
        today = f"{datetime.fromtimestamp(self._now(), UTC):%Y-%m-%d}"
        if today != self._day:
            self._write()
            self._day, self._halvings = today, 0
        frame = _placed(self._of_kept(offered.frame), offered)
        self._hold_rate(len(frame))
        if not self._rows:
            self._began = time.monotonic()
        self._gathered.append(frame)
        self._rows += len(frame)
        if self._rows >= MOST_GATHERED or time.monotonic() - self._began >= self._interval_s:
            self._write()

    def _of_kept(self, frame: pl.DataFrame) -> pl.DataFrame:
        kept = of_kept_sources(frame, self._halvings)
        if len(kept) < len(frame):
            self._tell(FlowsNotArchived("left_out", len(frame) - len(kept)))
        return kept

    def _hold_rate(self, rows: int) -> None:
        """Count flows that are taken; where they are too many for a window, halve the sources."""
        if time.monotonic() - self._window_began >= WINDOW_S:
            self._window_began, self._window_rows = time.monotonic(), 0
        self._window_rows += rows
        while self._window_rows > self._most_in_window and self._halvings < MOST_HALVINGS:
            self._halvings += 1
            self._window_rows //= 2

    def _write(self) -> None:
        """Write what was gathered; on any error it is given up, and counted."""
        gathered, rows, self._gathered, self._rows = self._gathered, self._rows, [], 0
        if not rows:
            return
        try:
            self._number += 1
            frame = self._of_kept(join_frames(gathered))
            rows = len(frame)
            self._shelf.add(self._day, f"{self._member}-{self._number:06d}", frame, self._halvings, self._format)
        except Exception as error:  # noqa: BLE001 - nothing that happens here may stop the daemon
            self._tell(FlowsNotArchived("failed", rows))
            self._tell_failed(error)
            return
        try:
            found = self._shelf.keep_within(self._bounds, self._day, self._halvings)
        except Exception as error:  # noqa: BLE001 - likewise; the next file tries it again
            self._tell_failed(error)
            return
        self._failing, again = False, self._failing
        self._halvings = found.halvings
        self._tell(ArchiveWritten(rows, found.bytes, found.halvings, again))

    def _tell_failed(self, error: Exception) -> None:
        self._tell(ArchiveFailed(f"{type(error).__name__}: {error}".splitlines()[0], known=self._failing))
        self._failing = True


def _placed(frame: pl.DataFrame, offered: Offered) -> pl.DataFrame:
    """Some of the flows offered, with the places of their records in the topic."""
    rows = frame[ROW].to_numpy()
    return frame.drop(ROW).with_columns(
        pl.Series(PARTITION, offered.partitions[rows]).cast(pl.Int32),
        pl.Series(OFFSET, offered.offsets[rows]).cast(pl.Int64),
    )
