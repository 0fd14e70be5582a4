"""Splitting by time: a model is trained on what came first and calibrated on what came after, as it will be used."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.errors import ConfigurationError, InputError
from training.watched import DAY_S, Watched, ends_of

MIN_TRAINING_ROWS = 50
"""Fewer cannot fill one tree, nor tell usual from odd."""

MIN_HELD_OUT_ROWS = 20
"""Fewer cannot even tell the oddest twentieth: the smallest p-value is 1 / (rows + 1)."""


TWO_DAYS = 1.9
"""What is usual at night is not what is usual in the evening: of so many days watched or more, at least the last is
held out. Two days' first and last flow are a little less than two days apart."""


@dataclass(frozen=True, slots=True)
class Split:
    """Where a frame, ascending in time, is cut: rows before the cut may be trained on, some of the rest calibrate."""

    cut: int
    """Place of the first row after the cut; none of those starts before one that is trained on."""
    held_out: NDArray[np.intp]
    """Places of the rows to calibrate on, ascending; all at or after the cut."""
    held_out_seconds: float
    """Seconds watched from the first held-out row to the last."""

    def before(self, rows: int) -> NDArray[np.bool_]:
        """Mask of the rows before the cut, of a frame of ``rows``."""
        return np.arange(rows) < self.cut


def check_holdout(share: float) -> None:
    """Raise ConfigurationError for a share outside 0…1."""
    if not 0.0 < share < 1.0:
        raise ConfigurationError(f"--holdout {share}: give a share between 0 and 1, such as 0.2")


def split_by_time(
    frame: pl.DataFrame, calm: NDArray[np.bool_], holdout: float, watched: Watched | None = None
) -> Split:
    """Hold out the last ``holdout`` share of the ``calm`` rows (benign, or not known to be attacks) of a frame.

    Of two days watched or more, the whole last day at least; ``watched`` is when all the flows were, None for what
    those of ``frame`` tell.
    Raises ConfigurationError for a share outside 0…1, InputError where too few calm rows are left on either side.
    """
    check_holdout(holdout)
    rows, ts = np.flatnonzero(calm), frame["ts"].to_numpy()
    place = len(rows) - round(len(rows) * holdout)
    clock = (watched or Watched.of(ts, ends_of(frame))).clock(ts[rows])
    if len(rows) and clock[-1] - clock[0] >= TWO_DAYS * DAY_S:
        place = min(place, int(np.searchsorted(clock, clock[-1] - DAY_S)))
    held_out = rows[place:]
    for name, count, least in (
        ("trained on", place, MIN_TRAINING_ROWS),
        ("held out to calibrate with", len(held_out), MIN_HELD_OUT_ROWS),
    ):
        if count < least:
            raise InputError(
                f"splitting {len(rows)} usable flows by time: {count} would be {name}, and at least {least} are needed;"
                " give more data or another --holdout"
            )
    return Split(int(held_out[0]), held_out, float(clock[-1] - clock[place]))
