"""What a sentence is made of: clauses, and the facts that their numbers are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from detector.printable import printable

LONGEST_NAME = 64
"""Characters of a record's text that a sentence tells."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A number of the sentence, as it stands there."""

    what: str
    value: float
    unit: str
    usual_most: float | None = None
    """It is beyond this; None where nothing is said of what is usual."""
    usual_least: float | None = None
    """Likewise, it is below this."""
    window_s: float | None = None
    """What it was counted over: such a count is an approximate one."""

    @property
    def is_bounded(self) -> bool:
        """Whether what is usual is told with it."""
        return self.usual_most is not None or self.usual_least is not None

    def document(self) -> dict[str, Any]:
        """As documents have it: what is not known is left out."""
        optional = {"usual_most": self.usual_most, "usual_least": self.usual_least, "window_s": self.window_s}
        told = {name: value for name, value in optional.items() if value is not None}
        return {"what": self.what, "value": self.value, "unit": self.unit, **told}


class Clause(NamedTuple):
    """A part of the sentence and the facts that its numbers are."""

    text: str
    facts: tuple[Fact, ...] = ()


class Amount(NamedTuple):
    """A feature's value as a number: as it is told, and in words."""

    value: float
    text: str


def name_of(text: str) -> str:
    """A record's text as a sentence tells it: printable and not long."""
    whole = printable(text[:LONGEST_NAME])[:LONGEST_NAME]
    return whole if len(text) <= LONGEST_NAME else f"{whole}…"
