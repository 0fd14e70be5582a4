"""The one place where a matrix is brought to what kernels expect, so that they are compiled for one type only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MANY = 256
"""Rows from which on kernels of many rows take part."""


def as_rows(matrix: NDArray[np.float32], n_features: int) -> NDArray[np.float32]:
    """Give ``matrix`` as float32, rows × ``n_features``, C order and writeable; copies only what is not so.

    Raises ValueError for another shape: that is a mistake in the program, not in the data.
    """
    if matrix.ndim != 2 or matrix.shape[1] != n_features:
        raise ValueError(f"scoring: the matrix has shape {matrix.shape}, the model wants (rows, {n_features})")
    if matrix.dtype == np.float32 and matrix.flags.carray:  # C order, aligned and writeable
        return matrix
    return np.require(matrix, np.float32, ("C", "A", "W"))


def first_columns(matrix: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Give the first ``count`` columns of ``matrix`` in C order: those of single flows, since windows come last."""
    return np.ascontiguousarray(matrix[:, :count])
