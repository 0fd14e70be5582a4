"""The published kinds, as they are compared: trained as for their evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.features.spec import FeatureSpec
from detector.models.ensemble import Ensemble
from training.compare.contract import Role
from training.compare.detectors import Matrix, Scoring
from training.estimators import TRAINERS
from training.evaluation.random_splits import trained
from training.train import Recipe


@dataclass(frozen=True, slots=True)
class Published:
    """A kind that ``oddflow train`` makes, trained as for its evaluation."""

    recipe: Recipe
    spec: FeatureSpec
    package: str = "oddflow"
    role: Role = "published"

    @property
    def name(self) -> str:
        """The kind."""
        return self.recipe.kind

    @property
    def params(self) -> Mapping[str, Any]:
        """The recipe's."""
        return self.recipe.params

    def fit(self, train: Matrix, attack: NDArray[np.bool_], seed: int) -> Scoring:
        """Train on the rows."""
        del attack
        return trained(train, self.recipe, self.spec, seed).score


def published(recipe: Recipe, spec: FeatureSpec) -> tuple[Published, ...]:
    """Each published kind; the recipe's parameters are of its own kind alone."""
    kinds = (Ensemble.kind, *TRAINERS)
    return tuple(
        Published(replace(recipe, kind=kind, params=recipe.params if kind == recipe.kind else {}), spec)
        for kind in kinds
    )
