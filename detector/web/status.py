"""What the endpoints tell of the daemon: data that the daemon gives, and the verdicts drawn from it, in words."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

LONGEST_PHASE_S = 600.0
"""A step of the start that takes longer hangs: compiling takes a minute on a slow machine."""

PATIENCE_S = 60.0
"""Outputs that wait for longer are told: brokers elect a new leader in less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The daemon at one moment."""

    ticked_s_ago: float
    """Seconds since the loop last turned, or since the phase of the start began."""
    model: Mapping[str, Any] | None
    """What ``/model`` shows: name, version, digest and whatever else; None while there is none."""
    starting: str = ""
    """What the start is doing, such as ``compiling``; empty once it is done."""
    connected: bool = True
    """Whether the brokers that records come from answer."""
    missing: str = ""
    """The topic that is read, where its brokers say that there is none of that name any more."""
    partitions: Collection[int] = ()
    joined: bool = False
    """Whether the group was joined: with more members than partitions, a member has none and is still ready."""
    unacknowledged_s: float = 0.0
    """For how many seconds outputs have waited to be acknowledged."""
    refusal: str = ""
    """What was last said about those outputs."""
    stale_after_s: float = 30.0

    @property
    def not_alive_because(self) -> str | None:
        """Why it is not alive, or None if it is."""
        if self.starting:
            hangs = self.ticked_s_ago > LONGEST_PHASE_S
            return f"the start hangs: {self.starting} for {self.ticked_s_ago:.0f} s" if hangs else None
        if self.ticked_s_ago <= self.stale_after_s:
            return None
        return f"the loop has not turned for {self.ticked_s_ago:.1f} s"

    @property
    def not_ready_because(self) -> str | None:
        """What it needs before it is ready, or None if it is."""
        if self.starting:
            return f"starting: {self.starting}, for {self.ticked_s_ago:.0f} s"
        why = f" ({self.refusal})" if self.refusal else ""
        lacking = {
            "no model is loaded": self.model is None,
            "no broker answers: records wait in the topic": not self.connected,
            f"topic {self.missing!r} does not exist any more: create it again, and it is read from its start": (
                bool(self.missing)
            ),
            f"outputs have not been acknowledged for {self.unacknowledged_s:.0f} s{why}": (
                self.unacknowledged_s > PATIENCE_S
            ),
            "no partitions are assigned": not self.partitions and not self.joined,
        }
        return next((words for words, holds in lacking.items() if holds), self.not_alive_because)

    @property
    def readiness(self) -> str:
        """How it is ready, where it is."""
        if self.partitions or self.starting:
            return "ready"
        return "ready: standing by, no partition is assigned here; the group has more members than partitions"
