"""Regular pairs: what calls by the clock stands out, whatever its jitter; habits, crowds and failures do not."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from detector.decisions.passed import FAILED, LOG_SENT, TAUGHT, EvidenceKeys, Passed, Surprises
from detector.decisions.regular import PairState, Regular
from detector.decisions.regular_kernel import HIGHEST
from detector.errors import InputError
from detector.kernels.hash_table import WAYS
from tests.damage import damaged

DAY_S = 86_400.0
START = 1.7e9


def passed(
    ts: Any, *, sources: Any = 1, destinations: Any = 1, sent: Any = 600.0, failed: Any = 0.0, partitions: Any = 0,
    taught: Any = 0.0,
) -> Passed:  # fmt: skip
    """Flows of sources to destinations, by their numbers, all at one port; in order of time."""
    columns = np.broadcast_arrays(np.atleast_1d(ts), sources, destinations, sent, failed, partitions, taught)
    ts, sources, destinations, sent, failed, partitions, taught = (column.ravel() for column in columns)
    order = np.argsort(ts, kind="stable")
    source, there = hashed(sources[order]), hashed(destinations[order] + 10_000)
    keys = EvidenceKeys(hashed(source * np.uint64(3) + there), source, source ^ there, there)
    none = np.zeros(len(ts))
    told = {LOG_SENT: np.log1p(sent[order]).astype(np.float32), FAILED: failed[order].astype(np.float32)}
    told[TAUGHT] = taught[order].astype(np.float32)
    return Passed(keys, ts[order].astype(float), Surprises(none, none), partitions[order].astype(np.int32), told)


def hashed(numbers: NDArray[Any]) -> NDArray[np.uint64]:
    """Spread over 64 bits."""
    with np.errstate(over="ignore"):
        mixed = (np.asarray(numbers).astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        return (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)


def calls(period_s: float, jitter: float, *, lasts_s: float = DAY_S, missed: float = 0.0, seed: int = 1) -> Any:
    """When something calls: each interval differs by up to a share of it, and some calls are not made."""
    rng = np.random.default_rng(seed)
    count = int(2 * lasts_s / period_s) + 2
    ts = START + np.cumsum(period_s * (1 + rng.uniform(-jitter, jitter, count)))
    return ts[(ts < START + lasts_s) & (rng.random(count) >= missed)]


def joined(*parts: Passed) -> Passed:
    """Several in order of time."""
    ts = np.concatenate([part.ts for part in parts])
    whole = Passed(
        EvidenceKeys(*(np.concatenate(each) for each in zip(*(part.keys for part in parts), strict=True))),
        ts,
        Surprises(np.zeros(len(ts)), np.zeros(len(ts))),
        np.concatenate([part.partitions for part in parts]),
        {name: np.concatenate([part.columns[name] for part in parts]) for name in (LOG_SENT, FAILED, TAUGHT)},
    )
    return whole.take(np.argsort(ts, kind="stable"))


def watched(flows: Passed) -> Passed:
    """The same among failed flows of others, by which time passes: no ten minutes go without any."""
    since = START if flows.ts[0] < START + DAY_S else flows.ts[0]
    others = passed(np.arange(since, flows.ts[-1], 300.0), sources=9999, destinations=9999, failed=1.0)
    return joined(others, flows)


def after_a_day(pairs: int = 1024, keys: int = 4096) -> PairState:
    """A state that has watched its three partitions for the day before, with nothing in it that was answered."""
    state = PairState(pairs, keys)
    ts = START - np.arange(0.0, DAY_S, 300.0)
    state.update(passed(np.tile(ts, 3), failed=1.0, partitions=np.repeat([0, 1, 2], len(ts))))
    return state


def regularity(flows: Passed, state: PairState | None = None) -> NDArray[np.float64]:
    """Of each of these flows, among others by which time passes."""
    whole = watched(flows)
    found: NDArray[np.float64] = (state or after_a_day()).update(whole).regularity
    answered: NDArray[np.float64] = found[whole.columns[FAILED] == 0.0]
    return answered


def people(hosts: int = 8, visits: int = 4000, seed: int = 3) -> Passed:
    """Some who visit twenty places by chance, for a day."""
    rng = np.random.default_rng(seed)
    return passed(
        START + rng.random(visits) * DAY_S,
        sources=100 + rng.integers(0, hosts, visits),
        destinations=100 + rng.integers(0, 20, visits),
        sent=rng.lognormal(7, 1.2, visits),
    )


@pytest.mark.parametrize("jitter", [0.0, 0.2, 0.4])
@pytest.mark.parametrize("period_s", [8.0, 60.0, 600.0, 3600.0, 7200.0])
def test_a_beacon_stands_out(period_s: float, jitter: float) -> None:
    """Calls of any period and jitter stand out among people's visits: above the highest of those within a day."""
    beacon = passed(calls(period_s, jitter, lasts_s=min(DAY_S, max(7200.0, 12 * period_s))))
    found = regularity(beacon)
    assert found.max() > 1.5 * regularity(people()).max()
    soon = beacon.ts <= beacon.ts[0] + max(3600.0, 11.5 * period_s)
    assert found[soon].max() > 0.5 * found.max()


def test_missed_calls_are_forgiven() -> None:
    """One in five calls that is not made leaves most of what there was."""
    whole, gaps = (regularity(passed(calls(300.0, 0.2, missed=missed))).max() for missed in (0, 0.2))
    assert gaps > 0.6 * whole


def test_office_hours_are_enough() -> None:
    """A beacon of an hour that works from nine to six, and rests at night, is regular on its first day."""
    ts = calls(3600.0, 0.2, lasts_s=9 * 3600.0)
    assert regularity(passed(np.concatenate([ts, ts + DAY_S])))[len(ts) - 1] > 4.0


def test_what_is_told_is_what_was_done() -> None:
    """Period, jitter, calls, size and hosts are told of the pair as it is."""
    crowd = passed(np.full(5, START), sources=np.arange(50, 55), sent=100.0)
    told = after_a_day().update(joined(crowd, passed(calls(300.0, 0.2, lasts_s=4 * 3600.0) + 1)))
    last = Regular(*(values[-1] for values in told))
    assert last.regularity > 0
    assert last.period == pytest.approx(300.0, rel=0.15)
    assert last.jitter == pytest.approx(0.2 / math.sqrt(3), abs=0.08)
    assert last.calls == len(told.calls) - 5
    assert last.size == pytest.approx(600.0, rel=0.15)
    assert last.alike == 1.0
    assert last.span == pytest.approx(4 * 3600.0, abs=800.0)
    assert last.active == pytest.approx(last.span, rel=0.05)
    assert last.hosts == pytest.approx(6.0, abs=0.5)


def test_silence_is_not_watched() -> None:
    """A beacon that rests at night is told to be active by day alone, since its first call."""
    ts = calls(1800.0, 0.2, lasts_s=9 * 3600.0)
    whole = watched(passed(np.concatenate([ts, ts + DAY_S])))
    told = after_a_day().update(whole)
    last = np.flatnonzero(told.calls)[-1]
    span, night = whole.ts[last] - ts[0], DAY_S + ts[0] - ts[-1]
    assert span > DAY_S
    assert told.span[last] == pytest.approx(span, abs=1.0)
    assert told.active[last] == pytest.approx(span - night, rel=0.05)


@pytest.mark.parametrize("visits", [1, 2])
@pytest.mark.parametrize("period_s", [60.0, 300.0, 600.0])
def test_a_visit_hours_before_changes_nothing(period_s: float, visits: int) -> None:
    """A beacon whose place its host had visited once or twice, hours before, is as regular at each call as without."""
    ts = calls(period_s, 0.2, lasts_s=4 * 3600.0) + visits * 6 * 3600.0
    early = passed(START + np.arange(visits) * 6 * 3600.0, sent=50_000.0)
    found = regularity(joined(early, passed(ts)))[visits:]
    assert found.max() > 6.0
    assert found.tolist() == regularity(passed(ts)).tolist()


@settings(max_examples=60, deadline=None)
@given(gaps=st.lists(st.floats(1.0, 17.0), min_size=23, max_size=23))
def test_no_order_of_intervals_keeps_a_pair_from_being_watched(gaps: list[float]) -> None:
    """However a pair's intervals differ, from seconds to a day, it is a candidate within two dozen calls."""
    state = PairState(64, 256)
    state.update(watched(passed(START + np.cumsum(2.0 ** np.array([0.0, *gaps])))))
    assert state.pairs == 1


@settings(max_examples=40, deadline=None)
@given(
    period=st.floats(5.0, 60.0),
    each=st.lists(st.integers(5, 12), min_size=1, max_size=5),
    rests_h=st.floats(1.0, 30.0),
)
def test_bursts_count_by_what_was_watched_of_them(period: float, each: list[int], rests_h: float) -> None:
    """Minutes by the clock, and minutes again hours or days later, are no more regular than so many minutes can be."""
    bursts = [START + n * (rests_h * 3600.0 + 720.0) + period * np.arange(count) for n, count in enumerate(each)]
    minutes = sum(burst[-1] - burst[0] for burst in bursts)
    again = bursts[-1][-1:] + rests_h * 3600.0
    found = regularity(passed(np.concatenate([*bursts, again])))
    assert found.max() <= HIGHEST * 1.3 * minutes / 3600.0
    if minutes < 600.0:
        assert found.max() == 0


def test_what_people_called_harmless_is_usual_at_once() -> None:
    """From calls that a person called harmless on, their pair is quiet, and so is such a one to another place."""
    ts = calls(600.0, 0.2, lasts_s=20 * 3600.0)
    judged = ts < START + 6 * 3600.0
    moved = passed(ts[~judged] + 5.0, destinations=2)
    unheard, heard = (
        regularity(joined(passed(ts, taught=judged * share), moved), after_a_day()) for share in (0.0, 1.0)
    )
    assert unheard.max() > 6.0
    assert heard.max() == 0


def test_what_people_called_harmless_says_nothing_of_others() -> None:
    """A beacon of another host, or of another rhythm and size, is as regular as without their word."""
    ts = calls(600.0, 0.2, lasts_s=6 * 3600.0)
    pair = passed(ts, taught=1.0)
    others = passed(ts + 5.0, sources=2, destinations=2), passed(START + np.arange(200) * 90.0, destinations=3, sent=90)
    for other in others:
        both = joined(pair, other)
        theirs = both.keys.targets == other.keys.targets[0]
        assert regularity(both)[theirs].max() == regularity(other).max() > 6.0


def test_what_was_no_rhythm_is_not_taught() -> None:
    """A person's word on a few calls, which nothing could be told of, leaves the beacon that they begin."""
    ts = calls(600.0, 0.2, lasts_s=6 * 3600.0)
    early = regularity(passed(ts, taught=np.arange(len(ts)) < 4))
    assert early.max() == regularity(passed(ts)).max() > 6.0


def test_minutes_are_no_habit() -> None:
    """A pair that called by the clock for minutes, days ago, is regular as soon as a new one that calls for hours."""
    later = START + 2 * DAY_S + calls(300.0, 0.1, lasts_s=4 * 3600.0) - START
    burst = START + 300.0 * np.arange(7)
    new, before = (regularity(passed(each))[-len(later) :] for each in (later, np.concatenate([burst, later])))
    assert np.argmax(before > 6.0) <= np.argmax(new > 6.0)
    assert (before.max() > 6.6, new.max() > 9.0) == (True, True)


def test_what_was_always_done_is_usual() -> None:
    """A pair that has called for days is not odd, and was on its first."""
    found = regularity(passed(ts := calls(600.0, 0.1, lasts_s=4 * DAY_S)))
    assert found[ts < START + DAY_S].max() > 6.0
    assert found[ts > START + 2.5 * DAY_S].max() < 1.0


def test_a_service_that_moves_is_usual() -> None:
    """Calls of the same kind to another destination are no more odd than to the first; by another source they are."""
    state = after_a_day()
    regularity(passed(calls(600.0, 0.1, lasts_s=3 * DAY_S)), state)
    later = calls(600.0, 0.1, lasts_s=6 * 3600.0) + 3 * DAY_S
    moved, another = passed(later, destinations=2), passed(later + 7.0, sources=2, destinations=3)
    both = joined(moved, another)
    found = regularity(both, state)
    theirs = both.keys.ports == another.keys.ports[0]
    assert found[~theirs].max() < 1.0
    assert found[theirs].max() > 6.0


def test_what_many_do_is_usual() -> None:
    """The more hosts call a destination, the less regular each of them counts; those of a fleet not at all."""

    def highest(hosts: int) -> float:
        each = [passed(calls(300.0, 0.1, lasts_s=7200.0, seed=n), sources=n) for n in range(hosts)]
        return float(after_a_day().update(joined(*each)).regularity[-20:].max())

    alone, few, many = highest(1), highest(4), highest(30)
    assert alone > 1.5 * few > 0
    assert many == 0


def test_failures_are_no_calls() -> None:
    """What was never answered is no beacon, however regular; and it takes no memory."""
    state = after_a_day()
    assert state.update(passed(calls(60.0, 0.1), failed=1.0)).regularity.max() == 0
    assert (state.pairs, state.keys) == (0, 0)


def test_sizes_that_differ_count_less() -> None:
    """Calls by the clock whose sizes differ as people's do are a quarter as regular."""
    ts = calls(300.0, 0.1)
    sizes = np.random.default_rng(1).lognormal(7, 2, len(ts))
    alike, unlike = (after_a_day().update(passed(ts, sent=sent)).regularity.max() for sent in (600.0, sizes))
    assert unlike < 0.4 * alike


def test_connections_of_one_call_are_one() -> None:
    """A burst of connections within two seconds is one call."""
    ts = calls(300.0, 0.1)
    burst = np.concatenate([ts, ts + 0.3, ts + 0.9])
    one, three = (after_a_day().update(passed(each)).regularity.max() for each in (ts, burst))
    assert one == three


def test_no_pair_is_more_regular_than_the_highest() -> None:
    """However long and exactly something calls, it stays within the bound."""
    assert 0.9 * HIGHEST < after_a_day().update(passed(calls(60.0, 0.0))).regularity.max() <= HIGHEST


def mixture(seed: int, count: int = 300) -> Passed:
    """Few pairs at random, some regular, some flows failed, in three partitions."""
    rng = np.random.default_rng(seed)
    who = rng.integers(0, 6, count)
    return passed(
        START + np.cumsum(rng.choice([1.0, 60.0, 600.0], count)),
        sources=who,
        destinations=who // 2,
        sent=rng.lognormal(6, 0.3, count),
        failed=rng.random(count) < 0.1,
        taught=rng.random(count) < 0.05,
        partitions=who % 3,
    )


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 300), st.integers(0, 99), st.sampled_from([4, 1000]))
def test_batches_and_restarts_change_nothing(cut: int, seed: int, bound: int) -> None:
    """Split anywhere, with the state written down and read back there, all is the same, evictions or not."""
    flows = mixture(seed)
    whole, before = after_a_day(bound, 4 * bound), after_a_day(bound, 4 * bound)
    after = PairState(bound, 4 * bound)
    expected = whole.update(flows)
    rows = np.arange(300)
    first = before.update(flows.take(rows[:cut]))
    for partition in range(3):
        after.restore(partition, before.snapshot(partition))
    second = after.update(flows.take(rows[cut:]))
    assert np.array_equal(np.concatenate([first, second], axis=1), expected)
    assert [after.snapshot(p) for p in range(3)] == [whole.snapshot(p) for p in range(3)]


def test_memory_is_bounded() -> None:
    """Beyond the bounds keys make room, and are counted; what scans touch once evicts no candidate."""
    state = PairState(64, 256)
    state.update(passed(calls(60.0, 0.1, lasts_s=3600.0)))
    state.update(passed(START + 3600 + np.arange(5000) * 0.1, destinations=np.arange(5000) + 10))
    assert state.pairs == 1
    assert state.keys <= 256
    assert state.evicted > 4000
    many = np.repeat(np.arange(300), 5)
    state.update(passed(START + 9000 + np.tile(np.arange(5), 300) * 60.0, sources=many, destinations=many))
    assert state.pairs <= 64
    state.forget(0)
    assert (state.pairs, state.keys, state.partitions) == (0, 0, frozenset())


def test_a_candidate_takes_no_more_than_it_may() -> None:
    """With its place in the table, 160 bytes."""
    state = PairState(1 << 12, 1 << 12)
    state.update(passed(START))
    empty = state.memory_bytes
    pairs = 1 << 12
    many = np.repeat(np.arange(pairs), 4)
    state.update(passed(START + np.tile(np.arange(4), pairs) * 60.0, sources=many, destinations=many))
    table = state._partitions[0].tables[0]
    assert (table.words.nbytes + table.tags.nbytes) / pairs <= 160
    assert table.tags.shape[1] == 2 * WAYS
    assert state.memory_bytes > empty


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_damaged_state_is_refused(data: st.DataObject) -> None:
    """Bytes that were changed or cut off anywhere are an InputError, and leave what there was."""
    state = after_a_day(16, 64)
    state.update(mixture(1, 120))
    good = state.snapshot(0)
    for broken in damaged(data, good):
        with pytest.raises(InputError, match="restoring regular pairs"):
            state.restore(0, broken)
    assert state.snapshot(0) == good


@pytest.mark.parametrize("wrong", [0.0, 1.8e9, -np.inf, np.nan])
def test_absurd_time_is_no_interval(wrong: float) -> None:
    """A record from a wrong time counts as happening now, and disturbs no rhythm."""
    ts = calls(60.0, 0.1, lasts_s=3600.0)
    flows = passed(ts)
    flows.ts[20] = wrong
    assert after_a_day().update(flows).regularity[-1] > 0.8 * after_a_day().update(passed(ts)).regularity[-1]


def test_without_a_day_before_nothing_is_regular() -> None:
    """Of a partition that is known for hours nobody can say what is new: nothing is told until 20 hours were seen."""
    ts = calls(300.0, 0.1, lasts_s=2 * DAY_S)
    found = regularity(passed(ts), PairState())
    assert found[ts < START + 19 * 3600.0].max() == 0
    assert found[ts < START + DAY_S].max() > 2.0
