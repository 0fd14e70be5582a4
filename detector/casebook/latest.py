"""The latest revision of each incident, whatever order documents come in; bounded: those told longest ago go first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from detector.casebook.told import Told
from detector.errors import ConfigurationError

MOST = 10_000
"""Incidents that are kept."""

NAMED = 5
"""Incidents that an error names."""

SHORT_ID = 8
"""Characters of an id that lists show."""

QUIET_S = 1_200.0
"""An incident whose last flow was so long before the latest one of all is over, though nobody told: one of a single
alert is never closed by a document of its own."""


class Latest:
    """Incidents by id, the one that was told last at the end."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._incidents: OrderedDict[str, Told] = OrderedDict()
        self.dropped = 0
        """How many were let go to keep the bound."""
        self.latest_seen = 0.0
        """The latest flow of all that were put, in seconds since 1970."""

    def __len__(self) -> int:
        return len(self._incidents)

    def __iter__(self) -> Iterator[Told]:
        return iter(self._incidents.values())

    def put(self, told: Told, *, wanted: bool = True) -> bool:
        """Take a document in; whether it is kept, as the latest of its incident that was not known.

        One that is not wanted takes earlier revisions with it.
        """
        known = self._incidents.get(told.ours.id)
        self.latest_seen = max(self.latest_seen, told.ours.last_seen)
        if known is not None and known.ours.revision >= told.ours.revision:
            return False
        if not wanted:
            self._incidents.pop(told.ours.id, None)
            return False
        self._incidents[told.ours.id] = told
        self._incidents.move_to_end(told.ours.id)
        if len(self._incidents) > self._most:
            self._incidents.popitem(last=False)
            self.dropped += 1
        return True

    def state(self, told: Told) -> str:
        """``open``, ``closed``, or ``merged``: it turned out to be part of another."""
        ours = told.ours
        if ours.merged_into:
            return "merged"
        over = ours.step == "close" or (ours.alerts == 1 and self.latest_seen - ours.last_seen > QUIET_S)
        return "closed" if over else "open"

    def find(self, prefix: str) -> Told:
        """The incident whose id begins so. Raises ConfigurationError where none does, or several do."""
        found = [told for told in self if told.ours.id.startswith(prefix.lower())]
        if len(found) == 1:
            return found[0]
        if not prefix or len(found) > 1:
            raise ConfigurationError(f"incident {prefix!r}: {len(found)} begin so: {_some(found)}; give more of the id")
        near = sorted(self, key=lambda told: -_alike(told.ours.id, prefix.lower()))
        there = f"there are {len(self):,}" if len(self) > 1 else "there is one" if len(self) else "there is none at all"
        alike = [told for told in near[:1] if _alike(told.ours.id, prefix.lower())]
        nearest = f"; the nearest is {_some(alike)}" if alike else f", such as {_some(near)}" if near else ""
        raise ConfigurationError(f"incident {prefix!r}: none has this id; {there}{nearest}")


def _alike(one: str, other: str) -> int:
    """How many characters the two begin with in common."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _some(incidents: list[Told]) -> str:
    more = f" and {len(incidents) - NAMED:,} more" if len(incidents) > NAMED else ""
    return ", ".join(f"{told.ours.id[:SHORT_ID]} ({told.headline})" for told in incidents[:NAMED]) + more
