"""What flows look like one by one: a second, small model, of the features that no window is behind.

It is what evidence is made of, and a member of an ensemble. Evidence adds up over time by itself: of scores that
windows have a part in it would add up the same past twice, and a quiet attack, such as a beacon among its host's other
traffic, is usual by most of what that host did before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from detector.models.arrays import broken
from detector.models.base import Arrays, Attribution, Model
from detector.models.calibration import Calibration
from detector.models.ensemble import SINGLE, Ensemble
from detector.models.kinds.kmeans_diagonal import DiagonalKMeans
from detector.models.rows import as_rows, first_columns


class Scores(NamedTuple):
    """What flows score; shape (rows,) each, higher is more anomalous."""

    overall: NDArray[np.float64]
    """By the model."""
    single: NDArray[np.float64] | None
    """By the model of single flows; None where there is none."""


def kept_by(model: Model) -> DiagonalKMeans | None:
    """The clusters of single flows that a model holds as a member."""
    member = model.members.get(SINGLE) if isinstance(model, Ensemble) else None
    return member if isinstance(member, DiagonalKMeans) else None


def scores_by(model: Model, single: DiagonalKMeans | None, matrix: NDArray[np.float32]) -> Scores:
    """Score rows (rows × features) by both; once where ``model`` holds the other."""
    if single is None:
        return Scores(model.score(matrix), None)
    if isinstance(model, SingleAlone) and model.single.model is single:
        alone = model.score(matrix)
        return Scores(alone, alone)
    if isinstance(model, Ensemble) and kept_by(model) is single:
        overall, members = model.score_with_members(matrix)
        return Scores(overall, members[SINGLE])
    return Scores(model.score(matrix), single.score(first_columns(matrix, single.n_features)))


@dataclass(frozen=True, slots=True)
class SingleFlows:
    """Clusters of single flows, and what held-out flows scored by them."""

    model: DiagonalKMeans
    """Of the first columns of the matrix: windowed features come last."""
    calibration: Calibration

    def explain(self, matrix: NDArray[np.float32]) -> Attribution:
        """Attribute each row's score to features of the whole matrix; those that it does not see contribute 0."""
        seen = self.model.explain(first_columns(matrix, self.model.n_features))
        contributions = np.zeros(matrix.shape, dtype=np.float64)
        contributions[:, : self.model.n_features] = seen.contributions
        return Attribution(seen.quantity, seen.base, seen.output, contributions)

    def to_arrays(self, model: Model) -> dict[str, NDArray[Any]]:
        """Everything needed to restore it beside ``model``: arrays named ``calibration.…`` and, unless held by that,
        ``model.…``.
        """
        own = {} if kept_by(model) is self.model else self.model.to_arrays()
        parts = {"model": own, "calibration": self.calibration.to_arrays()}
        return {f"{part}.{name}": array for part, arrays in parts.items() for name, array in arrays.items()}

    @classmethod
    def from_arrays(cls, arrays: Arrays, n_features: int, model: Model) -> Self:
        """Restore it, of so many columns, beside ``model``; raises BundleError for anything off."""
        parts: dict[str, dict[str, NDArray[Any]]] = {"model": {}, "calibration": {}}
        for name, array in arrays.items():
            part, _, own = name.partition(".")
            if part not in parts:
                raise broken("single flows", f"array {name} does not belong to it")
            parts[part][own] = array
        single = kept_by(model)
        if single is not None and (parts["model"] or single.n_features != n_features):
            raise broken("single flows", "the model holds another one")
        if single is None:
            single = DiagonalKMeans.from_arrays(parts["model"], n_features)
        return cls(single, Calibration.from_arrays(parts["calibration"]))


@dataclass(frozen=True, slots=True)
class SingleAlone:
    """A model of single flows in place of the one that it stood beside, of so many columns; no bundle holds one."""

    kind: ClassVar[str] = "single-flows-alone"

    single: SingleFlows
    n_features: int

    def score(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Score rows (rows × features, float32): distances; higher is more anomalous."""
        rows = as_rows(matrix, self.n_features)
        return self.single.model.score(first_columns(rows, self.single.model.n_features))

    def explain(self, matrix: NDArray[np.float32]) -> Attribution:
        """Attribute each row's score to its features; those with windows contribute 0."""
        return self.single.explain(as_rows(matrix, self.n_features))

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Those of the model of single flows."""
        return self.single.model.to_arrays()

    @classmethod
    def from_arrays(cls, arrays: Arrays, n_features: int) -> Self:
        """There is no such bundle: raises BundleError."""
        raise broken(f"model ({cls.kind})", f"{len(arrays)} arrays of {n_features} features are of no bundle")
