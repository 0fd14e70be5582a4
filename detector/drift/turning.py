"""What holds of blocks of flows, and is told as it begins and as it ends: it begins at one share, and ends at a lower.

A share that swings about a single limit would else be told with each block.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

CountsT = TypeVar("CountsT")


@dataclass(frozen=True, slots=True)
class Block(Generic[CountsT]):
    """Some flows in a row."""

    counts: CountsT
    turned: bool | None
    """True where it has just begun to hold, False where it has just ended, else None."""


class Turning:
    """Whether it holds; it does not at first."""

    def __init__(self) -> None:
        self._holds = False

    def turn(self, *, begins: bool, lasts: bool) -> bool | None:
        """Take whether a block is enough for it to begin, and to last; give what :class:`Block` says of it."""
        before, self._holds = self._holds, begins or (self._holds and lasts)
        return None if self._holds == before else self._holds
