"""Addresses as numbers, so that millions can be drawn, compared and written without a Python object each.

Below 2³² a number is an IPv4 address. Above, the upper bits name an IPv6 prefix and the lower 32 bits the interface;
that is enough for a simulated network. Public space follows RFC 5737 and RFC 3849: the organisation owns
203.0.113.0/24 and 2001:db8:1::/64; 10.0.0.0/8 is inside.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

Numbers = NDArray[np.int64]

LINK_LOCAL_V6 = 1 << 32
OWN_V6 = 2 << 32
PUBLIC_V6 = 3 << 32
MULTICAST_V6 = 4 << 32
_PREFIXES = ("", "fe80::", "2001:db8:1::", "2a02:26f0::", "ff02::")

MDNS = (224 << 24) + 251
LLMNR = (224 << 24) + 252
SSDP = (239 << 24) + (255 << 16) + (255 << 8) + 250
BROADCAST = (1 << 32) - 1
MDNS_V6 = MULTICAST_V6 + 0xFB
LLMNR_V6 = MULTICAST_V6 + 0x10003

OWN_PUBLIC = (203 << 24) + (113 << 8)

# First octets that hold no private, shared, test, loopback, link-local or multicast range.
_PUBLIC_OCTETS = np.array(
    [octet for octet in range(1, 224) if octet not in {10, 100, 127, 169, 172, 192, 198, 203}], dtype=np.int64
)

_OCTET_PAIRS = pl.Series([f"{pair >> 8}.{pair & 255}" for pair in range(1 << 16)])
_HEX_GROUPS = pl.Series([f"{group:x}" for group in range(1 << 16)])


def to_text(numbers: Numbers) -> pl.Series:
    """The usual text of each address."""
    low = numbers & 0xFFFFFFFF
    high_half, low_half = low >> 16, low & 0xFFFF
    v4 = pl.select(
        pl.concat_str([_OCTET_PAIRS.gather(high_half), _OCTET_PAIRS.gather(low_half)], separator=".")
    ).to_series()
    v6 = np.flatnonzero(numbers > BROADCAST)
    if len(v6) == 0:
        return v4
    return v4.scatter(v6, _v6_text(numbers[v6]))


def _v6_text(numbers: Numbers) -> pl.Series:
    high = numbers >> 16 & 0xFFFF
    prefixes = pl.Series(_PREFIXES).gather(numbers >> 32)
    groups = pl.select(pl.concat_str([_HEX_GROUPS.gather(high), pl.lit(":")])).to_series()
    lone = pl.Series(high == 0)  # a run of zero groups is written once, as "::" (RFC 5952)
    return pl.select(
        pl.concat_str(
            [prefixes, pl.when(lone).then(pl.lit("")).otherwise(groups), _HEX_GROUPS.gather(numbers & 0xFFFF)]
        )
    ).to_series()


def inside(numbers: Numbers) -> NDArray[np.bool_]:
    """Whether each address is the organisation's own (what Zeek calls local). Multicast is nobody's."""
    return np.asarray(
        ((numbers >> 24) == 10)
        | ((numbers >> 8) == (OWN_PUBLIC >> 8))
        | ((numbers >> 32) == (LINK_LOCAL_V6 >> 32))
        | ((numbers >> 32) == (OWN_V6 >> 32))
    )


def scramble(*keys: NDArray[np.int64] | int) -> NDArray[np.uint64]:
    """Mix integers into well-spread 64 bits: the same keys always give the same number (splitmix64, Steele 2014)."""
    state: Any = np.uint64(0x9E3779B97F4A7C15)
    with np.errstate(over="ignore"):
        for key in keys:
            mixed = np.asarray(key, dtype=np.int64).astype(np.uint64) + state
            mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            state = mixed ^ (mixed >> np.uint64(31))
    return np.asarray(state, dtype=np.uint64)


def unit(*keys: NDArray[np.int64] | int) -> NDArray[np.float64]:
    """Like :func:`scramble`, as numbers from 0 up to 1."""
    return np.asarray((scramble(*keys) >> np.uint64(11)).astype(np.float64) * 2.0**-53)


def public(numbers: NDArray[np.uint64]) -> Numbers:
    """Turn well-spread numbers into public IPv4 addresses of hosts."""
    first = _PUBLIC_OCTETS[(numbers >> np.uint64(32)).astype(np.int64) % len(_PUBLIC_OCTETS)]
    middle = numbers.astype(np.int64) & 0xFFFF
    last = (numbers >> np.uint64(16)).astype(np.int64) % 254 + 1
    return np.asarray((first << 24) + (middle << 8) + last)
