"""Which population a row belongs to, told from a few of its columns: for instance by service, failed or not, inside.

Each column has ascending cuts, between which its values are alike. The cells of all columns' bins, like places of a
number of mixed base, each name a table; those in which training had too few rows name table 0, that of all rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from detector.models.arrays import broken, check_names, take
from detector.models.base import Arrays

MAX_COLUMNS = 8
MAX_CELLS = 1 << 16

NAMES = ("columns", "cuts", "starts", "cells")


@dataclass(frozen=True, slots=True)
class Segments:
    """Columns, where they are cut, and which table each cell names."""

    columns: NDArray[np.int64]
    """Shape (columns,): places in the matrix."""
    cuts: NDArray[np.float32]
    """Shape (cuts,): each column's, ascending, one column after the other; a value at most a cut lies below it."""
    starts: NDArray[np.int64]
    """Shape (columns + 1,): where each column's cuts begin, and the end."""
    cells: NDArray[np.int32]
    """Shape (cells,): the number of the table of each combination of bins, the last column's turning fastest."""

    @property
    def n_tables(self) -> int:
        """How many tables are named, number 0 among them."""
        return int(self.cells.max()) + 1

    def tables(self, rows: NDArray[np.float32]) -> NDArray[np.int32]:
        """Give the number of each row's table; rows × features."""
        return self.cells[self.places(rows)]

    def places(self, rows: NDArray[np.float32]) -> NDArray[np.int64]:
        """Give each row's cell."""
        places = np.zeros(len(rows), dtype=np.int64)
        for number, column in enumerate(self.columns):
            cuts = self.cuts[self.starts[number] : self.starts[number + 1]]
            places *= len(cuts) + 1
            places += np.searchsorted(cuts, rows[:, column], side="left")
        return places

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Everything needed to restore it."""
        return {"columns": self.columns, "cuts": self.cuts, "starts": self.starts, "cells": self.cells}

    @classmethod
    def from_arrays(cls, arrays: Arrays, n_features: int, part: str) -> Self:
        """Restore it; raises BundleError for anything that could lead out of its arrays."""
        check_names(arrays, NAMES, part)
        columns = take(arrays, "columns", part, dtype=np.int64, shape=(None,), low=0, high=n_features - 1)
        if len(columns) > MAX_COLUMNS:
            raise broken(part, f"{len(columns)} columns are more than {MAX_COLUMNS}")
        limit = float(np.finfo(np.float32).max)
        cuts = take(arrays, "cuts", part, dtype=np.float32, shape=(None,), low=-limit, high=limit)
        starts = take(arrays, "starts", part, dtype=np.int64, shape=(len(columns) + 1,), low=0, high=len(cuts))
        if starts[0] != 0 or starts[-1] != len(cuts) or bool(np.any(np.diff(starts) < 1)):
            raise broken(part, "the columns' cuts do not follow each other")
        parts = [cuts[start:end] for start, end in pairwise(starts)]
        if any(bool(np.any(np.diff(own) <= 0)) for own in parts):
            raise broken(part, "a column's cuts do not ascend")
        count = 1
        for own in parts:
            count *= len(own) + 1
            if count > MAX_CELLS:
                raise broken(part, f"there are more than {MAX_CELLS} cells")
        cells = take(arrays, "cells", part, dtype=np.int32, shape=(count,), low=0, high=count)
        if set(np.unique(cells)) | {0} != set(range(int(cells.max()) + 1)):
            raise broken(part, "a table is named by no cell")
        return cls(columns, cuts, starts, cells)
