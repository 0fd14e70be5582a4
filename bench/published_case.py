"""What a row of the published bench is: files, a protocol, and who is measured by it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.metrics import operating_curve, roc_auc

OURS = "oddflow"


@dataclass(frozen=True, slots=True)
class Told:
    """What one of them reached."""

    who: str
    figures: Mapping[str, float]
    published: str = ""
    """What its authors tell of this protocol on these very files; empty where they tell nothing."""


@dataclass(frozen=True, slots=True)
class Case:
    """One set by one protocol."""

    on: str
    """Which files, and how they begin."""
    protocol: str
    run: Callable[[int], Iterator[Told]]
    """Of a seed: each of those measured, the authors' method first."""


def auc(scores: NDArray[np.float64], attacks: NDArray[np.bool_]) -> float:
    """ROC AUC, ties counting half; not a number where there are no attacks or nothing else."""
    if attacks.all() or not attacks.any():
        return float("nan")
    return roc_auc(operating_curve(scores, attacks))
