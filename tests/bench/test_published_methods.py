"""The methods of others, in code of our own: held to plain references and to cases that are worked out by hand."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bench.memstream import (
    Encoder,
    Settings,
    memstream,
    scale_of,
    slopes,
    standardised,
    streamed,
    trained,
)
from bench.midas import VARIANTS, Hashes, Variant, keys_of, midas, scored
from bench.mstream import chi_squared, mstream

Floats = NDArray[np.float64]

CELLS = 1 << 20
"""More than the keys of eight sites: with odd factors no two share a cell."""

edges = st.lists(
    st.tuples(st.integers(0, 7), st.integers(0, 7), st.integers(0, 2)),  # source, destination, ticks since the last
    min_size=1,
    max_size=60,
)


def counted(variant: Variant, sources: list[int], destinations: list[int], ticks: list[int]) -> list[float]:
    """MIDAS by dictionaries, as the papers have it: no sketch, and no two edges that share a count."""
    now: defaultdict[tuple[str, int, int], float] = defaultdict(float)
    past: defaultdict[tuple[str, int, int], float] = defaultdict(float)
    last: defaultdict[tuple[str, int, int], float] = defaultdict(float)
    clock, share, told = 1, 0.0, []
    for source, destination, tick in zip(sources, destinations, ticks, strict=True):
        if tick > clock:
            for key in now:
                if variant.threshold is not None:
                    calm = last[key] < variant.threshold
                    past[key] += now[key] if calm else past[key] * share
                now[key] *= variant.fading
            clock, share = tick, 1 / (tick - 1)
        scores = []
        for key in [("edge", source, destination), ("from", source, 0), ("to", destination, 0)][
            : 3 if variant.relational else 1
        ]:
            now[key] += 1
            if variant.threshold is None:
                past[key] += 1
            all_of_it = past[key] + (0 if variant.threshold is None else now[key])
            expected = all_of_it / tick
            off = (now[key] - expected) ** 2 * tick * tick
            last[key] = off / (past[key] * (tick - 1)) if past[key] and tick > 1 else 0.0
            scores.append(float(last[key]))
        told.append(max(scores))
    return told


@pytest.mark.parametrize("name", VARIANTS)
@settings(max_examples=60, deadline=None)
@given(stream=edges)
def test_midas_is_what_dictionaries_count(name: str, stream: list[tuple[int, int, int]]) -> None:
    """Where no two keys share a cell, each variant scores as a plain count does."""
    sources, destinations = [each[0] for each in stream], [each[1] for each in stream]
    ticks = (1 + np.cumsum([each[2] for each in stream])).tolist()
    keys = keys_of(VARIANTS[name], np.array(sources), np.array(destinations))
    odd = np.full((len(keys), 2), 1)
    told = scored(keys, np.array(ticks), Hashes(odd, odd * 3, CELLS), VARIANTS[name])
    assert told.tolist() == pytest.approx(counted(VARIANTS[name], sources, destinations, ticks))


def test_midas_of_a_burst_by_hand() -> None:
    """An edge once in each of nine ticks, ten times in the tenth: 1.9 expected of 19, (10 − 1.9)² · 100 / 171."""
    ticks = np.array([*range(1, 10), *[10] * 10])
    told = midas(VARIANTS["midas"], np.zeros(19, np.int64), np.ones(19, np.int64), ticks, 1)
    assert told[8] == 0.0
    assert told[-1] == pytest.approx(8.1**2 * 100 / (19 * 9))


def test_a_flood_stays_odd_for_midas_f_alone() -> None:
    """After ten ticks of a flood MIDAS-R finds it less odd; MIDAS-F, which does not learn it, as odd as ever."""
    quiet, flood = range(1, 101), [tick for tick in range(101, 111) for _ in range(500)]
    ticks = np.array([*quiet, *flood])
    same = np.zeros(len(ticks), np.int64)
    first, last = 100 + 499, len(ticks) - 1
    for name, kept in (("midas-r", False), ("midas-f", True)):
        told = midas(VARIANTS[name], same, same, ticks, 1)
        assert bool(told[last] > 0.9 * told[first]) is kept


def identity(columns: int) -> Encoder:
    """An encoder that gives tanh of each column, and as many zeros."""
    weights = np.zeros((columns, 2 * columns), np.float32)
    weights[:, :columns] = np.eye(columns)
    return Encoder(weights, np.zeros(2 * columns, np.float32))


def plain_stream(rows: NDArray[np.float32], usual: NDArray[np.float32], encoder: Encoder, beta: float) -> list[float]:
    """MemStream's second half, as the paper has it."""
    remembered = usual.copy()
    memory = encoder.encode(standardised(remembered, scale_of(remembered)))
    told, taken = [], 0
    for row in rows:
        encoded = encoder.encode(standardised(row[None], scale_of(remembered)))[0]
        told.append(float(np.abs(memory - encoded).sum(axis=1).min()))
        if told[-1] <= beta:
            memory[taken % len(memory)], remembered[taken % len(memory)] = encoded, row
            taken += 1
    return told


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), beta=st.sampled_from([0.001, 0.3, 1.0, 50.0]), columns=st.integers(1, 40))
def test_memstream_remembers_as_the_paper_has_it(seed: int, beta: float, columns: int) -> None:
    """Distances, what is replaced, and the scale after it are a plain loop's; a column that never differs is 0."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(0, 1, (40, columns)).astype(np.float32)
    rows[:, 0] = 3.0
    usual, encoder = rows[:10].copy(), identity(columns)
    encodings = encoder.encode(standardised(usual, scale_of(usual)))
    told = streamed(rows, usual, encodings, encoder, beta)
    assert told.tolist() == pytest.approx(plain_stream(rows, usual, encoder, beta), abs=1e-4)


def test_a_row_that_is_too_far_is_not_remembered() -> None:
    """Beyond β the memory stays; within it, the same row is at no distance the next time."""
    usual = np.array([[0.0], [1.0], [2.0]], np.float32)
    encoder = identity(1)
    encodings = encoder.encode(standardised(usual, scale_of(usual)))
    far = np.full((2, 1), 1.5, np.float32)
    strict, lenient = (streamed(far, usual, encodings, encoder, beta) for beta in (0.01, 10.0))
    assert strict[0] == strict[1] > 0.1
    assert lenient[1] < lenient[0] == strict[0]


def test_the_slopes_are_those_of_the_error() -> None:
    """Each weight moved by a little changes the mean squared error as its slope says."""
    rng = np.random.default_rng(3)
    rows = rng.normal(0, 1, (7, 3))
    weights = [rng.normal(0, 0.5, shape) for shape in ((3, 6), (6,), (6, 3), (3,))]

    def error() -> float:
        encoded = np.tanh(rows @ weights[0] + weights[1])
        return float(np.mean((encoded @ weights[2] + weights[3] - rows) ** 2))

    told = slopes(weights, rows, rows)  # type: ignore[arg-type]  # in float64, to be exact
    for each, slope in zip(weights, told, strict=True):
        place = tuple(size // 2 for size in each.shape)
        before = each[place]
        each[place] = before + 1e-5
        above = error()
        each[place] = before - 1e-5
        below = error()
        each[place] = before
        assert slope[place] == pytest.approx((above - below) / 2e-5, rel=1e-4, abs=1e-8)


def test_training_makes_an_encoder_that_tells_rows_apart() -> None:
    """Rows unlike the given ones are farther away than others like them; another seed begins with other weights."""
    rng = np.random.default_rng(1)
    usual = rng.normal(0, 1, (300, 4)) @ np.array([[1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 0, 0], [0, 0, 0, 0]])
    odd = rng.normal(0, 1, (50, 4)) * 4
    rows = np.concatenate([usual, odd]).astype(np.float32)
    chosen = Settings(memory=100, beta=0.1, epochs=60)
    told = memstream(rows, np.arange(350) >= 300, chosen, 1)
    assert np.median(told[300:]) > 3 * np.median(told[100:300])
    first, second = (trained(rows[:100], chosen, seed).weights for seed in (1, 2))
    assert not np.array_equal(first, second)


def test_too_few_normal_rows_are_an_error() -> None:
    """A memory that cannot be filled is told, with both numbers."""
    with pytest.raises(ValueError, match="5 normal rows, of 8"):
        memstream(np.ones((10, 2), np.float32), np.arange(10) >= 5, Settings(memory=8), 1)


def test_mstream_is_one_sided() -> None:
    """A tick with 4 of 6 rows, where 2 a tick are the mean of three: 4/2 + 4/(2·2); fewer than the mean is nothing."""
    assert chi_squared(4.0, 6.0, 3) == 3.0
    assert chi_squared(1.0, 6.0, 3) == 0.0


def test_mstream_finds_many_rows_alike_at_once() -> None:
    """A burst of one category among rows that come steadily is odder than all others, whatever its numbers."""
    rng = np.random.default_rng(2)
    ticks = np.repeat(np.arange(1, 41), 20)
    words = rng.integers(0, 30, (800, 1))
    numbers = rng.lognormal(3, 1, (800, 2))
    burst = slice(600, 620)
    words[burst], numbers[burst] = 77, numbers[600]
    told = mstream(numbers, words, ticks, 0.4, 1)
    assert np.argsort(-told)[:10].tolist() == sorted(np.argsort(-told)[:10].tolist(), reverse=True)
    assert set(np.argsort(-told)[:10].tolist()) <= set(range(600, 620))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), cut=st.integers(1, 59))
def test_mstream_of_a_beginning_is_the_beginning(seed: int, cut: int) -> None:
    """What comes later changes no score: there is one pass."""
    rng = np.random.default_rng(seed)
    ticks = np.sort(rng.integers(1, 9, 60))
    numbers, words = rng.lognormal(0, 1, (60, 3)), rng.integers(0, 5, (60, 2))
    whole = mstream(numbers, words, ticks, 0.8, seed)
    assert np.array_equal(whole[:cut], mstream(numbers[:cut], words[:cut], ticks[:cut], 0.8, seed))
