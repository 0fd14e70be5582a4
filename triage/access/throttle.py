"""How often a sign-in may fail: counted by address and by user, in this process. The clock is passed in."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence
from threading import Lock

FAILURES = 10
"""Of one address or one user within :data:`WINDOW_S`: more than anyone mistypes, few to guess with."""

WINDOW_S = 300.0

MOST_KEYS = 10_000
"""Addresses and users that are remembered; beyond, who tried the longest ago is forgotten."""


class Throttle:
    """Remembers tries by key, such as an address. A try counts as failed until it is told to have succeeded."""

    def __init__(self) -> None:
        self._tried: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = Lock()

    def wait_s(self, keys: Sequence[str], now: float) -> float:
        """Count a try and return 0; or how long until one of these may try again, in seconds, which counts nothing."""
        with self._lock:
            if (wait := max((self._wait(key, now) for key in keys), default=0.0)) > 0.0:
                return wait
            for key in keys:
                self._tried.setdefault(key, deque(maxlen=FAILURES)).append(now)
                self._tried.move_to_end(key)
            while len(self._tried) > MOST_KEYS:
                self._tried.popitem(last=False)
            return 0.0

    def succeeded(self, user: str, address: str) -> None:
        """Forget a user's failures, and this one try of the address: its others may have been at other users."""
        with self._lock:
            self._tried.pop(user, None)
            if times := self._tried.get(address):
                times.pop()

    def _wait(self, key: str, now: float) -> float:
        times = self._tried.get(key)
        if times is None or len(times) < FAILURES:
            return 0.0
        if times[-1] > now:  # the clock was set back; nobody waits until it is there again
            times.extend([min(each, now) for each in times])
        return max(0.0, times[0] + WINDOW_S - now)
