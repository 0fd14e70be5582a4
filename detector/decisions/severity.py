"""How severe an alert or an incident is: by its risk, 0 to 100, which rarity begins.

Severity is nothing but the band that a risk is in; :data:`BANDS` has them, and nobody else does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


class Severity(IntEnum):
    """OCSF's ``severity_id``, and by ``.word`` the name that metrics and documents use."""

    LOW = 2
    MEDIUM = 3
    HIGH = 4
    CRITICAL = 5

    @property
    def word(self) -> str:
        """Such as ``low``."""
        return self.name.lower()


MOST_RISK = 100

BANDS: Mapping[Severity, int] = {Severity.LOW: 0, Severity.MEDIUM: 22, Severity.HIGH: 48, Severity.CRITICAL: 74}
"""The least risk of each, as in Elastic's detection rules: a risk means the same beside theirs."""

_STEPS = (10.0, *list(BANDS.values())[1:], MOST_RISK)
"""The risk of what is rarer than the budget asks by 0, 1, 2, 3, and 4 powers of ten or more."""


def severity_of(risk: int) -> Severity:
    """The band that a risk is in."""
    return _BAND_OF[risk]


_BAND_OF = tuple(max(each for each, least in BANDS.items() if risk >= least) for risk in range(MOST_RISK + 1))


def rarity_risks(decades: NDArray[np.float64]) -> NDArray[np.int64]:
    """The risk (alerts,) that rarity alone makes: each power of ten beyond the budget is one band."""
    steps = np.interp(decades, np.arange(len(_STEPS), dtype=np.float64), _STEPS)
    return np.floor(steps + 1e-9).astype(np.int64)


def decades_beyond(rarities: NDArray[np.float64], budget: float) -> NDArray[np.float64]:
    """By how many powers of ten alerts (alerts,) are rarer than the budget, in whose unit they are; 0 or more."""
    with np.errstate(divide="ignore"):
        decades: NDArray[np.float64] = math.log10(max(budget, 1e-12)) - np.log10(rarities)
    return np.clip(decades, 0.0, float(len(_STEPS)))
