"""How odd flows are: by themselves, by what went before at the same target, and by what else their source began."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Assessment:
    """How odd flows are; shape (rows,) each, in nats."""

    surprise: NDArray[np.float64]
    """Of each flow by itself: −ln p; to a known target at most that of the flow alone."""
    evidence: NDArray[np.float64]
    """Of its target, with it: see :mod:`detector.decisions.evidence`."""
    breadth: NDArray[np.float64]
    """Of the new targets of its source, with it; likewise."""

    def take(self, rows: NDArray[np.intp]) -> Self:
        """Only these rows."""
        return type(self)(*(values[rows] for values in self.values()))

    def values(self) -> tuple[NDArray[np.float64], ...]:
        """Surprise, evidence, breadth."""
        return tuple(getattr(self, name) for name in VIEWS)


VIEWS = tuple(field.name for field in fields(Assessment))
"""The views by which flows are raised, which have equal shares of the budget."""
