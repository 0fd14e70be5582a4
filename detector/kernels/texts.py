"""The text of a column as bytes, without a Python object per row and without polars' engine.

A polars String column is an array of views by Arrow's columnar format: 16 bytes a row, which hold the text itself up to
12 bytes, else its first four and where it is in one of some buffers. It is read as it lies, through Arrow's C stream
interface (arrow.apache.org/docs/format/CStreamInterface.html), which polars promises; a call costs microseconds, where
an expression over the same column costs a tenth of a millisecond.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from detector.kernels.compiled import njit

_INLINE_BYTES = 12
_VIEW_BYTES = 16
_VALIDITY, _VIEWS, _FIRST_BUFFER = 0, 1, 2
_FORMAT = b"vu"
"""Arrow's name for UTF-8 views."""


class Text(NamedTuple):
    """A column of text as one run of bytes: row ``i`` is ``data[offsets[i]:offsets[i+1]]``; null is empty."""

    data: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    present: NDArray[np.uint8]
    """1 where the row is not null."""


class _Array(ctypes.Structure):
    """``struct ArrowArray``."""


class _Schema(ctypes.Structure):
    """``struct ArrowSchema``."""


class _Stream(ctypes.Structure):
    """``struct ArrowArrayStream``."""


_Array._fields_ = [
    ("length", ctypes.c_int64),
    ("null_count", ctypes.c_int64),
    ("offset", ctypes.c_int64),
    ("n_buffers", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("buffers", ctypes.POINTER(ctypes.c_void_p)),
    ("children", ctypes.c_void_p),
    ("dictionary", ctypes.c_void_p),
    ("release", ctypes.CFUNCTYPE(None, ctypes.POINTER(_Array))),
    ("private_data", ctypes.c_void_p),
]
_Schema._fields_ = [
    ("format", ctypes.c_char_p),
    ("name", ctypes.c_char_p),
    ("metadata", ctypes.c_void_p),
    ("flags", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("children", ctypes.c_void_p),
    ("dictionary", ctypes.c_void_p),
    ("release", ctypes.CFUNCTYPE(None, ctypes.POINTER(_Schema))),
    ("private_data", ctypes.c_void_p),
]
_Stream._fields_ = [
    ("get_schema", ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(_Stream), ctypes.POINTER(_Schema))),
    ("get_next", ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(_Stream), ctypes.POINTER(_Array))),
    ("get_last_error", ctypes.c_void_p),
    ("release", ctypes.c_void_p),
    ("private_data", ctypes.c_void_p),
]

_pointer_in = ctypes.pythonapi.PyCapsule_GetPointer
_pointer_in.restype = ctypes.c_void_p
_pointer_in.argtypes = [ctypes.py_object, ctypes.c_char_p]


def text_of(column: pl.Series) -> Text:
    """Lay a String column out as bytes."""
    if not len(column):
        return Text(np.empty(0, np.uint8), np.zeros(1, np.int64), np.empty(0, np.uint8))
    if column.n_chunks() > 1:
        column = column.rechunk()
    capsule = column.__arrow_c_stream__()  # owns the stream, and the stream what it gives
    stream = _Stream.from_address(_pointer_in(capsule, b"arrow_array_stream"))
    array, schema = _Array(), _Schema()
    if stream.get_schema(stream, schema) or stream.get_next(stream, array):
        raise RuntimeError("polars gave no array of a column")
    try:
        if schema.format != _FORMAT:
            raise RuntimeError(f"polars gave text as {schema.format!r}, not as views")
        return _gathered(array)
    finally:
        schema.release(schema)
        array.release(array)


def whole_numbers(column: pl.Series, absent: int) -> NDArray[np.int64]:
    """An integer column of at most 32 bits, with ``absent`` for null."""
    numbers = column.to_numpy()  # with nulls, floats
    if numbers.dtype.kind == "f":
        numbers = np.nan_to_num(numbers, nan=absent)
    return numbers.astype(np.int64)


def _gathered(array: Any) -> Text:
    # The last buffer holds the others' sizes.
    addresses = np.array([array.buffers[n] or 0 for n in range(array.n_buffers)], np.uint64)
    offsets = np.zeros(array.length + 1, np.int64)
    present = np.ones(array.length, np.uint8)
    _measure(addresses, array.offset, present, offsets)
    data = np.empty(offsets[-1], np.uint8)
    _copy(addresses, array.offset, offsets, data)
    return Text(data, offsets, present)


if TYPE_CHECKING:

    def _byte(address: Any) -> int:
        """The byte at an address in memory."""
        ...

    def _word(address: Any) -> int:
        """The four bytes there as a signed integer."""
        ...

else:

    def _load(builder: Any, address: Any, width: int) -> Any:
        loaded = builder.load(builder.inttoptr(address, cgutils.ir.IntType(width).as_pointer()))
        loaded.align = 1
        return loaded

    @intrinsic
    def _byte(typing: Any, address: Any) -> Any:  # noqa: ARG001
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:  # noqa: ARG001
            return builder.zext(_load(builder, args[0], 8), cgutils.ir.IntType(64))

        return types.int64(types.uint64), generate

    @intrinsic
    def _word(typing: Any, address: Any) -> Any:  # noqa: ARG001
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:  # noqa: ARG001
            return builder.sext(_load(builder, args[0], 32), cgutils.ir.IntType(64))

        return types.int64(types.uint64), generate


@njit(cache=True, nogil=True)
def _measure(addresses: NDArray[np.uint64], first: int, present: NDArray[np.uint8], offsets: NDArray[np.int64]) -> None:
    """Fill ``offsets``, and ``present`` with 0 where a row is null."""
    validity, view = addresses[_VALIDITY], addresses[_VIEWS] + np.uint64(first * _VIEW_BYTES)
    for i in range(len(present)):
        if validity != 0:
            bit = np.uint64(first + i)
            present[i] = _byte(validity + (bit >> np.uint64(3))) >> np.int64(bit & np.uint64(7)) & 1
        offsets[i + 1] = offsets[i] + (_word(view) if present[i] else 0)
        view += np.uint64(_VIEW_BYTES)


@njit(cache=True, nogil=True)
def _copy(addresses: NDArray[np.uint64], first: int, offsets: NDArray[np.int64], data: NDArray[np.uint8]) -> None:
    """Fill ``data`` with the text of every row."""
    view = addresses[_VIEWS] + np.uint64(first * _VIEW_BYTES)
    for i in range(len(offsets) - 1):
        at, size = offsets[i], offsets[i + 1] - offsets[i]
        source = view + np.uint64(4)
        if size > _INLINE_BYTES:
            source = addresses[_FIRST_BUFFER + _word(view + np.uint64(8))] + np.uint64(_word(view + np.uint64(12)))
        for step in range(size):
            data[at + step] = _byte(source + np.uint64(step))
        view += np.uint64(_VIEW_BYTES)
