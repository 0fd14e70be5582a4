"""The thread in which the challenger is scored; whatever becomes of it, the champion does not wait.

Batches come by a bounded queue. Where it is full they are dropped and counted: windows lack these flows then, and the
figures say how many. A challenger that raises an error is given up, told once, and so is one that hangs: its thread is
left behind, and another waits for the next version.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from queue import Empty, Full, Queue
from typing import Protocol

import msgspec

from detector.bundle.loaded_model import LoadedModel
from detector.deadline import Deadline
from detector.scoring.judged import Judged
from detector.shadow.comparison import Comparison, places_only
from detector.shadow.events import ShadowBegun, ShadowCompared, ShadowDropped, ShadowEnded, ShadowFailed
from detector.shadow.figures import Figures
from detector.telemetry.events import Tell

QUEUE_BATCHES = 8
"""Batches that may wait: a second or so at full load, and some tens of megabytes."""

GATHER_ROWS = 4_000
"""Sampled flows that are scored together: small batches cost several times as much a flow."""

GATHER_S = 1.0
"""So long they wait for others at most."""

TURN_S = 0.2
"""How often the thread looks for a new challenger while nothing comes."""

HANGS_AFTER_S = 60.0
"""A challenger that needs so long for a batch is given up."""

Compare = Callable[[LoadedModel, LoadedModel], Comparison]


class Incoming(Protocol):
    """Where verified challengers come from; a watcher of their alias is one."""

    def take(self) -> LoadedModel | None:
        """Give a model that came since the last call, once."""
        ...


@dataclass(slots=True)
class _Lane:
    """One thread's own; another begins with a new one."""

    failed: set[str]
    queue: Queue[Judged | list[int]] = field(default_factory=lambda: Queue(QUEUE_BATCHES))
    ended: threading.Event = field(default_factory=threading.Event)
    model: LoadedModel | None = None
    comparison: Comparison | None = None
    waiting_since: float = 0.0
    busy_since: float | None = None
    figures: Figures | None = None
    """As they were last; never changed, only replaced."""
    dropped: int = 0
    """Flows, since the comparison began."""


class Shadow:
    """Compares the challengers that ``incoming`` gives with the champion of the batches that are offered."""

    def __init__(
        self, incoming: Incoming, compare: Compare, tell: Tell, *, hangs_after_s: float = HANGS_AFTER_S
    ) -> None:
        self._incoming = incoming
        self._compare = compare
        self._tell = tell
        self._hangs_after_s = hangs_after_s
        self._champion = ""
        self._lane = _Lane(set())
        self._stopped = False

    def start(self) -> None:
        """Begin to wait for a challenger."""
        self._begin(self._lane)

    def stop(self, deadline: Deadline) -> None:
        """End; a challenger that hangs is left behind and keeps no process alive."""
        self._stopped = True
        self._lane.ended.set()
        while self._lane.busy_since is not None and not deadline.passed:
            time.sleep(min(0.01, deadline.remaining_s))

    def offer(self, judged: Judged) -> None:
        """Take a batch to be compared, or drop it; at once either way."""
        lane, model = self._lane, judged.model
        self._champion = model.version
        if lane.model is None or lane.model.version in {*lane.failed, model.version}:
            return
        raw = judged.raw
        try:
            lane.queue.put_nowait(replace(judged, raw=places_only(raw.topic, raw.partitions, raw.offsets)))
        except Full:
            lane.dropped += len(judged.flows.frame)
            self._tell(ShadowDropped(len(judged.flows.frame)))

    def forget(self, partitions: list[int]) -> None:
        """Partitions are read here no more: drop what is remembered of them, after what was offered before."""
        lane = self._lane
        if lane.model is not None:
            try:
                lane.queue.put_nowait(list(partitions))
            except Full:
                lane.dropped += 1  # what comes of them later may meet old windows

    def figures(self) -> Figures | None:
        """What the comparison came to until now; None where there is none."""
        lane = self._lane
        found, dropped = lane.figures, lane.dropped
        if found is None:
            return None
        return msgspec.structs.replace(found, dropped=dropped, offered=found.offered + dropped)

    def look(self) -> None:
        """Give a challenger up that hangs; to be called now and then."""
        lane, now = self._lane, time.monotonic()
        since = lane.busy_since
        if since is None or now - since < self._hangs_after_s or self._stopped:
            return
        lane.ended.set()
        version = lane.model.version if lane.model else ""
        why = f"it needed more than {self._hangs_after_s:g} s for a batch"
        after = _Lane(lane.failed | {version}, figures=_failed(lane.figures, why), dropped=lane.dropped)
        after.model = lane.model
        self._lane = after
        self._begin(after)
        self._tell(ShadowFailed(version, "hang", why))
        self._tell(ShadowEnded())

    # --- the thread -----------------------------------------------------------------------------------------------

    def _begin(self, lane: _Lane) -> None:
        threading.Thread(target=self._run, args=(lane,), name="shadow", daemon=True).start()

    def _run(self, lane: _Lane) -> None:
        while not lane.ended.is_set():
            try:
                self._turn(lane)
            except Exception as error:  # noqa: BLE001 - whatever it is, the champion goes on
                if not lane.ended.is_set():
                    self._crashed(lane, error)
            finally:
                lane.busy_since = None

    def _turn(self, lane: _Lane) -> None:
        self._take(lane)
        try:
            item = lane.queue.get(timeout=TURN_S)
        except Empty:
            item = None
        lane.busy_since = time.monotonic()
        if lane.model is None or lane.model.version in lane.failed:
            return
        if isinstance(item, list):
            if lane.comparison is not None:
                lane.comparison.forget(item)
        elif item is not None:
            self._gather(lane, lane.model, item)
        elif lane.comparison is not None and self._champion == lane.model.version:
            lane.comparison = lane.figures = None
            self._tell(ShadowEnded())
        self._compare_gathered(lane)

    def _take(self, lane: _Lane) -> None:
        if (new := self._incoming.take()) is not None:
            lane.model, lane.comparison, lane.figures, lane.dropped = new, None, None, 0

    def _gather(self, lane: _Lane, challenger: LoadedModel, judged: Judged) -> None:
        if judged.model.version == challenger.version:
            return
        if lane.comparison is None or lane.comparison.champion.version != judged.model.version:
            if lane.comparison is not None:  # of another champion
                lane.figures, lane.dropped = None, 0
            lane.comparison = self._compare(judged.model, challenger)
            self._tell(ShadowBegun(judged.model.version, challenger.version, lane.comparison.figures.share))
        if not lane.comparison.gathered:
            lane.waiting_since = time.monotonic()
        lane.comparison.gather(judged)

    def _compare_gathered(self, lane: _Lane) -> None:
        comparison = lane.comparison
        if comparison is None or not comparison.gathered:
            return
        if comparison.gathered < GATHER_ROWS and time.monotonic() - lane.waiting_since < GATHER_S:
            return
        comparison.compare()
        if lane.ended.is_set():
            return
        before, lane.figures = lane.figures, comparison.figures.copy()
        self._tell(_compared(before, lane.figures))

    def _crashed(self, lane: _Lane, error: Exception) -> None:
        version = lane.model.version if lane.model else ""
        why = f"{type(error).__name__}: {error}"
        lane.failed.add(version)
        lane.figures, lane.comparison = _failed(lane.figures, why), None
        self._tell(ShadowFailed(version, "crash", why))
        self._tell(ShadowEnded())
        while not lane.queue.empty():
            lane.queue.get_nowait()


def _failed(figures: Figures | None, why: str) -> Figures | None:
    return None if figures is None else msgspec.structs.replace(figures, failed=why)


def _compared(before: Figures | None, now: Figures) -> ShadowCompared:
    def more(name: str) -> int:
        return int(getattr(now, name) - (getattr(before, name) if before else 0))

    return ShadowCompared(
        flows={
            "both": more("both"),
            "champion": more("champion_only"),
            "challenger": more("challenger_only"),
            "neither": more("neither"),
        },
        incidents={
            "both": more("incidents_both"),
            "gained": more("incidents_gained"),
            "lost": more("incidents_lost"),
        },
        agreement=now.agreement,
        kappa=now.kappa,
        jaccard=now.jaccard,
        shift_decades=now.shift_decades,
        champion_us=now.champion_us,
        challenger_us=now.challenger_us,
    )
