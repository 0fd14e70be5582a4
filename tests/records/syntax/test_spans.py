"""Numbers, times and addresses out of bytes, against Python's own readers of them."""

from __future__ import annotations

import ipaddress
import math
from datetime import datetime

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from detector.kernels.bytes import PADDING, equal_bytes, hash_bytes, skip_digits, skip_plain, skip_to
from detector.records.syntax.number_spans import GOOD, OUT_OF_RANGE, UNFINISHED, UNREADABLE, parse_count, parse_decimal
from detector.records.syntax.text_spans import check_addresses
from detector.records.syntax.time_spans import parse_date
from tests.records.samples import QUICK


def _buffer(text: str | bytes) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    raw = text.encode() if isinstance(text, str) else text
    return np.frombuffer(raw + bytes(PADDING), dtype=np.uint8)


def _decimal(text: str) -> tuple[float, int]:
    return parse_decimal(_buffer(text), 0, len(text.encode()))


NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.floats(0, 1).map(repr),
    st.integers(-(10**20), 10**20).map(str),
    st.decimals(-(10**9), 10**9, allow_nan=False, places=6).map(str),
    st.tuples(st.integers(2**52, 10**18), st.integers(0, 18)).map(lambda pair: f"{pair[0] / 10 ** pair[1]:.18f}"),
)


@QUICK
@given(NUMBERS)
@example("0.012166976928710938")
@example("1704738946.0554361")
@example("9007199254740993")
@example("0.1e1")
@example("2E-7")
@example("-0.0")
def test_a_decimal_is_the_nearest_double(text: str) -> None:
    """What is read at once is what Python's float gives, to the last bit; the rest is left to Python."""
    value, status = _decimal(text)
    assert status in (GOOD, UNFINISHED)
    assert status == UNFINISHED or (value == float(text) and math.copysign(1, value) == math.copysign(1, float(text)))


@QUICK
@given(st.floats(0, 1e9))
def test_what_json_writes_is_read_at_once(value: float) -> None:
    """The shortest spelling of an everyday double needs no help from Python, whatever its digits."""
    text = repr(value)
    assert _decimal(text)[1] == GOOD or "e-" in text


@QUICK
@given(st.text(alphabet="0123456789.eE+-_ xn", max_size=12))
def test_nothing_else_is_a_decimal(text: str) -> None:
    """Text is a number exactly where Python's float takes it, but for underscores, white space and words."""
    try:
        float(text)
        good = not set(text) & set("_ n")
    except ValueError:
        good = False
    assert (_decimal(text)[1] != UNREADABLE) == good


@QUICK
@given(st.integers(0, 2**64))
@example(2**63 - 1)
@example(2**63)
@example(10**18 - 1)
def test_a_count_is_exact_or_out_of_range(number: int) -> None:
    """Whole numbers are exact up to 2^63 - 1, and refused beyond."""
    text = str(number)
    value, status = parse_count(_buffer(text), 0, len(text))
    assert (value, status) == ((number, GOOD) if number < 2**63 else (0, OUT_OF_RANGE))


ADDRESSES = st.one_of(
    st.ip_addresses().map(str),
    st.ip_addresses(v=6).map(lambda address: address.exploded),
    st.text(alphabet="0123456789abcdefF:.", max_size=24),
    st.lists(st.integers(0, 300), min_size=3, max_size=5).map(lambda parts: ".".join(map(str, parts))),
    st.lists(st.sampled_from(["", "0", "ab", "12345", "1.2.3.4"]), max_size=9).map(":".join),
)


@QUICK
@given(ADDRESSES)
@example("::ffff:192.0.2.1")
@example("::")
@example("01.2.3.4")
def test_addresses_are_those_that_python_takes(text: str) -> None:
    """An address is good exactly where ``ipaddress`` takes it."""
    try:
        ipaddress.ip_address(text)
        good = True
    except ValueError:
        good = False
    data = _buffer(text)
    begins, ends = np.zeros(1, dtype=np.int32), np.full(1, len(text), dtype=np.int32)
    assert bool(check_addresses(data, begins, ends)[0]) == good


@QUICK
@given(st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1), timezones=st.timezones()))  # noqa: DTZ001 - hypothesis adds the zones
def test_a_date_is_the_instant_that_python_reads(moment: datetime) -> None:
    """ISO 8601 dates in any zone are the same instants as in Python, within rounding."""
    text = moment.isoformat()
    value, status = parse_date(_buffer(text), 0, len(text))
    offset = moment.utcoffset()
    if offset is not None and offset.seconds % 60:
        assert status == UNREADABLE  # offsets with seconds, of the years before zones, are no ISO 8601
    else:
        assert status == GOOD
        assert abs(value - moment.timestamp()) < 1e-6


@QUICK
@given(st.binary(max_size=40), st.binary(max_size=40))
def test_spans_are_compared_and_hashed_by_their_bytes_alone(one: bytes, other: bytes) -> None:
    """Equal spans are equal and hash alike, whatever surrounds them."""
    data = _buffer(one + b"?" + one + other)
    size, place = len(one), len(one) + 1
    assert equal_bytes(data, 0, place, size)
    assert hash_bytes(data, 0, size) == hash_bytes(data, place, size)
    if size and len(other) >= size:
        assert equal_bytes(data, 0, 2 * size + 1, size) == (one == other[:size])


@QUICK
@given(st.binary(max_size=40), st.integers(1, 255))
def test_signs_are_found_where_they_first_stand(raw: bytes, sign: int) -> None:
    """The next sign is found as Python's ``find`` does, eight bytes at a time or not."""
    data, size = _buffer(raw), len(raw)
    place = raw.find(sign)
    eights = np.uint64(sign * 0x0101010101010101)
    assert skip_to(data, 0, size, eights) == (place if place >= 0 else size)
    special = [at for at, byte in enumerate(raw + b"\0") if byte < 32 or byte in b'"\\']
    assert skip_plain(data, 0) == special[0]


@QUICK
@given(st.lists(st.one_of(st.sampled_from(list(b"0123456789")), st.integers(0, 255)), max_size=30).map(bytes))
def test_digits_end_where_the_first_other_byte_stands(raw: bytes) -> None:
    """All digits and nothing else are stepped over."""
    others = [at for at, byte in enumerate(raw + b"\0") if byte not in b"0123456789"]
    assert skip_digits(_buffer(raw), 0) == others[0]
