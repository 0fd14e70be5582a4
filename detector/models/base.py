"""What every kind of model promises, whoever trained it; ``tests/models/conformance.py`` holds each to it.

A model is plain arrays: it is restored from them, checked against their bounds, and scored by compiled kernels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Attribution:
    """Why rows score as they do, exactly additive: ``contributions.sum(axis=1) + base == output``.

    ``output`` is the additive quantity behind the score, ``quantity`` its name (a forest's is ``path_length``),
    and contributions are signed so that positive always means *more anomalous*.
    """

    quantity: str
    base: float
    output: NDArray[np.float64]
    """Shape (rows,)."""
    contributions: NDArray[np.float64]
    """Shape (rows, features)."""


class Model(Protocol):
    """A trained detector, reduced to arrays."""

    kind: ClassVar[str]

    @property
    def n_features(self) -> int:
        """How many columns ``score`` expects."""
        ...

    def score(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Score each row of ``matrix`` (rows × features, C order); higher is more anomalous, always finite.

        A row's score never depends on the other rows.
        """
        ...

    def explain(self, matrix: NDArray[np.float32]) -> Attribution:
        """Attribute each row's score to its features. For the few rows that become alerts."""
        ...

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Everything needed to restore it."""
        ...

    @classmethod
    def from_arrays(cls, arrays: Arrays, n_features: int) -> Self:
        """Restore it. Raises BundleError for anything missing, of another shape or type, or out of bounds."""
        ...
