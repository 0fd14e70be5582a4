"""What scoring remembers of flows, by partition: their windows, and what each view works its values out by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.bundle.initial_state import Beginnable, InitialState
from detector.decisions.calibrated_model import ScoringModel
from detector.decisions.views import View, ViewState, fresh_states
from detector.features.replay import fresh_windows
from detector.features.windows import WindowState
from detector.features.windows_keys import Arrivals, arrivals_of


class FlowState:
    """Windows (None where no feature has any) and the states of views, by name, of every partition seen."""

    def __init__(self, windows: WindowState | None, views: Mapping[str, ViewState] | None = None) -> None:
        self.windows = windows
        self.views = fresh_states() if views is None else dict(views)
        self._latest: tuple[pl.DataFrame, Arrivals] | None = None

    @classmethod
    def fresh(cls, model: ScoringModel) -> Self:
        """What knows nothing yet, as this model needs it."""
        return cls(fresh_windows(model.extractor), fresh_states(model.views))

    def need(self, views: Iterable[View]) -> bool:
        """Have the states of these views, those that there are already as they are; tell whether any is new."""
        before = self.views
        self.views = {name: before.get(name, state) for name, state in fresh_states(views).items()}
        return not self.views.keys() <= before.keys()

    @property
    def parts(self) -> dict[str, ViewState | WindowState]:
        """What there is, by the name that it is kept by."""
        return {**self.views} | ({} if self.windows is None else {"windows": self.windows})

    @property
    def evicted(self) -> dict[str, int]:
        """How much that views knew had to make room, by the name that it is kept by."""
        return {name: state.evicted for name, state in self.views.items()}

    def begin(self, initial: InitialState, partition: int) -> list[Beginnable]:
        """Have what knows nothing of a partition begin with what training ended with; give what did.

        Raises InputError for what does not belong to its state, once the other has begun.
        """
        return initial.begin(self.parts, partition)

    def update(
        self, frame: pl.DataFrame, partitions: NDArray[np.int32] | None, out: NDArray[np.float32], first_column: int
    ) -> None:
        """Add flows to the windows and fill in their features: what ``FeatureExtractor.transform`` asks for."""
        if self.windows is None:
            raise ValueError("the model in charge has no windows")
        self._latest = frame, arrivals_of(frame)
        self.windows.update_arrays(self._latest[1], partitions, out, first_column)

    def arrivals(self, frame: pl.DataFrame) -> Arrivals | None:
        """What the windows have made of a frame's flows, if it is the last that they took: views ask for it again."""
        return self._latest[1] if self._latest is not None and self._latest[0] is frame else None
