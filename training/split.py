"""Splitting by time: a model is trained on what came first and calibrated on what came after, as it will be used."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.errors import ConfigurationError, InputError

MIN_TRAINING_ROWS = 50
"""Fewer cannot fill one tree, nor tell usual from odd."""

MIN_HELD_OUT_ROWS = 20
"""Fewer cannot even tell the oddest twentieth: the smallest p-value is 1 / (rows + 1)."""


@dataclass(frozen=True, slots=True)
class Split:
    """Places of rows in the frame, ascending in time; none of ``held_out`` starts before one of ``training``."""

    training: NDArray[np.intp]
    held_out: NDArray[np.intp]
    held_out_seconds: float
    """Event time that the held-out rows span."""


def split_by_time(frame: pl.DataFrame, chosen: NDArray[np.bool_], holdout: float) -> Split:
    """Divide the ``chosen`` rows of a frame in order of ``ts``: the last ``holdout`` share is held out.

    Raises ConfigurationError for a share outside 0…1, InputError where too few rows are left on either side.
    """
    if not 0.0 < holdout < 1.0:
        raise ConfigurationError(f"--holdout {holdout}: give a share between 0 and 1, such as 0.2")
    rows = np.flatnonzero(chosen)
    cut = len(rows) - round(len(rows) * holdout)
    training, held_out = rows[:cut], rows[cut:]
    for name, part, least in (("trained on", training, MIN_TRAINING_ROWS), ("held out", held_out, MIN_HELD_OUT_ROWS)):
        if len(part) < least:
            raise InputError(
                f"splitting {len(rows)} flows by time: {len(part)} would be {name}, and at least {least} are needed;"
                " give more data or another --holdout"
            )
    ts = frame["ts"].to_numpy()
    return Split(training, held_out, float(ts[held_out[-1]] - ts[held_out[0]]))
