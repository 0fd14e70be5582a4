"""Bitmaps in rows of a table: about how many different things were marked, by those of its places that are still free.

Linear counting (Whang, Vander-Zanden and Taylor 1990). A row's bitmap is some of its words, from ``first`` on.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from detector.kernels.hash_table import kernel


@kernel
def mark(words: Any, row: Any, first: Any, place: Any) -> None:
    """Mark a place."""
    words[row, first + (place >> 5)] |= np.uint32(1) << np.uint32(place & 31)


@kernel
def is_marked(words: Any, row: Any, first: Any, place: Any) -> Any:
    """1 if a place is marked; else 0."""
    return np.float64((words[row, first + (place >> 5)] >> np.uint32(place & 31)) & np.uint32(1))


@kernel
def marked(words: Any, row: Any, first: Any, end: Any) -> Any:
    """About how many things were marked in the words up to ``end``; what fills n places counts as n·ln n."""
    places = 32 * (end - first)
    free = places
    for word in range(first, end):
        bits = words[row, word]
        while bits:
            bits &= bits - np.uint32(1)
            free -= 1
    return -places * math.log(max(free, 1) / places)
