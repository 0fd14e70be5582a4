"""Taking a model's arrays out of a bundle: each is held against its type, shape and range before anything uses it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.errors import BundleError


def check_names(arrays: Mapping[str, NDArray[Any]], expected: Collection[str], part: str) -> None:
    """Raise BundleError unless exactly the ``expected`` arrays are there; ``part`` is what they make up."""
    missing, unknown = sorted(set(expected) - arrays.keys()), sorted(arrays.keys() - set(expected))
    if missing:
        raise broken(part, f"array {missing[0]} is missing")
    if unknown:
        raise broken(part, f"array {unknown[0]} does not belong to it")


def take(
    arrays: Mapping[str, NDArray[Any]],
    name: str,
    part: str,
    *,
    dtype: type[np.generic],
    shape: tuple[int | None, ...],
    low: float = -np.inf,
    high: float = np.inf,
) -> NDArray[Any]:
    """Copy out array ``name`` in C order, aligned; None in ``shape`` stands for any length from 1.

    Raises BundleError for another type or shape, a value that is not a number, or one outside ``low…high``: without
    bounds an infinite value is accepted.
    """
    array = arrays[name]
    if array.dtype != dtype:
        raise broken(part, f"array {name} is {array.dtype}, not {np.dtype(dtype)}")
    if array.ndim != len(shape) or any(
        have < 1 or (want is not None and have != want) for have, want in zip(array.shape, shape, strict=True)
    ):
        wanted = " × ".join("n" if want is None else str(want) for want in shape)
        raise broken(part, f"array {name} has shape {array.shape}, not {wanted}")
    if not bool(np.all((array >= low) & (array <= high))):
        raise broken(part, f"array {name} has values outside {low:g}…{high:g}")
    return np.array(array, dtype=dtype, order="C")


def broken(part: str, why: str) -> BundleError:
    """The error for arrays that cannot be a model."""
    return BundleError(f"reading {part}: {why}; fetch the bundle again or train the model again")
