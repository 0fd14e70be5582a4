"""How severe an alert is: by how far its flow is beyond the budget."""

from __future__ import annotations

import math
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


def severity(shares: NDArray[np.float64], budget: float) -> NDArray[np.int64]:
    """Grade alerts of such :func:`continued` shares, shape (alerts,), against the budget as a share of rows."""
    with np.errstate(divide="ignore"):
        decades = math.log10(max(budget, 1e-12)) - np.log10(shares)
    steps = np.clip(np.floor(decades), 0, Severity.CRITICAL - Severity.LOW)
    graded: NDArray[np.int64] = Severity.LOW + steps.astype(np.int64)
    return graded
