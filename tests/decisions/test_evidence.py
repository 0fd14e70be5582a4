"""Evidence: a little odd for long adds up, and batches, partitions and restarts change nothing of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from detector.decisions.evidence import EvidenceState
from detector.decisions.passed import EvidenceKeys, Surprises, evidence_keys, keys_of_arrivals
from detector.errors import InputError
from detector.features.windows_keys import arrivals_of
from tests.damage import damaged
from tests.features.flows import flows

# Said here once more, not imported: docs/explanation/alerts.md promises them, and published thresholds go by them.
DRIFT, BREADTH_DRIFT, CROWD_DRIFT = 1.5, 2.0, 5.0
HALF_LIFE_S, BREADTH_HALF_LIFE_S, HABIT_HALF_LIFE_S = 600.0, 300.0, 86_400.0
LARGEST, BOUND, HABIT_WEIGHT, LONGEST_GAP_S, KNOWN_S = 12.0, 10_000.0, 2.0, 3600.0, 6 * 3600.0

Rows = tuple[EvidenceKeys, NDArray[Any], Surprises]


def one_target(count: int, number: int = 9) -> EvidenceKeys:
    """The keys of flows from one source to one target."""
    return EvidenceKeys(*(np.full(count, number + view, np.uint64) for view in range(4)))


def both(values: Any) -> Surprises:
    """Flows that are as surprising by themselves as by all that is known."""
    return Surprises(np.asarray(values, np.float64), np.asarray(values, np.float64))


def rows(count: int, *, keys: int = 5, seed: int = 0) -> Rows:
    """Keys, times in order and surprise of flows; a third as many pairs, ports and services as targets."""
    rng = np.random.default_rng(seed)
    hashes = rng.integers(1, 1 << 62, (4, keys)).astype(np.uint64)
    chosen = rng.integers(0, keys, count)
    return (
        EvidenceKeys(hashes[0, chosen], hashes[1, chosen // 3], hashes[2, chosen % 3], hashes[3, chosen // 2]),
        1.7e9 + np.cumsum(rng.exponential(60, count)),
        Surprises(rng.exponential(4, count), rng.exponential(4, count)),
    )


def reference(keys: EvidenceKeys, ts: NDArray[np.float64], surprises: Surprises) -> NDArray[np.float64]:
    """The definition, in plain Python: surprise, evidence and breadth."""
    held: dict[int, tuple[float, float]] = {}
    begun: dict[int, float] = {}
    habits: dict[int, float] = {}
    mosts: dict[int, tuple[float, float]] = {}
    out = []

    def shared(key: int, now: float) -> float:
        (_, value), (_, most) = held[key], mosts[key]
        return float(min(value, 2 * (value - most)) * 0.5 ** ((now - held[key][0]) / BREADTH_HALF_LIFE_S))

    def joined(key: int, now: float, more: float) -> float:
        then, most = mosts.get(key, (now, 0.0))
        faded = most * 0.5 ** ((now - then) / BREADTH_HALF_LIFE_S)
        mosts[key] = now, min(max(faded, more), added(key, now, BREADTH_HALF_LIFE_S, more))
        return shared(key, now)

    def added(key: int, now: float, half_life: float, more: float) -> float:
        then, value = held.get(key, (now, 0.0))
        held[key] = now, min(max(value * 0.5 ** ((now - then) / half_life) + more, 0.0), BOUND)
        return held[key][1]

    columns = (each.tolist() for each in (*keys, ts, *surprises))
    for target, port, pair, service, now, overall, single in zip(*columns, strict=True):
        odd, habit, seen = min(single, LARGEST), habits.get(target, 0.0), target in held
        gap = now - held.get(target, (now, 0.0))[0]
        evidence = added(target, now, HALF_LIFE_S, odd - DRIFT - HABIT_WEIGHT * habit)
        habits[target] = habit + (1 - 0.5 ** (min(gap, LONGEST_GAP_S) / HABIT_HALF_LIFE_S)) * (odd - habit)
        age, whole = now - begun.setdefault(target, now), min(overall, LARGEST)
        drifts = {port: BREADTH_DRIFT, pair: BREADTH_DRIFT, service: CROWD_DRIFT}
        broad = [0.0]
        for key, drift in drifts.items():
            part = shared(key, now) if seen else joined(key, now, whole - drift)
            if age < BREADTH_HALF_LIFE_S and (key != service or whole > CROWD_DRIFT):
                broad.append(part)
        out.append((min(overall, single) if age >= KNOWN_S else overall, evidence, max(broad)))
    return np.array(out).T


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("keys", [12, 400])
def test_agrees_with_reference(seed: int, keys: int) -> None:
    """Evidence and breadth are what the definition, in plain Python, gives."""
    some = rows(500, keys=keys, seed=seed)
    found = EvidenceState().update(*some)
    for values, expected in zip(found, reference(*some), strict=True):
        assert values.tolist() == pytest.approx(expected.tolist(), rel=1e-4, abs=1e-3)
        assert values.max() > 0


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 80), st.integers(0, 99), st.sampled_from([4, 1000]))
def test_batches_and_restarts_change_nothing(cut: int, seed: int, bound: int) -> None:
    """Split anywhere, with the state written down and read back there, the values are the same, evictions or not."""
    keys, ts, surprises = rows(80, keys=30, seed=seed)
    partitions = np.arange(80, dtype=np.int32) % 3
    whole, before, after = (EvidenceState(bound) for _ in range(3))
    expected = whole.update(keys, ts, surprises, partitions)
    early, late = Surprises(*(s[:cut] for s in surprises)), Surprises(*(s[cut:] for s in surprises))
    first = before.update(EvidenceKeys(*(k[:cut] for k in keys)), ts[:cut], early, partitions[:cut])
    for partition in range(3):
        after.restore(partition, before.snapshot(partition))
    second = after.update(EvidenceKeys(*(k[cut:] for k in keys)), ts[cut:], late, partitions[cut:])
    assert np.array_equal(np.concatenate([first, second], axis=1), expected)
    assert [after.snapshot(p) for p in range(3)] == [whole.snapshot(p) for p in range(3)]


def test_partitions_are_apart() -> None:
    """The same key in two partitions has evidence of its own in each."""
    ts, surprises = np.full(4, 1.7e9), both(np.full(4, DRIFT + 2))
    evidence = EvidenceState().update(one_target(4), ts, surprises, np.array([0, 1, 0, 1], np.int32)).evidence
    assert evidence.tolist() == pytest.approx([2, 2, 4, 4])


def test_a_silence_of_days_is_little_habit() -> None:
    """A target that comes back after two days has the habit of an hour, and is nearly as odd as at first."""
    ts = 1.7e9 + np.append(np.arange(0.0, 2 * 86_400.0, 500.0), [2 * 86_400.0] * 2)
    numbers = np.full(len(ts), 50, np.uint64)  # another target, by whose flows time passes
    numbers[[0, -2, -1]] = 9
    keys = EvidenceKeys(*(numbers + np.uint64(view) for view in range(4)))
    evidence = EvidenceState().update(keys, ts, both(np.full(len(ts), 8.0))).evidence
    assert evidence[[0, -2, -1]].tolist() == pytest.approx([6.5, 6.5, 13 - 2 * 8 * (1 - 0.5 ** (1 / 24))], abs=1e-3)


def test_a_single_probe_is_a_little_odd_at_most() -> None:
    """A probe from outside has seven nats of its own at most, and adds as much as others elsewhere."""
    keys = EvidenceKeys(*np.arange(12, dtype=np.uint64).reshape(4, 3))
    of_all = keys, np.full(3, 1.7e9), both([11.0, 11.0, 4.0])
    stood = EvidenceState().update(*of_all)
    found = EvidenceState().update(*of_all, probed=np.array([0, 1, 1], np.float32))
    assert (stood.surprise.tolist(), found.surprise.tolist()) == ([11.0, 11.0, 4.0], [11.0, 7.0, 4.0])
    assert np.array_equal(found.evidence, stood.evidence)
    assert np.array_equal(found.breadth, stood.breadth)


def test_one_flow_adds_no_more_than_its_bound() -> None:
    """However surprising one flow is, it leaves twelve nats less the drift, of evidence and of breadth alike; of
    breadth it has none until others come, and then as much as they have at most."""
    keys = EvidenceKeys(*np.array([[1, 2, 3], [7, 7, 7], [4, 5, 6], [8, 9, 10]], np.uint64))
    found = EvidenceState().update(keys, np.full(3, 1.7e9), both([500.0, 5.0, 500.0]))
    assert found.surprise.tolist() == [500.0, 5.0, 500.0]
    assert found.evidence.tolist() == [10.5, 3.5, 10.5]
    assert found.breadth.tolist() == [0.0, 6.0, 23.0]


def test_quiet_and_long_outweighs_one_burst() -> None:
    """A hundred flows that are a little odd give more evidence than one that could not be odder; all have a bound."""
    ts = np.linspace(1.7e9, 1.7e9 + 2970.0, 100, dtype=np.float64)
    quiet = EvidenceState().update(one_target(100), ts, both(np.full(100, DRIFT + 1.5))).evidence
    burst = EvidenceState().update(one_target(1), ts[:1], both([1e9])).evidence
    assert burst[0] == pytest.approx(LARGEST - DRIFT)
    assert burst[0] < quiet[-1] <= BOUND
    flood = EvidenceState().update(one_target(2000), np.full(2000, 1.7e9), both(np.full(2000, 1e9))).evidence
    assert flood.max() == BOUND


def test_evidence_fades() -> None:
    """Half of it is left after a half-life, and none is below zero."""
    times = np.array([1.7e9, 1.7e9 + HALF_LIFE_S, 1.7e9 + 2 * HALF_LIFE_S])
    evidence = EvidenceState().update(one_target(3), times, both([DRIFT + 8, DRIFT, 0.0])).evidence
    assert evidence.tolist() == pytest.approx([8, 4, 0.5], abs=0.2)  # a habit of ten minutes is hardly one


def test_habit_is_no_evidence() -> None:
    """A target that polls at the same surprise for two days has none in the end, and much in its first hour."""
    ts = np.arange(1.7e9, 1.7e9 + 2 * 86_400.0, 60.0)
    evidence = EvidenceState().update(one_target(len(ts)), ts, both(np.full(len(ts), 5.0))).evidence
    assert evidence[60] > 30
    assert evidence[-1] == 0


def test_new_targets_of_a_source_add_up() -> None:
    """Many ports of a host, and one port of many hosts, have breadth; going back to targets begun long ago has none."""
    count = np.arange(50, dtype=np.uint64)
    ts = np.linspace(1.7e9, 1.7e9 + 50, 50)
    surprises = both(np.full(50, BREADTH_DRIFT + 1))
    one = np.full(50, 7, np.uint64)
    apart = 1000 + count, 2000 + count, 3000 + count, 4000 + count
    vertical = EvidenceKeys(apart[0], apart[1], one, apart[3])
    horizontal = EvidenceKeys(apart[0], one, apart[2], apart[3])
    for scan in (vertical, horizontal):
        state = EvidenceState()
        found = state.update(scan, ts, surprises)
        assert found.evidence.max() < 2
        assert found.breadth[-1] > 40
        again = state.update(scan, ts + 60, surprises).breadth
        assert 0.7 * found.breadth[-1] < again.min() <= again.max() < found.breadth[-1]
        assert state.update(scan, ts + BREADTH_HALF_LIFE_S + 60, surprises).breadth.max() == 0
    assert EvidenceState().update(EvidenceKeys(*apart), ts, surprises).breadth.max() < 2


def test_new_sources_of_a_service_add_up() -> None:
    """Many sources of one service have breadth where each is very odd; a usual crowd has none, nor part in theirs."""
    count = np.arange(100, dtype=np.uint64)
    keys = EvidenceKeys(1000 + count, 2000 + count, 3000 + count, np.full(100, 7, np.uint64))
    ts, usual = np.linspace(1.7e9, 1.7e9 + 50, 100), count % 10 == 9
    flood = EvidenceState().update(keys, ts, both(np.where(usual, BREADTH_DRIFT, CROWD_DRIFT + 2))).breadth
    crowd = EvidenceState().update(keys, ts, both(np.full(100, CROWD_DRIFT - 1))).breadth
    assert flood[~usual][-1] > 60
    assert flood[usual].max() == 0
    assert crowd.max() < CROWD_DRIFT


def test_a_known_target_is_as_odd_as_its_flow_alone() -> None:
    """What windows tell of a server under attack makes no alert of a client known for long; of a new one it does."""
    unknown = round(KNOWN_S / 600)
    count = unknown + 4
    ts = 1.7e9 + np.arange(count, dtype=np.float64) * 600.0
    surprises = Surprises(np.full(count, 9.0), np.array([*[1.0] * (count - 2), 8.0, 12.0]))
    known = EvidenceState().update(one_target(count), ts, surprises).surprise
    apart = np.arange(1, count + 1, dtype=np.uint64)
    new = EvidenceState().update(EvidenceKeys(apart, apart, apart, apart), ts, surprises).surprise
    assert known.tolist() == [*[9] * unknown, 1, 1, 8, 9]
    assert new.tolist() == surprises.overall.tolist()


@pytest.mark.parametrize("wrong", [0.0, 1.8e9, -np.inf, np.nan])
def test_absurd_time_fades_nothing(wrong: float) -> None:
    """A record from a wrong time counts as happening now."""
    times = np.array([1.7e9, wrong, 1.7e9])
    evidence = EvidenceState().update(one_target(3), times, both(np.full(3, DRIFT + 1))).evidence
    assert evidence.tolist() == pytest.approx([1, 2, 3])


def test_memory_is_bounded() -> None:
    """Beyond the bound keys make room, and are counted."""
    state = EvidenceState(64)
    state.update(*rows(3000, keys=1000))
    assert state.keys <= 64
    assert state.evicted > 1000
    state.forget(0)
    assert (state.keys, state.partitions) == (0, frozenset())


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_damaged_state_is_refused(data: st.DataObject) -> None:
    """Bytes that were changed or cut off anywhere are an InputError, and leave what there was."""
    state = EvidenceState(16)
    state.update(*rows(50))
    good = state.snapshot(0)
    for broken in damaged(data, good):
        with pytest.raises(InputError, match="restoring evidence"):
            state.restore(0, broken)
    assert state.snapshot(0) == good


def test_keys_are_source_destination_and_port() -> None:
    """Another source, destination or destination port is another target; another source port or service is not."""
    frame = flows(
        {}, {"src_port": 1}, {"service": "dns"}, {"dst_port": 80}, {"src_ip": "10.0.0.9"}, {"dst_ip": "10.0.0.9"}
    )
    keys = evidence_keys(frame)
    assert len(set(keys.targets[:3].tolist())) == 1
    assert [len(set(each.tolist())) for each in keys] == [4, 3, 3, 3]
    assert all(np.array_equal(a, b) for a, b in zip(keys, keys_of_arrivals(arrivals_of(frame)), strict=True))
