"""What the judge remembers of each partition: its flows and its incidents.

Everything in it can be frozen, restored and dropped one partition at a time, so that it can move with its partition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from detector.assets.assets import NOTHING, Assets
from detector.bundle.initial_state import Beginnable, InitialState, why_not
from detector.bundle.loaded_model import LoadedModel
from detector.errors import InputError
from detector.features.windows import WindowState
from detector.incidents.book import IncidentBook
from detector.scoring.flow_state import FlowState
from detector.state.protocol import Remembered


class PartitionState:
    """The state of every partition read here, as the model in charge needs it."""

    def __init__(self, model: LoadedModel, assets: Assets = NOTHING) -> None:
        self.flows = FlowState(None)
        self.incidents = IncidentBook(assets=assets)
        self._beginning: InitialState | None = None
        self._begun: set[int] = set()
        self._unsettled: dict[int, tuple[Beginnable, float]] = {}
        self._defined_by: dict[str, Any] = {}
        self._parts: dict[str, Remembered] = {}
        self.adopt(model)

    def adopt(self, model: LoadedModel) -> None:
        """Serve another model: what it needs too is kept, what it defines otherwise begins anew."""
        wanted: Mapping[str, Any] = model.extractor.spec.windows
        if not wanted:
            self.flows.windows = None
        elif self.flows.windows is None or self._defined_by != dict(wanted):
            self.flows.windows = WindowState(wanted)
            self._begun.clear()
            self._unsettled.clear()
        self._defined_by = dict(wanted)
        if self.flows.need(model.views):
            self._begun.clear()
        self._beginning = model.beginning
        self._parts = {"incidents": self.incidents, **self.flows.parts}

    def begin(self, partitions: Iterable[int]) -> dict[int, str]:
        """Have those partitions that nothing is known of begin with what training ended with; give why any could not.

        Whether they go on from there, their records tell: :meth:`settled`.
        """
        told: dict[int, str] = {}
        for partition in partitions:
            if self._beginning is None or partition in self._begun:
                continue
            self._begun.add(partition)
            try:
                for state in self.flows.begin(self._beginning, partition):
                    self._unsettled[partition] = state, state.event_time_s(partition) or 0.0
            except InputError as error:
                told[partition] = str(error)
        return told

    def settled(self) -> dict[int, str | None]:
        """Of partitions that began, those whose records have told, since the last call, whether they go on from there.

        None for one that does; else why it began empty instead.
        """
        told: dict[int, str | None] = {}
        for partition, (state, ended) in list(self._unsettled.items()):
            if not state.is_tentative(partition):
                del self._unsettled[partition]
                told[partition] = why_not(ended, state.event_time_s(partition) or 0.0)
        return told

    def freeze(self, partition: int) -> Callable[[], dict[str, bytes]]:
        """Copy the partition's state as it is now."""
        frozen = {name: part.freeze(partition) for name, part in self._parts.items()}
        return lambda: {name: packed() for name, packed in frozen.items()}

    def restore(self, partition: int, parts: Mapping[str, bytes]) -> None:
        """Put back what was frozen. Raises InputError, leaving the partition empty, where anything of it is off.

        Its checksum may be right all the same: whoever can write state, can write that. So an error that no part
        foresaw is one more reason to refuse it, not to end: it would be met again after each start.
        """
        if missing := self._parts.keys() - parts.keys():
            raise InputError(f"restoring state: it has no {', '.join(sorted(missing))}, which this model needs")
        try:
            for name, part in self._parts.items():
                part.restore(partition, parts[name])
        except Exception as error:
            self.drop([partition])
            if isinstance(error, InputError):
                raise
            raise InputError(f"restoring state: {type(error).__name__}: {error}") from error

    def drop(self, partitions: Iterable[int]) -> None:
        """Forget these partitions."""
        gone = list(partitions)
        self._begun.difference_update(gone)
        for partition in gone:
            self._unsettled.pop(partition, None)
        for part in self._parts.values():
            part.forget(*gone)
