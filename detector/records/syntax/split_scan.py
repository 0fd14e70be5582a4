"""Finding the spans of separated values (tabs, commas, spaces): one compiled scanner for all such formats.

A *layout* says which wanted field each column holds (``ABSENT``: none), and which sign separates them. A record that
has not the number of columns of its layout is a fault of its own.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detector.kernels.bytes import byte_at, eight_at, skip_to
from detector.kernels.compiled import njit
from detector.records.syntax.keywords import ABSENT
from detector.records.syntax.spans import Kind

WIDTH, SEPARATOR, TAIL = range(3)
"""Columns of ``shapes``: how many columns there are, the sign between them, and from which column on it is three
spaces instead (IoT-23's labels); ABSENT for none."""

FINE, LINE_BREAK, BLANK = -1, -2, -3
"""What :func:`split_records` says of a record besides a number of columns that is not its layout's."""

_TEXT = int(Kind.TEXT)
_ONES = np.uint64(0x0101010101010101)
_THREE_SPACES = np.uint64(0x202020)
_THREE_BYTES = np.uint64(0xFFFFFF)
_BYTE_ORDER_MARK = np.uint64(0xBFBBEF)
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
_NEWLINE, _RETURN, _SPACE, _QUOTE = 10, 13, 32, 34

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int32]
Words = NDArray[np.uint64]


@njit(cache=True, nogil=True)
def trim_lines(data: Bytes, begins: Ints, ends: Ints) -> None:
    """Move ``ends`` before the line's end (``\\n`` or ``\\r\\n``), if it is part of the record."""
    for row in range(begins.size):
        end = ends[row]
        if end > begins[row] and byte_at(data, end - 1) == _NEWLINE:
            end -= 1
        if end > begins[row] and byte_at(data, end - 1) == _RETURN:
            end -= 1
        ends[row] = end


@njit(cache=True, nogil=True)
def find_breaks(data: Bytes, begins: Ints, ends: Ints) -> NDArray[np.bool_]:
    """Whether there is a line break in each record."""
    found = np.zeros(begins.size, dtype=np.bool_)
    for row in range(begins.size):
        found[row] = skip_to(data, begins[row], ends[row], np.uint64(_NEWLINE) * _ONES) < ends[row]
    return found


@njit(cache=True, nogil=True)
def find_lines(  # noqa: PLR0917 - a kernel takes its arrays one by one
    data: Bytes, begins: Ints, ends: Ints, cut: NDArray[np.bool_], lines: Ints, line_ends: Ints, owners: Ints
) -> int:
    """Fill where each line that is not blank begins and ends, without its end, and whose it is; how many there are.

    Only records where ``cut`` are cut into lines. Of others, and those of nothing but blank lines, the line is all.
    A byte-order mark before a line is not part of it.
    """
    count = 0
    for row in range(begins.size):
        before, at, last = count, begins[row], ends[row]
        while cut[row] and at <= last:
            end = skip_to(data, at, last, np.uint64(_NEWLINE) * _ONES)
            begin, at = at, end + 1
            end -= end > begin and byte_at(data, end - 1) == _RETURN
            if _is_blank(data, begin, end):
                continue
            is_marked = eight_at(data, begin) & _THREE_BYTES == _BYTE_ORDER_MARK
            lines[count], line_ends[count], owners[count] = begin + 3 * is_marked, end, row
            count += 1
        if count == before:
            lines[count], line_ends[count], owners[count] = begins[row], last, row
            count += 1
    return count


@njit(cache=True, nogil=True, forceinline=True)
def _is_blank(data: Bytes, begin: int, end: int) -> bool:
    while begin < end and (byte_at(data, begin) == _SPACE or 9 <= byte_at(data, begin) <= 13):
        begin += 1
    return begin == end


@njit(cache=True, nogil=True)
def count_columns(data: Bytes, begins: Ints, ends: Ints, separator: int) -> Ints:
    """How many columns each record has, one separator between each two, none of them quoted."""
    counts = np.ones(begins.size, dtype=np.int32)
    for row in range(begins.size):
        first = begins[row] + (byte_at(data, begins[row]) == separator)
        for at in range(first, ends[row]):
            counts[row] += byte_at(data, at) == separator
    return counts


@njit(cache=True, nogil=True)
def split_records(  # noqa: PLR0917 - a kernel takes its arrays one by one
    data: Bytes,
    begins: Ints,
    ends: Ints,
    layouts: Ints,
    shapes: Ints,
    fields: Ints,
    nothings: Words,
    quoted: bool,
    cell_begins: Ints,
    cell_ends: Ints,
    kinds: Bytes,
) -> Ints:
    """Fill the spans (fields × records, ``kinds`` all zero) and say of each record FINE, or what is wrong with it.

    That is LINE_BREAK, BLANK, or the number of columns found.

    ``layouts[i]`` is record i's layout: a row of ``shapes``, of ``fields`` (the wanted field of each column) and of
    ``nothings``. Spans are trimmed of spaces; an empty one, or one spelt like one of its layout's ``nothings`` (at most
    eight bytes, as an integer), is absent. Where ``quoted``, a cell may stand in double quotes with separators inside.
    A separator at the very beginning is skipped: some tools indent a line.
    """
    faults = np.full(begins.size, FINE, dtype=np.int32)
    for row in range(begins.size):
        layout = layouts[row]
        width, separator, tail = shapes[layout, WIDTH], shapes[layout, SEPARATOR], shapes[layout, TAIL]
        eights = np.uint64(separator) * _ONES
        at, end = begins[row], ends[row]
        if at == end:
            faults[row] = BLANK
            continue
        if skip_to(data, at, end, np.uint64(_NEWLINE) * _ONES) < end:
            faults[row] = LINE_BREAK
            continue
        if at < end and byte_at(data, at) == separator:
            at += 1
        column = 0
        while True:
            begin, stop, after = _find_cell(data, at, end, eights, quoted, 0 <= tail <= column)
            if column < width:
                field = fields[layout, column]
                if field >= 0 and not _is_nothing(data, begin, stop, nothings, layout):
                    kinds[field, row] = _TEXT
                    cell_begins[field, row] = begin
                    cell_ends[field, row] = stop
            column += 1
            at = after
            if at > end:
                break
        if column != width:
            faults[row] = column
    return faults


@njit(cache=True, nogil=True)
def _find_cell(  # noqa: PLR0917 - as above
    data: Bytes, at: int, end: int, eights: np.uint64, quoted: bool, tail: bool
) -> tuple[int, int, int]:
    # -> (where the trimmed cell begins and ends, where the next one does begin: beyond ``end`` after the last)
    if quoted and at < end and byte_at(data, at) == _QUOTE:
        begin = at + 1
        stop = begin
        while stop < end and not (byte_at(data, stop) == _QUOTE and byte_at(data, stop + 1) != _QUOTE):
            stop += 1 + (byte_at(data, stop) == _QUOTE)
        stop = min(stop, end)
        return begin, stop, skip_to(data, stop, end, eights) + 1
    stop = skip_to(data, at, end, eights)
    after = stop + 1
    if tail:
        for place in range(at, stop - 2):
            if eight_at(data, place) & _THREE_BYTES == _THREE_SPACES:
                stop, after = place, place + 3
                break
    while at < stop and byte_at(data, at) == _SPACE:
        at += 1
    while stop > at and byte_at(data, stop - 1) == _SPACE:
        stop -= 1
    return at, stop, after


@njit(cache=True, nogil=True)
def _is_nothing(data: Bytes, begin: int, end: int, nothings: Words, layout: int) -> bool:
    size = end - begin
    if size == 0:
        return True
    if size > 8:
        return False
    word = eight_at(data, begin) & (_ALL >> np.uint64(64 - 8 * size))
    for column in range(nothings.shape[1]):  # noqa: SIM110 - numba has no any()
        if word == nothings[layout, column]:
            return True
    return False


@njit(cache=True, nogil=True)
def assign_layouts(streams: Ints, changes: Ints, layouts: Ints, current: Ints) -> None:
    """Walk the records: ``changes[i]`` >= 0 gives record i's stream that layout; every other takes its stream's.

    ``current`` holds each stream's layout before, and after; streams are numbered from 0.
    """
    for row in range(streams.size):
        if changes[row] != ABSENT:
            current[streams[row]] = changes[row]
        layouts[row] = current[streams[row]]
