"""A partition's clock: event time by its records, one after the other, that no wrong time can move.

A record counts as happening when it says, from an hour behind the clock to some minutes
ahead of it, and moves it on. One that says otherwise counts as happening *now*: it is scored, and what it touches bears
the time of its neighbours. Where many in succession agree on another time, the clock follows them: a few ahead, as
after a pause; more back, since a sensor that ends long connections at once tells many old starts in a row. Back, or
months ahead, all that was remembered is void.

A clock is *tentative* until a record agrees with it: it stands where the first record put it, or where training ended
(:func:`begun`). It follows a few records that agree with each other, ahead or back, so that one wrong first record
costs nothing, and no batch has to be looked at whole: each record's time depends on those before it alone, however they
are cut into batches.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.kernels.hash_table import kernel

Floats = NDArray[np.float64]

LATE_S, AHEAD_S = 3600.0, 600.0
"""Further behind the clock, or ahead of it, a record counts as happening now."""

STEPS_AHEAD, STEPS_BACK = 8, 64
"""Records in succession that must agree on a time far ahead, or far back, before the clock follows them."""

STEPS_TENTATIVE = 4
"""The same, either way, while nothing has agreed with the clock: three wrong records may come first."""

FARTHEST_S = 90 * 86_400.0
"""After so long, what was usual says little, and sketches' times would soon wrap around."""

FARTHEST_TIME_S = 1e11
"""No time is farther from 1970, year 5138: sums of it and ticks stay exact, and no clock follows such."""

BEFORE_END_S = 300.0
"""So little before the end of training a record may come after it: connections are told of when they end."""

CLOCK, CANDIDATE, AGREEING, LATE, AHEAD, MOVED, STARTED = 0, 1, 2, 3, 4, 5, 6
"""Places in a partition's ``clock`` array (float64): its time, a rival time and how many agree on it, and counts."""

CLOCK_FIELDS = 7

NEVER, SURE, BY_RECORD, BY_TRAINING = 0.0, 1.0, 2.0, 3.0
"""What ``clock[STARTED]`` can be: nothing was seen; a record has agreed; tentative, by a record or by training."""


@kernel
def happened_at(ts: float, clock: Floats, late_s: float, ahead_s: float) -> tuple[float, bool]:
    """Give the time that a record counts as, and whether the clock moved so far that all state is void."""
    now, started = clock[CLOCK], clock[STARTED]
    if started == NEVER:
        clock[STARTED] = BY_RECORD
        clock[CLOCK] = ts
        return ts, False
    behind = BEFORE_END_S if started == BY_TRAINING else late_s
    if now - behind <= ts <= now + ahead_s:
        clock[STARTED] = SURE
        clock[AGREEING] = 0.0
        clock[CLOCK] = max(now, ts)
        return ts, False
    ahead = ts > now
    clock[AHEAD if ahead else LATE] += 1.0
    if abs(ts - clock[CANDIDATE]) <= ahead_s:
        clock[AGREEING] += 1.0
    else:
        clock[AGREEING] = 1.0
    clock[CANDIDATE] = ts
    enough = STEPS_TENTATIVE if started != SURE else STEPS_AHEAD if ahead else STEPS_BACK
    if clock[AGREEING] < enough:
        return now, False
    clock[STARTED] = SURE
    clock[AGREEING] = 0.0
    clock[MOVED] += 1.0
    clock[CLOCK] = ts
    return ts, not ahead or ts - now > FARTHEST_S


def begun(clock: Floats) -> None:
    """Have a clock that stands where training ended be tentative."""
    clock[STARTED], clock[AGREEING] = BY_TRAINING, 0.0


def told(seconds: float) -> str:
    """A time as a message names it, whatever it is."""
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return f"{seconds:g} s"


class Heard(NamedTuple):
    """What records did to their partitions' clocks; shape (rows,) each."""

    counts_as: Floats
    """When each counts as happening."""
    now: Floats
    """The clock after each."""
    moves: Floats
    """How often it had followed records far ahead or back by then."""


def within_reach(ts: Floats) -> Floats:
    """Times (rows,) none of which is farther than FARTHEST_TIME_S, or none at all."""
    times: Floats = np.clip(np.nan_to_num(ts), -FARTHEST_TIME_S, FARTHEST_TIME_S)
    return times


def hear(ts: Floats, partitions: NDArray[np.int32], clocks: dict[int, Floats]) -> Heard:
    """Pass over records in their order; ``clocks``, by partition, go on, and begin where there is none."""
    times = within_reach(ts)
    heard = Heard(*(np.empty(len(ts)) for _ in Heard._fields))
    for partition in np.unique(partitions).tolist():
        clock = clocks.setdefault(partition, np.zeros(CLOCK_FIELDS))
        _hear(times, np.flatnonzero(partitions == partition), clock, *heard)
    return heard


@kernel
def _hear(ts: Any, rows: Any, clock: Any, counts_as: Any, now: Any, moves: Any) -> None:  # noqa: PLR0917  (a kernel takes its arrays one by one)
    for i in rows:
        counts_as[i], _ = happened_at(ts[i], clock, LATE_S, AHEAD_S)
        now[i] = clock[CLOCK]
        moves[i] = clock[MOVED]
