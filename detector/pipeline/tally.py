"""What has come of the records read so far."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Tally:
    """What became of the records; written by the polling thread alone."""

    read: int = 0
    scored: int = 0
    dead_lettered: int = 0
    passed_over: int = 0
    in_flight: int = 0
    alerts: int = 0
    """All of them, written or not, but for suppressed ones."""
    suppressed: int = 0
    """Alerts that a suppression hides."""
    written: int = 0
    """Alerts that were written."""
    incidents: int = 0
    """That they are in, as far as is known."""
    passed_over_kinds: Counter[str] = field(default_factory=Counter)
    versions: list[str] = field(default_factory=list)

    @property
    def balanced(self) -> bool:
        """Whether every record read is accounted for."""
        return self.read == self.scored + self.dead_lettered + self.passed_over + self.in_flight
