"""Features of the flows that a model is trained on, as daemons will compute them that begin with what training left.

Windows are passed by all flows, labelled attacks among them, as a daemon's are: what an attack makes of a server's
usual clients is learnt with them, and they are not raised for it later. (Without, ROC AUC on 34-1, a host that is both
infected and benign, fell from 0.98 to 0.97, and its TPR at 1 % from 0.81 to 0.00.) But the windows that daemons *begin*
with have seen no labelled attack: its targets are not known to them.

The first flows of a file meet empty windows: everything is new to them, as it never is to a daemon that begins with
what training ended with. So the first stretch is computed anew after the others, moved back in time.

How rare a value is, such as a port, is told each stretch by what the others had, as a daemon's flows will be told: by
all of them, no value would ever be one that was never seen.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.features.extractor import FeatureExtractor
from detector.features.replay import features_of, fresh_windows
from detector.features.spec import FeatureSpec
from detector.features.windows import WindowState
from training.incidents import JUNCTION_S
from training.stretches import Stretches

Matrix = NDArray[np.float32]


def training_features(  # noqa: PLR0917 - flows, and what is known of each
    spec: FeatureSpec,
    frame: pl.DataFrame,
    usual: NDArray[np.bool_],
    stretches: Stretches,
    partitions: NDArray[np.int32],
    span_s: float,
) -> tuple[Matrix, WindowState | None]:
    """Compute the matrix of flows in order of time (rows × features), and the windows after the last of them.

    The ``usual`` (rows,) tell which values are rare; from the first flow to the last are ``span_s`` seconds.
    """
    ranges = stretches.ranges
    extractors = [FeatureExtractor.fit(frame.filter(pl.Series(_without(usual, own))), spec) for own in ranges]
    windows = fresh_windows(extractors[0])
    parts = [
        features_of(extractor, frame[stretch], windows, partitions[stretch])
        for extractor, stretch in zip(extractors, ranges, strict=True)
    ]
    if windows is not None:
        parts[0] = _warm(extractors[0], frame, ranges[0], partitions, span_s)
    return np.concatenate(parts), windows


def _warm(
    extractor: FeatureExtractor, frame: pl.DataFrame, first: slice, partitions: NDArray[np.int32], span_s: float
) -> Matrix:
    """The matrix of the first stretch after all the others, moved back in time by all of it."""
    windows, rest = fresh_windows(extractor), slice(first.stop, len(frame))
    moved = span_s + JUNCTION_S
    features_of(extractor, frame[rest].with_columns(pl.col("ts") - moved), windows, partitions[rest])
    return features_of(extractor, frame[first], windows, partitions[first])


def _without(chosen: NDArray[np.bool_], stretch: slice) -> NDArray[np.bool_]:
    others = chosen.copy()
    others[stretch] = False
    return others
