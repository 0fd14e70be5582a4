"""Whether a client reaches its brokers: says so once when that changes, however often it is noticed."""

from __future__ import annotations

import time

from detector.telemetry.events import Tell
from detector.transport.events import BrokerLost, BrokerReached, BrokerRestored
from detector.transport.kafka.start_errors import tells


class Connection:
    """The state of one client's connection, as last noticed. Used from one thread at a time."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._lost_at: float | None = None
        self._up = False
        self._known = False
        self.reason = ""
        """The client's last complaint."""

    @property
    def up(self) -> bool:
        """Whether the last contact worked; not before the first one."""
        return self._up

    def worked(self) -> None:
        """A broker answered."""
        known, self._known = self._known, True
        self._up = True
        self.reason = ""
        if self._lost_at is not None:
            self._tell(BrokerRestored(after_s=time.monotonic() - self._lost_at))
            self._lost_at = None
        elif not known:
            self._tell(BrokerReached())

    def failed(self, error: str = "") -> None:
        """No broker answers; the client keeps trying by itself."""
        self._up = False
        if self._lost_at is None:
            self._lost_at = time.monotonic()
            self._tell(BrokerLost(error=error or self.reason or "no broker answers"))

    def complained(self, error: str) -> None:
        """Remember what the client says is wrong: it usually precedes a loss. That brokers are down hides no reason."""
        if tells(error) or not self.reason:
            self.reason = error

    def closed(self) -> None:
        """The client was closed on purpose: not worth telling."""
        self._up = False
