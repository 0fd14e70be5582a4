"""What the judge hands to whoever works beside it: a batch as it was judged. Nothing of it may be changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from detector.bundle.loaded_model import LoadedModel
from detector.decisions.decide import Decision
from detector.decisions.findings import Findings
from detector.records.flow import FlowBatch
from detector.suppression.matching import Matcher
from detector.transport.base import RawBatch

NO_RULES = Matcher(())


@dataclass(frozen=True, slots=True)
class Judged:
    """A batch, and what the model in charge found."""

    raw: RawBatch
    flows: FlowBatch
    findings: Findings
    decision: Decision
    model: LoadedModel
    clocks: Mapping[int, float]
    """The time of each partition after it, in seconds since 1970."""
    rules: Matcher = NO_RULES
    """Suppressions that stood then …"""
    now: float = 0.0
    """… and the wall's clock, in seconds since 1970."""


class Beside(Protocol):
    """Who works beside the judge; :class:`detector.shadow.shadow.Shadow` is the one."""

    def offer(self, judged: Judged) -> None:
        """Take a batch, or leave it: at once either way, and without raising."""
        ...


class Nobody:
    """Nobody works beside it."""

    def offer(self, judged: Judged) -> None:
        """Leave it."""
