"""How many incidents a champion has raised since it took over: what a rollback by itself is decided by.

Days are those of the flows, by their partitions' clocks: while a backlog is read, a day passes in minutes, and so do
its incidents.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from detector.incidents.events import BudgetSet, IncidentsTold
from detector.scoring.events import ModelSwapped
from detector.scoring.judged import Judged
from detector.shadow.written import Written, readable
from detector.telemetry.events import Event


class Tenure(Written, kw_only=True):
    """One daemon's count of a champion's incidents, as it is kept in the registry."""

    version: str
    incidents: int = 0
    covered_s: float = 0.0
    budget: float | None = None
    """False incidents a day that the daemon allows."""


class TenureCount:
    """Counts for the model in charge; what it is told comes from the judge's thread."""

    def __init__(self) -> None:
        self._tenure = Tenure(version="")
        self._began: dict[int, float] = {}
        self._budget: float | None = None

    def hear(self, event: Event) -> None:
        """Take what the judge tells."""
        if isinstance(event, BudgetSet):
            self._budget = event.incidents_per_day
        elif isinstance(event, ModelSwapped):
            self._tenure, self._began = Tenure(version=event.new), {}
        elif isinstance(event, IncidentsTold):
            self._tenure.incidents += sum(change.step == "open" for change in event.changes)

    def see(self, judged: Judged) -> None:
        """Take the time of a batch."""
        if judged.model.version != self._tenure.version:
            self._tenure, self._began = Tenure(version=judged.model.version), {}
        for partition, now in judged.clocks.items():
            began = self._began.setdefault(partition, now)
            self._tenure.covered_s = max(self._tenure.covered_s, now - began)

    def now(self) -> Tenure:
        """The count as it is."""
        return msgspec.structs.replace(self._tenure, budget=self._budget)


def read_tenures(files: Iterable[bytes]) -> list[Tenure]:
    """Those that can be read."""
    return readable(files, Tenure)


def together(parts: Sequence[Tenure]) -> Tenure | None:
    """All daemons' counts as one; None of none."""
    if not parts:
        return None
    return Tenure(
        version=parts[0].version,
        incidents=sum(part.incidents for part in parts),
        covered_s=max(part.covered_s for part in parts),
        budget=max((part.budget for part in parts if part.budget is not None), default=None),
    )
