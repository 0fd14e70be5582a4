"""A bounded table of keys in flat arrays, made so that a look-up costs two neighbouring cache lines.

A key's 64-bit hash stands for the key: its low bits name a bucket of :data:`WAYS` places, its high 32 bits are the tag
that is kept there beside the number of the key's row (two keys that share both share a row: one new key in 300 million
meets such a one). A bucket is in order of use, the most recent first. There are so many buckets that, at the bound, a
bucket holds eight keys on average. Beyond the bound, or where a bucket is full, the least recently used key *of the
bucket* makes room: near the bound one key in 250 goes early, and none below half of it but one in ten million.

A row holds 32-bit words; ``numbers`` and ``moments`` are views of the same memory::

    words 0–1  moments[0]  seconds, when the key was last seen        word 4  numbers: flows ever
    words 2–3  moments[1]  seconds, when it was first seen            word 5  numbers: the last log gap
    words 8–   numbers     the damped sums that are needed            then    words: the sketches' marks
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]  # it comes without types
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from detector.kernels.compiled import njit

HEADER_WORDS = 8
WAYS = 16
KEYS_PER_BUCKET = 8

USED, EVICTED = 0, 1
"""Places in ``Table.meta``."""

FIRST_ROWS = 256
LINE_BYTES = 64


class Table(NamedTuple):
    """One table. ``tags[b]`` is bucket b: tag and row of each key in turn; tag 0 ends it."""

    tags: NDArray[np.uint32]
    meta: NDArray[np.int64]
    words: NDArray[np.uint32]
    numbers: NDArray[np.float32]
    moments: NDArray[np.float64]

    def __deepcopy__(self, memo: object) -> Table:
        """Copy the memory once, not once for each view of it, and no row that is not in use."""
        used = int(self.meta[USED])
        words = lines(used, self.words.shape[1])
        words[:] = self.words[:used]
        return _table(self.tags.copy(), self.meta.copy(), words)


def lines(rows: int, words: int) -> NDArray[np.uint32]:
    """Zeros, shape (rows, words), that begin on a cache line; memory that is never touched costs nothing."""
    room = np.zeros(rows * words * 4 + LINE_BYTES, np.uint8)
    start = -room.ctypes.data % LINE_BYTES
    return room[start : start + rows * words * 4].view(np.uint32).reshape(rows, words)


def buckets_for(limit: int) -> int:
    """How many buckets a table or sightings of ``limit`` keys has."""
    return 1 << max(0, (-(-limit // KEYS_PER_BUCKET) - 1).bit_length())


def make_table(rows: int, width: int, limit: int) -> Table:
    """An empty table with room for ``rows`` rows of ``width`` words, that will have ``limit`` at most."""
    return _table(lines(buckets_for(limit), 2 * WAYS), np.zeros(2, np.int64), lines(rows, width))


def grown(table: Table, rows: int) -> Table:
    """The same with room for ``rows`` rows; what it holds does not change."""
    used = int(table.meta[USED])
    words = lines(rows, table.words.shape[1])
    words[:used] = table.words[:used]
    return _table(table.tags, table.meta, words)


def _table(tags: NDArray[np.uint32], meta: NDArray[np.int64], words: NDArray[np.uint32]) -> Table:
    return Table(tags, meta, words, words.view(np.float32), words.view(np.float64))


def held_bytes(table: Table) -> int:
    """Memory that the table takes."""
    return int(table.tags.nbytes + table.words.nbytes)


@intrinsic
def _prefetch(typing_context: Any, array: Any, row: Any, word: Any) -> Any:  # noqa: ARG001
    """Ask for the cache line of ``array[row, word]``, and wait for nothing."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = signature.args[0]
        data = context.make_array(kind)(context, builder, arguments[0])
        tools: Any = cgutils
        pointer = tools.get_item_pointer(context, builder, kind, data, arguments[1:], wraparound=False)
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        function = tools.get_or_insert_function(
            builder.module, ir.FunctionType(ir.VoidType(), [byte, number, number, number]), "llvm.prefetch.p0"
        )
        builder.call(function, [builder.bitcast(pointer, byte), number(0), number(3), number(1)])
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp), generate


prefetch: Any = _prefetch
"""``prefetch(array, row, word)``, within kernels."""


_OPTIONS: dict[str, Any] = {"nogil": True, "cache": True, "error_model": "numpy", "_nrt": False, "forceinline": True}

_Function = TypeVar("_Function", bound=Callable[..., Any])


def kernel(function: _Function) -> _Function:
    """Compile without reference counts, of which kernels that make no arrays have no need, and into the caller.

    Each is a fifth to a third of the time here: an array is seven arguments, and a call with a plan's is a hundred.
    """
    compiled: _Function = njit(**_OPTIONS)(function)
    return compiled


@kernel
def tag_of(key: np.uint64) -> np.uint32:
    """The tag of a hash: never 0."""
    return np.uint32(max(np.uint64(key >> np.uint64(32)), np.uint64(1)))


@kernel
def bucket_of(key: np.uint64, buckets: int) -> np.int64:
    """The bucket of a hash, of ``buckets``, a power of two."""
    return np.int64(key & np.uint64(buckets - 1))


@kernel
def find(table: Table, key: np.uint64) -> np.int64:
    """The key's row, or -1 if it has none. Nothing changes."""
    return row_in(table.tags, key)


@kernel
def row_in(tags: NDArray[np.uint32], key: np.uint64) -> np.int64:
    """The same, of a table's buckets alone."""
    bucket, tag = bucket_of(key, len(tags)), tag_of(key)
    for place in range(0, 2 * WAYS, 2):
        if tags[bucket, place] == tag:
            return np.int64(tags[bucket, place + 1])
        if tags[bucket, place] == 0:
            break
    return np.int64(-1)


@kernel
def ask_for_bucket(tags: NDArray[np.uint32], key: np.uint64) -> None:
    """Prefetch a table's bucket of a key."""
    bucket = bucket_of(key, len(tags))
    prefetch(tags, bucket, 0)
    prefetch(tags, bucket, 16)


@kernel
def claim(table: Table, key: np.uint64) -> tuple[np.int64, bool]:
    """Give the key's row, and whether it is fresh: then its words are all zero. It becomes the most recently used."""
    tags, meta, words = table.tags, table.meta, table.words
    bucket, tag = bucket_of(key, len(tags)), tag_of(key)
    place = 0
    # Not «in {0, tag}»: numba makes that a set on the heap.
    while place < 2 * WAYS and tags[bucket, place] != 0 and tags[bucket, place] != tag:
        place += 2
    fresh = place == 2 * WAYS or tags[bucket, place] == 0
    if not fresh:
        row = np.int64(tags[bucket, place + 1])
    elif place < 2 * WAYS and meta[USED] < len(words):
        row = np.int64(meta[USED])
        meta[USED] += 1
    else:
        meta[EVICTED] += 1
        if place > 0:
            place -= 2
            row = np.int64(tags[bucket, place + 1])
        else:
            row = _robbed(tags, bucket)
    for at in range(place, 0, -2):
        tags[bucket, at] = tags[bucket, at - 2]
        tags[bucket, at + 1] = tags[bucket, at - 1]
    tags[bucket, 0] = tag
    tags[bucket, 1] = row
    if fresh:
        for i in range(words.shape[1]):
            words[row, i] = 0
    return row, bool(fresh)


@kernel
def _robbed(tags: NDArray[np.uint32], bucket: np.int64) -> np.int64:
    """Take the least recently used row out of the next bucket that has any."""
    while tags[bucket, 0] == 0:
        bucket = (bucket + 1) & (len(tags) - 1)
    place = 0
    while place < 2 * WAYS and tags[bucket, place] != 0:
        place += 2
    tags[bucket, place - 2] = 0
    return np.int64(tags[bucket, place - 1])


@kernel
def sighted(tags: NDArray[np.uint32], key: np.uint64) -> bool:
    """Whether the key was seen before, by a bucketed set of tags alone; it becomes the most recent of its bucket."""
    bucket, tag = bucket_of(key, len(tags)), tag_of(key)
    place = 0
    while place < WAYS and tags[bucket, place] != 0 and tags[bucket, place] != tag:
        place += 1
    seen = place < WAYS and tags[bucket, place] == tag
    for at in range(min(place, WAYS - 1), 0, -1):
        tags[bucket, at] = tags[bucket, at - 1]
    tags[bucket, 0] = tag
    return seen
