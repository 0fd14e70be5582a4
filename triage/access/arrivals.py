"""Who came, by which way and from where: told once in a while, since a token or a proxy's header says it each time."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

AGAIN_S = 3_600.0
"""So long after it was told somebody has come again."""

MOST_KEYS = 10_000
"""That are remembered; beyond, who was told the longest ago is told again."""


class Arrivals:
    """Remembers who was told when. The clock is passed in."""

    def __init__(self) -> None:
        self._told: OrderedDict[tuple[str, ...], float] = OrderedDict()
        self._lock = Lock()

    def is_new(self, now: float, *who: str) -> bool:
        """Whether they are to be told now; from then on they are no news for an hour."""
        with self._lock:
            if 0.0 <= now - self._told.get(who, -AGAIN_S) < AGAIN_S:
                return False
            self._told[who] = now
            self._told.move_to_end(who)
            while len(self._told) > MOST_KEYS:
                self._told.popitem(last=False)
            return True
