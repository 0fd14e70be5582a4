"""Which sources a table of windows holds: looked up, and nothing changed by it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detector.features.windows_kernel import mixed
from detector.kernels.compiled import compiled
from detector.kernels.hash_table import Table, find


@compiled
def mark_held(table: Table, sources: NDArray[np.uint64], held: NDArray[np.bool_]) -> None:
    """Set ``held`` (sources,) where the table of sources has a row for a source's hash; elsewhere it stays as it is."""
    for place in range(len(sources)):
        if find(table, mixed(sources[place])) >= 0:
            held[place] = True
