"""The time that was watched: time that has flows; and which flows' times cannot be believed.

A budget is per day of watching, so thresholds are as good as the time that they are learnt over. The time from the
first flow to the last is not it: a sensor pauses for days, one flow says 2099, a clock of 32 bits in milliseconds is
49.7 days off, and a connection that began the day before yesterday is logged when it ends.

*Believable* is a time that others share: within a day or so on either side of it lie at least :data:`LEAST_SHARE` as
many as around the usual flow. So are times between such, and within :data:`NEAR_S` of them: a weekend is quiet, too. A
flow is believable where its start is, or its end; any other is *apart*, and is to be left out of training
(:func:`left_out` counts them and names one).

*Watched* are the stretches in which flows both begin and end, without a *pause* within. Of starts alone, a log of an
hour would reach back to its oldest connection; of ends alone, on to where the longest would have ended. Which silences
are pauses, the flows tell: those that are far longer than all shorter ones (:data:`FAR_LONGER`), if stretches between
them last some minutes. So a quiet night's silences are none, being of every length, nor are those of a network that
has a burst now and then; those between captures are. A pause counts for nothing, but for a *night* between stretches
of hours, in which a network does nothing: a day is over when it ends, and has its budget.

How to call it (times in seconds, of any origin, in any order)::

    ends = ends_of(frame)
    read = left_out(read)                               # a Dataset without the flows apart: they become rejects
    kept = believable(ts, ends)                         # the same of arrays: mask of rows
    watched = Watched.of(ts, ends)                      # times apart do not count here in any case
    watched.seconds, watched.start, watched.end         # in all; believable first and last moment
    watched.clock(ts)                                   # seconds watched before each moment: stands still in pauses
    watched.between(ts)                                 # seconds watched from the first of these to the last
    watched.parts(ts, 5)                                # which fifth of the watched time each belongs to: 0…4
    watched.moments(seconds)                            # the other way round: when so many seconds had been watched
    watched.stretch_of(ts)                              # which stretch without a pause each is in, or comes after

Moments in a pause, or before the first flow and after the last, count as its nearest past: they are watched for
nothing. Pure; leaves to others which rows are meant and what is made of the seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.kernels.clock import told
from detector.scoring.dataset import Dataset

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

DAY_S, HOUR_S = 86_400.0, 3600.0

TIME_APART = "time_apart"
"""Why such a flow is not used, beside the reasons of records that no flow can be read from."""

LEAST_SHARE = 0.005
"""A clock that is wrong for up to one flow in 200 is found, also where what it says is as far spread as the truth."""

NEAR_S = 3.0 * DAY_S
"""So far beyond times that many share, few are believed: a long weekend."""

FEW = 5
"""So many flows need no share, unless those around the usual one are no more than ten times as many."""

LEAST_PAUSE_S = 60.0
"""What is shorter is no pause."""

FAR_LONGER = 10.0
"""A pause is so many times the longest silence that is none. At random times, the longest is seldom twice the next."""

LEAST_STRETCH_S = 120.0
"""Stretches last so long in the mean, or nothing between them was a pause: bursts are how this network is."""

NIGHT_S, NIGHTS_IN_A_DAY, DAYS_WORK_S = 16.5 * HOUR_S, 2.5, 4.0 * HOUR_S
"""The longest night, how many times as long it may be as the stretches beside it, and how long these last at least."""

WEEK_S, SATURDAY_S, EDGE_S = 7.0 * DAY_S, 2.0 * DAY_S, 4.0 * HOUR_S
"""1970 began on a Thursday; hours of a weekend that are a working day's elsewhere."""

OVERLAP = 0.5
"""Of starts' or ends' watched time, whichever is less: where they share less, flows are longer than the capture, and
the starts decide."""


def ends_of(frame: pl.DataFrame) -> Floats:
    """When each flow of a frame of canonical columns ended; its start where no duration is known. Shape (rows,)."""
    durations = np.nan_to_num(frame["duration_s"].fill_null(0.0).to_numpy(), nan=0.0, posinf=0.0, neginf=0.0)
    ends: Floats = frame["ts"].to_numpy() + np.maximum(durations, 0.0)
    return ends


def believable(ts: Floats, ends: Floats | None = None) -> Mask:
    """Mask of the rows whose start ``ts`` or end can be believed; ``ends`` None: flows take no time. Shape (rows,)."""
    kept = _shared(ts)
    return kept if ends is None else kept | _shared(ends)


def left_out(read: Dataset) -> Dataset:
    """Have the flows apart become records that could not be used, of the reason :data:`TIME_APART`, one named."""
    ts = read.frame["ts"].to_numpy()
    kept = believable(ts, ends_of(read.frame))
    if kept.all():
        return read
    apart = np.flatnonzero(~kept)
    farthest = int(apart[np.argmax(np.abs(ts[apart] - np.median(ts)))])
    sample = f"{read.place(farthest)}: {told(ts[farthest])} is far from when all other flows were"
    return replace(
        read,
        frame=read.frame.filter(kept),
        rejected={**read.rejected, TIME_APART: read.rejected.get(TIME_APART, 0) + len(apart)},
        samples={**read.samples, TIME_APART: sample},
    )


@dataclass(frozen=True, slots=True)
class Watched:
    """Stretches of time that have flows, ascending and apart; see the module."""

    starts: Floats
    """When each stretch begins; shape (stretches,)."""
    ends: Floats
    """When each ends, at or after its start and before the next one's; likewise."""

    @classmethod
    def of(cls, ts: Floats, ends: Floats | None = None) -> Self:
        """Learn from flows' starts and ends, in any order; of none, or of one, no time is watched.

        Times that no others share are not looked at.
        """
        began = _stretches(ts[_shared(ts)])
        ended = began if ends is None else _stretches(ends[_shared(ends)])
        # The first flows are watched from where they begin, unless they last for long.
        both = _common(began, Watched(ended.starts - LEAST_PAUSE_S, ended.ends))
        if both.seconds < OVERLAP * min(began.seconds, ended.seconds) or not len(both.starts):
            both = began
        return cls(both.starts, both.ends)

    @property
    def seconds(self) -> float:
        """Watched in all."""
        return float((self.ends - self.starts).sum())

    @property
    def days(self) -> float:
        """The same in days."""
        return self.seconds / DAY_S

    @property
    def start(self) -> float:
        """When watching began; 0 where nothing was watched."""
        return float(self.starts[0]) if len(self.starts) else 0.0

    @property
    def end(self) -> float:
        """When watching ended; 0 where nothing was watched."""
        return float(self.ends[-1]) if len(self.ends) else 0.0

    @property
    def at_weekends_alone(self) -> bool:
        """Whether no stretch reaches into a working day, Monday to Friday in UTC, by more than :data:`EDGE_S`."""
        to_saturday = (self.starts + EDGE_S - SATURDAY_S) // WEEK_S * WEEK_S + SATURDAY_S
        return bool(len(self.starts)) and bool((self.ends - EDGE_S <= to_saturday + 2.0 * DAY_S).all())

    def clock(self, ts: Floats) -> Floats:
        """How many seconds had been watched at each moment; rises with it, and stands still in pauses."""
        if not len(self.starts):
            return np.zeros(len(ts))
        moments, seconds = self._knots()
        read: Floats = np.interp(ts, moments, seconds)
        return read

    def between(self, ts: Floats) -> float:
        """Seconds watched from the first of these moments to the last; of none, 0."""
        return float(np.ptp(self.clock(ts))) if len(ts) else 0.0

    def parts(self, ts: Floats, count: int) -> NDArray[np.intp]:
        """Which of ``count`` equal parts of the watched time each moment belongs to, 0 the first."""
        share = self.clock(ts) / (self.seconds or 1.0)
        numbers: NDArray[np.intp] = np.minimum((share * count).astype(np.intp), count - 1)
        return numbers

    def moments(self, seconds: Floats) -> Floats:
        """When so many seconds had been watched; of a moment before a pause and one after it, the earlier."""
        if not len(self.starts):
            return np.zeros(len(seconds))
        ticked = np.concatenate([[0.0], np.cumsum(self.ends - self.starts)])
        stretch = np.clip(np.searchsorted(ticked, seconds, side="left") - 1, 0, len(self.starts) - 1)
        when: Floats = np.clip(self.starts[stretch] + (seconds - ticked[stretch]), self.start, self.end)
        return when

    def stretch_of(self, ts: Floats) -> NDArray[np.intp]:
        """The number of the stretch that each moment is in, or was the last before it; 0 before the first."""
        numbers: NDArray[np.intp] = np.maximum(np.searchsorted(self.starts, ts, side="right") - 1, 0)
        return numbers

    def _knots(self) -> tuple[Floats, Floats]:
        """Moments, and seconds watched until each, between which both go in proportion."""
        ticked = np.concatenate([[0.0], np.cumsum(self.ends - self.starts)])
        moments = np.stack([self.starts, self.ends], axis=1).ravel()
        return moments, np.stack([ticked[:-1], ticked[1:]], axis=1).ravel()


def _shared(ts: Floats) -> Mask:
    """Which times many others share, or lie between or near such; what is no number never does."""
    finite = np.isfinite(ts)
    ordered = np.sort(ts[finite])
    if not len(ordered):
        return finite
    hours = np.floor(ordered / HOUR_S)
    first = np.flatnonzero(np.diff(hours, prepend=-np.inf))
    held, until = hours[first], np.append(first, len(ordered))
    day = DAY_S / HOUR_S
    around = until[np.searchsorted(held, held + day, side="right")] - until[np.searchsorted(held, held - day)]
    usual = float(np.median(np.repeat(around, np.diff(until))))
    many = np.flatnonzero(around >= max(LEAST_SHARE * usual, min(FEW, usual / 10.0)))
    low, high = ordered[until[many[0]]] - NEAR_S, ordered[until[many[-1] + 1] - 1] + NEAR_S
    shared: Mask = finite & (ts >= low) & (ts <= high)
    return shared


def _stretches(times: Floats) -> Watched:
    """Cut at each silence that is a pause."""
    ordered = np.sort(times)
    if not len(ordered):
        return Watched(ordered, ordered)
    silences = np.diff(ordered)
    for least in _jumps(silences):
        cuts = np.flatnonzero(silences >= least)
        stretches = Watched(ordered[np.append(0, cuts + 1)], ordered[np.append(cuts, len(ordered) - 1)])
        if stretches.seconds >= LEAST_STRETCH_S * len(stretches.starts):
            return _days(stretches)
    return Watched(ordered[:1], ordered[-1:])


def _days(stretches: Watched) -> Watched:
    """Join what nights cut."""
    mean = stretches.seconds / len(stretches.starts)
    longest = min(NIGHT_S, NIGHTS_IN_A_DAY * mean) if mean >= DAYS_WORK_S else 0.0
    pauses = stretches.starts[1:] - stretches.ends[:-1] > longest
    return Watched(stretches.starts[np.append(True, pauses)], stretches.ends[np.append(pauses, True)])


def _jumps(silences: Floats) -> Floats:
    """The silences, ascending, that are far longer than the next shorter one: where pauses may begin."""
    long = np.sort(silences[silences > LEAST_PAUSE_S])
    shorter = float(silences[silences <= LEAST_PAUSE_S].max(initial=0.0))
    jumps: Floats = long[long >= FAR_LONGER * np.append(shorter, long[:-1])[: len(long)]]
    return jumps


def _common(one: Watched, other: Watched) -> Watched:
    """The time that both watched; stretches of no length are left out where there are others."""
    moments = np.unique(np.concatenate([one.starts, one.ends, other.starts, other.ends]))
    if len(moments) < 2:
        return one
    middles = (moments[1:] + moments[:-1]) / 2.0
    both = _within(one, middles) & _within(other, middles)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], both.astype(np.int8), [0]])))
    return Watched(moments[edges[::2]], moments[edges[1::2]])


def _within(watched: Watched, moments: Floats) -> Mask:
    stretch = np.searchsorted(watched.starts, moments, side="right") - 1
    inside: Mask = (stretch >= 0) & (moments <= watched.ends[np.maximum(stretch, 0)])
    return inside
