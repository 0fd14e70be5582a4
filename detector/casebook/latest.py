"""The latest revision of each incident, whatever order documents come in; bounded: those told longest ago go first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator

from detector.casebook.parts import Index, whole
from detector.casebook.told import Told
from detector.errors import ConfigurationError
from detector.listed import listed

MOST = 10_000
"""Incidents that are kept."""

NAMED = 5
"""Incidents that an error names."""

SHORT_ID = 8
"""Characters of an id that lists show."""

QUIET_S = 1_200.0
"""An incident whose last flow was so long before the latest one of all is over, though nobody told: one of a single
alert is never closed by a document of its own."""


Named = Callable[[Told], Told]
"""Gives a whole its kind."""


class Latest:
    """Incidents by id, the one that was told last at the end; those that are not asked for are no more than parts.

    ``fits`` says which are asked for; ``named`` gives what several partitions told the kind that it has in all, if not
    that of its largest part.
    """

    def __init__(
        self, most: int = MOST, fits: Callable[[Told], bool] = lambda _: True, named: Named = lambda told: told
    ) -> None:
        self._most = most
        self._fits = fits
        self._named = named
        self._incidents: OrderedDict[str, Told] = OrderedDict()
        self._others: OrderedDict[str, Told] = OrderedDict()
        self._index = Index()
        self.dropped = 0
        """How many that fit were let go to keep the bound."""
        self.latest_seen = 0.0
        """The latest flow of all that were put, in seconds since 1970."""

    def __len__(self) -> int:
        return len(self._incidents)

    def __iter__(self) -> Iterator[Told]:
        return iter(self._incidents.values())

    def put(self, told: Told) -> bool:
        """Take a document in; whether it is the latest of its incident that was not known."""
        known = self._known(told.ours.id)
        self.latest_seen = max(self.latest_seen, told.ours.last_seen)
        if known is not None:
            if known.ours.revision >= told.ours.revision:
                return False
            self._forget(known)
        kept = self._incidents if self._fits(told) else self._others
        kept[told.ours.id] = told
        self._index.add(told)
        if len(kept) > self._most:
            self._forget(next(iter(kept.values())))
            self.dropped += kept is self._incidents
        return True

    def _forget(self, told: Told) -> None:
        for kept in (self._incidents, self._others):
            kept.pop(told.ours.id, None)
        self._index.remove(told)

    def wholes(self) -> list[Told]:
        """What is asked for, each once: parts of one thing are one, and what became part of another is left out.

        In the order in which the first document of each was told.
        """
        found: dict[str, Told] = {}
        taken: set[str] = set()
        for told in (*self._incidents.values(), *self._others.values()):
            if told.ours.id not in taken and not told.ours.merged_into:
                one = self._together(told)
                taken |= {part.ours.id for part in one.parts}
                found[one.ours.id] = one
        return [told for told in found.values() if self._fits(told)]

    def whole(self, incident: str) -> Told | None:
        """The incident that this one is part of, or itself; None where it is not known."""
        told = self._known(incident)
        for _ in range(len(self._incidents) + len(self._others)):
            if told is None or not told.ours.merged_into:
                break
            told = self._known(told.ours.merged_into)
        return None if told is None else self._together(told)

    def shown(self, incident: str) -> Told | None:
        """The same for somebody who asks for this id: what has it, be it a whole, a part, or merged into another."""
        one = self.whole(incident)
        return one if one is not None and one.ours.id == incident else self._known(incident)

    def _known(self, incident: str) -> Told | None:
        return self._incidents.get(incident) or self._others.get(incident)

    def _together(self, told: Told) -> Told:
        parts = self._index.together(told)
        if len(parts) == 1:
            return told
        return self._named(whole(parts, over=all(self.state(part) == "closed" for part in parts)))

    def state(self, told: Told) -> str:
        """``open``, ``closed``, ``merged``: it turned out to be part of another, or ``suppressed``: a rule hides it."""
        ours = told.ours
        if ours.merged_into:
            return "merged"
        if ours.suppressed_by:
            return "suppressed"
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
    return listed([f"{told.ours.id[:SHORT_ID]} ({told.headline})" for told in incidents], NAMED)
