"""What the endpoints tell of the daemon: data that the daemon gives, and the two verdicts drawn from it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Status:
    """The daemon at one moment."""

    ticked_s_ago: float
    """Seconds since the loop last turned."""
    model: Mapping[str, Any] | None
    """What ``/model`` shows: name, version, digest and whatever else; None while there is none."""
    partitions: Collection[int] = ()
    joined: bool = False
    """Whether the group was joined: with more members than partitions, a member has none and is still ready."""
    stale_after_s: float = 30.0

    @property
    def ailment(self) -> str | None:
        """Why it is not alive, or None if it is."""
        if self.ticked_s_ago <= self.stale_after_s:
            return None
        return f"the loop has not turned for {self.ticked_s_ago:.1f} s"

    @property
    def lack(self) -> str | None:
        """What it needs before it is ready, or None if it is."""
        if self.model is None:
            return "no model is loaded"
        if not self.partitions and not self.joined:
            return "no partitions are assigned"
        return None
