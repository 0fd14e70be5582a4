"""Networks that are inside though their addresses are public, such as a university's: given in CIDR, asked in bulk."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

MAPPED = 0xFFFF
"""The sixth group of an IPv4 address in its IPv6 form, ``::ffff:a.b.c.d`` (RFC 4291)."""

_BEFORE_IPV4 = 96
"""Bits before it there."""


class Networks(NamedTuple):
    """Networks of either family as IPv6 has them; row ``i`` of each array is one, its address as two halves."""

    high: NDArray[np.uint64]
    low: NDArray[np.uint64]
    high_mask: NDArray[np.uint64]
    low_mask: NDArray[np.uint64]


def networks_of(texts: Iterable[str]) -> Networks:
    """Read networks in CIDR. Raises ValueError, which names it, for text that is none."""
    found = [_halves(text) for text in texts]
    return Networks(*np.array(found, dtype=np.uint64).reshape(-1, 4).T.copy())


def canonical(texts: Iterable[str]) -> tuple[str, ...]:
    """The same networks, each once, in one spelling and order. Raises ValueError as :func:`networks_of` does."""
    networks = {_network(text) for text in texts}
    return tuple(map(str, sorted(networks, key=lambda each: (each.version, each))))


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise ValueError(f"{error}; give a network such as 198.51.100.0/24") from None


def _halves(text: str) -> tuple[int, int, int, int]:
    network = _network(text)
    mapped = network.version == 4
    address = int(network.network_address) | (MAPPED << 32 if mapped else 0)
    bits = network.prefixlen + (_BEFORE_IPV4 if mapped else 0)
    mask = (1 << 128) - (1 << 128 - bits)
    half = (1 << 64) - 1
    return address >> 64, address & half, mask >> 64, mask & half


NOWHERE = networks_of(())
"""None at all: private addresses alone are inside."""
