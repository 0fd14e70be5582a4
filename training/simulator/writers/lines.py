"""Text lines from columns, by a compiled kernel: one walk over the rows, one buffer, no Python object per row.

A format is a tuple of :class:`Field`; :class:`LineWriter` puts each row's fields one behind the other. Texts are
written as they are: simulated ones need no escaping in any format.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import polars as pl
from numba import njit
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Integers = NDArray[np.int64]


class Kind(IntEnum):
    """How a value is spelt."""

    TEXT = 0
    INTEGER = 1
    MICROSECONDS = 2
    """Seconds with six decimals, from a number of seconds."""
    CLOCK = 3
    """ISO 8601 in UTC with microseconds and without a zone, from seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Field:
    """One value of a line, with the text around it."""

    before: str
    column: str
    kind: Kind
    after: str = ""
    unset: str = ""
    """Stands for the whole field, its surroundings included, where the value is null."""


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines in one buffer: line ``i`` ends before ``data[ends[i]]``, a newline that the next line begins behind."""

    data: Bytes
    ends: Integers
    rows: NDArray[np.int64] | None = None
    """The frame's row that each line is about; None if they are the same."""

    def __len__(self) -> int:
        return len(self.ends)

    def values(self) -> list[bytes]:
        """Each line by itself, without newline."""
        whole = self.data.tobytes()
        begins = np.concatenate([[0], self.ends + 1])[: len(self)]
        return [whole[begin:end] for begin, end in zip(begins.tolist(), self.ends.tolist(), strict=True)]


_CLOCK_LETTERS = 26  # 2026-01-05T09:30:00.123456
_US = 1_000_000


class LineWriter:
    """Writes rows by a fixed list of fields."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self.fields = tuple(fields)
        pieces = [piece.encode() for field in fields for piece in (field.before, field.after, field.unset)]
        ends = np.cumsum([len(piece) for piece in pieces], dtype=np.int64)
        self._literals = np.frombuffer(b"".join(pieces) + b"\0", dtype=np.uint8).copy()
        self._spans = np.concatenate([[0], ends]).astype(np.int64)
        self._kinds = np.array([field.kind for field in fields], dtype=np.int64)

    def write(self, frame: pl.DataFrame) -> Lines:
        """One line per row of ``frame``, which has the fields' columns."""
        rows, width = len(frame), len(self.fields)
        numbers = np.zeros((width, rows), dtype=np.int64)
        present = np.ones((width, rows), dtype=np.bool_)
        text_ends = np.zeros((width, rows), dtype=np.int64)
        texts: list[bytes] = []
        position = 0
        for place, field in enumerate(self.fields):
            column = frame[field.column]
            if column.null_count():
                present[place] = column.is_not_null().to_numpy()
            if field.kind == Kind.TEXT:
                joined, lengths = _text(column)
                text_ends[place] = position + np.cumsum(lengths)
                texts.append(joined)
                position += len(joined)
            else:
                numbers[place] = _whole(column, field.kind)
        data = np.frombuffer(b"".join(texts) + b"\0", dtype=np.uint8)
        room = rows * (len(self._literals) + 1 + width * (_CLOCK_LETTERS + 1)) + position
        out = np.empty(room, dtype=np.uint8)
        ends = np.empty(rows, dtype=np.int64)
        size = _write(self._literals, self._spans, self._kinds, present, numbers, data, text_ends, out, ends)
        return Lines(out[:size], ends)


def _text(column: pl.Series) -> tuple[bytes, Integers]:
    """All values behind one another, and the length of each; null is empty."""
    filled = column.fill_null("")
    joined: str = filled.str.join("").item() if len(column) else ""
    return joined.encode(), filled.str.len_bytes().cast(pl.Int64).to_numpy()


def _whole(column: pl.Series, kind: Kind) -> Integers:
    if kind == Kind.INTEGER:
        return column.cast(pl.Int64).fill_null(0).to_numpy()
    seconds = column.cast(pl.Float64).fill_null(0.0).to_numpy()
    return np.asarray(np.rint(seconds * _US)).astype(np.int64)


@njit(cache=True, nogil=True)
def _write(  # noqa: PLR0917 - a kernel takes its arrays one by one
    literals: Bytes,
    spans: Integers,
    kinds: Integers,
    present: NDArray[np.bool_],
    numbers: Integers,
    texts: Bytes,
    text_ends: Integers,
    out: Bytes,
    ends: Integers,
) -> int:
    """Fill ``out`` with a line and a newline per row; give its size."""
    width, rows = numbers.shape
    begins = np.empty(width, dtype=np.int64)  # where the field's next text begins
    before = 0
    for place in range(width):
        begins[place] = before
        if kinds[place] == 0 and rows:
            before = text_ends[place, rows - 1]
    at = 0
    for row in range(rows):
        for place in range(width):
            if not present[place, row]:
                at = _copy(literals, spans[3 * place + 2], spans[3 * place + 3], out, at)
                continue
            at = _copy(literals, spans[3 * place], spans[3 * place + 1], out, at)
            kind = kinds[place]
            if kind == 0:
                end = text_ends[place, row]
                at = _copy(texts, begins[place], end, out, at)
                begins[place] = end
            elif kind == 1:
                at = _integer(numbers[place, row], out, at)
            elif kind == 2:
                at = _microseconds(numbers[place, row], out, at)
            else:
                at = _clock(numbers[place, row], out, at)
            at = _copy(literals, spans[3 * place + 1], spans[3 * place + 2], out, at)
        ends[row] = at
        out[at] = 10
        at += 1
    return at


@njit(cache=True, nogil=True, inline="always")
def _copy(source: Bytes, begin: int, end: int, out: Bytes, at: int) -> int:
    for place in range(end - begin):  # unsigned: a negative index would count from the end, which costs a test each
        out[np.uintp(at + place)] = source[np.uintp(begin + place)]
    return at + end - begin


@njit(cache=True, nogil=True)
def _padded(number: int, digits: int, out: Bytes, at: int) -> int:
    """Write exactly ``digits`` digits."""
    rest = np.uint64(number)  # Python's rules for the signs of quotient and remainder cost time
    for place in range(at + digits - 1, at - 1, -1):
        quotient = rest // np.uint64(10)
        out[np.uintp(place)] = np.uint8(rest - quotient * np.uint64(10)) + np.uint8(48)
        rest = quotient
    return at + digits


@njit(cache=True, nogil=True)
def _integer(number: int, out: Bytes, at: int) -> int:
    if number < 0:
        out[at] = 45
        at += 1
        number = -number
    digits, bound = 1, 10
    while number >= bound and digits < 19:
        digits += 1
        bound *= 10
    return _padded(number, digits, out, at)


@njit(cache=True, nogil=True)
def _microseconds(number: int, out: Bytes, at: int) -> int:
    if number < 0:
        out[at] = 45
        at += 1
        number = -number
    at = _integer(number // 1_000_000, out, at)
    out[at] = 46
    return _padded(number % 1_000_000, 6, out, at + 1)


@njit(cache=True, nogil=True)
def _clock(number: int, out: Bytes, at: int) -> int:
    """A date by the civil-from-days method (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", 2013)."""
    seconds, micros = number // 1_000_000, number % 1_000_000
    days, second = seconds // 86_400, seconds % 86_400
    shifted = days + 719_468  # days since 0000-03-01
    era = shifted // 146_097
    day_of_era = shifted - era * 146_097
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month_from_march = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * month_from_march + 2) // 5 + 1
    month = month_from_march + 3 if month_from_march < 10 else month_from_march - 9
    year = year_of_era + era * 400 + (1 if month <= 2 else 0)
    at = _padded(year, 4, out, at)
    for part, mark in ((month, 45), (day, 45), (second // 3600, 84), (second // 60 % 60, 58), (second % 60, 58)):
        out[at] = mark
        at = _padded(part, 2, out, at + 1)
    out[at] = 46
    return _padded(micros, 6, out, at + 1)
