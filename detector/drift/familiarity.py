"""Whether a model knows the network at all: one that raises nearly every flow was trained on another.

A budget of a few false incidents a day raises some flows in a thousand; of another network's flows, whose hosts,
services and habits a model has never seen, it may raise nearly all. So may a flood be most of what is seen, which flows
alone do not tell apart: what is said names both. Pure: counts in, a report now and then.
"""

from __future__ import annotations

from dataclasses import dataclass

from detector.drift.turning import Block, Turning

UNKNOWN_SHARE = 0.8
"""Of flows, raised: the model does not know the network. Captures that are attacks by three quarters stay below."""

KNOWN_SHARE = 0.5
"""Below it, it is taken to know the network again; of flows that are known to be harmless, none above it are."""

LEAST_FLOWS = 100
"""Of fewer nothing is said: a short piece may be an attack alone."""

BLOCK_FLOWS = 1_000
"""So many flows, or what a batch adds beyond, are looked at together by the daemon."""


@dataclass(frozen=True, slots=True)
class Raised:
    """How many of some flows were raised."""

    raised: int
    flows: int
    harmless: bool = False
    """Whether they are known to be no attacks."""

    @property
    def share(self) -> float:
        """0 to 1; 0 of no flows."""
        return self.raised / self.flows if self.flows else 0.0

    @property
    def unknown(self) -> bool:
        """Whether the model does not know the network that they are of."""
        return self.flows >= LEAST_FLOWS and self.share >= (KNOWN_SHARE if self.harmless else UNKNOWN_SHARE)

    def told(self, model: str) -> str:
        """In words, where it is unknown: what that means and what to do. ``model`` is its name and version."""
        which = "flows that are no attacks" if self.harmless else "flows"
        unless = "" if self.harmless else " unless an attack floods it,"
        return (
            f"{self.raised:,} of {self.flows:,} {which} ({self.share:.1%}) are raised: model {model} does not know this"
            f" network;{unless} train one on its own traffic (oddflow train)"
        )


class Familiarity:
    """Adds batches up to blocks, for one model; make a new one when another takes over."""

    def __init__(self, block_flows: int = BLOCK_FLOWS) -> None:
        self._block_flows = block_flows
        self._raised = 0
        self._flows = 0
        self._unknown = Turning()

    def look(self, flows: int, raised: int) -> Block[Raised] | None:
        """Take a batch; give a block where one is full, else None."""
        self._flows += flows
        self._raised += raised
        if self._flows < self._block_flows:
            return None
        counts = Raised(self._raised, self._flows)
        self._raised = self._flows = 0
        return Block(counts, self._unknown.turn(begins=counts.unknown, lasts=counts.share >= KNOWN_SHARE))
