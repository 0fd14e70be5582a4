"""Flows that were kept, through the features as a daemon would have computed them: in order of time, by partition."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.features.extractor import FeatureExtractor
from detector.features.windows import WindowState
from detector.transport.kafka.partitioner import partitions_of

CHUNK_ROWS = 65_536
"""Rows at a time: what is computed on the way stays small beside the matrix itself."""


def fresh_windows(extractor: FeatureExtractor) -> WindowState | None:
    """The state that windowed features start with; None if there are none."""
    windows = extractor.spec.windows
    return WindowState(windows) if windows else None


def features_of(
    extractor: FeatureExtractor,
    frame: pl.DataFrame,
    windows: WindowState | None = None,
    partitions: NDArray[np.int32] | None = None,
) -> NDArray[np.float32]:
    """Compute the matrix of a frame that is in order of time: rows × features.

    ``windows`` is the state before the first flow (None: empty), and is left as it is after the last one.
    ``partitions`` are those that the flows came by; None: those of a topic of ``spec.partitions`` keyed by source.
    """
    matrix = np.empty((len(frame), len(extractor.spec.features)), dtype=np.float32)
    for start, part in _in_chunks(extractor, frame, windows, partitions):
        matrix[start : start + len(part)] = part
    return matrix


def features_at(
    extractor: FeatureExtractor,
    frame: pl.DataFrame,
    places: NDArray[np.intp],
    partitions: NDArray[np.int32] | None = None,
) -> NDArray[np.float32]:
    """Compute the features of all flows likewise, from empty windows on, and keep those at ``places``, ascending.

    Places × features: a few rows of many flows never take the memory of all.
    """
    matrix = np.empty((len(places), len(extractor.spec.features)), np.float32)
    for start, part in _in_chunks(extractor, frame, None, partitions):
        first, last = np.searchsorted(places, [start, start + len(part)])
        matrix[first:last] = part[places[first:last] - start]
    return matrix


def _in_chunks(
    extractor: FeatureExtractor,
    frame: pl.DataFrame,
    windows: WindowState | None,
    partitions: NDArray[np.int32] | None,
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Each chunk's first row and its matrix, one after the other."""
    state = windows or fresh_windows(extractor)
    for start in range(0, len(frame), CHUNK_ROWS):
        part = frame.slice(start, CHUNK_ROWS)
        came_by = None if partitions is None else partitions[start : start + len(part)]
        if state and came_by is None:
            came_by = partitions_of(part["src_ip"], extractor.spec.partitions)
        yield start, extractor.transform(part, came_by, state)


def pass_through(windows: WindowState, frame: pl.DataFrame, partitions: NDArray[np.int32]) -> None:
    """Let flows in order of time go through the windows, and keep nothing of what is computed on the way.

    ``windows`` are then as :func:`features_of` would have left them; of the matrix, a chunk at a time is held.
    """
    for start in range(0, len(frame), CHUNK_ROWS):
        windows.update(frame.slice(start, CHUNK_ROWS), partitions[start : start + CHUNK_ROWS])
