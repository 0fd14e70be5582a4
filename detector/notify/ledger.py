"""Which documents of incidents are news: the first one, one that is more severe than any before, and maybe the end.

Pure, and a function of the documents of one partition in their order. So a reader that goes some of them back knows
again what was sent, and keeps no state of its own. A document that comes twice is news once.
"""

from __future__ import annotations

from collections import OrderedDict

from detector.casebook.told import Told
from detector.notify.message import Why

MOST = 20_000
"""Incidents that are remembered; those told longest ago go first, and would be news again."""

OVER = 4
"""Added to the level of an incident whose end was told."""


class Ledger:
    """``least`` is the least severity, by its place in the levels; ``ended``, whether an end is news."""

    def __init__(self, least: int, *, ended: bool, most: int = MOST) -> None:
        self._least = least
        self._ended = ended
        self._most = most
        self._told: OrderedDict[str, int] = OrderedDict()

    def see(self, told: Told, *, suppressed: bool) -> Why | None:
        """What is new in a document, and take it as told; None where there is nothing to tell."""
        ours = told.ours
        known = self._told.get(ours.id)
        level = None if known is None else known % OVER
        over = known is not None and known >= OVER
        why: Why | None = None
        if not suppressed and not ours.merged_into and told.level >= self._least and not over:
            if level is None:
                why = "opened"
            elif told.level > level:
                why = "risen"
        if why is None and self._ended and ours.step == "close" and level is not None and not over:
            why = "ended"
        if why is not None:
            self._remember(ours.id, told.level + OVER * (ours.step == "close"))
        return why

    def _remember(self, incident: str, level: int) -> None:
        self._told[incident] = level
        self._told.move_to_end(incident)
        if len(self._told) > self._most:
            self._told.popitem(last=False)
