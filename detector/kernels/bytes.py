"""Bytes of a buffer as kernels read them: single ones, and eight at a time.

Indexing an array in a kernel first asks whether the index is negative, for every byte; these don't, and neither do
they check bounds, as no compiled kernel does. Buffers are followed by :data:`PADDING` zero bytes, so that eight may be
read anywhere in a record. All is little-endian, as numba's platforms are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from detector.kernels.compiled import njit

AHEAD = 24
"""How many records ahead a loop over one field fetches: cells lie a record apart, too irregularly for the hardware."""

PADDING = 8
"""Zero bytes after the last record."""

Bytes = NDArray[np.uint8]

_ONES = np.uint64(0x0101010101010101)
_TOPS = np.uint64(0x8080808080808080)
_QUOTES = np.uint64(0x2222222222222222)
_BACKSLASHES = np.uint64(0x5C5C5C5C5C5C5C5C)
_SPACES = np.uint64(0x2020202020202020)
_ZEROS = np.uint64(0x3030303030303030)
_OVER_NINE = np.uint64(0x7676767676767676)
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
_MIX = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(29)

# numba hands its own builders around; they have no types to name.
Context = Any

if TYPE_CHECKING:

    def byte_at(data: Bytes, at: int) -> int:
        """``data[at]`` as a signed 64-bit integer."""
        ...

    def eight_at(data: Bytes, at: int) -> np.uint64:
        """``data[at:at + 8]`` as one integer, the first byte lowest."""
        ...

    def put_eight(data: Bytes, at: int, eight: np.uint64) -> None:
        """Write one integer to ``data[at:at + 8]``, as :func:`eight_at` reads it."""
        ...

    def fetch_early(data: Bytes, at: int) -> None:
        """Ask for ``data[at]`` to be in the cache soon."""
        ...

    def first_byte(marks: np.uint64) -> int:
        """Which byte, from 0, is the lowest that is not zero; 8 if none is."""
        ...

else:

    def _point(context: Context, builder: Context, signature: Context, args: Context, width: int) -> Any:
        array = context.make_array(signature.args[0])(context, builder, args[0])
        kind = cgutils.ir.IntType(width)
        return builder.bitcast(builder.gep(array.data, [args[1]]), kind.as_pointer())

    def _load(context: Context, builder: Context, signature: Context, args: Context, width: int) -> Any:
        loaded = builder.load(_point(context, builder, signature, args, width))
        loaded.align = 1
        return loaded

    @intrinsic
    def byte_at(typing: Context, data: Context, at: Context) -> Any:  # noqa: ARG001, D103 - as above
        def generate(context: Context, builder: Context, signature: Context, args: Context) -> Any:
            return builder.zext(_load(context, builder, signature, args, 8), cgutils.ir.IntType(64))

        return types.int64(data, types.int64), generate

    @intrinsic
    def eight_at(typing: Context, data: Context, at: Context) -> Any:  # noqa: ARG001, D103 - as above
        def generate(context: Context, builder: Context, signature: Context, args: Context) -> Any:
            return _load(context, builder, signature, args, 64)

        return types.uint64(data, types.int64), generate

    @intrinsic
    def put_eight(typing: Context, data: Context, at: Context, eight: Context) -> Any:  # noqa: ARG001, D103 - as above
        def generate(context: Context, builder: Context, signature: Context, args: Context) -> Any:
            builder.store(args[2], _point(context, builder, signature, args, 64)).align = 1
            return context.get_dummy_value()

        return types.none(data, types.int64, types.uint64), generate

    @intrinsic
    def fetch_early(typing: Context, data: Context, at: Context) -> Any:  # noqa: ARG001, D103 - as above
        def generate(context: Context, builder: Context, signature: Context, args: Context) -> Any:
            byte, word = cgutils.ir.IntType(8).as_pointer(), cgutils.ir.IntType(32)
            kind = cgutils.ir.FunctionType(cgutils.ir.VoidType(), [byte, word, word, word])
            function = builder.module.declare_intrinsic("llvm.prefetch", (byte,), kind)
            # To be read, kept in all caches, as data.
            modes = [cgutils.ir.Constant(word, mode) for mode in (0, 3, 1)]
            builder.call(function, [_point(context, builder, signature, args, 8), *modes])
            return context.get_dummy_value()

        return types.none(data, types.int64), generate

    @intrinsic
    def first_byte(typing: Context, marks: Context) -> Any:  # noqa: ARG001, D103 - as above
        def generate(context: Context, builder: Context, signature: Context, args: Context) -> Any:  # noqa: ARG001
            bits = builder.cttz(args[0], cgutils.ir.Constant(cgutils.ir.IntType(1), 0))
            return builder.lshr(bits, cgutils.ir.Constant(cgutils.ir.IntType(64), 3))

        return types.int64(types.uint64), generate


@njit(cache=True, nogil=True, forceinline=True)
def equal_bytes(data: Bytes, one: int, other: int, size: int) -> bool:
    """Whether two spans of ``data`` hold the same bytes."""
    while size > 8:
        if eight_at(data, one) != eight_at(data, other):
            return False
        one += 8
        other += 8
        size -= 8
    return first_byte(eight_at(data, one) ^ eight_at(data, other)) >= size


@njit(cache=True, nogil=True, forceinline=True)
def hash_bytes(data: Bytes, at: int, size: int) -> int:
    """A number from 0 to 2^32 - 1 that spreads spans well; eight bytes are taken at a time."""
    value = np.uint64(size)
    while size > 8:
        value = (value ^ eight_at(data, at)) * _MIX
        value ^= value >> _SHIFT
        at += 8
        size -= 8
    if size > 0:
        value = (value ^ (eight_at(data, at) & (_ALL >> np.uint64(64 - 8 * size)))) * _MIX
    return int(np.int64(value >> np.uint64(32)))


@njit(cache=True, nogil=True, forceinline=True)
def skip_plain(data: Bytes, at: int) -> int:
    """The place of the next quote, backslash or control character, which JSON strings can't hold as they are."""
    while True:
        eight = eight_at(data, at)
        # The lowest byte marked by each of these is marked rightly (borrows only go up), so the lowest of all is.
        quotes = eight ^ _QUOTES
        slashes = eight ^ _BACKSLASHES
        marks = ((quotes - _ONES) & ~quotes) | ((slashes - _ONES) & ~slashes) | ((eight - _SPACES) & ~eight)
        step = first_byte(marks & _TOPS)
        at += step
        if step < 8:
            return at


@njit(cache=True, nogil=True, forceinline=True)
def skip_digits(data: Bytes, at: int) -> int:
    """The place of the next byte that is no digit."""
    while True:
        value = eight_at(data, at) ^ _ZEROS
        # A digit is now 0 to 9; adding carries the others over 127, and from one byte into the next only above them.
        step = first_byte(((value + _OVER_NINE) | value) & _TOPS)
        at += step
        if step < 8:
            return at


@njit(cache=True, nogil=True, forceinline=True)
def skip_to(data: Bytes, at: int, end: int, eights: np.uint64) -> int:
    """The place of the next byte of which ``eights`` holds eight copies, or ``end``."""
    while at < end:
        other = eight_at(data, at) ^ eights
        step = first_byte((other - _ONES) & ~other & _TOPS)
        at += step
        if step < 8:
            break
    return min(at, end)
