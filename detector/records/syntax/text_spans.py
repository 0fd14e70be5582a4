"""Text out of spans, addresses among them.

Most text repeats (addresses, services, states), so each distinct spelling is found once, and all further work is done
on the few distinct ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.kernels.bytes import AHEAD, PADDING, eight_at, equal_bytes, fetch_early, hash_bytes, put_eight
from detector.kernels.compiled import njit
from detector.records.syntax.spans import Kind

_ABSENT = int(Kind.ABSENT)
_ZERO, _NINE, _POINT, _COLON = (ord(sign) for sign in "09.:")

# Below this many, a Python loop costs less than polars' engine, which takes a tenth of a millisecond for anything.
_FEW = 1500

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int32]


@njit(cache=True, nogil=True, forceinline=True)
def find_distinct(data: Bytes, begins: Ints, ends: Ints, kinds: Bytes, codes: Ints) -> Ints:
    """Number the distinct spellings from 1 into ``codes`` (0 where absent); give the first row of each."""
    mask = 63
    while mask < 2 * begins.size:
        mask = mask * 2 + 1
    slots = np.zeros(mask + 1, dtype=np.int32)
    firsts = np.empty(begins.size, dtype=np.int32)
    count = 0
    for row in range(begins.size):
        codes[row] = 0
        fetch_early(data, begins[min(row + AHEAD, begins.size - 1)])
        if kinds[row] == _ABSENT:
            continue
        begin, size = begins[row], ends[row] - begins[row]
        slot = hash_bytes(data, begin, size) & mask
        while slots[slot] != 0:
            first = firsts[slots[slot] - 1]
            if ends[first] - begins[first] == size and equal_bytes(data, begins[first], begin, size):
                break
            slot = (slot + 1) & mask
        if slots[slot] == 0:
            firsts[count] = row
            count += 1
            slots[slot] = count
        codes[row] = slots[slot]
    return firsts[:count]


@njit(cache=True, nogil=True, forceinline=True)
def check_addresses(data: Bytes, begins: Ints, ends: Ints) -> NDArray[np.bool_]:
    """Whether each span is an IPv4 address in dotted decimals or an IPv6 address (RFC 4291, without a zone)."""
    good = np.zeros(begins.size, dtype=np.bool_)
    for row in range(begins.size):
        good[row] = _is_ipv4(data, begins[row], ends[row]) or _is_ipv6(data, begins[row], ends[row])
    return good


@njit(cache=True, nogil=True, forceinline=True)
def _is_ipv4(data: Bytes, at: int, end: int) -> bool:
    for part in range(4):
        first, value = at, 0
        while at < end and _ZERO <= data[at] <= _NINE and at - first < 4:
            value = value * 10 + (data[at] - _ZERO)
            at += 1
        # A leading zero means octal to some readers and not to others: refused, as RFC 6943 advises.
        if at == first or value > 255 or (at - first > 1 and data[first] == _ZERO):
            return False
        if part < 3:
            if at == end or data[at] != _POINT:
                return False
            at += 1
    return bool(at == end)


@njit(cache=True, nogil=True, forceinline=True)
def _is_ipv6(data: Bytes, at: int, end: int) -> bool:
    groups, gap = 0, False
    if end - at >= 2 and data[at] == _COLON:
        if data[at + 1] != _COLON:
            return False
        gap = True
        at += 2
    while at < end:
        first = at
        while at < end and _is_hex(data[at]):
            at += 1
        if at < end and data[at] == _POINT:
            groups += 2
            return _is_ipv4(data, first, end) and (groups < 8 if gap else groups == 8)
        if not 1 <= at - first <= 4:
            return False
        groups += 1
        if at == end:
            break
        if data[at] != _COLON or at + 1 == end:
            return False
        at += 1
        if data[at] == _COLON:
            if gap:
                return False
            gap = True
            at += 1
    return groups < 8 if gap else groups == 8


@njit(cache=True, nogil=True, forceinline=True)
def _is_hex(sign: int) -> bool:
    return _ZERO <= sign <= _NINE or ord("a") <= sign <= ord("f") or ord("A") <= sign <= ord("F")


@njit(cache=True, nogil=True, forceinline=True)
def _gather(data: Bytes, begins: Ints, ends: Ints, kinds: Bytes) -> tuple[Bytes, NDArray[np.int64]]:
    offsets = np.zeros(begins.size + 1, dtype=np.int64)
    for row in range(begins.size):
        size = ends[row] - begins[row] if kinds[row] != _ABSENT else 0
        offsets[row + 1] = offsets[row] + size
    letters = np.empty(offsets[-1] + PADDING, dtype=np.uint8)
    for row in range(begins.size):
        fetch_early(data, begins[min(row + AHEAD, begins.size - 1)])
        # Eight at a time, in order: what is written too far is overwritten by the next.
        for step in range(0, offsets[row + 1] - offsets[row], 8):
            put_eight(letters, offsets[row] + step, eight_at(data, begins[row] + step))
    return letters[: offsets[-1]], offsets


def read_repeating(
    data: Bytes,
    begins: Ints,
    ends: Ints,
    kinds: Bytes,
    adapt: Callable[[str], str | None] | None = None,
) -> pl.Series:
    """Text that repeats as a String series, null where absent; ``adapt`` is asked once for each distinct spelling."""
    codes = np.empty(begins.size, dtype=np.int32)
    firsts = find_distinct(data, begins, ends, kinds, codes)
    spelt = data, begins[firsts], ends[firsts], kinds[firsts]
    if adapt is None:
        return spread(spelt, codes)
    words = _decode(*spelt) if firsts.size < _FEW else read_unique(*spelt).to_list()
    return spread_words([None, *(adapt(word) for word in words if word is not None)], codes)


def spread(spelt: tuple[Bytes, Ints, Ints, Bytes], codes: Ints, absent: str | None = None) -> pl.Series:
    """The text of each code: those from 1 on are spans in ``spelt``, 0 is ``absent``."""
    if codes.size < _FEW:
        return spread_words([absent, *_decode(*spelt)], codes)
    return pl.concat([pl.Series([absent], dtype=pl.String), read_unique(*spelt).alias("")])[codes]


def spread_words(words: Sequence[str | None], codes: Ints) -> pl.Series:
    """The word of each code."""
    if codes.size < _FEW:
        return pl.Series([words[code] for code in codes.tolist()], dtype=pl.String)
    return pl.Series(words, dtype=pl.String)[codes]


def read_unique(data: Bytes, begins: Ints, ends: Ints, kinds: Bytes) -> pl.Series:
    """Text that seldom repeats, such as ids, as a String series, null where absent."""
    if begins.size < _FEW:
        return pl.Series(_decode(data, begins, ends, kinds), dtype=pl.String)
    letters, offsets = _gather(data, begins, ends, kinds)
    # One slice for each row out of one long binary: polars has no public way in for offsets and bytes.
    places = pl.DataFrame({"at": offsets[:-1], "size": np.diff(offsets)})
    binary = pl.lit(pl.Series([letters.tobytes()], dtype=pl.Binary))
    text = places.select(binary.bin.slice(pl.col("at"), pl.col("size")).cast(pl.String)).to_series()
    absent = kinds == _ABSENT
    return text.set(pl.Series(absent), None) if absent.any() else text


def _decode(data: Bytes, begins: Ints, ends: Ints, kinds: Bytes) -> list[str | None]:
    """The same of few spans, as a list."""
    letters, offsets = _gather(data, begins, ends, kinds)
    raw = letters.tobytes()
    bounds = zip(offsets[:-1].tolist(), offsets[1:].tolist(), (kinds != _ABSENT).tolist(), strict=True)
    if raw.isascii():
        whole = raw.decode()
        return [whole[begin:end] if present else None for begin, end, present in bounds]
    return [raw[begin:end].decode() if present else None for begin, end, present in bounds]
