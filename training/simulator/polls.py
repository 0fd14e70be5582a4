"""What machines do by the clock: benign beacons of every period, health checks, renewals, backups.

A task is (source, destination, service, period, jitter, phase). Its k-th run is at ``phase + k · period`` plus a
random part of the period; nothing is remembered between two stretches of time, so any stretch can be asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.simulator import addresses, internet
from training.simulator.flows import REJ, S0, Intents
from training.simulator.hosts import SERVERS, Network, Role
from training.simulator.services import INDEX, PROTOCOL, TCP
from training.simulator.stretch import Stretch

Numbers = NDArray[np.int64]

_BY_SITE = -1
"""In ``dst``: the destination is a site, whose address moves."""

_DEAD = 0.012  # share of tasks whose other end is gone for good; they keep trying, as in every real network


@dataclass(frozen=True, slots=True)
class Tasks:
    """All periodic tasks; row ``i`` of each array belongs together."""

    host: NDArray[np.int32]
    """Row of the source in the network."""
    dst: Numbers
    site: Numbers
    service: NDArray[np.int16]
    port: NDArray[np.int32]
    period: NDArray[np.float64]
    jitter: NDArray[np.float64]
    """Share of the period that a run may come late."""
    phase: NDArray[np.float64]
    dead: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.host)


@dataclass(frozen=True, slots=True)
class Habit:
    """One kind of task: which hosts have it, and how it runs. Periods in seconds, drawn between two bounds."""

    name: str
    who: tuple[Role, ...]
    share: float
    service: str
    period: tuple[float, float]
    jitter: float
    to: tuple[Role, ...] | int | str
    """Servers by role, a fixed address, or a group of sites by the name of what is polled there."""
    sites: int = 1
    """How many sites the group has."""
    port: int = 0
    phase: tuple[float, float] | None = None
    """Hours of the day for daily tasks."""


_DESK = (Role.WORKSTATION,)
_ROAMING = (Role.WORKSTATION, Role.GUEST)
_IOT = (Role.CAMERA, Role.SENSOR)
_DAY = 86_400.0

HABITS: tuple[Habit, ...] = (
    Habit("clock", (*_DESK, Role.PRINTER, Role.PHONE, *SERVERS), 1.0, "ntp", (1024, 1024), 0.02, (Role.DOMAIN,)),
    Habit("clock-upstream", (Role.DOMAIN, Role.SENSOR, Role.CAMERA), 1.0, "ntp", (64, 1024), 0.01, "ntp-pool", 30),
    Habit("lease", (*_ROAMING, *_IOT, Role.PHONE, Role.PRINTER), 1.0, "dhcp", (7200, 14_400), 0.01, (Role.DOMAIN,)),
    Habit("announce", (*_ROAMING, *_IOT, Role.PRINTER), 0.6, "mdns", (120, 1800), 0.4, addresses.MDNS),
    Habit("announce-v6", _ROAMING, 0.3, "mdns", (240, 1800), 0.4, addresses.MDNS_V6),
    Habit("discover", (*_ROAMING, *_IOT), 0.35, "ssdp", (120, 900), 0.1, addresses.SSDP),
    Habit("netbios", _DESK, 0.4, "netbios", (600, 1500), 0.3, addresses.BROADCAST),
    Habit("lan-sync", _DESK, 0.12, "lan-sync", (30, 30), 0.02, addresses.BROADCAST),
    Habit("telemetry", _DESK, 1.0, "tls-poll", (600, 1800), 0.35, "os-telemetry", 6),
    Habit("antivirus", _DESK, 0.9, "tls-poll", (240, 600), 0.08, "antivirus", 3),
    Habit("chat", _DESK, 0.9, "tls-poll", (45, 180), 0.15, "chat", 8),
    Habit("chat-long", _ROAMING, 0.8, "tls-push", (900, 3600), 0.3, "push", 5),
    Habit("mailbox", _DESK, 0.95, "imap", (120, 600), 0.15, (Role.MAIL,)),
    Habit("drive", _DESK, 0.55, "tls-poll", (60, 300), 0.1, "cloud-drive", 4),
    Habit("policy", _DESK, 1.0, "ldap", (5400, 7200), 0.2, (Role.DOMAIN,)),
    Habit("shares", _DESK, 0.6, "smb", (600, 2400), 0.2, (Role.FILES,)),
    Habit("updates", (*_DESK, *SERVERS), 0.9, "tls-download", (14_400, 86_400), 0.5, "updates", 5),
    Habit("revocation", (*_DESK, *SERVERS), 0.8, "http-poll", (1800, 14_400), 0.4, "revocation", 6),
    Habit("browser-sync", _DESK, 0.5, "tls-poll", (300, 1800), 0.2, "browser", 4),
    Habit("odd-client", _DESK, 0.06, "http-poll", (20, 300), 0.05, "long-tail", 400, 8080),
    Habit("captive", (Role.GUEST,), 0.9, "http-poll", (300, 900), 0.1, "captive", 3),
    Habit("phone-push", (Role.GUEST,), 0.7, "mobile-push", (900, 1800), 0.2, "mobile-push", 2),
    Habit("sensor-cloud", _IOT, 0.85, "tls-poll", (30, 600), 0.03, "vendor", 25),
    Habit("sensor-mqtt", (Role.SENSOR,), 0.5, "mqtt", (600, 1800), 0.3, "iot-broker", 6),
    Habit("sensor-names", _IOT, 1.0, "dns", (60, 600), 0.03, internet.RESOLVERS[0]),
    Habit("camera-stream", (Role.CAMERA,), 1.0, "video", (600, 600), 0.02, (Role.APPLICATION,)),
    Habit("register", (Role.PHONE,), 1.0, "sip", (60, 120), 0.05, (Role.APPLICATION,)),
    Habit("agent", SERVERS, 1.0, "agent", (30, 60), 0.03, (Role.MONITORING,)),
    Habit("logs", SERVERS, 0.9, "syslog", (15, 90), 0.5, (Role.MONITORING,)),
    Habit("licence", (Role.APPLICATION,), 0.8, "tls-poll", (300, 3600), 0.02, "licence", 10),
    Habit("pool", (Role.APPLICATION,), 0.9, "sql-long", (900, 1800), 0.2, (Role.DATABASE,)),
    Habit("replicate", (Role.DOMAIN,), 1.0, "rpc-high", (300, 900), 0.1, (Role.DOMAIN,)),
    Habit("mirror", (Role.FILES, Role.DATABASE), 0.8, "replica", (900, 3600), 0.05, (Role.FILES, Role.BACKUP)),
    Habit("backup", SERVERS, 0.95, "backup", (_DAY, _DAY), 0.01, (Role.BACKUP,), phase=(0.5, 4.5)),
    Habit("off-site", (Role.BACKUP, Role.DATABASE), 0.9, "upload", (_DAY, _DAY), 0.03, "off-site", 2, phase=(3.0, 6.0)),
    Habit("desk-backup", _DESK, 0.3, "tls-upload", (7200, 28_800), 0.3, "cloud-drive", 4),
)


def build_tasks(network: Network) -> Tasks:
    """Everything that runs by the clock on this network; the same for the same network."""
    rng = np.random.default_rng([network.seed, 2])
    parts = [_tasks_of(habit, network, rng) for habit in HABITS]
    parts += [_checks(network, rng), _configuration_runs(network, rng), _inventory(network, rng)]
    return Tasks(*(np.concatenate(columns) for columns in zip(*map(_columns, parts), strict=True)))


def _columns(tasks: Tasks) -> tuple[NDArray[np.generic], ...]:
    return (
        tasks.host, tasks.dst, tasks.site, tasks.service, tasks.port, tasks.period, tasks.jitter, tasks.phase,
        tasks.dead,
    )  # fmt: skip


def _tasks_of(habit: Habit, network: Network, rng: np.random.Generator) -> Tasks:
    rows = network.rows(*habit.who)
    rows = rows[rng.random(len(rows)) < habit.share]
    n = len(rows)
    dst = np.full(n, _BY_SITE, dtype=np.int64)
    site = np.zeros(n, dtype=np.int64)
    if isinstance(habit.to, str):
        group = sum(habit.to.encode()) * 97
        site = group + (habit.sites * rng.random(n) ** 2).astype(np.int64)
    elif isinstance(habit.to, int):
        dst[:] = habit.to
    else:
        pool = network.addresses(*habit.to)
        choice = rng.integers(0, len(pool), n)
        itself = pool[choice] == network.address[rows]
        dst = pool[(choice + itself) % len(pool)]
    period = rng.uniform(*habit.period, n)
    phase = rng.random(n) * period if habit.phase is None else rng.uniform(*habit.phase, n) * 3600
    return _tasks(rows, dst, site, habit.service, period, habit.jitter, phase, rng.random(n) < _DEAD, habit.port)


def _tasks(  # noqa: PLR0917 - in the order of the columns
    rows: Numbers,
    dst: Numbers,
    site: Numbers | int,
    service: str,
    period: NDArray[np.float64] | float,
    jitter: float,
    phase: NDArray[Any],
    dead: NDArray[np.bool_] | bool,
    port: NDArray[np.int64] | int = 0,
) -> Tasks:
    n = len(rows)
    return Tasks(
        host=rows.astype(np.int32),
        dst=dst,
        site=np.broadcast_to(np.asarray(site, dtype=np.int64), (n,)),
        service=np.full(n, INDEX[service], dtype=np.int16),
        port=np.broadcast_to(np.asarray(port, dtype=np.int32), (n,)),
        period=np.broadcast_to(np.asarray(period, dtype=np.float64), (n,)),
        jitter=np.full(n, jitter),
        phase=phase,
        dead=np.broadcast_to(np.asarray(dead, dtype=np.bool_), (n,)),
    )


def _checks(network: Network, rng: np.random.Generator) -> Tasks:
    """Health checks: the monitoring server pings, asks by SNMP and connects to whatever it is told to watch."""
    watched = network.addresses(*SERVERS, Role.PRINTER, Role.CAMERA)
    watcher = network.rows(Role.MONITORING)
    parts = []
    for service, period in (("ping", 60.0), ("snmp", 300.0), ("check", 60.0)):
        dst = watched if service != "check" else network.addresses(*SERVERS)
        rows = watcher[rng.integers(0, len(watcher), len(dst))]
        phase = rng.random(len(dst)) * period
        parts.append(_tasks(rows, dst, 0, service, period, 0.01, phase, rng.random(len(dst)) < _DEAD))
    return Tasks(*(np.concatenate(columns) for columns in zip(*map(_columns, parts), strict=True)))


def _configuration_runs(network: Network, rng: np.random.Generator) -> Tasks:
    """Configuration management: one host opens SSH to every server, all within a minute, twice an hour."""
    dst = network.addresses(*SERVERS)
    runner = network.rows(Role.MANAGEMENT)
    rows = runner[rng.integers(0, len(runner), len(dst))]
    return _tasks(rows, dst, 0, "ssh-run", 1800.0, 0.005, 60 + rng.random(len(dst)) * 40, False)


def _inventory(network: Network, rng: np.random.Generator) -> Tasks:
    """A benign scanner: every night the monitoring server tries a few ports on every address of the subnets."""
    ports = np.array([22, 80, 443, 445, 3389])
    bases = network.subnets()[:12]
    dst = (bases[:, None] + np.arange(1, 255)[None, :]).ravel()
    watcher = int(network.rows(Role.MONITORING)[0])
    n = len(dst) * len(ports)
    phase = 2.2 * 3600 + np.arange(n) * (3000.0 / n)
    rows = np.full(n, watcher, dtype=np.int64)
    order = rng.permutation(n)
    return _tasks(
        rows,
        np.repeat(dst, len(ports))[order],
        0,
        "inventory",
        _DAY,
        0.0,
        phase,
        False,
        np.tile(ports, len(dst))[order],
    )


def due_within(tasks: Tasks, start: float, end: float) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The number of each task's first run within [start, end), and how many runs are due there."""
    first = np.ceil((start - tasks.phase) / tasks.period)
    last = np.ceil((end - tasks.phase) / tasks.period)
    return first, (last - first).astype(np.int64)


def runs(tasks: Tasks, stretch: Stretch) -> Intents:
    """All runs that are due within the stretch, of hosts that are awake; jitter may put them later."""
    network, rng = stretch.network, stretch.rng
    first, counts = due_within(tasks, stretch.start, stretch.end)
    task = np.repeat(np.arange(len(tasks)), counts)
    nth = np.arange(len(task)) - np.repeat(np.cumsum(counts) - counts, counts)
    due = tasks.phase[task] + (first[task] + nth) * tasks.period[task]
    there = stretch.present(tasks.host[task], due.clip(stretch.start, np.nextafter(stretch.end, 0)))
    task, due = task[there], due[there]
    ts = due + rng.random(len(task)) * tasks.jitter[task] * tasks.period[task]
    sited = tasks.dst[task] == _BY_SITE
    dst = np.where(sited, internet.site_addresses(tasks.site[task], ts, network.seed), tasks.dst[task])
    refused = (addresses.unit(task, 41) < 0.4) & (PROTOCOL[tasks.service[task]] == TCP)
    state = np.where(tasks.dead[task], np.where(refused, REJ, S0), -1)
    src = network.address[tasks.host[task]]
    src = np.where(dst > addresses.BROADCAST, src + addresses.LINK_LOCAL_V6, src)
    return Intents.of(ts, src, dst, tasks.service[task], tasks.port[task], _own_port(tasks, task), state)


_SAME_PORT = {"ntp": 123, "mdns": 5353, "netbios": 137, "dhcp": 68, "lan-sync": 17500, "sip": 5060}
_SAME_PORTS = np.zeros(len(INDEX), dtype=np.int32)
for _name, _port in _SAME_PORT.items():
    _SAME_PORTS[INDEX[_name]] = _port


def _own_port(tasks: Tasks, task: Numbers) -> NDArray[np.int32]:
    """Some protocols send from a port of their own."""
    return np.asarray(_SAME_PORTS[tasks.service[task]])
