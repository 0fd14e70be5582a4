"""A partition's clock."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from detector.features.windows_columns import read_windows
from detector.kernels.clock import AHEAD, CLOCK, CLOCK_FIELDS, LATE, MOVED, begun, happened_at, hear

NOW = 1.7e9
DAY_S = 86_400.0

# Said here once more, not imported: docs/explanation/design.md promises them.
LATE_S, AHEAD_S, BEFORE_END_S, FARTHEST_S = 3600.0, 600.0, 300.0, 90 * DAY_S
STEPS_AHEAD, STEPS_BACK, STEPS_TENTATIVE = 8, 64, 4

WRONG = [0.0, 4_070_908_800.0, NOW + 2.0**32 / 1000.0, NOW - 2.0**32 / 1000.0, NOW + 7200.0]

Floats = NDArray[np.float64]


def heard(times: list[float], clock: Floats | None = None) -> tuple[list[float], list[float], int, Floats]:
    """When each counts as happening, the clock after each, and the last at which all was void."""
    clock = np.zeros(CLOCK_FIELDS) if clock is None else clock
    counts_as, now, void_at = [], [], -1
    for number, ts in enumerate(times):
        when, void = happened_at(ts, clock, LATE_S, AHEAD_S)
        counts_as.append(when)
        now.append(float(clock[CLOCK]))
        void_at = number if void else void_at
    return counts_as, now, void_at, clock


def ended(at: float = NOW) -> Floats:
    """The clock of state that training ended with."""
    _, _, _, clock = heard([at - 1, at])
    begun(clock)
    return clock


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("place", [0, 1, 10, 39])
def test_one_wrong_time_costs_nothing(wrong: float, place: int) -> None:
    """Wherever it comes, the others count as happening when they did, but for a few at most after it comes first."""
    times = [NOW + second for second in range(40)]
    times[place] = wrong
    counts_as, now, _, clock = heard(times)
    settled = STEPS_TENTATIVE if place == 0 else 0
    others = [each for each in range(settled, 40) if each != place]
    assert [counts_as[each] for each in others] == [times[each] for each in others]
    assert abs(now[-1] - NOW - 39) <= 1
    if place > 0:
        assert abs(counts_as[place] - NOW - place) <= 1, "it counts as happening now"
        assert clock[AHEAD] + clock[LATE] == 1


@given(st.lists(st.sampled_from([*WRONG, NOW, NOW + 1, NOW + 60, NOW - 60]), max_size=100), st.integers(0, 100))
def test_cuts_change_nothing(times: list[float], cut: int) -> None:
    """However records are cut into batches, each counts as happening at the same time."""
    whole, clocks, _, end = heard(times)
    first, before, _, clock = heard(times[:cut])
    second, after, _, clock = heard(times[cut:], clock)
    assert (first + second, before + after) == (whole, clocks)
    assert clock.tolist() == end.tolist()


@given(st.lists(st.sampled_from(WRONG), min_size=1, max_size=5), st.integers(20, 40))
def test_wrong_times_among_right_ones(wrong: list[float], every: int) -> None:
    """One in twenty that is wrong, in whatever way, never moves a clock that records agree with."""
    times = [NOW + second for second in range(200)]
    for number, place in enumerate(range(every, 200, every)):
        times[place] = wrong[number % len(wrong)]
    _, now, void, _ = heard(times)
    assert void == -1
    assert now == sorted(now)
    assert now[-1] <= NOW + 199


@pytest.mark.parametrize(
    ("passed", "steps", "void"),
    [
        (1.0, 1, False),
        (-BEFORE_END_S, 1, False),
        (40_000.0, STEPS_TENTATIVE, False),
        (FARTHEST_S - 100, STEPS_TENTATIVE, False),
        (FARTHEST_S + 100, STEPS_TENTATIVE, True),
        (-BEFORE_END_S - 1, STEPS_TENTATIVE, True),
        (-10 * DAY_S, STEPS_TENTATIVE, True),
    ],
)
def test_going_on_from_training(passed: float, steps: int, void: bool) -> None:
    """Records that follow training within months keep its state, also after a pause; others soon void it."""
    counts_as, now, void_at, clock = heard([NOW + passed] * 10, ended())
    assert counts_as == [NOW] * (steps - 1) + [NOW + passed] * (11 - steps)
    assert (void_at >= 0) is void
    assert now[-1] == clock[CLOCK] == max(NOW + passed, 0.0 if void else NOW)


@pytest.mark.parametrize(
    ("off", "believed"), [(-3600.0, True), (-3601.0, False), (600.0, True), (601.0, False), (0.0, True)]
)
def test_an_hour_late_and_ten_minutes_ahead_are_believed(off: float, believed: bool) -> None:
    """Up to there a record counts as happening when it says, and beyond as happening now, in each use of the clock."""
    counts_as = hear(np.array([NOW, NOW, NOW + off]), np.zeros(3, np.int32), {}).counts_as
    assert counts_as[-1] == (NOW + off if believed else NOW)
    windows = read_windows({"columns": ["source_flows_1m"]})
    assert (windows.late_s, windows.ahead_s) == (3600.0, 600.0)


def test_those_that_agree_must_follow_each_other() -> None:
    """Between two that agree on another time, one that agrees with the clock has them begin to count anew."""
    _, _, _, clock = heard([NOW, NOW + 1])
    ahead = [NOW + DAY_S] * 7
    counts_as, _, _, _ = heard([*ahead, NOW + 2, *ahead], clock)
    assert set(counts_as) == {NOW + 1, NOW + 2}


def test_those_that_agree_may_drift() -> None:
    """Each need only be near the one before it: a day's flows, nine minutes apart, agree with each other."""
    _, _, _, clock = heard([NOW, NOW + 1])
    far = [NOW + DAY_S + 540.0 * number for number in range(10)]
    counts_as, _, _, _ = heard(far, clock)
    assert counts_as == [NOW + 1] * 7 + far[7:]


@pytest.mark.parametrize(
    ("moved", "steps", "void"),
    [(DAY_S, STEPS_AHEAD, False), (FARTHEST_S + 100, STEPS_AHEAD, True), (-DAY_S, STEPS_BACK, True)],
)
def test_many_that_agree_are_followed(moved: float, steps: int, void: bool) -> None:
    """A clock that is sure follows a few that agree ahead, and many back; months ahead, and back, all is void."""
    _, _, _, clock = heard([NOW, NOW + 1])
    counts_as, _, void_at, _ = heard([NOW + moved] * 70, clock)
    assert counts_as.count(NOW + 1) == steps - 1
    assert void_at == (steps - 1 if void else -1)


def test_partitions_have_clocks_of_their_own() -> None:
    """Hearing a batch is hearing each partition's records, one after the other, from where its clock stood."""
    times = [NOW, *WRONG, NOW + 1, math.nan, NOW + 2]
    clocks = {1: heard([NOW - 5])[3]}
    partitions = np.array([number % 2 for number in range(len(times))], np.int32)
    batch = hear(np.array(times), partitions, clocks)
    for number, before in ((0, []), (1, [NOW - 5])):
        own = [0.0 if math.isnan(ts) else ts for ts in times[number::2]]
        counts_as, now, _, clock = heard(before + own)
        assert batch.counts_as[number::2].tolist() == counts_as[len(before) :]
        assert batch.now[number::2].tolist() == now[len(before) :]
        assert clocks[number].tolist() == clock.tolist()
        assert batch.moves[number::2][-1] == clock[MOVED]
