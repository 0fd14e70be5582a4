"""What was found of hosts' risks, kept until something changes.

To find an incident's kind takes long, and of hundreds that are open few have changed since the last look.
"""

from __future__ import annotations

from collections.abc import Iterable

from detector.incidents.hosts import Held, Risks, held, risks
from detector.incidents.incident import Incident
from detector.incidents.kinds import kind_of


class KnownRisks:
    """The risks of every partition's hosts, as last found."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[tuple[int, int], Held]] = {}
        """By open incident: what it was for its hosts when it had so many alerts and revisions."""
        self._found: dict[int, tuple[float, Risks]] = {}
        """By partition: its hosts' risks at a time, until :meth:`changed`."""

    def of(self, partition: int, over: Iterable[Held], going_on: Iterable[Incident], now: float) -> Risks:
        """The risks of a partition's hosts now, by incidents that are over and those that go on."""
        known = self._found.get(partition)
        if known is None or known[0] != now:
            open_ = (self._held_as(each) for each in going_on if not each.is_suppressed)
            known = self._found[partition] = now, risks([*over, *open_], now)
        return known[1]

    def changed(self, partition: int) -> None:
        """An alert came, or the clock went back: what was found does not hold any more."""
        self._found.pop(partition, None)

    def ended(self, partition: int, *incidents: str) -> None:
        """These are open no more."""
        self.changed(partition)
        for incident in incidents:
            self._held.pop(incident, None)

    def _held_as(self, incident: Incident) -> Held:
        state = incident.count, incident.revision
        known = self._held.get(incident.id)
        if known is None or known[0] != state:
            known = self._held[incident.id] = state, held(incident, kind_of(incident))
        return known[1]
