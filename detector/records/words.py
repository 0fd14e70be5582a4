"""A fixed set of words, found by their bytes inside a buffer: JSON keys, protocol names, event types.

Built once in Python, asked from compiled kernels. Each word belongs to a *node* (0 where there is only one), so that the
keys of nested objects share one table.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int32]

ABSENT = -1


class WordTable(NamedTuple):
    """An open-addressed hash table over words; a NamedTuple, so that kernels take it as one argument."""

    letters: Bytes
    begins: Ints
    ends: Ints
    nodes: Ints
    codes: Ints
    slots: Ints


def build_words(entries: Iterable[tuple[int, str, int]]) -> WordTable:
    """Build a table from (node, word, code) entries; codes are zero or more. Of equal words the first one counts."""
    seen: dict[tuple[int, bytes], int] = {}
    for node, word, code in entries:
        seen.setdefault((node, word.encode()), code)
    words = [word for _, word in seen]
    ends = np.cumsum([len(word) for word in words], dtype=np.int32)
    begins = np.concatenate(([0], ends[:-1])).astype(np.int32)
    letters = np.frombuffer(b"".join(words) or b"\0", dtype=np.uint8).copy()
    nodes = np.array([node for node, _ in seen], dtype=np.int32)
    codes = np.array(list(seen.values()), dtype=np.int32)
    # At most a quarter full, so that a miss ends after a probe or two.
    slots = np.full(1 << (4 * len(words) + 4).bit_length(), ABSENT, dtype=np.int32)
    for index in range(len(words)):
        slot = int(_slot(letters, begins[index], ends[index], nodes[index], slots.size - 1))
        while slots[slot] != ABSENT:
            slot = (slot + 1) & (slots.size - 1)
        slots[slot] = index
    return WordTable(letters, begins, ends, nodes, codes, slots)


@njit(cache=True, nogil=True, inline="always")
def _slot(data: Bytes, begin: int, end: int, node: int, mask: int) -> int:
    # Length and three letters tell field names apart well enough; the comparison decides.
    size = end - begin
    if size == 0:
        return node & mask
    mix = size * 31 + data[begin] * 7 + data[end - 1] * 113 + data[begin + size // 2] * 57 + node * 211
    return (mix ^ (mix >> 7)) & mask


@njit(cache=True, nogil=True)
def find_word(table: WordTable, data: Bytes, begin: int, end: int, node: int) -> int:
    """The code of ``data[begin:end]`` among the words of ``node``, or ABSENT."""
    mask = table.slots.size - 1
    slot = _slot(data, begin, end, node, mask)
    while table.slots[slot] != -1:
        index = table.slots[slot]
        first = table.begins[index]
        if table.nodes[index] == node and table.ends[index] - first == end - begin:
            at = 0
            while at < end - begin and table.letters[first + at] == data[begin + at]:
                at += 1
            if at == end - begin:
                return int(table.codes[index])
        slot = (slot + 1) & mask
    return -1


@njit(cache=True, nogil=True)
def match_words(table: WordTable, data: Bytes, begins: Ints, ends: Ints, kinds: Bytes) -> Ints:
    """The code of each span among the words of node 0, or ABSENT; also where ``kinds`` is zero."""
    codes = np.full(begins.size, ABSENT, dtype=np.int32)
    for row in range(begins.size):
        if kinds[row] != 0:
            codes[row] = find_word(table, data, begins[row], ends[row], 0)
    return codes
