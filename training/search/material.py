"""What every trial is tried on: rows, features and splits made once, small enough to be sent to other machines.

A trial trains on each split's rows and scores its tested ones. Its value is the mean, over the splits, of the *average
precision at the stated prevalence, each attack counting the same*::

    Σ over the thresholds, from the highest score down, of (TPR_k − TPR_{k−1}) · π·TPR_k / (π·TPR_k + (1 − π)·FPR_k)

Why this one. A search needs a figure that moves with every small change: what is raised at one threshold is a step
function of the scores, and of few attacks it hardly ever moves. ROC's area moves, but nine tenths of it are of
false-positive rates that nobody would bear. Here a threshold at which a tenth of the benign flows is raised counts next
to nothing at a prevalence of 1 %, and the highest scores count most, which is where alerts are made. Each attack counts
the same, by weights of its flows, since otherwise a flood of a thousand flows would choose the model by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import process_time
from typing import Self

import numpy as np
from numpy.typing import NDArray

from detector.errors import InputError
from detector.features.spec import FeatureSpec
from training.evaluation.prepared import Prepared
from training.evaluation.random_splits import Features, Split, seed_of, trained
from training.feature_choice import without
from training.metrics import average_precision_at_prevalence
from training.train import Recipe

OBJECTIVE = "average_precision_at_prevalence"


@dataclass(frozen=True, slots=True)
class Part:
    """One split: places in the matrix, and the truth of the rows tested."""

    split: Split
    """Its rows are places in the material's matrix."""
    attack: NDArray[np.bool_]
    """Of the tested rows."""
    weights: NDArray[np.float64]
    """Of the tested rows: 1 of a benign one; those of one attack are 1 in all."""


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What came of one split of one trial."""

    value: float
    processor_s: float
    """What this process used meanwhile, whatever else ran in it."""


@dataclass(frozen=True, slots=True)
class Material:
    """Features of all rows that any split needs, and the splits."""

    matrix: NDArray[np.float32]
    """Rows × features, all of them."""
    spec: FeatureSpec
    parts: tuple[Part, ...]
    prevalence: float

    @classmethod
    def of(cls, ready: Prepared, features: Features, prevalence: float) -> Self:
        """Take what was made ready; splits without an attack to find tell nothing and are left out.

        Raises InputError where none has one.
        """
        splits, marked = ready.splits, ready.marked
        places = np.unique(np.concatenate([rows for split in splits for rows in (split.train, split.test)]))
        parts = []
        for split in splits:
            attack = marked.attack[split.test]
            if not attack.any() or attack.all():
                continue
            train, test = (np.searchsorted(places, rows) for rows in (split.train, split.test))
            moved = Split(split.repeat, split.fold, train, test)
            parts.append(Part(moved, attack, weights_of(attack, marked.instances[split.test])))
        if not parts:
            raise InputError("searching: no random split has an attack to find; give more data, or fewer --folds")
        return cls(features.of(places), features.extractor.spec, tuple(parts), prevalence)

    @property
    def least_trained(self) -> int:
        """Rows that the smallest training has."""
        return min(len(part.split.train) for part in self.parts)

    def evaluated(self, number: int, recipe: Recipe) -> Evaluated:
        """Train and test a recipe on one split. Raises ConfigurationError or InputError where that cannot be."""
        began = process_time()
        part = self.parts[number]
        spec = without(self.spec, recipe.leave_out)
        columns = None if spec is self.spec else [self.spec.names.index(name) for name in spec.names]
        model = trained(self._rows(part.split.train, columns), recipe, spec, seed_of(part.split, recipe))
        scores = model.score(self._rows(part.split.test, columns))
        return Evaluated(
            average_precision_at(scores, part.attack, part.weights, self.prevalence), process_time() - began
        )

    def _rows(self, rows: NDArray[np.intp], columns: list[int] | None) -> NDArray[np.float32]:
        return self.matrix[rows] if columns is None else np.ascontiguousarray(self.matrix[rows][:, columns])


def weights_of(attack: NDArray[np.bool_], instances: NDArray[np.int64]) -> NDArray[np.float64]:
    """1 for benign rows; for those of an attack, one part of as many as it has. Shape (rows,)."""
    weights = np.ones(len(attack))
    _, place, sizes = np.unique(instances[attack], return_inverse=True, return_counts=True)
    weights[attack] = 1.0 / sizes[place]
    return weights


def average_precision_at(
    scores: NDArray[np.float64], attack: NDArray[np.bool_], weights: NDArray[np.float64], prevalence: float
) -> float:
    """The objective, of rows (rows,) with an attack and a benign one among them; equal scores are raised together."""
    order = np.argsort(-scores, kind="stable")
    last = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    found = np.cumsum((weights * attack)[order])[last]
    false = np.cumsum((weights * ~attack)[order])[last]
    return average_precision_at_prevalence(found / found[-1], false / false[-1], prevalence)
