"""Risk by host: what its incidents come to, the gravest in full, each further one for half as much, fading with time.

Summing risks in descending order with falling weights is how Elastic's entity risk scoring and others do it (there
1 / i^1.5): one grave incident outweighs any number of slight ones, and a second grave one still counts. With halves a
host never comes to more than twice its gravest incident.

An incident is for a host what its risk is, where it is the only one on its side; of several each has its share of the
alerts: a sweep is its source's, and hardly a matter of one of the 254 that it tried. Where addresses tell which side
is inside, only that one counts: these are hosts that somebody can look at.

Pure, and by partition: what another partition knows of a host is another part of it, told under another key.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal, NamedTuple

import msgspec

from detector.incidents.incident import Count, Figure, Incident, Name
from detector.incidents.kinds import Kind

HALF_LIFE_S = 3_600.0
"""Of event time, since an incident's last flow: what was grave an hour ago counts half beside what goes on."""

COUNTED = 8
"""Incidents of a host that count: all further ones together would add less than a point."""

LEAST = 1.0
"""Below so many points nothing is told of a host."""

MAX_HELD = 1_000
"""Incidents of a partition that are over and still count for their hosts; beyond, the one of longest ago is let go."""

MAX_PARTS = 128
"""Hosts of one incident that have a point of it: with 100 points there cannot be more than 100 a side."""

MAX_HOSTS = 1_000
"""Hosts of a partition that are told: those with the highest risks."""

STEP = 5.0
"""Points by which a host's risk has changed where it is told again."""

Role = Literal["attacker", "attacked"]

Points = Annotated[float, msgspec.Meta(ge=0, le=100)]

Parts = Annotated[dict[Name, Points], msgspec.Meta(max_length=MAX_PARTS)]


class Held(msgspec.Struct, frozen=True):
    """What an incident is for its hosts: points by address."""

    incident: Name
    kind: Name
    last_seen: Figure
    attackers: Parts
    attacked: Parts


class Share(NamedTuple):
    """What one incident adds to a host."""

    points: float
    """Faded until now."""
    incident: str
    kind: str
    role: Role
    last_seen: float


Risks = dict[str, tuple[float, tuple[Share, ...]]]
"""By host: its risk, and what it is made of."""


class HostRisk(NamedTuple):
    """One host in one partition."""

    host: str
    partition: int
    as_of: float
    """In event time, seconds since 1970."""
    risk: float
    """0 to 200; 0 once it faded away."""
    shares: tuple[Share, ...]
    """The highest first."""


def held(incident: Incident, kind: Kind) -> Held:
    """What an incident is for its hosts, by its risk as it was told last."""
    mostly = max(incident.directions, key=incident.directions.__getitem__, default="external")
    attackers = {} if mostly == "inbound" else _parts(incident.sources, incident)
    attacked = {} if mostly == "outbound" else _parts(incident.destinations, incident)
    return Held(incident.id, kind.name, incident.last_seen, attackers, attacked)


def _parts(side: Mapping[str, Count], incident: Incident) -> dict[str, float]:
    """Points by address, of those that have any."""
    points = {address: incident.risk * count / incident.count for address, count in side.items()}
    return {address: value for address, value in points.items() if value >= LEAST}


def risks(incidents: Iterable[Held], now: float) -> Risks:
    """By host: its risk now and what it is made of; those with the highest, of which something is told."""
    shares: dict[str, list[Share]] = {}
    for each in incidents:
        fade = fading(each, now)
        sides: tuple[tuple[Role, Mapping[str, float]], ...] = ("attacker", each.attackers), ("attacked", each.attacked)
        for role, side in sides:
            for address, points in side.items():
                if points * fade >= LEAST:
                    share = Share(points * fade, each.incident, each.kind, role, each.last_seen)
                    shares.setdefault(address, []).append(share)
    found = {address: counted(of) for address, of in shares.items()}
    highest = sorted(found.items(), key=lambda each: (-each[1][0], each[0]))[:MAX_HOSTS]
    return dict(highest)


def counted(shares: Iterable[Share]) -> tuple[float, tuple[Share, ...]]:
    """What these come to, and those of them that count, in descending order."""
    highest = tuple(shares)
    if len(highest) == 1:  # as most hosts have it
        return highest[0].points, highest
    highest = tuple(sorted(highest, key=lambda each: (-each.points, each.incident, each.role))[:COUNTED])
    return sum(share.points / 2**place for place, share in enumerate(highest)), highest


def fading(each: Held, now: float) -> float:
    """The share of its points that is left."""
    return float(0.5 ** (max(now - each.last_seen, 0.0) / HALF_LIFE_S))


def has_faded(each: Held, now: float) -> bool:
    """Whether no host has a point of it any more."""
    most = max([*each.attackers.values(), *each.attacked.values()], default=0.0)
    return most * fading(each, now) < LEAST
