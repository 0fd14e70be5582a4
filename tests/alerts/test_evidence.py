"""Evidence: a little odd for long adds up, and batches, partitions and restarts change nothing of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from detector.alerts.evidence import BOUND, DRIFT, HALF_LIFE_S, LARGEST, EvidenceState, evidence_keys, keys_of_arrivals
from detector.errors import InputError
from detector.features.windows_keys import arrivals_of
from tests.features.flows import flows

Rows = tuple[NDArray[np.uint64], NDArray[Any], NDArray[Any]]


def rows(count: int, *, keys: int = 5, seed: int = 0) -> Rows:
    """Keys, times in order and surprise of flows."""
    rng = np.random.default_rng(seed)
    hashes = rng.integers(1, 1 << 62, keys).astype(np.uint64)
    return (
        hashes[rng.integers(0, keys, count)],
        1.7e9 + np.cumsum(rng.exponential(60, count)),
        rng.exponential(4, count),
    )


def reference(keys: NDArray[np.uint64], ts: NDArray[np.float64], surprise: NDArray[np.float64]) -> list[float]:
    """The definition, in plain Python."""
    held: dict[int, tuple[float, float]] = {}
    out = []
    for key, now, odd in zip(keys.tolist(), ts.tolist(), surprise.tolist(), strict=True):
        then, evidence = held.get(key, (now, 0.0))
        evidence = evidence * 0.5 ** ((now - then) / HALF_LIFE_S) + min(odd, LARGEST) - DRIFT
        held[key] = now, min(max(evidence, 0.0), BOUND)
        out.append(held[key][1])
    return out


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_reference(seed: int) -> None:
    """Evidence is what the definition, in plain Python, gives."""
    some = rows(500, seed=seed)
    assert EvidenceState().update(*some).tolist() == pytest.approx(reference(*some), rel=1e-4, abs=1e-4)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 80), st.integers(0, 99), st.sampled_from([4, 1000]))
def test_batches_and_restarts_change_nothing(cut: int, seed: int, bound: int) -> None:
    """Split anywhere, with the state written down and read back there, the values are the same, evictions or not."""
    keys, ts, surprise = rows(80, keys=30, seed=seed)
    partitions = np.arange(80, dtype=np.int32) % 3
    whole, before, after = (EvidenceState(bound) for _ in range(3))
    expected = whole.update(keys, ts, surprise, partitions)
    first = before.update(keys[:cut], ts[:cut], surprise[:cut], partitions[:cut])
    for partition in range(3):
        after.restore(partition, before.snapshot(partition))
    second = after.update(keys[cut:], ts[cut:], surprise[cut:], partitions[cut:])
    assert np.array_equal(np.concatenate([first, second]), expected)
    assert [after.snapshot(p) for p in range(3)] == [whole.snapshot(p) for p in range(3)]


def test_partitions_are_apart() -> None:
    """The same key in two partitions has evidence of its own in each."""
    keys, ts, surprise = np.full(4, 7, np.uint64), np.full(4, 1.7e9), np.full(4, DRIFT + 2)
    out = EvidenceState().update(keys, ts, surprise, np.array([0, 1, 0, 1], np.int32))
    assert out.tolist() == pytest.approx([2, 2, 4, 4])


def test_quiet_and_long_outweighs_one_burst() -> None:
    """A hundred flows that are a little odd give more evidence than one that could not be odder; all have a bound."""
    key, ts = np.full(100, 9, np.uint64), np.linspace(1.7e9, 1.7e9 + 2970.0, 100, dtype=np.float64)
    quiet = EvidenceState().update(key, ts, np.full(100, DRIFT + 1.5))
    burst = EvidenceState().update(key[:1], ts[:1], np.array([1e9]))
    assert burst[0] == pytest.approx(LARGEST - DRIFT)
    assert burst[0] < quiet[-1] <= BOUND
    assert EvidenceState().update(key, np.full(100, 1.7e9), np.full(100, 1e9)).max() == BOUND


def test_evidence_fades() -> None:
    """Half of it is left after a half-life, and none is below zero."""
    key, times = np.full(3, 9, np.uint64), np.array([1.7e9, 1.7e9 + HALF_LIFE_S, 1.7e9 + 2 * HALF_LIFE_S])
    assert EvidenceState().update(key, times, np.array([11.0, DRIFT, 0.0])).tolist() == pytest.approx([8, 4, 0])


@pytest.mark.parametrize("wrong", [0.0, 1.8e9, -np.inf, np.nan])
def test_absurd_time_fades_nothing(wrong: float) -> None:
    """A record from a wrong time counts as happening now."""
    key, times = np.full(3, 9, np.uint64), np.array([1.7e9, wrong, 1.7e9])
    assert EvidenceState().update(key, times, np.full(3, DRIFT + 1)).tolist() == pytest.approx([1, 2, 3])


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
    place = data.draw(st.integers(0, len(good) - 1))
    bad = bytearray(good)
    bad[place] ^= data.draw(st.integers(1, 255))
    for broken in (bytes(bad), good[:place]):
        with pytest.raises(InputError, match="restoring evidence"):
            state.restore(0, broken)
    assert state.snapshot(0) == good


def test_keys_are_source_destination_and_port() -> None:
    """Another source, destination or destination port is another key; another source port or service is not."""
    frame = flows(
        {}, {"src_port": 1}, {"service": "dns"}, {"dst_port": 80}, {"src_ip": "10.0.0.9"}, {"dst_ip": "10.0.0.9"}
    )
    keys = evidence_keys(frame)
    assert len(set(keys[:3].tolist())) == 1
    assert len(set(keys.tolist())) == 4
    assert np.array_equal(keys, keys_of_arrivals(arrivals_of(frame)))
