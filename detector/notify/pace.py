"""At most so many messages a minute. Pure: the time is given."""

from __future__ import annotations

from collections import deque

WINDOW_S = 60.0


class Pace:
    """``most`` messages in any :data:`WINDOW_S` seconds, one of which is kept for what has to be put together."""

    def __init__(self, most: int) -> None:
        self._singles = most - 1
        self._sent: deque[float] = deque()

    def take(self, now: float) -> bool:
        """Whether one more may be sent by itself now; if so, it counts."""
        while self._sent and now - self._sent[0] >= WINDOW_S:
            self._sent.popleft()
        if len(self._sent) >= self._singles:
            return False
        self._sent.append(now)
        return True
