"""Where the wanted fields of each record lie: spans into one buffer, before anything is interpreted.

Every syntax (JSON, tabs, commas) ends in this one shape, and everything after it is shared by all formats.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


class Kind(IntEnum):
    """What stands in a cell. ``TEXT`` is a JSON string, or anything in a format without types."""

    ABSENT = 0
    TEXT = 1
    NUMBER = 2
    TRUE = 3
    FALSE = 4
    NESTED = 5


@dataclass(frozen=True, slots=True)
class Spans:
    """The wanted fields of ``rows.size`` records; cell (field, i) is ``data[begins[field, i]:ends[field, i]]``."""

    data: NDArray[np.uint8]
    """UTF-8, checked."""
    begins: NDArray[np.int32]
    ends: NDArray[np.int32]
    kinds: NDArray[np.uint8]
    rows: NDArray[np.int32]
    """The place of each record among the values, ascending."""

    def texts(self, field: int, indices: NDArray[np.intp]) -> list[str]:
        """One field's spans as text, for the few that kernels leave to Python; all at once, since it may be each."""
        data = self.data.data
        spans = zip(self.begins[field, indices].tolist(), self.ends[field, indices].tolist(), strict=True)
        return [str(data[begin:end], "utf-8") for begin, end in spans]

    def keep(self, mask: NDArray[np.bool_]) -> Spans:
        """Only the records where ``mask`` is true."""
        if mask.all():
            return self
        begins, ends = np.compress(mask, self.begins, axis=1), np.compress(mask, self.ends, axis=1)
        return Spans(self.data, begins, ends, np.compress(mask, self.kinds, axis=1), self.rows[mask])
