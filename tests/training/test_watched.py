"""The time that was watched, and times that cannot be believed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from detector.kernels.clock import told
from detector.scoring.dataset import OFFSET, SOURCE, Dataset
from tests.features.flows import flows
from training.watched import DAY_S, HOUR_S, TIME_APART, Watched, believable, ends_of, left_out

Floats = NDArray[np.float64]

WRAP_S = 2.0**32 / 1000.0
"""By how much a clock of 32 bits in milliseconds is off: 49.7 days."""

LONG_S = 2_460.0


def capture(seconds: float = LONG_S, count: int = 4_000, seed: int = 1) -> Floats:
    """Starts at random times of a capture, ascending."""
    return 1.7e9 + np.sort(np.random.default_rng(seed).uniform(0.0, seconds, count))


def paused(days: float, last: int = 400) -> Floats:
    """The same, with a pause before the last."""
    ts = capture()
    ts[-last:] += days * DAY_S
    return ts


def off(places: Callable[[np.random.Generator], NDArray[np.intp]], seconds: float, ts: Floats | None = None) -> Floats:
    """Starts of which some are off by so many seconds."""
    ts = capture() if ts is None else ts
    ts[places(np.random.default_rng(2))] += seconds
    return ts


def by_hour(rates: Callable[[int], float], hours: int) -> Floats:
    """Starts at random times of each hour, at its rate."""
    random = np.random.default_rng(3)
    return np.concatenate([hour * HOUR_S + random.uniform(0.0, HOUR_S, random.poisson(rates(hour)))
                           for hour in range(hours)])  # fmt: skip


def office(night: float) -> Callable[[int], float]:
    """2,000 flows an hour by day, few by night."""
    return lambda hour: 2_000.0 if 9 <= hour % 24 < 17 else night


def repeated(every_s: float, seconds: float, count: int, times: int) -> Floats:
    """Stretches of flows, each so long."""
    return np.concatenate([number * every_s + capture(seconds, count, number) for number in range(times)])


@pytest.mark.parametrize(
    ("ts", "left_out"),
    [
        pytest.param(capture(), 0, id="nothing wrong"),
        pytest.param(paused(2), 0, id="two days' pause"),
        pytest.param(paused(26), 0, id="26 days' pause"),
        pytest.param(off(lambda _: np.array([7]), 2.3e9), 1, id="2099"),
        pytest.param(off(lambda _: np.array([7]), -1.7e9), 1, id="1970"),
        pytest.param(off(lambda _: np.array([7]), WRAP_S), 1, id="one 49.7 days off"),
        pytest.param(off(lambda r: r.choice(4_000, 4, replace=False), WRAP_S), 4, id="0.1 % 49.7 days off"),
        pytest.param(off(lambda r: r.choice(4_000, 4, replace=False), -WRAP_S), 4, id="0.1 % 49.7 days early"),
        pytest.param(off(lambda _: np.array([7]), np.inf), 1, id="never"),
        pytest.param(off(lambda _: np.array([7]), np.nan), 1, id="no number"),
        pytest.param(off(lambda _: np.array([7]), 1e300), 1, id="no time"),
        pytest.param(paused(2) - 1.7e9, 0, id="from 0 on"),
    ],
)
def test_what_a_capture_of_minutes_watched(ts: Floats, left_out: int) -> None:
    """Pauses are not watched and absurd times not believed: 41 minutes stay 41 minutes, in any order of the flows."""
    kept = believable(ts)
    assert (~kept).sum() == left_out
    shuffled = np.random.default_rng(5).permutation(ts)
    for each in (ts, shuffled, ts[kept]):
        assert Watched.of(each).seconds == pytest.approx(LONG_S, rel=0.02)


@pytest.mark.parametrize(
    ("ts", "hours"),
    [
        pytest.param(by_hour(office(3.0), 24), 24, id="a day with a quiet night"),
        pytest.param(by_hour(office(3.0), 24 * 14), 24 * 14, id="two weeks of quiet nights"),
        pytest.param(by_hour(lambda hour: office(1.0)(hour) if hour < 120 else 1.0, 168), 168, id="a weekend"),
        pytest.param(by_hour(office(0.0), 72), 56, id="nights without a flow"),
        pytest.param(by_hour(lambda _: 0.2, 720), 720, id="five flows a day"),
        pytest.param(by_hour(lambda _: 4.0, 720), 720, id="four flows an hour"),
        pytest.param(repeated(6 * HOUR_S, 10.0, 20, 12), 66, id="bursts each six hours"),
        pytest.param(repeated(24 * HOUR_S, HOUR_S, 5_000, 8), 8, id="an hour a day"),
        pytest.param(repeated(HOUR_S, 300.0, 500, 50), 50 / 12, id="five minutes an hour"),
        pytest.param(
            off(lambda r: np.flatnonzero(r.random(100_000) < 0.001), WRAP_S, capture(10 * DAY_S, 100_000)),
            240,
            id="0.1 % of ten days",
        ),
        pytest.param(
            off(lambda r: np.flatnonzero(r.random(100_000) < 0.001), WRAP_S, capture(60 * DAY_S, 100_000)),
            1_440,
            id="0.1 % of sixty days, which they overlap",
        ),
    ],
)  # fmt: skip
def test_what_networks_watched(ts: Floats, hours: float) -> None:
    """Quiet hours count, and what lies between captures does not."""
    assert Watched.of(ts).seconds / HOUR_S == pytest.approx(hours, rel=0.1)


def moved(after: int, seconds: float, count: int = 4_000) -> Floats:
    """A capture of which all flows after so many are later."""
    ts = capture(count=count)
    ts[after:] += seconds
    return ts


@pytest.mark.parametrize(
    ("count", "wrong", "left_out"),
    [
        pytest.param(4_000, 16, 16, id="one in 250"),
        pytest.param(4_000, 40, 0, id="one in a hundred: no clock is wrong so often"),
        pytest.param(300, 4, 4, id="four of 300"),
        pytest.param(300, 6, 0, id="six need no share"),
        pytest.param(30, 2, 2, id="two of thirty"),
        pytest.param(30, 4, 0, id="four of thirty"),
    ],
)
def test_how_many_make_a_time_believable(count: int, wrong: int, left_out: int) -> None:
    """One in two hundred at that time, or five in all; of few flows, one for each ten."""
    ts = off(lambda _: np.arange(wrong), WRAP_S, capture(count=count))
    assert (~believable(ts)).sum() == left_out


@pytest.mark.parametrize(
    ("ts", "seconds"),
    [
        pytest.param(moved(2_000, 150.0), LONG_S, id="a silence of 150 s among flows each second"),
        pytest.param(moved(2_000, 50.0), LONG_S + 50, id="of less than a minute"),
        pytest.param(moved(200, 150.0, 400), LONG_S + 150, id="of 150 s where half a minute is usual"),
        pytest.param(repeated(350.0, 300.0, 1_500, 20), 6_950.0, id="50 s each five minutes"),
        pytest.param(repeated(380.0, 300.0, 1_500, 20), 6_000.0, id="80 s each five minutes"),
        pytest.param(repeated(6 * HOUR_S, 60.0, 200, 12), 66 * HOUR_S + 60, id="bursts of a minute"),
        pytest.param(repeated(6 * HOUR_S, 180.0, 600, 12), 12 * 180.0, id="captures of three minutes"),
        pytest.param(repeated(29 * HOUR_S, 9 * HOUR_S, 2_000, 8), 72 * HOUR_S, id="nights of twenty hours are none"),
        pytest.param(repeated(25 * HOUR_S, 9 * HOUR_S, 2_000, 8), 184 * HOUR_S, id="nights of sixteen hours are"),
        pytest.param(repeated(20 * HOUR_S, 5 * HOUR_S, 2_000, 8), 40 * HOUR_S, id="three times as long as the day"),
        pytest.param(repeated(17 * HOUR_S, 5 * HOUR_S, 2_000, 8), 124 * HOUR_S, id="twice as long and more"),
        pytest.param(repeated(3 * HOUR_S, HOUR_S, 1_000, 8), 8 * HOUR_S, id="no day's work, no night"),
    ],
)
def test_which_silences_are_pauses(ts: Floats, seconds: float) -> None:
    """Ten times any shorter one, over a minute, between stretches of two; nights between days of four hours or more."""
    assert Watched.of(ts).seconds == pytest.approx(seconds, rel=0.015)


@pytest.mark.parametrize(("lasting", "seconds"), [(1_500.0, 2_160.0), (2_100.0, HOUR_S)])
def test_starts_decide_where_flows_are_longer_than_half_of_the_capture(lasting: float, seconds: float) -> None:
    """Of shorter ones, what both starts and ends share was watched, and a minute before the first end."""
    ts = capture(HOUR_S, 4_000)
    assert Watched.of(ts, ts + lasting).seconds == pytest.approx(seconds, rel=0.01)


def test_connections_that_began_long_ago() -> None:
    """The log of an hour watched an hour, whatever began days before; it is kept, since it ended within."""
    ts, random = capture(HOUR_S, 10_000), np.random.default_rng(4)
    old = ts[0] - random.uniform(0.0, 100 * HOUR_S, 60)
    starts, ends = np.append(ts, old), np.append(ts + 2.0, random.choice(ts, 60))
    assert believable(starts, ends).all()
    assert Watched.of(starts, ends).seconds == pytest.approx(HOUR_S, rel=0.02)
    assert not believable(starts).all(), "without ends, nothing tells them from a wrong clock"


def test_connections_that_end_long_after() -> None:
    """Nor does a connection that is said to go on for hours beyond the last lengthen it."""
    ts = capture(HOUR_S, 10_000)
    lasting = np.where(np.random.default_rng(4).random(10_000) < 0.01, 20 * HOUR_S, 1.0)
    assert Watched.of(ts, ts + lasting).seconds == pytest.approx(HOUR_S, rel=0.01)


def test_flows_longer_than_the_capture() -> None:
    """Where no flow ends before the last has begun, starts alone tell."""
    ts = capture(HOUR_S, 500)
    assert Watched.of(ts, ts + 2 * HOUR_S).seconds == pytest.approx(HOUR_S, rel=0.02)


@settings(deadline=None)
@given(st.lists(st.floats(0.0, 1e7), min_size=2, max_size=40), st.integers(1, 7))
def test_the_clock_of_watching(moments: list[float], count: int) -> None:
    """It never goes back, ends at all that was watched, goes on evenly in a stretch, and parts are equally long."""
    watched = Watched.of(np.concatenate([capture() - 1.7e9, capture() - 1.7e9 + 3e6]))
    asked = np.sort(np.array(moments))
    clock = watched.clock(asked)
    assert (np.diff(clock) >= 0).all()
    assert watched.between(asked) == pytest.approx(clock[-1] - clock[0])
    assert watched.clock(np.array([-1.0, 1e9])).tolist() == [0.0, watched.seconds]
    edges = np.linspace(0.0, watched.seconds, count + 1)
    np.testing.assert_allclose(watched.clock(watched.moments(edges)), edges, atol=1e-6)
    parts = watched.parts(asked, count)
    assert ((parts >= 0) & (parts < count)).all()
    np.testing.assert_array_equal(parts, np.minimum(clock / watched.seconds * count, count - 1).astype(int))


def test_stretches_and_pauses() -> None:
    """A pause is watched for nothing, and moments in it belong to the stretch before it."""
    watched = Watched.of(paused(2))
    (first, second), (pause, end) = watched.starts, watched.ends
    middle = (pause + second) / 2
    moments = np.array([first - 5, first, middle, second, end + 5])
    assert watched.stretch_of(moments).tolist() == [0, 0, 0, 1, 1]
    assert watched.between(np.array([pause, middle, second])) == pytest.approx(0.0, abs=1e-6)
    assert watched.between(np.array([pause - 3, second + 4])) == pytest.approx(7.0)
    assert (watched.start, watched.end) == (first, end)


@pytest.mark.parametrize("ts", [[], [5.0], [5.0, 5.0], [np.nan]])
def test_too_few_to_tell(ts: list[float]) -> None:
    """Of no flow, of one, or of one moment nothing was watched."""
    times = np.array(ts)
    watched = Watched.of(times, times)
    assert watched.seconds == watched.days == watched.between(times) == 0.0
    assert watched.parts(times, 3).tolist() == [0] * len(ts)
    assert believable(times).tolist() == np.isfinite(times).tolist()


def read_of(ts: Floats, topic: str | None = None) -> Dataset:
    """What was read, in order of time."""
    frame = flows(*({"ts": float(each)} for each in np.sort(ts)))
    places = [pl.lit(0, pl.Int32).alias(SOURCE), pl.Series(OFFSET, range(len(ts)), pl.Int64)]
    source = "conn.log" if topic is None else f"{topic}/0"
    return Dataset(frame.with_columns(places), "zeek", (source,), "", {"bad_protocol": 2}, {}, topic=topic)


def test_flows_apart_are_left_out() -> None:
    """They become records that could not be used, are counted as such, and the farthest is named by its place."""
    ts = capture(count=400)
    ts[[3, 9]] = 0.0, 4_070_908_800.0
    read = left_out(read_of(ts))
    assert (len(read.frame), read.records) == (398, 402)
    assert read.rejected == {"bad_protocol": 2, TIME_APART: 2}
    assert read.samples == {
        TIME_APART: "conn.log line 400: 2099-01-01T00:00:00+00:00 is far from when all other flows were"
    }
    assert left_out(read_of(ts, "flows")).samples[TIME_APART].startswith("flows/0 offset 399: ")
    calm = read_of(capture(count=400))
    assert left_out(calm) is calm


def test_any_time_can_be_named() -> None:
    """Also one that no calendar has."""
    assert (told(0.0), told(1e300)) == ("1970-01-01T00:00:00+00:00", "1e+300 s")


def test_ends_of_flows() -> None:
    """A flow of no known duration ends when it starts."""
    frame = flows({"ts": 10.0, "duration_s": 2.5}, {"ts": 11.0, "duration_s": None}, {"ts": 12.0, "duration_s": 0.0})
    assert ends_of(frame).tolist() == [12.5, 11.0, 12.0]
    assert ends_of(frame.with_columns(pl.lit(np.inf).alias("duration_s"))).tolist() == [10.0, 11.0, 12.0]


@pytest.mark.parametrize(
    ("start", "hours", "weekend"),
    [
        ("2026-01-10T00:00", 48, True),  # a Saturday
        ("2026-01-10T09:00", 8, True),
        ("2026-01-09T21:00", 50, True),
        ("2026-01-09T12:00", 60, False),
        ("2026-01-11T20:00", 12, False),
        ("2026-01-05T00:00", 24, False),
    ],
)
def test_a_weekend_alone_is_told_from_other_days(start: str, hours: int, weekend: bool) -> None:
    """Some hours of Friday's evening or Monday's night are a weekend's elsewhere; a working day's are not."""
    begin = datetime.fromisoformat(start).replace(tzinfo=UTC).timestamp()
    watched = Watched.of(np.arange(begin, begin + hours * 3600.0, 20.0))
    assert watched.at_weekends_alone == weekend
