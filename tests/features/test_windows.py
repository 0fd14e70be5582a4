"""The windowed features: what they say, and that batches, partitions and restarts change nothing of it."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from detector.errors import BundleError, InputError
from detector.features.extractor import FeatureExtractor, build_spec
from detector.features.windows import WindowState, default_windows, window_features
from detector.features.windows_keys import Arrivals, arrivals_of, hashes_of
from tests.damage import damaged
from tests.features.flows import flows
from tests.features.windows_reference import Reference

SCALES = (10.0, 60.0, 600.0, 3600.0)
"""More than there are by default."""


def arrivals(count: int, *, hosts: int = 6, seed: int = 0, step_s: float = 20.0) -> Arrivals:
    """Flows among few hosts, in order of time."""
    rng = np.random.default_rng(seed)
    ts = 1.7e9 + np.cumsum(np.round(rng.exponential(step_s, count), 2) * rng.integers(0, 2, count))
    return Arrivals(
        ts=ts,
        sources=rng.integers(0, hosts, count).astype(np.uint64),
        destinations=rng.integers(0, hosts, count).astype(np.uint64),
        ports=rng.choice([22, 53, 443], count).astype(np.int64),
        services=rng.integers(0, 3, count).astype(np.uint64),
        values=rng.random((count, 4)).astype(np.float32) * 10,
    )


def part(whole: Arrivals, rows: Any) -> Arrivals:
    """Some of the flows."""
    return Arrivals._make(array[rows] for array in whole)


def joined(first: Arrivals, second: Arrivals) -> Arrivals:
    """The one, then the other."""
    pairs: Any = zip(first, second, strict=True)
    return Arrivals._make(np.concatenate(pair) for pair in pairs)


def column(state: WindowState, features: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    """One feature of all rows."""
    return features[:, state.names.index(name)]


def at(*times: float) -> Arrivals:
    """The same flow at each of these times."""
    one = arrivals(1)
    repeated = Arrivals._make(np.repeat(array, len(times), axis=0) for array in one)
    return repeated._replace(ts=np.array(times))


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_reference(seed: int) -> None:
    """Every column is what the definitions, in plain Python, give."""
    state = WindowState(default_windows(half_lives_s=SCALES))
    whole = arrivals(300, seed=seed)
    expected = Reference(state.windows).update(whole)
    actual = state.update_arrays(whole)
    off = np.abs(actual - expected) > 1e-2 + 2e-3 * np.abs(expected)
    assert not off.any(), {state.names[c]: (actual[r, c], expected[r, c]) for r, c in np.argwhere(off)[:5]}


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 60), max_size=6), st.integers(0, 99), st.sampled_from([4, 1000]))
def test_batches_change_nothing(cuts: list[int], seed: int, bound: int) -> None:
    """Any split of the records gives the same values, bit by bit, and the same state, evictions or not."""
    windows = default_windows(hosts=bound, pairs=bound)
    whole, partitions = arrivals(60, hosts=20, seed=seed), np.arange(60, dtype=np.int32) % 3
    together, apart = WindowState(windows), WindowState(windows)
    expected = together.update_arrays(whole, partitions)
    edges = [0, *sorted(cuts), 60]
    pieces = [apart.update_arrays(part(whole, slice(a, b)), partitions[a:b]) for a, b in pairwise(edges)]
    assert np.array_equal(np.concatenate(pieces), expected)
    assert [apart.snapshot(p) for p in range(3)] == [together.snapshot(p) for p in range(3)]
    assert apart.evicted == together.evicted


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 80), st.integers(0, 99), st.sampled_from([3, 1000]))
def test_restored_state_goes_on_alike(cut: int, seed: int, bound: int) -> None:
    """State that was written down and read back, elsewhere, gives the same values from then on."""
    windows = default_windows(hosts=bound, pairs=bound)
    whole = arrivals(80, hosts=30, seed=seed)
    undisturbed, before, after = (WindowState(windows) for _ in range(3))
    expected = undisturbed.update_arrays(whole)
    before.update_arrays(part(whole, slice(0, cut)))
    after.restore(0, before.snapshot(0))
    assert np.array_equal(after.update_arrays(part(whole, slice(cut, None))), expected[cut:])
    assert after.snapshot(0) == undisturbed.snapshot(0)


def test_partitions_are_apart() -> None:
    """A partition's values are what they would be if there were no other, in whatever order the records are mixed."""
    whole, partitions = arrivals(90), np.random.default_rng(1).integers(0, 3, 90).astype(np.int32)
    mixed = WindowState(default_windows()).update_arrays(whole, partitions)
    for partition in range(3):
        rows = np.flatnonzero(partitions == partition)
        alone = WindowState(default_windows()).update_arrays(part(whole, rows))
        assert np.array_equal(mixed[rows], alone)


def test_forgotten_partition_begins_anew() -> None:
    """A partition that was forgotten starts empty, and totals do not fall."""
    state = WindowState(default_windows(hosts=2, pairs=2))
    first = state.update_arrays(arrivals(40, hosts=30))
    evicted = state.evicted
    state.forget(0)
    assert state.partitions == frozenset()
    assert np.array_equal(state.update_arrays(arrivals(40, hosts=30)), first)
    assert state.evicted == 2 * evicted > 0


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_damaged_state_is_refused(data: st.DataObject) -> None:
    """Bytes that were changed or cut off anywhere are an InputError, and leave what there was."""
    state = WindowState(default_windows(hosts=4, pairs=4))
    state.update_arrays(arrivals(10))
    good = state.snapshot(0)
    for broken in damaged(data, good):
        with pytest.raises(InputError, match="restoring window state"):
            state.restore(0, broken)
    assert state.snapshot(0) == good


def test_state_of_other_windows_is_refused() -> None:
    """State of other half-lives, or of columns that need other sums, does not fit; other columns of the same do."""
    data = WindowState(default_windows(columns=("source_flows_1m", "source_failed_1m"))).snapshot(0)
    for change in ({"half_lives_s": (60.0, 5.0)}, {"columns": ("source_flows_1m",)}, {"columns": ("pair_failed_1m",)}):
        with pytest.raises(InputError, match="other windows"):
            WindowState(default_windows(**{"columns": ("source_failed_1m",), **change})).restore(0, data)
    WindowState(default_windows(columns=("source_failed_1m",))).restore(0, data)


@pytest.mark.parametrize("wrong", [0.0, 1.7e9 + 366 * 86400.0, -1e300, math.inf, math.nan])
def test_absurd_time_moves_no_clock(wrong: float) -> None:
    """A record from 1970, from next year or from no time at all is counted, and the records after it are as before."""
    state = WindowState(default_windows())
    frame = flows(*({"ts": ts} for ts in (1.7e9, 1.7e9 + 10, wrong, 1.7e9 + 20)))
    features = state.update(frame)
    assert np.isfinite(features).all()
    assert state.event_time_s(0) == 1.7e9 + 20
    assert state.late + state.ahead == 1
    since = column(state, features, "pair_since")
    assert since[3] == pytest.approx(math.log1p(10))


def test_late_and_equal_times_are_taken() -> None:
    """A record that is a little late, or of the same time, counts; the clock does not go back."""
    state = WindowState(default_windows())
    features = state.update_arrays(at(1.7e9, 1.7e9, 1.7e9 - 30, 1.7e9))
    assert column(state, features, "pair_total").tolist() == pytest.approx(np.log([1, 2, 3, 4]).tolist())
    assert (state.late, state.event_time_s(0)) == (0, 1.7e9)


def test_clock_follows_many_that_agree() -> None:
    """A clock that began next year goes back when many records agree, and then holds nothing from that future."""
    state = WindowState(default_windows())
    state.update_arrays(at(1.8e9))
    features = state.update_arrays(at(*(1.7e9 + i for i in range(70))))
    assert state.event_time_s(0) == 1.7e9 + 69
    assert column(state, features, "source_first").sum() == 1
    assert state.counts().clock_moves == 1


def test_memory_is_bounded() -> None:
    """Beyond the bound keys make room, counted; at 32,768 hosts a key and scale take at most 400 bytes."""
    state = WindowState(default_windows(hosts=64, pairs=64))
    state.update_arrays(arrivals(2000, hosts=500))
    counts = state.counts()
    assert counts.keys <= 3 * 64
    assert counts.evicted > 1000
    full = WindowState(default_windows(hosts=32_768, pairs=32_768))
    full.update_arrays(arrivals(200_000, hosts=32_768))
    counts = full.counts()
    assert counts.keys > 0.9 * 3 * 32_768
    assert counts.bytes / counts.keys / 4 <= 400


def test_recently_used_keys_stay() -> None:
    """A key that is used again and again is not evicted by many that come once."""
    busy, many = at(1.7e9), arrivals(1500, hosts=1 << 30, step_s=0.01)
    state = WindowState(default_windows(hosts=512, pairs=512))
    for i in range(0, 1500, 10):
        some = part(many, slice(i, i + 10))
        state.update_arrays(joined(busy, some))
    features = state.update_arrays(busy)
    assert column(state, features, "source_total")[0] == pytest.approx(math.log(151))


@pytest.mark.parametrize(("count", "error"), [(30, 0.25), (100, 0.25), (190, 0.4)])
def test_distinct_counts_are_near(count: int, error: float) -> None:
    """Distinct peers are estimated within twice the stated standard error, and a bit, on average over hosts."""
    estimates = []
    for source in range(20):
        some = arrivals(count, seed=source, step_s=0.0)
        state = WindowState(default_windows(half_lives_s=SCALES))
        features = state.update_arrays(
            some._replace(
                sources=np.full(count, source, np.uint64),
                destinations=hashes_of(pl.Series([f"10.0.{source}.{i}" for i in range(count)])),
            )
        )
        estimates.append(math.expm1(column(state, features, "source_peers_1h")[-1]))
    assert np.mean(np.abs(np.array(estimates) / count - 1)) < error


def test_first_sightings() -> None:
    """The flags tell what is new: a source, a destination, a pair, a port, a service."""
    state = WindowState(default_windows())
    features = state.update(
        flows({}, {}, {"dst_port": 22}, {"dst_ip": "10.9.9.9"}, {"service": "dns"}, {"src_ip": "10.1.1.1"})
    )
    told = {
        flag: column(state, features, f"{flag}_first").astype(int).tolist()
        for flag in ("source", "destination", "pair", "source_port", "source_service")
    }
    assert told == {
        "source": [1, 0, 0, 0, 0, 1],
        "destination": [1, 0, 0, 1, 0, 0],
        "pair": [1, 0, 0, 1, 0, 1],
        "source_port": [1, 0, 1, 0, 0, 1],
        "source_service": [1, 0, 0, 0, 1, 1],
    }


def test_beacon_is_regular() -> None:
    """A beacon's gaps spread little, and a person's much."""
    state = WindowState(default_windows(half_lives_s=SCALES))
    beacon = state.update_arrays(at(*(1.7e9 + 60.0 * i for i in range(40))))
    person = WindowState(default_windows(half_lives_s=SCALES)).update_arrays(
        at(*(1.7e9 + np.cumsum(np.random.default_rng(0).lognormal(3, 2, 40))))
    )
    spread = [column(state, features, "pair_gap_spread_1h")[-1] for features in (beacon, person)]
    assert spread[0] < 0.05
    assert spread[1] > 1.0


def test_frames_and_arrays_agree() -> None:
    """A frame is hashed row by row: the same text anywhere gives the same hash, and null counts as nothing."""
    frame = flows(
        {"src_ip": "10.0.0.1", "dst_ip": "10.0.0.1", "service": None}, {"src_ip": "fe80::1", "dst_port": None}
    )
    taken = arrivals_of(frame)
    assert taken.sources[0] == taken.destinations[0] != taken.sources[1]
    assert taken.ports.tolist() == [443, -1]
    state = WindowState(default_windows())
    assert np.array_equal(state.update(frame), WindowState(default_windows()).update_arrays(taken))
    assert state.update(frame.clear()).shape == (0, len(state.names))


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.sampled_from(default_windows(half_lives_s=SCALES)["columns"]), unique=True, max_size=20),
    st.sampled_from([3, 1000]),
)
def test_columns_cost_nothing_to_others(names: list[str], bound: int) -> None:
    """Any columns, alone or beside any others, are the same values bit by bit, written wherever they are wanted."""
    whole = arrivals(60, hosts=20)
    full = WindowState(default_windows(half_lives_s=SCALES, hosts=bound, pairs=bound))
    some = WindowState(default_windows(half_lives_s=SCALES, hosts=bound, pairs=bound, columns=tuple(names)))
    expected = full.update_arrays(whole)[:, [full.names.index(name) for name in names]]
    matrix = np.full((60, len(names) + 3), 7.0, np.float32)
    some.update_arrays(whole, None, matrix, 2)
    assert np.array_equal(matrix[:, 2:-1], expected)
    assert (matrix[:, [0, 1, -1]] == 7.0).all()
    assert some.counts().bytes <= full.counts().bytes


def test_columns_are_given_in_the_order_asked_for() -> None:
    """Fewer columns, in another order, are the same values."""
    whole, full = arrivals(50), WindowState(default_windows(half_lives_s=SCALES))
    names = ("pair_gap_1m", "source_ports_10s", "destination_flows_1h", "source_age")
    windows = default_windows(half_lives_s=SCALES, columns=names)
    some = WindowState(windows)
    expected = full.update_arrays(whole)[:, [full.names.index(name) for name in names]]
    assert np.array_equal(some.update_arrays(whole), expected)
    assert [feature.name for feature in window_features(windows)] == list(names)


@pytest.mark.parametrize(
    "change",
    [
        {"columns": ("no_such",)},
        {"columns": ("source_age", "source_age")},
        {"half_lives_s": ()},
        {"half_lives_s": (0.0,)},
        {"hosts": 0},
        {"pairs": 1 << 40},
        {"revision": 99},
        {"late_s": math.nan},
        {"unknown": 1},
        {"hosts": "many"},
    ],
)
def test_windows_that_cannot_be_computed_are_refused(change: dict[str, object]) -> None:
    """A specification that is off in any field is a BundleError of one line."""
    with pytest.raises(BundleError, match="windows") as raised:
        WindowState(default_windows() | change)
    assert "\n" not in str(raised.value)


def test_extractor_appends_windows() -> None:
    """The extractor's last columns are the windowed features of its spec."""
    spec = build_spec(windows=default_windows())
    frame = flows({}, {"dst_port": 22})
    extractor = FeatureExtractor.fit(frame, spec)
    matrix = extractor.transform(frame, None, WindowState(spec.windows))
    assert matrix.shape == (2, len(spec.features))
    assert np.array_equal(matrix[:, -len(spec.windows["columns"]) :], WindowState(spec.windows).update(frame))
