"""Who is on the network: hosts in subnets by what they are, always the same for the same seed and number."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from detector.errors import ConfigurationError
from training.simulator.addresses import OWN_PUBLIC


class Role(IntEnum):
    """What a host is. Order matters to nothing but the layout of subnets."""

    DOMAIN = 0
    """Active Directory, DNS, DHCP and time for the inside."""
    FILES = 1
    MAIL = 2
    WEB = 3
    """In the perimeter network, seen from outside by a public address."""
    APPLICATION = 4
    DATABASE = 5
    MONITORING = 6
    BACKUP = 7
    MANAGEMENT = 8
    """Where administrators' scripts run."""
    WORKSTATION = 9
    GUEST = 10
    PRINTER = 11
    CAMERA = 12
    SENSOR = 13
    PHONE = 14


SERVERS = tuple(Role(value) for value in range(9))

# Share of each role, and the least there is of it.
_SHARES: dict[Role, tuple[float, int]] = {
    Role.DOMAIN: (0.008, 2),
    Role.FILES: (0.012, 1),
    Role.MAIL: (0.003, 1),
    Role.WEB: (0.012, 2),
    Role.APPLICATION: (0.035, 2),
    Role.DATABASE: (0.015, 1),
    Role.MONITORING: (0.002, 1),
    Role.BACKUP: (0.002, 1),
    Role.MANAGEMENT: (0.002, 1),
    Role.GUEST: (0.12, 2),
    Role.PRINTER: (0.025, 1),
    Role.CAMERA: (0.035, 1),
    Role.SENSOR: (0.11, 2),
    Role.PHONE: (0.07, 1),
}
FEWEST_HOSTS = 25
"""Below this there is no room for one of each."""
MOST_HOSTS = 200_000
_HOSTS_PER_SUBNET = 200


@dataclass(frozen=True, slots=True)
class Network:
    """All inside hosts; row ``i`` of each array belongs together."""

    address: NDArray[np.int64]
    role: NDArray[np.int8]
    liveliness: NDArray[np.float64]
    """How much more or less than usual the host does; the average is 1."""
    always_on: NDArray[np.bool_]
    seed: int

    def __len__(self) -> int:
        return len(self.address)

    def rows(self, *roles: Role) -> NDArray[np.int64]:
        """The rows of all hosts with one of the roles."""
        return np.flatnonzero(np.isin(self.role, roles))

    def addresses(self, *roles: Role) -> NDArray[np.int64]:
        """The addresses of all hosts with one of the roles."""
        return self.address[self.rows(*roles)]

    def subnets(self) -> NDArray[np.int64]:
        """The first address of every /24 in use."""
        return np.unique(self.address & ~np.int64(0xFF))


def build_network(hosts: int, seed: int) -> Network:
    """Lay out ``hosts`` hosts. Raises ConfigurationError for a number that makes no network."""
    if not FEWEST_HOSTS <= hosts <= MOST_HOSTS:
        raise ConfigurationError(
            f"simulating {hosts} hosts: between {FEWEST_HOSTS} and {MOST_HOSTS} are possible; give another --hosts"
        )
    rng = np.random.default_rng([seed, 1])
    counts = {role: max(least, round(share * hosts)) for role, (share, least) in _SHARES.items()}
    counts[Role.WORKSTATION] = hosts - sum(counts.values())
    address, role = [], []
    subnet = 0
    for kind in Role:
        first = 0
        while first < counts[kind]:
            size = min(_HOSTS_PER_SUBNET, counts[kind] - first)
            address.append((10 << 24) + (subnet + 1 << 8) + 10 + np.arange(size, dtype=np.int64))
            role.append(np.full(size, kind, dtype=np.int8))
            first += size
            subnet += 1
    roles = np.concatenate(role)
    numbers = np.concatenate(address)
    web = np.flatnonzero(roles == Role.WEB)
    numbers[web[:200]] = OWN_PUBLIC + 10 + np.arange(min(len(web), 200))
    roaming = np.isin(roles, (Role.WORKSTATION, Role.GUEST))
    lively = rng.lognormal(0.0, 0.7, hosts)
    return Network(
        address=numbers,
        role=roles,
        liveliness=lively / np.exp(0.7**2 / 2),
        always_on=~roaming | (rng.random(hosts) < 0.25),
        seed=seed,
    )
