"""Attacks: who does what to whom, from when on, how fast. Each becomes intents like everybody else's.

:data:`ATTACKS` is the table of kinds. :func:`launch` makes one attack of about the number of flows asked for, at any
moment, on any network; its pace, its victims and its place (inside or outside) are its own, drawn from ``rng``.
An inside attacker keeps doing its usual work, so that the attack hides in its own host's traffic.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.simulator import flows as states
from training.simulator.addresses import OWN_PUBLIC, scramble
from training.simulator.flows import Intents, take
from training.simulator.hosts import SERVERS, Network, Role
from training.simulator.internet import RESOLVERS, fresh_addresses
from training.simulator.rhythm import DAY_S, HOUR_S
from training.simulator.services import INDEX

Numbers = NDArray[np.int64]
Rng = np.random.Generator


@dataclass(frozen=True, slots=True)
class Attack:
    """One attack that takes place; every flow of it carries ``id``."""

    id: str
    kind: str
    start: float
    """Time of its first flow, seconds since 1970."""
    end: float
    """Time of its last flow's start."""
    flows: int
    attackers: tuple[int, ...]
    """Addresses as numbers, 16 at most."""
    victims: tuple[int, ...]
    """Addresses as numbers, 16 at most."""


@dataclass(frozen=True, slots=True)
class AttackKind:
    """One way to attack."""

    name: str
    meaning: str
    fewest: int
    """Below this many flows it would be no attack of this kind."""
    usual: int
    """Median number of flows of one such attack, when nothing limits it."""
    begin: Callable[[Network, Rng, float, int], Intents]
    """(network, rng, start, flows) → about that many intents, in time order, the first at ``start``."""
    usual_kind: bool = True
    """Whether it takes place where no kind is named."""


def launch(
    kind: str, number: int, network: Network, rng: Rng, *, start: float, end: float, flows: int | None = None
) -> tuple[Attack, Intents]:
    """Begin one attack of ``kind`` at ``start``; ``number`` goes into its id and into ``Intents.attack``.

    ``flows`` is about how many flows it shall have (a few more or less); drawn if not given. What would begin at
    ``end`` or later is left out.
    """
    row = ATTACKS[kind]
    if flows is None:
        flows = int(row.usual * rng.lognormal(0.0, 0.6))
    intents = row.begin(network, rng, start, max(row.fewest, flows))
    intents = take(intents, intents.ts < end)
    intents.attack = np.full(len(intents), number, dtype=np.int32)
    attack = Attack(
        id=f"{kind}-{number}",
        kind=kind,
        start=float(intents.ts[0]),
        end=float(intents.ts[-1]),
        flows=len(intents),
        attackers=_some(intents.src),
        victims=_some(intents.dst),
    )
    return attack, intents


def _some(addresses: Numbers) -> tuple[int, ...]:
    return tuple(int(address) for address in np.unique(addresses)[:16])


def _paced(rng: Rng, start: float, n: int, per_s: float, unevenness: float = 1.0) -> NDArray[np.float64]:
    """``n`` times from ``start`` on, at a mean pace. Gaps are gamma distributed: 0 is a metronome, 1 is random."""
    shape = 1.0 / max(unevenness, 1e-3) ** 2
    gaps = rng.gamma(shape, 1.0 / (shape * per_s), n)
    gaps[0] = 0.0
    return np.asarray(start + np.cumsum(gaps))


def _pace(rng: Rng, low: float, high: float) -> float:
    """A pace between two bounds, any order of magnitude alike."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _one(rng: Rng, pool: Numbers) -> int:
    return int(pool[rng.integers(0, len(pool))])


def _inside_attacker(network: Network, rng: Rng) -> int:
    """Mostly a workstation that is switched on day and night, sometimes a device or a server."""
    role = [Role.WORKSTATION, Role.SENSOR, Role.CAMERA, Role.WEB][rng.choice(4, p=[0.76, 0.1, 0.06, 0.08])]
    return _one(rng, _lasting(network, role))


def _lasting(network: Network, *roles: Role) -> Numbers:
    """Hosts that are on day and night: one that is off cannot attack."""
    rows = network.rows(*roles)
    lasting = rows[network.always_on[rows]]
    return network.address[lasting if len(lasting) else rows]


def _outside_attacker(rng: Rng) -> int:
    return int(fresh_addresses(1, rng)[0])


_COMMON_PORTS = np.array(
    [21, 22, 23, 25, 53, 80, 88, 110, 111, 135, 139, 143, 161, 389, 443, 445, 465, 514, 587, 631, 636, 873, 902, 993,
     995, 1025, 1080, 1194, 1433, 1521, 1723, 2049, 2082, 2181, 2375, 3000, 3128, 3268, 3306, 3389, 4443, 5000, 5060,
     5432, 5555, 5672, 5900, 5985, 6379, 6443, 7001, 8000, 8008, 8080, 8081, 8443, 8888, 9000, 9090, 9092, 9100, 9200,
     9300, 10000, 11211, 27017, 49152, 49668], dtype=np.int32
)  # fmt: skip


def _answers(n: int, rng: Rng, alive: NDArray[np.bool_] | bool, open_share: float) -> NDArray[np.int8]:
    """What probes come back with: dark addresses say nothing, live ones refuse, filter, or turn out to be open."""
    drawn = rng.random(n)
    filtered = rng.random() < 0.4  # a host firewall drops instead of refusing
    closed = np.where(rng.random(n) < (0.9 if filtered else 0.04), states.S0, states.REJ)
    found = np.where(rng.random(n) < 0.6, states.RSTO, states.SF)
    return np.where(alive, np.where(drawn < open_share, found, closed), states.S0).astype(np.int8)


def _vertical_scan(network: Network, rng: Rng, start: float, flows: int) -> Intents:
    """Many ports of one host."""
    outside = rng.random() < 0.4
    src = _outside_attacker(rng) if outside else _inside_attacker(network, rng)
    victims = network.addresses(Role.WEB) if outside else network.addresses(*SERVERS, Role.WORKSTATION)
    dst = _one(rng, victims[victims != src])
    ports = np.concatenate([rng.permutation(_COMMON_PORTS), rng.permutation(np.arange(1, 65536))])
    ports = ports[np.sort(np.unique(ports, return_index=True)[1])][:flows]
    if rng.random() < 0.3:
        ports = np.sort(ports)
    ts = _paced(rng, start, len(ports), _pace(rng, 0.4, 150.0), rng.uniform(0.1, 1.2))
    port = int(rng.integers(33_000, 65_000)) if rng.random() < 0.5 else 0  # raw-socket scanners keep one
    state = _answers(len(ports), rng, True, 0.012)
    return Intents.of(ts, src, dst, INDEX["scan"], ports, port, state)


_SWEPT_PORTS = (22, 23, 80, 135, 139, 443, 445, 1433, 2323, 3306, 3389, 5555, 5900, 5985, 6379, 7547, 8080, 9200)


def _horizontal_scan(network: Network, rng: Rng, start: float, flows: int) -> Intents:
    """One or two ports of many hosts: our subnets from inside, the Internet from a bot of ours, or us from outside."""
    way = rng.choice(3, p=[0.55, 0.25, 0.2])
    if way == 0:
        src, bases = _inside_attacker(network, rng), rng.permutation(network.subnets())
        dst = (bases[:, None] + rng.permutation(np.arange(1, 255))[None, :]).ravel()
    elif way == 1:
        src, dst = _inside_attacker(network, rng), fresh_addresses(flows, rng)
    else:
        src, dst = _outside_attacker(rng), OWN_PUBLIC + rng.permutation(np.arange(1, 255))
    ports = np.array(rng.choice(_SWEPT_PORTS, 1 if rng.random() < 0.7 else 2, replace=False), dtype=np.int32)
    both = np.repeat(dst, len(ports))
    dst = np.resize(both, flows)  # when the addresses run out, it starts again
    dst_port = np.resize(np.tile(ports, len(both) // len(ports)), flows)
    alive = np.isin(dst, network.address) | ((way == 1) & (rng.random(flows) < 0.06))
    ts = _paced(rng, start, flows, _pace(rng, 0.4, 80.0), rng.uniform(0.1, 1.2))
    return Intents.of(ts, src, dst, INDEX["scan"], dst_port, 0, _answers(flows, rng, alive, 0.15))


def _ssh_brute_force(network: Network, rng: Rng, start: float, flows: int) -> Intents:
    """Passwords tried one after the other: each try is a short, complete SSH connection."""
    outside = rng.random() < 0.6
    src = _outside_attacker(rng) if outside else _inside_attacker(network, rng)
    victims = network.addresses(Role.WEB) if outside else network.addresses(*SERVERS)
    dst = rng.choice(victims[victims != src], min(len(victims) - 1, int(rng.choice([1, 1, 1, 2, 4]))), replace=False)
    ts = _paced(rng, start, flows, _pace(rng, 0.15, 8.0), rng.uniform(0.2, 1.0))
    return Intents.of(ts, src, dst[rng.integers(0, len(dst), flows)], INDEX["guess"])


def _dns_tunnel(network: Network, rng: Rng, start: float, flows: int) -> Intents:
    """Data in DNS questions: longer ones, and many, by way of our resolver or straight to one outside."""
    src = _inside_attacker(network, rng)
    if rng.random() < 0.6:
        dst = _one(rng, network.addresses(Role.DOMAIN))
    else:
        dst = int(rng.choice(RESOLVERS)) if rng.random() < 0.5 else _outside_attacker(rng)
    ts = _paced(rng, start, flows, _pace(rng, 0.3, 15.0), rng.uniform(0.3, 2.0))
    return Intents.of(ts, src, dst, INDEX["tunnel"])


def _exfiltration(network: Network, rng: Rng, start: float, flows: int) -> Intents:
    """Much data to one new place outside, in pieces, over minutes or hours."""
    pool = (Role.FILES, Role.DATABASE) if rng.random() < 0.35 else (Role.WORKSTATION,)
    src = _one(rng, _lasting(network, *pool))
    port = int(rng.choice([443, 443, 443, 22, 21, 8443, 80]))
    ts = _paced(rng, start, flows, _pace(rng, 1 / 400, 1 / 5), rng.uniform(0.1, 1.0))
    return Intents.of(ts, src, _outside_attacker(rng), INDEX["upload"], port, 0, states.SF)


def _beacon(network: Network, rng: Rng, start: float, flows: int) -> Intents:
    """A bot reports to its controller by the clock, with some jitter; now and then the controller is away."""
    src = _inside_attacker(network, rng)
    service = str(rng.choice(["beacon", "beacon", "beacon-http", "beacon-raw"]))
    port = int(rng.choice([0, 0, 8080, 8443, 4444, 6667, 50050]))
    ts = _paced(rng, start, flows, 1 / _pace(rng, 8.0, 240.0), rng.uniform(0.01, 0.35))
    away = rng.random(flows) < (rng.uniform(0.3, 0.9) if rng.random() < 0.25 else 0.01)
    state = np.where(away, rng.choice([states.S0, states.REJ]), -1)
    return Intents.of(ts, src, _outside_attacker(rng), INDEX[service], port, 0, state)


def _slow_beacon(network: Network, rng: Rng, start: float, flows: int) -> Intents:
    """A patient bot: the same small call to one web server every five minutes to two hours, some in office hours alone.

    It makes as many calls as it is asked for, and so takes hours; its jitter is up to 40 % of an interval, evenly.
    """
    period, jitter = _pace(rng, 300.0, 7200.0), rng.uniform(0.0, 0.4)
    in_office = rng.random() < 0.3
    gaps = period * (1.0 + rng.uniform(-jitter, jitter, 4 * flows if in_office else flows))
    gaps[0] = 0.0
    ts = start + np.cumsum(gaps)
    if in_office:
        hour = ts % DAY_S / HOUR_S
        there = (hour >= 9.0) & (hour < 18.0)
        there[0] = True
        ts = ts[there][:flows]
    return Intents.of(ts, _inside_attacker(network, rng), _outside_attacker(rng), INDEX["beacon-small"])


def _syn_flood(network: Network, rng: Rng, start: float, flows: int) -> Intents:
    """Far more half-open connections than a server can hold; from one host, a botnet, or made-up addresses."""
    ts = _paced(rng, start, flows, _pace(rng, 30.0, 800.0), 1.0)
    way = rng.choice(3, p=[0.35, 0.4, 0.25])
    dst = _one(rng, network.addresses(Role.WEB))
    if way == 0:
        src: Numbers | int = fresh_addresses(flows, rng)
    elif way == 1:
        bots = fresh_addresses(int(rng.integers(3, 120)), rng)
        src = bots[rng.integers(0, len(bots), flows)]
    else:  # a bot of ours takes part in flooding somebody outside
        src, dst = _inside_attacker(network, rng), _outside_attacker(rng)
    port = int(rng.choice([80, 443, 443, 22, 8080]))
    return Intents.of(ts, src, dst, INDEX["flood"], port, rng.integers(1024, 65536, flows))


def _lateral_movement(network: Network, rng: Rng, start: float, flows: int) -> Intents:
    """With stolen passwords from one host to many others: services that work, used by a host that never does so."""
    src = _inside_attacker(network, rng)
    pool = network.addresses(Role.WORKSTATION, *SERVERS)
    pool = rng.permutation(pool[pool != src])[: max(4, flows // 4)]
    tools = ("smb", "smb-copy", "rpc", "rpc-high", "winrm", "rdp", "ssh-run")
    service = rng.choice([INDEX[tool] for tool in tools], flows, p=[0.34, 0.12, 0.16, 0.14, 0.12, 0.06, 0.06])
    dst = pool[np.minimum(np.arange(flows) // 4, len(pool) - 1)]
    ts = _paced(rng, start, flows, _pace(rng, 0.05, 3.0), rng.uniform(0.5, 1.5))
    failed = rng.random(flows) < 0.15
    state = np.where(failed, rng.choice([states.S0, states.REJ], flows), -1)
    return Intents.of(ts, src, dst, service, 0, 0, state)


def _quiet_logins(network: Network, rng: Rng, start: float, flows: int) -> Intents:
    """A stolen key used with patience: one session of a workstation to a server, then the others within an hour.

    Each is an ordinary SSH session of minutes, such as administrators have.
    """
    src = _one(rng, _lasting(network, Role.WORKSTATION))
    dst = np.resize(rng.permutation(network.addresses(*SERVERS)), flows)
    ts = start + np.concatenate([[0.0], np.sort(rng.uniform(300.0, HOUR_S, flows - 1))])
    return Intents.of(ts, src, dst, INDEX["ssh"])


ATTACKS: dict[str, AttackKind] = {
    kind.name: kind
    for kind in (
        AttackKind("vertical-scan", "many ports of one host", 60, 900, _vertical_scan),
        AttackKind("horizontal-scan", "one port of many hosts", 60, 900, _horizontal_scan),
        AttackKind("ssh-brute-force", "passwords tried over SSH", 40, 500, _ssh_brute_force),
        AttackKind("dns-tunnel", "data hidden in DNS questions", 60, 900, _dns_tunnel),
        AttackKind("exfiltration", "much data to a new place outside", 4, 16, _exfiltration),
        AttackKind("beacon", "a bot reports to its controller", 20, 150, _beacon),
        AttackKind("slow-beacon", "a bot reports seldom, and for long", 12, 60, _slow_beacon, usual_kind=False),
        AttackKind("syn-flood", "half-open connections in masses", 300, 6000, _syn_flood),
        AttackKind("lateral-movement", "one host tries many with stolen passwords", 16, 70, _lateral_movement),
        AttackKind("quiet-logins", "one host logs in to a few servers", 3, 4, _quiet_logins, usual_kind=False),
    )
}
"""Every kind of attack by its name, which is also its label."""

USUAL_ATTACKS = tuple(kind.name for kind in ATTACKS.values() if kind.usual_kind)
"""Those that take place where none is named: the others need a day, and an hour would cut them off."""


def attack_seed(seed: int, number: int) -> list[int]:
    """The seed of the ``number``-th attack, independent of all others."""
    return [seed, int(scramble(number, 61)) >> 1]


_BEGINS = (0.02, 0.92)
"""Attacks begin within this part of the time, so that each has normal traffic before it and room to go on."""


def plan(
    kinds: Sequence[str], network: Network, seed: int, start: float, end: float, *, flows: float
) -> list[tuple[Attack, Intents]]:
    """Draw attacks of every kind within [start, end) until each has used its part of ``flows``.

    Parts go by the square root of a kind's usual size: floods then have most flows, yet not nearly all.
    """
    weight = {kind: ATTACKS[kind].usual ** 0.5 for kind in kinds}
    attacks: list[tuple[Attack, Intents]] = []
    for kind in kinds:
        left = flows * weight[kind] / sum(weight.values())
        while not attacks or attacks[-1][0].kind != kind or left >= ATTACKS[kind].fewest:
            rng = np.random.default_rng(attack_seed(seed + int(start), len(attacks)))
            size = min(ATTACKS[kind].usual * rng.lognormal(0.0, 0.7), left)
            begins = start + rng.uniform(*_BEGINS) * (end - start)
            attacks.append(launch(kind, len(attacks), network, rng, start=begins, end=end, flows=int(size)))
            left -= attacks[-1][0].flows
    return attacks
