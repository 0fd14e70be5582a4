"""Several kinds of model in one: each member's score becomes −log p, and these are combined.

Members see different things: a forest what few splits set apart, clusters what lies between or beyond what is usual.
Their scores have no common unit, so each is turned into −log p by a table of what it gave training rows
(``detector.models.p_tables``), for all rows or for those of the row's segment (``detector.models.segments``).

With sharpness 0 the score is the members' mean −log p, by their weights: Fisher's combination of p-values (1932),
divided by how many there are. With sharpness 1 it is minus the log of the harmonic mean of the p-values (Wilson, PNAS
2019), and the greater, the more the most surprised member has its way: ``log(mean(exp(sharpness · −log p))) /
sharpness``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from detector.models.arrays import broken, check_names, take
from detector.models.base import Arrays, Attribution, Model
from detector.models.kinds.hbos_ecod import Ecod, Hbos
from detector.models.kinds.isolation_forest import IsolationForest
from detector.models.kinds.kmeans import KMeans
from detector.models.kinds.kmeans_diagonal import DiagonalKMeans
from detector.models.kinds.pca import Pca
from detector.models.p_tables import PTables
from detector.models.rows import as_rows, first_columns
from detector.models.segments import Segments

SINGLE = "single-flows"
"""The member that sees what a flow alone tells, without windows: :mod:`detector.models.single_flows`."""

MEMBERS: dict[str, type[Model]] = {
    **{kind.kind: kind for kind in (IsolationForest, KMeans, DiagonalKMeans, Hbos, Ecod, Pca)},
    SINGLE: DiagonalKMeans,
}
"""What can be a member, each once at most, in the order in which they are combined."""

LARGEST_WEIGHT = 1e6

LARGEST_SHARPNESS = 100.0


@dataclass(frozen=True, slots=True)
class Ensemble:
    """Members, what their scores mean, and how these are combined."""

    kind: ClassVar[str] = "ensemble"

    members: Mapping[str, Model]
    """By name, in the order of :data:`MEMBERS`. Each sees the first columns, as many as it has features."""
    weights: NDArray[np.float64]
    """Shape (members,): how much each counts, beside the others."""
    tails: Mapping[str, PTables]
    """By name, too."""
    segments: Segments | None
    """None: all rows are held against one table."""
    sharpness: float
    n_features: int

    @property
    def shares(self) -> NDArray[np.float64]:
        """How much each member counts, of 1; shape (members,)."""
        shares: NDArray[np.float64] = self.weights / self.weights.sum()
        return shares

    def score(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Score rows (rows × features, float32): combined −log p in nats, higher is more anomalous."""
        return self.score_with_members(matrix)[0]

    def score_with_members(
        self, matrix: NDArray[np.float32]
    ) -> tuple[NDArray[np.float64], dict[str, NDArray[np.float64]]]:
        """Score rows, and give what each member scores them by itself."""
        scores, surprises = self._judged(matrix)
        return self._combined(surprises), scores

    def score_by(self, scores: Mapping[str, NDArray[np.float64]], matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Combine what members, or others in their place, score rows (rows × features): shape (rows,) each, by name."""
        tables = self._tables(as_rows(matrix, self.n_features))
        return self._combined([self.tails[name].surprise(scores[name], tables) for name in self.members])

    def surprises(self, matrix: NDArray[np.float32]) -> dict[str, NDArray[np.float64]]:
        """Give −log p of rows (rows × features, float32) by each member, in nats; shape (rows,) each."""
        scores, surprises = self._judged(matrix)
        return dict(zip(scores, surprises, strict=True))

    def _judged(self, matrix: NDArray[np.float32]) -> tuple[dict[str, NDArray[np.float64]], list[NDArray[np.float64]]]:
        """Score rows by each member, and say how surprising each score is, in the members' order."""
        rows = as_rows(matrix, self.n_features)
        tables = self._tables(rows)
        scores = {name: member.score(first_columns(rows, member.n_features)) for name, member in self.members.items()}
        return scores, [self.tails[name].surprise(of, tables) for name, of in scores.items()]

    def explain(self, matrix: NDArray[np.float32]) -> Attribution:
        """Attribute each row's score: each member's part in it to features as that member does.

        A member's part is by how much the score changes when its −log p takes the place of the one at its base, the
        mean of doing so from the first member on and from the last (Shapley's value of two). What a segment's rows are
        expected to score apart from all rows is attributed to the columns that tell segments.
        """
        rows = as_rows(matrix, self.n_features)
        tables = self._tables(rows)
        surprises, usual, overall, reasons = [], [], [], []
        for kind, member in self.members.items():
            seen = first_columns(rows, member.n_features)
            why = member.explain(seen)
            tails = self.tails[kind]
            base = np.full(len(rows), score_of(member, np.array([why.base]))[0])
            surprises.append(tails.surprise(member.score(seen), tables))
            usual.append(tails.surprise(base, tables))
            overall.append(tails.surprise(base[:1], np.zeros(len(base[:1]), dtype=np.int32)))
            reasons.append(why)
        contributions = np.zeros(rows.shape, dtype=np.float64)
        for why, part in zip(reasons, self._parts(surprises, usual), strict=True):
            away = why.output - why.base
            contributions[:, : why.contributions.shape[1]] += (
                why.contributions * (part / np.where(away == 0, np.inf, away))[:, None]
            )
        score = self._combined(surprises)
        base_score = float(self._combined(overall)[0]) if len(rows) else 0.0
        if self.segments is not None:
            apart = (self._combined(usual) - base_score) / len(self.segments.columns)
            for column in self.segments.columns:
                contributions[:, column] += apart
        return Attribution(quantity="surprise", base=base_score, output=score, contributions=contributions)

    def _tables(self, rows: NDArray[np.float32]) -> NDArray[np.int32]:
        return np.zeros(len(rows), dtype=np.int32) if self.segments is None else self.segments.tables(rows)

    def _combined(self, surprises: list[NDArray[np.float64]]) -> NDArray[np.float64]:
        """Combine the members' −log p, one array (rows,) each, in their order."""
        shares = self.shares.tolist()
        if self.sharpness == 0:
            total = np.zeros(len(surprises[0]))
            for surprise, share in zip(surprises, shares, strict=True):
                total += surprise * share
            return total
        highest = surprises[0]
        for surprise in surprises[1:]:
            highest = np.maximum(highest, surprise)
        total = np.zeros(len(highest))
        for surprise, share in zip(surprises, shares, strict=True):
            total += np.exp(self.sharpness * (surprise - highest)) * share
        combined: NDArray[np.float64] = highest + np.log(total) / self.sharpness
        return combined

    def _parts(
        self, surprises: list[NDArray[np.float64]], usual: list[NDArray[np.float64]]
    ) -> list[NDArray[np.float64]]:
        """Share out among members what the score is above the one at their bases."""
        count = len(surprises)
        parts = [np.zeros(len(surprises[0])) for _ in range(count)]
        for order in (range(count), range(count - 1, -1, -1)):
            now = list(usual)
            before = self._combined(now)
            for member in order:
                now[member] = surprises[member]
                after = self._combined(now)
                parts[member] += 0.5 * (after - before)
                before = after
        return parts

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Everything needed to restore it: arrays named ``members.NAME.…``, ``tails.NAME.…`` and ``segments.…``."""
        widths = np.array([member.n_features for member in self.members.values()], dtype=np.int64)
        arrays = {"sharpness": np.array([self.sharpness]), "weights": self.weights, "widths": widths}
        for kind, member in self.members.items():
            arrays |= {f"members.{kind}.{name}": array for name, array in member.to_arrays().items()}
            arrays |= {f"tails.{kind}.{name}": array for name, array in self.tails[kind].to_arrays().items()}
        if self.segments is not None:
            arrays |= {f"segments.{name}": array for name, array in self.segments.to_arrays().items()}
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Arrays, n_features: int) -> Self:
        """Restore it, members and all; raises BundleError for anything off."""
        part = f"model ({cls.kind})"
        parts = _by_part(arrays)
        check_names(parts.pop("", {}), ("sharpness", "weights", "widths"), part)
        sharpness = take(arrays, "sharpness", part, dtype=np.float64, shape=(1,), low=0.0, high=LARGEST_SHARPNESS)
        own = parts.pop("segments", None)
        segments = None if own is None else Segments.from_arrays(own, n_features, f"{part}: segments")
        present = [name for name in MEMBERS if f"members.{name}" in parts or f"tails.{name}" in parts]
        shape, low, high = (len(present),), 1 / LARGEST_WEIGHT, LARGEST_WEIGHT
        if not present:
            raise broken(part, "every member is missing")
        weights = take(arrays, "weights", part, dtype=np.float64, shape=shape, low=low, high=high)
        widths = take(arrays, "widths", part, dtype=np.int64, shape=shape, low=1, high=n_features)
        members: dict[str, Model] = {}
        tails: dict[str, PTables] = {}
        for name, width in zip(present, widths.tolist(), strict=True):
            members[name] = MEMBERS[name].from_arrays(parts.pop(f"members.{name}", {}), width)
            tables = 1 if segments is None else segments.n_tables
            tails[name] = PTables.from_arrays(parts.pop(f"tails.{name}", {}), tables, f"{part}: tails of {name}")
        if parts:
            raise broken(
                part, f"array {next(iter(parts))}.{next(iter(next(iter(parts.values()))))} does not belong to it"
            )
        return cls(members, weights, tails, segments, float(sharpness[0]), n_features)


def score_of(member: Model, output: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the scores that belong to a member's additive ``output``."""
    if isinstance(member, IsolationForest):
        scores: NDArray[np.float64] = 2 ** (output / member.normal_length)
        return scores
    if isinstance(member, KMeans | DiagonalKMeans):
        return np.sqrt(np.maximum(output, 0.0))
    return output


def _by_part(arrays: Arrays) -> dict[str, dict[str, NDArray[Any]]]:
    """Sort arrays by what stands before the last dot of their names."""
    parts: dict[str, dict[str, NDArray[Any]]] = {}
    for name, array in arrays.items():
        part, _, own = name.rpartition(".")
        parts.setdefault(part, {})[own] = array
    return parts
