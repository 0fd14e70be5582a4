"""Features of the flows that a model is trained on, as daemons will compute them that begin with what training left.

Windows are passed by all flows, labelled attacks among them, as a daemon's are: what an attack makes of a server's
usual clients is learnt with them, and they are not raised for it later. (Without, ROC AUC on 34-1, a host that is both
infected and benign, fell from 0.98 to 0.97, and its TPR at 1 % from 0.81 to 0.00.) But the windows that daemons *begin*
with have seen neither a labelled attack nor what was left out as oddest: their targets are not known to them.

The first flows of a file meet empty windows: everything is new to them, as it never is to a daemon that begins with
what training ended with. So the first stretch is computed anew after the others, moved back in time.

How rare a value is, such as a port, is told by all usual flows. Told each stretch by the others alone, what hardly
varies would differ by stretch, and what serving computes would lie outside all of it.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.features.extractor import FeatureExtractor
from detector.features.replay import features_of, fresh_windows, pass_through
from detector.features.windows import WindowState
from training.incidents import JUNCTION_S

Matrix = NDArray[np.float32]


def training_features(
    extractor: FeatureExtractor,
    frame: pl.DataFrame,
    first: slice,
    partitions: NDArray[np.int32],
    span_s: float,
) -> tuple[Matrix, WindowState | None]:
    """Compute the matrix of flows in order of time (rows × features), and the windows after the last of them.

    ``first`` is the first stretch; from the first flow to the last are ``span_s`` seconds.
    """
    windows = fresh_windows(extractor)
    matrix = features_of(extractor, frame, windows, partitions)
    if windows is not None:
        matrix[first] = _warm(extractor, frame, first, partitions, span_s)
    return matrix, windows


def _warm(
    extractor: FeatureExtractor, frame: pl.DataFrame, first: slice, partitions: NDArray[np.int32], span_s: float
) -> Matrix:
    """The matrix of the first stretch after all the others, moved back in time by all of it."""
    windows, rest = fresh_windows(extractor), slice(first.stop, len(frame))
    if windows is not None:
        moved = span_s + JUNCTION_S
        pass_through(windows, frame[rest].with_columns(pl.col("ts") - moved), partitions[rest])
    return features_of(extractor, frame[first], windows, partitions[first])
