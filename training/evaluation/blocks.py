"""Blocks of time and source: what a random split keeps together, and what it leaves out at the edges.

Flows resemble those that the same source made a moment ago, and windows remember these. So a source's flows within
``block_s`` are on one side of a split, and where its next block is on the other side, those within ``pause_s`` of that
edge are not trained on. What still leaks: windows of a destination, which other sources fill at the same time; the
tails of half-lives longer than the pause; and encoders, which are learnt once.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.features.windows_keys import hashes_of
from training.simulator.addresses import scramble

Rows = NDArray[np.intp]
Mask = NDArray[np.bool_]

PAUSE_S = 60.0
"""Once the shortest half-life of the windows."""

LEAST_PER_FOLD = 4
"""Blocks: of fewer, they are made shorter."""

SHORTEST_S = 10.0


@dataclass(frozen=True, slots=True)
class Blocks:
    """The block of each row; shape (rows,) each."""

    number: NDArray[np.int64]
    """From 0."""
    before: NDArray[np.int64]
    """The same source's block just before; -1 where there is none."""
    after: NDArray[np.int64]
    into: NDArray[np.float64]
    """Seconds since its block began."""
    block_s: float

    @classmethod
    def of(cls, sources: pl.Series, ts: NDArray[np.float64], block_s: float) -> Self:
        """Cut rows, in any order, by their source and time."""
        since = ts - ts.min(initial=np.inf) if len(ts) else ts
        slot = np.floor(since / block_s).astype(np.int64)
        codes = np.unique(hashes_of(sources), return_inverse=True)[1].astype(np.int64)
        key = codes * (int(slot.max(initial=0)) + 3) + slot + 1
        keys, number = np.unique(key, return_inverse=True)
        return cls(
            number.astype(np.int64), _places(keys, key - 1), _places(keys, key + 1), since - slot * block_s, block_s
        )

    @classmethod
    def single(cls, rows: int) -> Self:
        """Each row a block of its own: of flows that tell neither who nor when."""
        number, none = np.arange(rows, dtype=np.int64), np.full(rows, -1, np.int64)
        return cls(number, none, none, np.zeros(rows), 0.0)

    @classmethod
    def enough(cls, sources: pl.Series, ts: NDArray[np.float64], block_s: float, folds: int) -> Self:
        """Cut likewise, and shorter where there would be too few blocks for so many folds."""
        found = cls.of(sources, ts, block_s)
        while found.count < LEAST_PER_FOLD * folds and block_s > SHORTEST_S:
            block_s /= 2.0
            found = cls.of(sources, ts, block_s)
        return found

    @property
    def count(self) -> int:
        """How many there are."""
        return int(self.number.max(initial=-1)) + 1

    def dealt(self, attack: Mask, folds: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Give each block to a fold, at random, and tell the fold of each row (rows,).

        Each takes the fold that has the fewest rows so far; those with attacks are dealt by themselves, so that every
        fold has some.
        """
        sizes = np.bincount(self.number, minlength=self.count)
        attacks = np.bincount(self.number[attack], minlength=self.count)
        fold_of = np.zeros(self.count, np.int64)
        order = rng.permutation(self.count)
        for among, weights in ((order[attacks[order] > 0], attacks), (order[attacks[order] == 0], sizes)):
            held = [(0, fold) for fold in rng.permutation(folds).tolist()]
            for block in among.tolist():
                rows, fold = heapq.heappop(held)
                fold_of[block] = fold
                heapq.heappush(held, (rows + int(weights[block]), fold))
        return fold_of[self.number]

    def at_edge(self, folds: NDArray[np.int64], tested: int, pause_s: float = PAUSE_S) -> Mask:
        """Which rows are so near a block of the same source that the fold ``tested`` has."""
        of_block = np.full(self.count + 1, -1, np.int64)  # the last stands for no block
        of_block[self.number] = folds
        just_after = (of_block[self.before] == tested) & (self.into < pause_s)
        just_before = (of_block[self.after] == tested) & (self.into >= self.block_s - pause_s)
        mask: Mask = just_after | just_before
        return mask

    def sample(self, rows: Rows, most: int, rng: np.random.Generator) -> Rows:
        """At most so many of these rows, ascending: of whole blocks; evenly spread where a few blocks hold most."""
        if len(rows) <= most:
            return np.sort(rows)
        numbers, place = np.unique(self.number[rows], return_inverse=True)
        sizes = np.bincount(place)
        order = rng.permutation(len(numbers))
        order = order[sizes[order] <= most]
        kept = np.zeros(len(numbers), np.bool_)
        kept[order[np.cumsum(sizes[order]) <= most]] = True
        chosen = rows[kept[place]]
        if len(chosen) < most // 2:
            return np.sort(rows)[:: -(-len(rows) // most)]
        return np.sort(chosen)


def sampled_sources(sources: pl.Series, most: int, seed: int, attack: Mask | None = None) -> Mask:
    """Rows of a sample of sources, each with all of its rows, at most so many; all where there are no more.

    Sources of rows that are an ``attack`` (rows,) come first, up to half of them. Where few sources hold most, the
    latest rows.
    """
    if len(sources) <= most:
        return np.ones(len(sources), np.bool_)
    hashes = scramble(hashes_of(sources).view(np.int64), seed)
    names, place, sizes = np.unique(hashes, return_inverse=True, return_counts=True)  # ascending hashes: random order
    attacking = np.zeros(len(names), np.bool_)
    if attack is not None:
        attacking[place[attack]] = True
    first = _within(attacking, sizes, most // 2)
    kept = first | _within(~first, sizes, most - int(sizes[first].sum()))
    mask: Mask = kept[place]
    if int(mask.sum()) < most // 2 or not len(names):
        return np.arange(len(sources)) >= len(sources) - most
    return mask


def _within(wanted: Mask, sizes: NDArray[np.int64], most: int) -> Mask:
    """Those that are ``wanted``, in their order, while there are no more rows than ``most``."""
    fits = wanted & (sizes <= most)
    return fits & (np.cumsum(np.where(fits, sizes, 0)) <= most)


def _places(keys: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    place = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
    return np.where(keys[place] == wanted, place, -1) if len(keys) else place
