"""The simulator's attacks, transplanted: renamed to inside hosts of the user's, and moved into a stretch of their time.

The user's own flows stay as they are. An attacker inside becomes one of the user's inside hosts, chosen among those
that send flows then, and goes on with its own work; a server that is attacked becomes a host that serves that port,
where there is one; any other inside victim one of the user's hosts, and when these run out, an address of their subnets
that nobody has. Who is outside keeps its address. Columns that the user's records never fill are emptied, and numbers
of the user's own (``input.extra``), which the simulator does not know, are those of other flows, drawn at random: so
nothing gives the attacks away but what they do.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.features.extra import extra_columns
from detector.net.addresses import BROADCAST, MULTICAST, PRIVATE, read_addresses
from detector.net.directions import directions_of
from detector.net.networks import NOWHERE, Networks
from detector.records.flow import DIRECTIONS, LABEL, SCHEMA
from training.simulator.addresses import inside as simulated_inside
from training.simulator.attacks import ATTACKS, USUAL_ATTACKS, launch
from training.simulator.flows import Intents
from training.simulator.frames import ATTACK_ID, to_frame
from training.simulator.hosts import SERVERS, Network, build_network
from training.simulator.outcomes import realise
from training.watched import Watched

MOST_FLOWS = 1000
"""Of one attack: a flood of more would be most of what is tested."""

SIMULATED_HOSTS = 60
ENTERED = 0.9
"""Attacks begin within this first part of the stretch, so that they have room."""

LEAST_SERVED = 3
"""So many answered flows at a port make a host a server of it."""


@dataclass(frozen=True, slots=True)
class Hosts:
    """The user's inside hosts in a stretch of time."""

    every: dict[str, None]
    """In order."""
    senders: tuple[str, ...]
    """Those that begin flows."""
    servers: dict[int, tuple[str, ...]]
    """By port."""
    subnets: tuple[str, ...]
    """What addresses of their subnets begin with."""
    networks: Networks

    @classmethod
    def of(cls, frame: pl.DataFrame, networks: Networks = NOWHERE) -> Self:
        """Read them from benign flows."""
        source, destination = inside_addresses(frame["src_ip"], networks), inside_addresses(frame["dst_ip"], networks)
        senders = frame["src_ip"].filter(pl.Series(source)).unique().sort().to_list()
        answered = frame.filter(pl.Series(destination) & pl.col("dst_bytes").fill_null(1).gt(0))
        served = answered.group_by("dst_port", "dst_ip").len().filter(pl.col("len") >= LEAST_SERVED)
        served = served.drop_nulls().sort("dst_port", "dst_ip")
        every = sorted({*senders, *answered["dst_ip"].unique().to_list()})
        servers = {
            int(port): tuple(hosts)
            for port, hosts in served.group_by("dst_port", maintain_order=True).agg(pl.col("dst_ip")).rows()
        }
        subnets = tuple(dict.fromkeys(map(subnet_start, every)))
        return cls(dict.fromkeys(every), tuple(senders), servers, subnets, networks)


def inside_addresses(column: pl.Series, networks: Networks = NOWHERE) -> NDArray[np.bool_]:
    """Which addresses are of one inside host; shape (rows,)."""
    kinds = read_addresses(column, networks).kinds
    mask: NDArray[np.bool_] = (kinds & PRIVATE > 0) & (kinds & (MULTICAST | BROADCAST) == 0)
    return mask


def transplanted(
    frame: pl.DataFrame,
    start: float,
    end: float,
    *,
    each: int,
    seed: int,
    networks: Networks = NOWHERE,
    kinds: tuple[str, ...] = USUAL_ATTACKS,
) -> pl.DataFrame | None:
    """Give ``each`` attacks of every kind, from ``start`` to before ``end``, on the hosts of ``frame``, its columns.

    With LABEL (the kind) and ATTACK_ID, in order of time. None where no inside host begins a flow then.
    """
    ts = frame["ts"].to_numpy()
    within = frame.filter(pl.Series((ts >= start) & (ts < end)))
    hosts = Hosts.of(within, networks)
    if not hosts.senders:
        return None
    watched = Watched.of(within["ts"].to_numpy())
    network = build_network(SIMULATED_HOSTS, seed)
    frames = []
    for number in range(each * len(kinds)):
        rng = np.random.default_rng([seed, 17, number])
        kind = kinds[number % len(kinds)]
        begins = float(watched.moments(np.array([rng.uniform(0.0, ENTERED) * watched.seconds]))[0])
        flows = max(ATTACKS[kind].fewest, min(MOST_FLOWS, int(ATTACKS[kind].usual * rng.lognormal(0.0, 0.6))))
        frames.append(_one(kind, number, network, hosts, rng, max(begins, start), end, flows))
    return like(pl.concat(frames).sort("ts", maintain_order=True), frame, np.random.default_rng([seed, 19]))


def _one(  # noqa: PLR0917 - one attack
    kind: str, number: int, network: Network, hosts: Hosts, rng: np.random.Generator, start: float, end: float,
    flows: int,
) -> pl.DataFrame:  # fmt: skip
    attack, intents = launch(kind, number, network, rng, start=start, end=end, flows=flows)
    happened = realise(intents, rng)
    happened.attack = np.zeros(len(happened), np.int32)
    frame = to_frame(happened, [attack.id], [kind], number << 24, int(rng.integers(1 << 30)))
    renames = _renames(kind, frame, intents, network, hosts, rng)
    frame = frame.with_columns(pl.col("src_ip", "dst_ip").replace(renames))
    direction = pl.Series(DIRECTIONS).gather(directions_of(frame, hosts.networks))
    return frame.with_columns(direction.alias("direction"))


def _renames(  # noqa: PLR0917 - one attack
    kind: str, frame: pl.DataFrame, intents: Intents, network: Network, hosts: Hosts, rng: np.random.Generator
) -> dict[str, str]:
    """New names of the simulated inside addresses, each its own."""
    source, destination = intents.src, intents.dst
    names = dict(zip(source.tolist(), frame["src_ip"], strict=True)) | dict(
        zip(destination.tolist(), frame["dst_ip"], strict=True)
    )
    attackers = np.unique(source[simulated_inside(source)])
    victims = np.unique(destination[simulated_inside(destination)])
    taken: dict[int, str] = {}
    for attacker in attackers.tolist():
        taken[attacker] = _pick(hosts.senders, taken, rng) or hosts.senders[0]
    served = int(frame["dst_port"].mode().sort()[0])
    servers = set(network.addresses(*SERVERS).tolist())
    scan = kind in {"vertical-scan", "horizontal-scan"}
    used, spare = set(taken.values()), _spare(hosts)
    for victim in victims.tolist():
        if victim in taken:
            continue
        pool = hosts.servers.get(served, ()) if victim in servers and not scan else ()
        real = victim in network.address
        host = (_pick(pool, taken, rng) or _pick(tuple(hosts.every), taken, rng)) if real else None
        taken[victim] = host or _address_for(victim, hosts, used, spare)
        used.add(taken[victim])
    return {names[number]: name for number, name in taken.items()}


def _pick(pool: tuple[str, ...], taken: dict[int, str], rng: np.random.Generator) -> str | None:
    used = set(taken.values())
    free = [name for name in pool if name not in used]
    return free[int(rng.integers(len(free)))] if free else None


def _address_for(victim: int, hosts: Hosts, used: set[str], spare: Iterator[str]) -> str:
    """An address that nobody has: in one of the hosts' subnets, of the same last byte where there is one."""
    last, count = victim & 0xFF, len(hosts.subnets)
    for place in range(count):
        name = _address_in(hosts.subnets[((victim >> 8) + place) % count], last)
        if name not in hosts.every and name not in used and 0 < last < 255:
            return name
    return next(name for name in spare if name not in used)


def _spare(hosts: Hosts) -> Iterator[str]:
    """Addresses of the subnets, and, when these run out, of others, that no host has."""
    for start in hosts.subnets:
        yield from (name for last in range(1, 255) if (name := _address_in(start, last)) not in hosts.every)
    for far in range(1 << 24):
        if (name := f"10.{far >> 16 & 255}.{far >> 8 & 255}.{far & 255}") not in hosts.every:
            yield name


def _address_in(start: str, last: int) -> str:
    return f"{start}{last:x}" if start.endswith(":") else f"{start}{last}"


def subnet_start(address: str) -> str:
    """The text that addresses of the same /24, of IPv6 the same /64, begin with."""
    if ":" not in address:
        return address.rpartition(".")[0] + "."
    groups = ipaddress.IPv6Address(address.partition("%")[0]).exploded.split(":")[:4]
    return ":".join(f"{int(group, 16):x}" for group in groups) + "::"


def like(attacks: pl.DataFrame, frame: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """Have the attacks the columns of the user's ``frame``; those are empty that it never fills."""
    schema = {name: dtype for name, dtype in frame.schema.items() if name not in {LABEL, ATTACK_ID}}
    never = {name for name in schema if name in SCHEMA and frame[name].null_count() == len(frame)}
    own = frame[rng.integers(len(frame), size=len(attacks))].select(extra_columns(frame))
    columns = [
        (pl.lit(None) if name in never or name not in attacks.columns else pl.col(name)).cast(dtype).alias(name)
        for name, dtype in schema.items()
    ]
    return attacks.select(*columns, pl.col(LABEL), pl.col(ATTACK_ID)).with_columns(own)


def among(frame: pl.DataFrame, attacks: pl.DataFrame) -> tuple[pl.DataFrame, NDArray[np.intp]]:
    """Put attacks among flows, in order of time; and tell the place of each of the frame's own rows."""
    own = frame.drop(LABEL, ATTACK_ID, strict=False)
    parts = [own.with_columns(pl.lit(None, pl.String).alias(LABEL), pl.lit(None, pl.String).alias(ATTACK_ID)), attacks]
    both = pl.concat([part.with_columns(pl.lit(place).alias("__part")) for place, part in enumerate(parts)])
    both = both.sort("ts", "__part", maintain_order=True)
    places = np.flatnonzero(both["__part"].to_numpy() == 0)
    return both.drop("__part"), places
