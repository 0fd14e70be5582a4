"""What a model raises of flows that come again: as a daemon meets them that begins with what training ended with.

What was judged false must be quiet then, though the model has seen it: that is what was taught. All flows that may be
trained on pass once more for that. What was judged true must be raised, which the model has not seen. Each of these is
asked alone, with the hours around it: an attack that comes day after day would hide itself, were all days to pass. So
windows and evidence have around them what they had. All of it comes some whole days later, since it has passed already.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.bundle.loaded_model import LoadedModel
from detector.scoring.dataset import Dataset
from detector.scoring.flow_state import FlowState
from detector.scoring.kept_flows import begin_state, partitions_in
from detector.scoring.scorer import Scorer
from training.evaluation.figures import Mask
from training.gate.meant import Meant
from training.watched import DAY_S

AROUND_S = 7_200.0
"""Seconds before what was judged true that pass with it: longer than any window remembers much of."""


@dataclass(frozen=True, slots=True)
class Again:
    """The flows that were there, and by what they are scored."""

    model: LoadedModel
    frame: pl.DataFrame
    """Later by whole days than they were."""
    partitions: NDArray[np.int32]
    per_day: float
    """False incidents a day: the budget."""

    @classmethod
    def of(cls, model: LoadedModel, read: Dataset, per_day: float) -> Again:
        """Move flows, in order of time, behind their own end."""
        days = math.ceil((read.end - read.start) / DAY_S) if len(read.frame) else 0
        moved = read.frame.with_columns(pl.col("ts") + max(days, 1) * DAY_S)
        return cls(model, moved, partitions_in(model, read), per_day)

    def raised(self, keep: Mask, asked: Sequence[Meant]) -> Mask:
        """Which flows (rows,) would be raised: those to ``keep`` in one pass, and what was judged true of ``asked``."""
        found = self._passed(np.flatnonzero(keep))
        true = [meant for meant in asked if meant.judgement.label == "true" and len(meant.rows)]
        ts = self.frame["ts"].to_numpy()
        for meant in true:
            own = np.zeros(len(self.frame), np.bool_)
            own[meant.rows] = True
            first = np.searchsorted(ts, ts[meant.rows[0]] - AROUND_S)
            there = np.flatnonzero((keep | own)[first : meant.rows[-1] + 1]) + first
            found |= self._passed(there) & own
        return found

    def _passed(self, rows: NDArray[np.intp]) -> Mask:
        """Which of these are raised where they pass, and no others; shape of all flows."""
        found = np.zeros(len(self.frame), np.bool_)
        if self.model.incidents is None or not len(rows):
            return found
        state, partitions = FlowState.fresh(self.model), self.partitions[rows]
        begin_state(self.model, partitions, state)
        rates = Scorer(self.model, state).score(self.frame[rows], partitions).rates
        if rates is not None:
            found[rows] = rates <= self.per_day
        return found
