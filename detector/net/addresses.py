"""IP addresses as text, read in bulk: what kind each is, and which network it belongs to.

A kernel walks the bytes of all addresses at once, because a Python object per address would cost more than all the
other features together. Text that is no address gets no kind and no network; nothing is raised.

Kinds follow the IANA special-purpose registries (RFC 6890): *private* is whatever is not routed on the Internet.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.kernels.compiled import njit
from detector.kernels.texts import text_of
from detector.net.networks import MAPPED, NOWHERE, Networks

PRIVATE = 1
"""RFC 1918, shared (RFC 6598), loopback, link-local, "this network", unique local IPv6 (RFC 4193); and what is said to
be inside."""
MULTICAST = 2
BROADCAST = 4
"""255.255.255.255, or a private IPv4 address that ends in .255: masks are not in a flow record, and most are /24."""

NO_NETWORK = -1

Integer = int | np.int64
"""What numba's integers look like to a type checker."""

_DOT, _COLON, _PERCENT = ord("."), ord(":"), ord("%")


class Addresses(NamedTuple):
    """A column of addresses; row ``i`` of each array belongs together."""

    kinds: NDArray[np.uint8]
    """Bits: :data:`PRIVATE`, :data:`MULTICAST`, :data:`BROADCAST`."""
    networks: NDArray[np.int64]
    """The /16 of an IPv4 address, the /48 of an IPv6 one (what one site is given); :data:`NO_NETWORK` if unreadable."""


def read_addresses(column: pl.Series, inside: Networks = NOWHERE) -> Addresses:
    """Read a String column; nulls count as unreadable. Addresses of ``inside`` count as private."""
    text = text_of(column)
    kinds = np.empty(len(column), dtype=np.uint8)
    networks = np.empty(len(column), dtype=np.int64)
    _read(text.data, text.offsets, inside, kinds, networks)
    return Addresses(kinds, networks)


@njit(cache=True, nogil=True)
def _read(
    blob: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    inside: Networks,
    kinds: NDArray[np.uint8],
    networks: NDArray[np.int64],
) -> None:
    groups = np.zeros(8, dtype=np.int64)
    for i in range(kinds.shape[0]):
        kinds[i], networks[i] = _read_one(blob, offsets[i], offsets[i + 1], groups)
        if len(inside.high) > 0 and kinds[i] == 0 and networks[i] != NO_NETWORK and _is_among(groups, inside):
            kinds[i] = _kind_inside(groups)


@njit(cache=True, nogil=True)
def _read_one(
    blob: NDArray[np.uint8], start: Integer, end: Integer, groups: NDArray[np.int64]
) -> tuple[Integer, Integer]:
    """Give kind and network; where it is an address, ``groups`` are those of its IPv6 form."""
    for at in range(start, end):
        if blob[at] == _COLON:
            return _kind_of_ipv6(groups) if _parse_ipv6(blob, start, end, groups) else (0, NO_NETWORK)
    address = _parse_ipv4(blob, start, end)
    if address < 0:
        return 0, NO_NETWORK
    groups[:5] = 0
    groups[5], groups[6], groups[7] = MAPPED, address >> 16, address & 0xFFFF
    return _kind_of_ipv4(address)


@njit(cache=True, nogil=True)
def _is_among(groups: NDArray[np.int64], inside: Networks) -> bool:
    high, low = np.uint64(0), np.uint64(0)
    for k in range(4):
        high = high << np.uint64(16) | np.uint64(groups[k])
        low = low << np.uint64(16) | np.uint64(groups[4 + k])
    for n in range(len(inside.high)):
        if high & inside.high_mask[n] == inside.high[n] and low & inside.low_mask[n] == inside.low[n]:
            return True
    return False


@njit(cache=True, nogil=True)
def _kind_inside(groups: NDArray[np.int64]) -> Integer:
    """That of an address that is inside by its network alone."""
    mapped = groups[5] == MAPPED and not groups[:5].any()
    return _private_ipv4(groups[7]) if mapped else PRIVATE


@njit(cache=True, nogil=True)
def _parse_ipv4(blob: NDArray[np.uint8], start: Integer, end: Integer) -> Integer:
    """Give the address as an integer, or -1."""
    octet: Integer = 0
    address: Integer = 0
    digits, dots = 0, 0
    for at in range(start, end):
        byte = np.int64(blob[at])
        if 48 <= byte <= 57:
            octet = octet * 10 + byte - 48
            digits += 1
            if digits > 3:
                return -1
        elif byte == _DOT and digits > 0 and octet <= 255:
            address, octet, digits, dots = address << 8 | octet, 0, 0, dots + 1
        else:
            return -1
    if dots != 3 or digits == 0 or octet > 255:
        return -1
    return address << 8 | octet


@njit(cache=True, nogil=True)
def _kind_of_ipv4(address: Integer) -> tuple[Integer, Integer]:
    network = address >> 16
    first = address >> 24
    if 224 <= first < 240:
        return MULTICAST, network
    if address == 0xFFFFFFFF:
        return BROADCAST, network
    private = (
        first in (10, 127, 0)
        or network in (0xC0A8, 0xA9FE)  # 192.168/16, 169.254/16
        or address >> 20 == 0xAC1  # 172.16/12
        or address >> 22 == 0x6440 >> 6  # 100.64/10
    )
    if not private:
        return 0, network
    return _private_ipv4(address), network


@njit(cache=True, nogil=True)
def _private_ipv4(address: Integer) -> Integer:
    """The kind of a private IPv4 address; its last octet is enough."""
    return PRIVATE | BROADCAST if address & 0xFF == 0xFF else PRIVATE


@njit(cache=True, nogil=True)
def _hex(byte: Integer) -> Integer:
    if 48 <= byte <= 57:
        return byte - 48
    lower = byte | 32
    return lower - 87 if 97 <= lower <= 102 else -1


@njit(cache=True, nogil=True)
def _read_group(blob: NDArray[np.uint8], start: Integer, end: Integer) -> tuple[Integer, Integer]:
    """Give up to four hex digits as a value, or -1, or -2 before a dotted quad; and where reading stopped."""
    value: Integer = 0
    at = start
    while at < end and blob[at] != _COLON:
        if blob[at] == _DOT:
            return -2, start
        nibble = _hex(np.int64(blob[at]))
        if nibble < 0 or at - start == 4:
            return -1, at
        value, at = value << 4 | nibble, at + 1
    return (value if at > start else -1), at


@njit(cache=True, nogil=True)
def _skip_colons(blob: NDArray[np.uint8], start: Integer, end: Integer) -> Integer:
    at = start
    while at < end and blob[at] == _COLON:
        at += 1
    return at - start


@njit(cache=True, nogil=True)
def _parse_ipv6(blob: NDArray[np.uint8], start: Integer, stop: Integer, groups: NDArray[np.int64]) -> bool:
    """Fill ``groups`` with the eight 16-bit groups; a zone (``%eth0``) is passed over."""
    end = start
    while end < stop and blob[end] != _PERCENT:
        end += 1
    colons = _skip_colons(blob, start, end)
    count, gap = 0, 0 if colons == 2 else -1
    at: Integer = start + colons
    valid = bool(colons in (0, 2))
    while valid and at < end:
        value, after = _read_group(blob, at, end)
        if value == -2:
            value, after = _parse_ipv4(blob, at, end), end
            groups[min(count, 7)] = value >> 16
            value, count = (value & 0xFFFF if value >= 0 else -1), count + 1
        valid = bool(value >= 0) and count < 8
        groups[min(count, 7)] = value
        count += 1
        colons = _skip_colons(blob, after, end)
        at = after + colons
        if colons == 2:
            valid = bool(valid & (gap < 0))
            gap = count
        elif colons != (0 if at == end else 1):
            valid = False
    return valid and _open_gap(groups, count, gap)


@njit(cache=True, nogil=True)
def _open_gap(groups: NDArray[np.int64], count: int, gap: int) -> bool:
    """Put the zeros that ``::`` stands for in their place."""
    if gap < 0:
        return count == 8
    if count >= 8:
        return False
    moved = count - gap
    for k in range(moved):
        groups[7 - k] = groups[count - 1 - k]
    for k in range(gap, 8 - moved):
        groups[k] = 0
    return True


@njit(cache=True, nogil=True)
def _kind_of_ipv6(groups: NDArray[np.int64]) -> tuple[Integer, Integer]:
    network = 1 << 48 | groups[0] << 32 | groups[1] << 16 | groups[2]
    first = groups[0]
    if first >> 8 == 0xFF:
        return MULTICAST, network
    zeros = 0
    while zeros < 7 and groups[zeros] == 0:
        zeros += 1
    if zeros == 5 and groups[5] == MAPPED:
        return _kind_of_ipv4(groups[6] << 16 | groups[7])
    reserved = zeros == 7 and groups[7] <= 1  # :: and ::1
    if reserved or first >> 9 == 0x7E or first >> 6 == 0x3FA:  # fc00::/7, fe80::/10
        return PRIVATE, network
    return 0, network
