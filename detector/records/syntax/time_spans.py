"""Times out of spans: numbers in any unit, and dates as ISO 8601, RFC 3339 or with slashes; UTC if no zone is named."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detector.kernels.bytes import AHEAD, byte_at, fetch_early
from detector.kernels.compiled import njit
from detector.records.syntax.number_spans import GOOD, NULL, UNREADABLE, WRONG_TYPE, parse_count, parse_decimal
from detector.records.syntax.spans import Kind

_TEXT, _NUMBER, _ABSENT = (int(kind) for kind in (Kind.TEXT, Kind.NUMBER, Kind.ABSENT))
_ZERO, _NINE, _MINUS, _PLUS, _POINT, _COLON, _SLASH, _SPACE = (ord(sign) for sign in "09-+.:/ ")

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int32]


@njit(cache=True, nogil=True, forceinline=True)
def read_times(  # noqa: PLR0917 - a kernel takes its arrays one by one
    data: Bytes,
    begins: Ints,
    ends: Ints,
    kinds: Bytes,
    per_second: float,
    day_first: bool,
    values: NDArray[np.float64],
    status: Bytes,
) -> None:
    """Fill ``values`` (seconds since 1970 UTC, NaN unless GOOD) and ``status``.

    A number, or text that holds one, is divided by ``per_second``; other text is a date, if ``day_first`` also
    as :func:`parse_day_first` reads it.
    """
    for row in range(begins.size):
        fetch_early(data, begins[min(row + AHEAD, begins.size - 1)])
        values[row] = np.nan
        if kinds[row] == _ABSENT:
            status[row] = NULL
        elif kinds[row] in (_NUMBER, _TEXT):
            value, status[row] = _parse_number(data, begins[row], ends[row], per_second)
            if status[row] == UNREADABLE:
                value, status[row] = parse_date(data, begins[row], ends[row])
            if status[row] == UNREADABLE and day_first:
                value, status[row] = parse_day_first(data, begins[row], ends[row])
            if status[row] == GOOD:
                values[row] = value
        else:
            status[row] = WRONG_TYPE


@njit(cache=True, nogil=True, forceinline=True)
def _parse_number(data: Bytes, at: int, end: int, per_second: float) -> tuple[float, int]:
    if per_second > 1:
        # Nanoseconds have 19 digits, more than a double: whole seconds and the rest are divided apart.
        count, status = parse_count(data, at, end)
        if status == GOOD:
            unit = int(per_second)
            return count // unit + (count % unit) / per_second, GOOD
    value, status = parse_decimal(data, at, end)
    return value / per_second, status


@njit(cache=True, nogil=True, forceinline=True)
def parse_day_first(data: Bytes, at: int, end: int) -> tuple[float, int]:
    """``31/12/2017 08:55:58``, ``3/7/2017 8:55`` or ``03/07/2017 08:55:58 PM`` as (seconds since 1970 UTC, status)."""
    day, at = _short_number(data, at, end, _SLASH)
    month, at = _short_number(data, at, end, _SLASH)
    year, at = _short_number(data, at, end, _SPACE)
    hour, at = _short_number(data, at, end, _COLON)
    minute, at = _short_number(data, at, end, _COLON)
    second = 0
    if at < end and byte_at(data, at - 1) == _COLON:
        second, at = _short_number(data, at, end, _SPACE)
    if end - at == 2 and byte_at(data, at + 1) | 32 == ord("m"):
        half = byte_at(data, at) | 32
        if 1 <= hour <= 12 and half in (ord("a"), ord("p")):
            hour = hour % 12 + 12 * (half == ord("p"))
            at = end
    good = at >= end and 1970 <= year <= 9999 and 1 <= month <= 12 and 1 <= day <= _days_in(year, month)
    if not (good and 0 <= hour <= 23 and 0 <= minute <= 59 and 0 <= second <= 60):
        return 0.0, UNREADABLE
    return float(_days_since_1970(year, month, day) * 86400 + hour * 3600 + minute * 60 + second), GOOD


@njit(cache=True, nogil=True, forceinline=True)
def _short_number(data: Bytes, at: int, end: int, after: int) -> tuple[int, int]:
    # -> (the number of 1 to 4 digits, or -1; where what is after the sign behind it begins). A space ends any of them.
    first, value = at, 0
    while at < end and at - first < 4 and _ZERO <= byte_at(data, at) <= _NINE:
        value = value * 10 + (byte_at(data, at) - _ZERO)
        at += 1
    if at == first or (at < end and byte_at(data, at) != after and byte_at(data, at) != _SPACE):
        return -1, end + 1
    return value, at + (at < end)


@njit(cache=True, nogil=True, forceinline=True)
def parse_date(data: Bytes, at: int, end: int) -> tuple[float, int]:
    """``2022-10-31T15:52:01.716453+0100`` and its kin as (seconds since 1970 UTC, GOOD or UNREADABLE)."""
    if end - at < 19:
        return 0.0, UNREADABLE
    year, month, day = _number(data, at, 4), _number(data, at + 5, 2), _number(data, at + 8, 2)
    hour, minute, second = _number(data, at + 11, 2), _number(data, at + 14, 2), _number(data, at + 17, 2)
    marks = data[at + 4] == data[at + 7] and data[at + 4] in (_MINUS, _SLASH)
    marks = marks and data[at + 10] in (ord("T"), ord("t"), _SPACE)
    marks = marks and data[at + 13] == _COLON and data[at + 16] == _COLON
    in_range = 1 <= month <= 12 and 1 <= day <= _days_in(year, month) and year >= 0
    in_range = in_range and 0 <= hour <= 23 and 0 <= minute <= 59 and 0 <= second <= 60
    if not (marks and in_range):
        return 0.0, UNREADABLE
    fraction, at = _fraction(data, at + 19, end)
    offset, good = _zone(data, at, end)
    if not good:
        return 0.0, UNREADABLE
    whole = _days_since_1970(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset
    return whole + fraction, GOOD


@njit(cache=True, nogil=True, forceinline=True)
def _number(data: Bytes, at: int, digits: int) -> int:
    # Exactly so many digits, or a large negative number.
    value = 0
    for step in range(digits):
        if not _ZERO <= data[at + step] <= _NINE:
            return -1000000
        value = value * 10 + (data[at + step] - _ZERO)
    return value


@njit(cache=True, nogil=True, forceinline=True)
def _fraction(data: Bytes, at: int, end: int) -> tuple[float, int]:
    # -> (seconds, where it ended); digits beyond the 15th are less than a double can hold.
    if at >= end or byte_at(data, at) not in (_POINT, ord(",")):
        return 0.0, at
    at += 1
    value, unit = 0, 1
    while at < end and _ZERO <= byte_at(data, at) <= _NINE:
        if unit < 10**15:
            value = value * 10 + (byte_at(data, at) - _ZERO)
            unit *= 10
        at += 1
    return value / unit, at


@njit(cache=True, nogil=True, forceinline=True)
def _zone(data: Bytes, at: int, end: int) -> tuple[int, bool]:
    # -> (seconds east of UTC, whether it was a zone): nothing, Z, +hh, +hhmm or +hh:mm
    if at == end or (end - at == 1 and byte_at(data, at) in (ord("Z"), ord("z"))):
        return 0, True
    size = end - at
    if byte_at(data, at) not in (_PLUS, _MINUS) or size not in (3, 5, 6):
        return 0, False
    hours = _number(data, at + 1, 2)
    minutes = 0
    if size > 3:
        minutes = _number(data, end - 2, 2)
    if not (0 <= hours <= 23 and 0 <= minutes <= 59) or (size == 6 and data[at + 3] != _COLON):
        return 0, False
    offset = hours * 3600 + minutes * 60
    return (offset if byte_at(data, at) == _PLUS else -offset), True


@njit(cache=True, nogil=True, forceinline=True)
def _days_in(year: int, month: int) -> int:
    if month == 2:
        leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        return 29 if leap else 28
    return 30 if month in (4, 6, 9, 11) else 31


@njit(cache=True, nogil=True, forceinline=True)
def _days_since_1970(year: int, month: int, day: int) -> int:
    # The Gregorian calendar counted from 1 March, so that the leap day comes last.
    if month <= 2:
        year -= 1
        month += 12
    return 365 * year + year // 4 - year // 100 + year // 400 + (153 * (month - 3) + 2) // 5 + day - 719469
