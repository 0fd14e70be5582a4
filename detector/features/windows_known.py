"""Which sources windows held at a time: looked up, and nothing changed by it.

A table's buckets are enough for that (:mod:`detector.kernels.hash_table`): 128 bytes for eight sources at the bound, a
hundredth of what the windows take.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector.features.windows_kernel import mixed
from detector.kernels.compiled import compiled
from detector.kernels.hash_table import row_in


@dataclass(frozen=True, slots=True)
class KnownSources:
    """Sources as they were held then."""

    tables: tuple[NDArray[np.uint32], ...]
    """The buckets of each partition's; shape (buckets, 2 · WAYS)."""

    def knows(self, sources: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Which of these hashes of sources (sources,) were held, in any partition."""
        known = np.zeros(len(sources), np.bool_)
        for tags in self.tables:
            mark_held(tags, sources, known)
        return known


@compiled
def mark_held(tags: NDArray[np.uint32], sources: NDArray[np.uint64], held: NDArray[np.bool_]) -> None:
    """Set ``held`` (sources,) where a source's hash is in the buckets ``tags``; elsewhere it stays as it is."""
    for place in range(len(sources)):
        if row_in(tags, mixed(sources[place])) >= 0:
            held[place] = True
