"""One run: frames from a scenario, written in a format to a target, at a pace."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import polars as pl

from training.simulator.ahead import ahead
from training.simulator.scenario import Scenario
from training.simulator.targets import Target
from training.simulator.truth import Truth
from training.simulator.writers import Writer

_AHEAD = 2
"""Frames made in advance: two keep both sides busy, more would only take memory."""
_STEPS_PER_S = 20
"""How often a paced run sends."""

TellCount = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Run:
    """What to write, and how."""

    scenario: Scenario
    writer: Writer
    labels: bool
    count: int | None = None
    """Stop after so many flows, though the scenario's time may not be over, and go on until then if it is."""
    rate: float | None = None
    """Flows a second of real time; None is as fast as possible."""

    def to(self, target: Target, tell: TellCount = lambda _count: None) -> Truth:
        """Write everything; ``tell`` hears of each portion's number of flows. Gives the truth about it.

        Whether the target is finished or abandoned is the caller's to decide.
        """
        truth = Truth()
        last = self.scenario.start
        target.head(self.writer.header(self.scenario.start, labels=self.labels))
        for frame in self._frames():
            lines = self.writer.write(frame, labels=self.labels)
            target.write(lines, frame["src_ip"] if lines.rows is None else frame["src_ip"].gather(lines.rows))
            if self.rate is not None:
                target.flush()
            truth.note(frame)
            tell(len(frame))
            last = float(frame["ts"][-1])
        target.tail(self.writer.footer(last))
        return truth

    def _frames(self) -> Iterator[pl.DataFrame]:
        rows = None if self.rate is None else max(1, round(self.rate / _STEPS_PER_S))
        frames = self.scenario.frames(rows, endless=self.count is not None)
        if self.count is not None:
            frames = first(frames, self.count)
        frames = ahead(frames, _AHEAD)
        return frames if self.rate is None else paced(frames, self.rate)


def first(frames: Iterator[pl.DataFrame], count: int) -> Iterator[pl.DataFrame]:
    """The first ``count`` rows."""
    left = count
    for frame in frames:
        yield frame[:left]
        left -= len(frame)
        if left <= 0:
            return


def paced(frames: Iterator[pl.DataFrame], per_s: float) -> Iterator[pl.DataFrame]:
    """Each frame when it is due at ``per_s`` rows a second; one that is late is made up for."""
    began = time.monotonic()
    given = 0
    for frame in frames:
        wait = began + given / per_s - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        yield frame
        given += len(frame)
