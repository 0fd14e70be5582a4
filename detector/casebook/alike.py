"""Sentences that say the same of other numbers and addresses: the first of each, and how many are like it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

_FIGURE = re.compile(r"[\w.:,]*\d[\w.:,]*")
"""A number, an address, a port, or a unit right after its number; and a word with a digit in it."""


class Said(NamedTuple):
    """One sentence of several."""

    place: int
    """Where it is among them."""
    like_it: int
    """How many more say the same."""

    def words(self, sentence: str) -> str:
        """The sentence, and how many are like it."""
        return f"{sentence} – and {self.like_it:,} like it" if self.like_it else sentence


def distinct(sentences: Sequence[str]) -> list[Said]:
    """Those that say something else than each one before, in order; one that says nothing is like no other."""
    places: dict[str, list[int]] = {}
    for place, sentence in enumerate(sentences):
        places.setdefault(_FIGURE.sub("#", sentence) or str(place), []).append(place)
    return [Said(first, len(others)) for first, *others in places.values()]
