"""A fixed set of words, found by their bytes inside a buffer: JSON keys, event types.

Built once in Python, asked from compiled kernels. Each word belongs to a *node* (0 where there is only one), so that
the keys of nested objects share one table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.kernels.compiled import njit

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int32]
Places = NDArray[np.int32] | NDArray[np.int64]

ABSENT = -1

BEGIN, END, NODE, CODE, CHILD = range(5)
"""Columns of :attr:`KeywordTable.entries`."""


class KeywordTable(NamedTuple):
    """An open-addressed hash table over words. Kernels take the three arrays one by one: it costs them less."""

    letters: Bytes
    entries: Ints
    """One row a word: where its letters are, its node, its code, and the node of what is inside it."""
    slots: Ints


def build_keywords(words: Mapping[tuple[int, str], tuple[int, int]]) -> KeywordTable:
    """Build a table from (node, word) → (code, child node), each ABSENT where there is none."""
    entries = np.zeros((len(words), 5), dtype=np.int32)
    spelt = [word.encode() for _, word in words]
    letters = np.frombuffer(b"".join(spelt) + b"\0", dtype=np.uint8).copy()
    # At most a quarter full, so that a miss ends after a probe or two.
    slots = np.full(1 << (4 * len(words) + 4).bit_length(), ABSENT, dtype=np.int32)
    position = 0
    for index, ((node, _), (code, child)) in enumerate(words.items()):
        end = position + len(spelt[index])
        entries[index] = position, end, node, code, child
        slot = int(_slot(letters, position, end, node, slots.size - 1))
        while slots[slot] != ABSENT:
            slot = (slot + 1) & (slots.size - 1)
        slots[slot] = index
        position = end
    return KeywordTable(letters, entries, slots)


@njit(cache=True, nogil=True, forceinline=True)
def _slot(data: Bytes, begin: int, end: int, node: int, mask: int) -> int:
    # Length and three letters tell field names apart well enough; the comparison decides.
    size = end - begin
    if size == 0:
        return node & mask
    mix = size * 31 + data[begin] * 7 + data[end - 1] * 113 + data[begin + size // 2] * 57 + node * 211
    return int((mix ^ (mix >> 7)) & mask)


@njit(cache=True, nogil=True, forceinline=True)
def find_keyword(  # noqa: PLR0917 - a kernel takes its arrays one by one
    letters: Bytes, entries: Ints, slots: Ints, data: Bytes, begin: int, end: int, node: int
) -> int:
    """The entry of ``data[begin:end]`` among the words of ``node``, or ABSENT."""
    mask = slots.size - 1
    slot = _slot(data, begin, end, node, mask)
    while slots[slot] >= 0:
        index = slots[slot]
        shift = entries[index, 0] - begin
        if entries[index, 1] - shift == end and entries[index, 2] == node:
            at = begin
            while at < end and letters[at + shift] == data[at]:
                at += 1
            if at == end:
                return int(index)
        slot = (slot + 1) & mask
    return -1


@njit(cache=True, nogil=True, forceinline=True)
def match_keywords(  # noqa: PLR0917 - a kernel takes its arrays one by one
    letters: Bytes, entries: Ints, slots: Ints, data: Bytes, begins: Places, ends: Places, kinds: Bytes
) -> Ints:
    """The code of each span among the words of node 0, or ABSENT; also where ``kinds`` is zero."""
    codes = np.full(begins.size, -1, dtype=np.int32)
    for row in range(begins.size):
        if kinds[row] != 0:
            index = find_keyword(letters, entries, slots, data, begins[row], ends[row], 0)
            if index >= 0:
                codes[row] = entries[index, 3]
    return codes
