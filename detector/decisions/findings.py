"""What flows were found to be: what the judge decides by, alerts tell and incidents are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.decisions.assessment import Assessment
from detector.models.single_flows import Scores


class Seconds(NamedTuple):
    """How long each step took."""

    features: float = 0.0
    score: float = 0.0
    assess: float = 0.0


NO_TIME = Seconds()


@dataclass(frozen=True, slots=True)
class Findings:
    """What the flows of ``frame`` were found to be; a row for each."""

    frame: pl.DataFrame
    matrix: NDArray[np.float32]
    """Their features; shape (rows, features)."""
    scores: Scores
    assessment: Assessment | None = None
    """None where nothing is told by it: the model is not calibrated for it, or the budget is one of flows."""
    seconds: Seconds = NO_TIME
