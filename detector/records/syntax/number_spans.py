"""Numbers, times and flags out of spans: compiled loops over one field, each giving values and what was wrong.

Decimal numbers are exact: up to 2^53 with at most 22 decimals one division gives the nearest double (Clinger 1990), up
to 18 digits one in twice the precision (Dekker 1971) nearly always; any other is left to Python's own ``float``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detector.kernels.bytes import AHEAD, byte_at, fetch_early
from detector.kernels.compiled import njit
from detector.records.syntax.spans import Kind

GOOD, NULL, WRONG_TYPE, UNREADABLE, OUT_OF_RANGE, UNFINISHED = range(6)
"""What became of a cell. UNFINISHED is a number that this module's quick way cannot give exactly."""

_TEXT, _NUMBER, _TRUE, _FALSE, _ABSENT = (
    int(kind) for kind in (Kind.TEXT, Kind.NUMBER, Kind.TRUE, Kind.FALSE, Kind.ABSENT)
)
_EXACT_POWERS = 23
_POWERS = np.array([10.0**n for n in range(_EXACT_POWERS)])
_MOST_DIGITS = 18  # fit into 63 bits
_SPLITTER = 2.0**27 + 1
_DOUBT = 1 + 2.0**-40
_ZERO, _NINE, _MINUS, _PLUS, _POINT, _COLON = (ord(sign) for sign in "09-+.:")
_MOST = np.iinfo(np.int64).max

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int32]


@njit(cache=True, nogil=True, forceinline=True)
def _digit(sign: int) -> bool:
    return _ZERO <= sign <= _NINE


@njit(cache=True, nogil=True, forceinline=True)
def parse_decimal(data: Bytes, at: int, end: int) -> tuple[float, int]:
    """The number in ``data[at:end]`` as (value, GOOD, UNREADABLE or UNFINISHED)."""
    negative = at < end and byte_at(data, at) == _MINUS
    if at < end and (negative or byte_at(data, at) == _PLUS):
        at += 1
    mantissa, digits, significant, decimals = 0, 0, 0, 0
    point = False
    while at < end:
        sign = byte_at(data, at)
        if _digit(sign):
            digits += 1
            significant += significant > 0 or sign != _ZERO
            if significant <= _MOST_DIGITS:
                mantissa = mantissa * 10 + (sign - _ZERO)
            decimals += point
        elif sign == _POINT and not point:
            point = True
        else:
            break
        at += 1
    if digits == 0:
        return 0.0, UNREADABLE
    if at < end:
        exponent, good = _parse_exponent(data, at, end)
        if not good:
            return 0.0, UNREADABLE
        decimals -= exponent
    if significant > _MOST_DIGITS:
        return 0.0, UNFINISHED
    value, status = _scale(mantissa, decimals)
    return (-value if negative else value), status


@njit(cache=True, nogil=True, forceinline=True)
def _parse_exponent(data: Bytes, at: int, end: int) -> tuple[int, bool]:
    if byte_at(data, at) | 32 != ord("e"):
        return 0, False
    at += 1
    negative = at < end and byte_at(data, at) == _MINUS
    if at < end and (negative or byte_at(data, at) == _PLUS):
        at += 1
    first, value = at, 0
    while at < end and _digit(byte_at(data, at)):
        value = min(value * 10 + (byte_at(data, at) - _ZERO), 100000)
        at += 1
    return (-value if negative else value), first < at == end


@njit(cache=True, nogil=True, forceinline=True)
def _scale(mantissa: int, decimals: int) -> tuple[float, int]:
    # mantissa / 10^decimals as (the nearest double, GOOD), or UNFINISHED
    if mantissa == 0:
        return 0.0, GOOD
    if not -_EXACT_POWERS < decimals < _EXACT_POWERS:
        return 0.0, UNFINISHED
    high = float(mantissa)
    if mantissa <= 1 << 53:
        return (high / _POWERS[decimals] if decimals >= 0 else high * _POWERS[-decimals]), GOOD
    if decimals < 0:
        return 0.0, UNFINISHED
    # Quotient and remainder in twice the precision; good unless so near to halfway that even that can't tell.
    low = float(mantissa - int(high))
    power = _POWERS[decimals]
    first = high / power
    product, rest = _multiply(first, power)
    second = ((high - product) - rest + low) / power
    value = first + second
    error = second - (value - first)
    return value, (GOOD if value == value + error * _DOUBT else UNFINISHED)


@njit(cache=True, nogil=True, forceinline=True)
def _multiply(one: float, other: float) -> tuple[float, float]:
    # The product and what rounding it lost, exactly (Dekker 1971).
    product = one * other
    split = _SPLITTER * one
    one_high = split - (split - one)
    one_low = one - one_high
    split = _SPLITTER * other
    other_high = split - (split - other)
    other_low = other - other_high
    rest = one_high * other_high - product + one_high * other_low + one_low * other_high + one_low * other_low
    return product, rest


@njit(cache=True, nogil=True, forceinline=True)
def parse_count(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """The whole number from 0 to 2^63 - 1 in ``data[at:end]`` as (value, what became of it)."""
    begin = at
    value = 0
    if end - at <= _MOST_DIGITS:
        while at < end and _digit(byte_at(data, at)):
            value = value * 10 + (byte_at(data, at) - _ZERO)
            at += 1
        if at == end and at > begin:
            return value, GOOD
    return _parse_odd_count(data, begin, end)


@njit(cache=True, nogil=True, forceinline=True)
def _parse_odd_count(data: Bytes, begin: int, end: int) -> tuple[int, int]:
    value, at = 0, begin
    while at < end and _digit(byte_at(data, at)):
        digit = byte_at(data, at) - _ZERO
        if value > (_MOST - digit) // 10:
            return 0, OUT_OF_RANGE
        value = value * 10 + digit
        at += 1
    if at == end and at > begin:
        return value, GOOD
    number, status = parse_decimal(data, begin, end)
    if status != GOOD:
        return 0, status
    if number < 0 or number != np.floor(number) or number >= _MOST:
        return 0, OUT_OF_RANGE
    return int(number), GOOD


@njit(cache=True, nogil=True, forceinline=True)
def read_decimals(  # noqa: PLR0917 - a kernel takes its arrays one by one
    data: Bytes, begins: Ints, ends: Ints, kinds: Bytes, values: NDArray[np.float64], status: Bytes
) -> None:
    """Fill ``values`` (NaN unless GOOD) and ``status`` from numbers, or text that holds one."""
    for row in range(begins.size):
        fetch_early(data, begins[min(row + AHEAD, begins.size - 1)])
        values[row] = np.nan
        if kinds[row] == _ABSENT:
            status[row] = NULL
        elif kinds[row] in (_NUMBER, _TEXT):
            value, status[row] = parse_decimal(data, begins[row], ends[row])
            if status[row] == GOOD:
                values[row] = value
        else:
            status[row] = WRONG_TYPE


@njit(cache=True, nogil=True, forceinline=True)
def read_counts(  # noqa: PLR0917 - a kernel takes its arrays one by one
    data: Bytes, begins: Ints, ends: Ints, kinds: Bytes, most: int, values: NDArray[np.int64], status: Bytes
) -> None:
    """Fill ``values`` (0 unless GOOD) and ``status`` from whole numbers of 0 to ``most``, or text that holds one."""
    for row in range(begins.size):
        fetch_early(data, begins[min(row + AHEAD, begins.size - 1)])
        values[row] = 0
        if kinds[row] == _ABSENT:
            status[row] = NULL
        elif kinds[row] in (_NUMBER, _TEXT):
            value, status[row] = parse_count(data, begins[row], ends[row])
            if status[row] == GOOD and value > most:
                status[row] = OUT_OF_RANGE
            elif status[row] == GOOD:
                values[row] = value
        else:
            status[row] = WRONG_TYPE


@njit(cache=True, nogil=True, forceinline=True)
def read_flags(  # noqa: PLR0917 - a kernel takes its arrays one by one
    data: Bytes, begins: Ints, ends: Ints, kinds: Bytes, values: NDArray[np.int8], status: Bytes
) -> None:
    """Fill ``values`` (1, 0, or -1 where there is none) from true and false, or text that begins like them."""
    for row in range(begins.size):
        fetch_early(data, begins[min(row + AHEAD, begins.size - 1)])
        values[row] = -1
        status[row] = GOOD
        if kinds[row] == _ABSENT:
            status[row] = NULL
        elif kinds[row] in (_TRUE, _FALSE):
            values[row] = kinds[row] == _TRUE
        elif kinds[row] == _TEXT and ends[row] > begins[row] and data[begins[row]] in (ord("T"), ord("t")):
            values[row] = 1
        elif kinds[row] == _TEXT and ends[row] > begins[row] and data[begins[row]] in (ord("F"), ord("f")):
            values[row] = 0
        else:
            status[row] = WRONG_TYPE
