"""The outside: sites by popularity, their addresses, resolvers, and the noise that scans everybody.

Site 0 is the most popular. A site's address is a pure function of site and time: content networks move theirs every few
hours, others stay for weeks, so that destinations never seen before keep turning up at a slow, steady rate.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.simulator.addresses import Numbers, public, scramble, unit

SITES = 400_000
RESOLVERS = (0x08080808, 0x01010101, 0x09090909)
"""8.8.8.8, 1.1.1.1 and 9.9.9.9, which need no introduction."""

_OWN_HABIT = 0.55  # share of visits that go to the host's own favourites
_FAVOURITES = 60
_MOVE_S = np.array([4 * 3600.0, 3 * 86_400.0, 40 * 86_400.0])
"""How long a site keeps an address: content networks, clouds, the rest."""


def popular_sites(n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw sites by their popularity over everybody: close to Zipf's law, with a slightly heavier head."""
    return (SITES ** (rng.random(n) ** 1.35)).astype(np.int64) - 1


def visited_sites(hosts: Numbers, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw a site for each visit by a host: half of the time one of its own few favourites."""
    n = len(hosts)
    sites = popular_sites(n, rng)
    own = rng.random(n) < _OWN_HABIT
    rank = (_FAVOURITES ** rng.random(n)).astype(np.int64)
    favourite = SITES ** (unit(hosts, rank, 21) ** 1.1)
    return np.where(own, favourite.astype(np.int64) - 1, sites)


def site_addresses(sites: NDArray[np.int64], ts: NDArray[np.float64] | float, seed: int) -> Numbers:
    """Where the sites are at ``ts``. The hundred most popular have several addresses at once."""
    kind = np.minimum((unit(sites, 22) * 4).astype(np.int64), 2)
    period = _MOVE_S[kind]
    epoch = ((np.asarray(ts) + unit(sites, 23) * period) // period).astype(np.int64)
    spread = (np.asarray(ts) * 7.0).astype(np.int64) % np.where(sites < 100, 6, 1)
    return public(scramble(sites, epoch, spread, seed))


def fresh_addresses(n: int, rng: np.random.Generator) -> Numbers:
    """Addresses that nobody has contacted before (but for chance)."""
    return public(rng.integers(0, 2**63, n, dtype=np.uint64))


def scanner_addresses(n: int, rng: np.random.Generator) -> Numbers:
    """The sources of background noise: a few thousand, of which a few do most of it."""
    return public(scramble((4000 ** rng.random(n)).astype(np.int64), 24))
