"""A verified bundle, ready to score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector.bundle.initial_state import InitialState
from detector.bundle.manifest import Manifest
from detector.decisions.calibrated_model import ScoringModel
from detector.models.baseline_ranges import BaselineRanges
from detector.models.rows import MANY
from detector.models.training_sample import TrainingSample


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel(ScoringModel):
    """A verified bundle, ready to score."""

    manifest: Manifest
    usual: BaselineRanges
    self_test_rows: NDArray[np.float32]
    sample: TrainingSample | None = None
    """None in bundles of before there were any."""
    beginning: InitialState | None = None
    """None where training kept no state: of flows without addresses, or more of it than a bundle holds."""

    @property
    def name(self) -> str:
        """The model's name in the registry."""
        return self.manifest.name

    @property
    def version(self) -> str:
        """Its version, sortable by time."""
        return self.manifest.version

    @property
    def digest(self) -> str:
        """sha256 in hex that stands for every byte of the bundle."""
        return self.manifest.digest

    def warm_up(self) -> None:
        """Compile every kernel that it needs, so that the first batch does not wait."""
        self.surprises(self.score(np.repeat(self.self_test_rows[:1], MANY, axis=0)))
        self.score(self.self_test_rows[:1])
        self.model.explain(self.self_test_rows[:1])
