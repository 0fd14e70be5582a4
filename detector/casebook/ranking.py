"""Which of an incident's alerts say most of it: by how rare they are, not by the model's score.

Scores are of flows one by one, and every call of a beacon may be usual by itself. Calibration tells no rarity beyond
what it saw, so that many alerts are as rare as can be told. Of those goes first what more than its own flow made odd,
and then the higher score. Imports nothing, since commands that read incidents begin with it.
"""

from __future__ import annotations

from typing import Protocol

BY_ITSELF = frozenset({"", "surprise"})
"""Views by which a flow is odd alone; empty where none is told."""


class Rankable(Protocol):
    """An alert, as incidents have it."""

    @property
    def decades(self) -> float:
        """By how many powers of ten it is rarer than the budget asks."""
        ...

    @property
    def view(self) -> str:
        """By which it is oddest."""
        ...

    @property
    def score(self) -> float:
        """The model's."""
        ...


def rank_of(alert: Rankable) -> tuple[float, bool, float]:
    """The higher, the more it says. Tenths of a decade count, or each alert of a growing burst would be the first."""
    return round(alert.decades, 1), alert.view not in BY_ITSELF, alert.score
