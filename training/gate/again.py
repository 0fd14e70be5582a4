"""What a model raises of flows that come again: as a daemon meets them that begins with what training ended with.

What was judged false must be quiet then, though the model has seen it: that is what was taught. What was judged true
must be raised, which the model has not seen. Both are asked of the same flows, in their order, so that windows and
evidence have around them what they had: the flows trained on and those held, some whole days later.
"""

from __future__ import annotations

import math

import numpy as np
import polars as pl

from detector.bundle.loaded_model import LoadedModel
from detector.scoring.dataset import Dataset
from detector.scoring.flow_state import FlowState
from detector.scoring.kept_flows import begin_state, partitions_in
from detector.scoring.scorer import Scorer
from training.evaluation.figures import Mask
from training.watched import DAY_S


def raised_again(model: LoadedModel, read: Dataset, per_day: float) -> Mask:
    """Which flows would be raised at a budget of so many false incidents a day, were they to come again."""
    frame, partitions = read.frame, partitions_in(model, read)
    if model.incidents is None:
        return np.zeros(len(frame), np.bool_)
    days = math.ceil((read.end - read.start) / DAY_S) if len(frame) else 0
    moved = frame.with_columns(pl.col("ts") + max(days, 1) * DAY_S)
    state = FlowState.fresh(model)
    begin_state(model, partitions, state)
    rates = Scorer(model, state).score(moved, partitions).rates
    return np.zeros(len(frame), np.bool_) if rates is None else rates <= per_day
