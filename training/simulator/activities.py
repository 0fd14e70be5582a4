"""What people do, and what comes in from outside: bursts of connections at random times, by the rhythm of the week.

Each row of :data:`ACTIVITIES` says who does it, how often, and what one burst consists of. Periodic work is in
:mod:`training.simulator.polls`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.simulator import addresses, internet
from training.simulator.flows import Intents, join
from training.simulator.hosts import SERVERS, Network, Role
from training.simulator.rhythm import HOUR_S, Curve
from training.simulator.services import INDEX, PORT
from training.simulator.stretch import Stretch

Numbers = NDArray[np.int64]
Choose = Callable[[Network, Numbers, NDArray[np.float64], np.random.Generator], Numbers]
"""Gives a destination for every connection: (network, sources, times, rng) → addresses."""


def a_site(network: Network, src: Numbers, ts: NDArray[np.float64], rng: np.random.Generator) -> Numbers:
    """A place on the Internet, by popularity and habit."""
    return internet.site_addresses(internet.visited_sites(src, rng), ts, network.seed)


def servers_of(*roles: Role) -> Choose:
    """One of the servers with these roles: mostly the host's usual one."""

    def choose(network: Network, src: Numbers, ts: NDArray[np.float64], rng: np.random.Generator) -> Numbers:
        pool = network.addresses(*roles)
        usual = (addresses.unit(src, 31) * len(pool)).astype(np.int64)
        other = rng.integers(0, len(pool), len(ts))
        return pool[np.where(rng.random(len(ts)) < 0.85, usual, other)]

    return choose


def a_resolver(_network: Network, src: Numbers, ts: NDArray[np.float64], rng: np.random.Generator) -> Numbers:
    """A public resolver, usually the same."""
    pool = np.array(internet.RESOLVERS, dtype=np.int64)
    usual = (addresses.unit(src, 32) * len(pool)).astype(np.int64)
    return pool[np.where(rng.random(len(ts)) < 0.9, usual, rng.integers(0, len(pool), len(ts)))]


def everybody(address: int) -> Choose:
    """A multicast or broadcast address."""

    def choose(_network: Network, _src: Numbers, ts: NDArray[np.float64], _rng: np.random.Generator) -> Numbers:
        return np.full(len(ts), address, dtype=np.int64)

    return choose


def a_neighbour(_network: Network, src: Numbers, ts: NDArray[np.float64], rng: np.random.Generator) -> Numbers:
    """Some host of the same subnet, there or not."""
    return (src & ~np.int64(0xFF)) + rng.integers(10, 211, len(ts))


@dataclass(frozen=True, slots=True)
class Activity:
    """One kind of burst."""

    name: str
    who: tuple[Role, ...]
    """Empty: somebody outside."""
    per_hour: float
    """Bursts per host and hour when the curve is at 1; for outsiders, per inside host."""
    curve: Curve
    flows: float
    """Mean connections of a burst, of which there is always one at least."""
    spread_s: float
    """Mean seconds between two connections of a burst."""
    choose: Choose
    services: tuple[tuple[str, float], ...]
    """What the connections are, with weights."""
    lookups: float = 0.0
    """Share of the connections that ask DNS first."""


_DESK = (Role.WORKSTATION,)
_INTERNAL_DNS = servers_of(Role.DOMAIN)

ACTIVITIES: tuple[Activity, ...] = (
    Activity(
        "browse", _DESK, 9.0, Curve.OFFICE, 9.0, 1.6, a_site,
        (("tls", 0.6695), ("quic", 0.17), ("http", 0.07), ("tls-download", 0.025), ("tls-send", 0.01),
         ("tls-upload", 0.0005), ("odd-port", 0.005), ("tls-push", 0.03)), 0.42,
    ),
    Activity(
        "guest-browse", (Role.GUEST,), 7.0, Curve.PUBLIC, 7.0, 2.0, a_site,
        (("tls", 0.5595), ("quic", 0.32), ("http", 0.04), ("tls-download", 0.03), ("mobile-push", 0.03),
         ("tls-send", 0.01), ("tls-upload", 0.0005), ("odd-port", 0.01)), 0.45,
    ),
    Activity("call", _DESK, 0.25, Curve.OFFICE, 2.0, 4.0, a_site, (("call", 0.6), ("tls", 0.4)), 0.5),
    Activity(
        "files", _DESK, 1.4, Curve.OFFICE, 2.2, 25.0, servers_of(Role.FILES),
        (("smb", 0.85), ("smb-copy", 0.15)), 0.1,
    ),
    Activity(
        "intranet", _DESK, 2.2, Curve.OFFICE, 5.0, 3.0, servers_of(Role.APPLICATION, Role.WEB),
        (("intranet", 0.9), ("api", 0.1)), 0.15,
    ),
    Activity(
        "directory", _DESK, 1.2, Curve.OFFICE, 3.0, 0.8, _INTERNAL_DNS,
        (("kerberos", 0.5), ("ldap", 0.25), ("cldap", 0.1), ("rpc", 0.08), ("rpc-high", 0.07)), 0.3,
    ),
    Activity("send-mail", _DESK, 0.8, Curve.OFFICE, 1.3, 20.0, servers_of(Role.MAIL), (("imap", 1.0),), 0.1),
    Activity("print", _DESK, 0.12, Curve.OFFICE, 1.2, 15.0, servers_of(Role.PRINTER), (("print", 1.0),), 0.2),
    Activity("find-neighbours", _DESK, 0.5, Curve.OFFICE, 2.0, 1.0, everybody(addresses.LLMNR), (("llmnr", 1.0),)),
    Activity("peer-files", _DESK, 0.03, Curve.OFFICE, 1.5, 5.0, a_neighbour, (("smb", 1.0),)),
    Activity("remote-desktop", _DESK, 0.02, Curve.OFFICE, 1.3, 30.0, servers_of(*SERVERS), (("rdp", 1.0),), 0.3),
    Activity("administer", _DESK, 0.04, Curve.OFFICE, 2.5, 40.0, servers_of(*SERVERS), (("ssh", 1.0),), 0.3),
    Activity(
        "cloud-shell", _DESK, 0.02, Curve.OFFICE, 1.5, 60.0, a_site, (("ssh", 0.9), ("ssh-run", 0.1)), 0.6,
    ),
    Activity(
        "deploy", (Role.MANAGEMENT,), 2.0, Curve.OFFICE, 25.0, 0.4, servers_of(*SERVERS),
        (("ssh-run", 0.85), ("winrm", 0.15)), 0.2,
    ),
    Activity("query", (Role.APPLICATION,), 240.0, Curve.OFFICE, 3.0, 0.2, servers_of(Role.DATABASE), (("sql", 1.0),)),
    Activity(
        "call-service", (Role.APPLICATION, Role.WEB), 60.0, Curve.OFFICE, 2.0, 0.3, servers_of(Role.APPLICATION),
        (("api", 0.9), ("sql-long", 0.02), ("intranet", 0.08)), 0.05,
    ),
    Activity("server-web", SERVERS, 1.5, Curve.FLAT, 2.0, 2.0, a_site, (("tls", 0.8), ("http", 0.2)), 0.8),
    Activity("look-up", SERVERS, 20.0, Curve.FLAT, 2.0, 0.5, _INTERNAL_DNS, (("dns", 1.0),)),
    Activity("recurse", (Role.DOMAIN,), 500.0, Curve.OFFICE, 2.0, 0.3, a_site, (("dns", 0.97), ("dns-retry", 0.03))),
    Activity("reverse-lookup", (Role.MAIL,), 120.0, Curve.PUBLIC, 4.0, 0.1, a_resolver, (("dns", 1.0),)),
    Activity("deliver", (Role.MAIL,), 60.0, Curve.OFFICE, 1.5, 4.0, a_site, (("smtp", 1.0),), 0.9),
    Activity("phone-call", (Role.PHONE,), 0.7, Curve.OFFICE, 2.0, 3.0, servers_of(Role.APPLICATION), (("sip", 1.0),)),
    Activity("restore", (Role.BACKUP,), 1.0, Curve.NIGHT, 6.0, 60.0, servers_of(*SERVERS), (("backup", 1.0),)),
    Activity("visitors", (), 0.9, Curve.PUBLIC, 5.0, 2.5, servers_of(Role.WEB), (("tls", 0.93), ("http", 0.07))),
    Activity("incoming-mail", (), 0.12, Curve.PUBLIC, 1.3, 5.0, servers_of(Role.MAIL), (("smtp", 1.0),)),
)  # fmt: skip


def flows_per_burst(activity: Activity) -> float:
    """Mean connections of a burst, with the questions to DNS before them."""
    return activity.flows * (1.0 + activity.lookups * (1.0 + _ASKS_TWICE))


def flows_per_arrival() -> int:
    """What a workstation does when its user comes."""
    return len(_LOG_ON)


def bursts(stretch: Stretch, intensity: float) -> list[Intents]:
    """All connections of the bursts that begin within the stretch; the connections themselves may come later."""
    parts = []
    for activity in ACTIVITIES:
        begin, src = _begin(activity, stretch, intensity)
        if len(begin):
            parts.append(_burst(activity, stretch.network, begin, src, stretch.rng))
    return parts


def _begin(activity: Activity, stretch: Stretch, intensity: float) -> tuple[NDArray[np.float64], Numbers]:
    """When bursts begin, and who begins them."""
    network, rng = stretch.network, stretch.rng
    rate = activity.per_hour * intensity * stretch.busy(activity.curve) * stretch.length / HOUR_S
    if not activity.who:
        begin = stretch.moments(activity.curve, rng.poisson(rate * len(network)))
        sites = internet.popular_sites(len(begin), rng)
        return begin, internet.site_addresses(sites, 0.0, network.seed + 1)
    rows = network.rows(*activity.who)
    hosts = np.repeat(rows, rng.poisson(rate * network.liveliness[rows]))
    begin = stretch.moments(activity.curve, len(hosts))
    there = stretch.present(hosts, begin)
    return begin[there], network.address[hosts[there]]


def _burst(
    activity: Activity, network: Network, begin: NDArray[np.float64], src: Numbers, rng: np.random.Generator
) -> Intents:
    """The connections of each burst: more or fewer of them, one after the other."""
    counts = 1 + rng.poisson((activity.flows - 1) * rng.lognormal(-0.32, 0.8, len(begin)))
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])
    gaps = rng.exponential(activity.spread_s, counts.sum())
    gaps[first] = 0.0
    waited = np.cumsum(gaps)
    ts = np.repeat(begin - waited[first], counts) + waited
    src = np.repeat(src, counts)
    dst = activity.choose(network, src, ts, rng)
    dst = np.where(rng.random(len(ts)) < 0.4, np.repeat(dst[first], counts), dst)  # a burst often stays in one place
    names, weights = zip(*activity.services, strict=True)
    rows = np.array([INDEX[name] for name in names], dtype=np.int16)
    cumulated = np.cumsum(weights) / sum(weights)
    service = rows[np.searchsorted(cumulated, rng.random(len(ts)), side="right").clip(max=len(rows) - 1)]
    flows = Intents.of(ts, src, dst, service)
    if not activity.lookups:
        return flows
    return join([flows, *_ask_first(flows, network, activity.lookups, rng)])


_ASKS_TWICE = 0.35  # A and AAAA


def _ask_first(flows: Intents, network: Network, share: float, rng: np.random.Generator) -> list[Intents]:
    """DNS questions of a share of the connections, which then wait for the answer. Guests ask a public resolver."""
    asks = rng.random(len(flows)) < share
    ts, src = flows.ts[asks], flows.src[asks]
    flows.ts = np.where(asks, flows.ts + rng.exponential(0.04, len(flows)), flows.ts)
    guest = np.isin(src, network.addresses(Role.GUEST))
    resolver = np.where(guest, a_resolver(network, src, ts, rng), _INTERNAL_DNS(network, src, ts, rng))
    twice = rng.random(len(ts)) < _ASKS_TWICE
    return [
        Intents.of(ts, src, resolver, INDEX["dns"]),
        Intents.of(ts[twice] + 0.0002, src[twice], resolver[twice], INDEX["dns"]),
    ]


_LOG_ON = ("dhcp", "dns", "dns", "cldap", "kerberos", "kerberos", "ldap", "smb", "smb", "rpc", "rpc-high", "ntp")


def arrivals(stretch: Stretch) -> list[Intents]:
    """What a workstation does when its user comes: address, names, log-on, policies, drives."""
    network, rng = stretch.network, stretch.rng
    rows, comes = stretch.arriving()
    desks = network.role[rows] == Role.WORKSTATION
    src, comes = network.address[rows[desks]], comes[desks]
    if not len(src):
        return []
    service = np.tile(np.array([INDEX[step] for step in _LOG_ON], dtype=np.int16), len(src))
    later = np.cumsum(rng.exponential(1.2, (len(src), len(_LOG_ON))), axis=1).ravel()
    src = np.repeat(src, len(_LOG_ON))
    ts = np.repeat(comes, len(_LOG_ON)) + later
    return [Intents.of(ts, src, _INTERNAL_DNS(network, src, ts, rng), service)]


_NOISE_PER_HOUR = 34.0  # per public address of ours; RITA's sample host on the open Internet gets far more
_NOISE_PORTS = np.array(
    [23, 22, 445, 3389, 80, 8080, 443, 2323, 5555, 1433, 3306, 5900, 6379, 8443, 81, 8728, 25, 110, 5432, 7547]
)


def noise_per_s(network: Network) -> float:
    """How much background reaches the organisation's 64 public addresses in use, fewer if it is small."""
    return _NOISE_PER_HOUR * 64 / HOUR_S * min(1.0, len(network) / 1000)


def noise(stretch: Stretch) -> list[Intents]:
    """The Internet's background: everybody's addresses and ports are tried all the time. Nobody calls it an attack."""
    rng = stretch.rng
    n = rng.poisson(noise_per_s(stretch.network) * stretch.length)
    ts = stretch.start + rng.random(n) * stretch.length
    udp = rng.random(n) < 0.1
    service = np.where(udp, INDEX["noise-udp"], INDEX["noise"])
    known = _NOISE_PORTS[(len(_NOISE_PORTS) ** rng.random(n)).astype(np.int64) - 1]
    port = np.where(rng.random(n) < 0.7, known, rng.integers(1, 65536, n))
    port = np.where(udp, PORT[INDEX["noise-udp"]], port)
    src = internet.scanner_addresses(n, rng)
    dst = addresses.OWN_PUBLIC + rng.integers(1, 65, n)
    return [Intents.of(ts, src, dst, service, port, rng.integers(1024, 65536, n))]
