"""An incident: alerts that belong together, summed up within fixed bounds; and the guess at what kind of attack it is.

Times are those of the flows, in seconds since 1970. Everything here is plain data that can be frozen and restored.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Annotated, Literal, NamedTuple

import msgspec

MAX_DISTINCT = 32
"""Addresses or ports that an incident lists; rules ask for fewer, and a count at this bound means *or more*."""

STRONGEST = 5
"""Flows that an incident shows: those with the highest scores."""

LEADING = 3
"""Top features of an alert that tell which incident it belongs to."""

LOGIN_PORTS = frozenset({21, 22, 23, 139, 389, 445, 1433, 3306, 3389, 5432, 5900, 5985, 6379, 8291})
"""FTP, SSH, Telnet, SMB, LDAP, databases, remote desktops and administration: where passwords are tried."""

MEBIBYTE = 1 << 20

STEPS = ("open", "update", "close")
"""What is told of an incident, and when."""

Focus = Literal["both", "source", "destination"]
"""What the alerts have in common: their source, their destination, or so far both."""

_SCALE = re.compile(r"_\d+[smhd]$")


_LARGEST = 1e300
_MOST = 1 << 62

Name = Annotated[str, msgspec.Meta(max_length=256)]
Sentence = Annotated[str, msgspec.Meta(max_length=8_192)]
Count = Annotated[int, msgspec.Meta(ge=0, le=_MOST)]
Port = Annotated[int, msgspec.Meta(ge=0, le=65_535)]
Level = Annotated[int, msgspec.Meta(ge=2, le=5)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Figure = Annotated[float, msgspec.Meta(ge=-_LARGEST, le=_LARGEST)]
Length = Annotated[float, msgspec.Meta(ge=0, le=_LARGEST)]
Names = Annotated[list[Name], msgspec.Meta(max_length=MAX_DISTINCT)]
"""Bounds that are held against what is read back: state may come from anyone who can write where it is kept."""


class Strong(msgspec.Struct, kw_only=True):
    """One of the strongest flows."""

    alert: Name
    score: Figure
    ts: Figure
    src_ip: Name
    dst_ip: Name
    dst_port: Port | None
    proto: Name
    why: Sentence


class Incident(msgspec.Struct, kw_only=True):
    """One incident; mutable, and bounded whatever is added."""

    id: Name
    number: Count
    """How many of its partition began before it."""
    focus: Focus
    src_ip: Name
    """Of the first alert; all have it unless the focus is the destination."""
    dst_ip: Name
    """Of the first alert; all have it unless the focus is the source."""
    themes: Names
    """The leading features of the first alert, half-lives and units aside."""
    first_seen: Figure
    last_seen: Figure
    count: Count = 0
    peak_score: Figure = 0.0
    lowest_p: Share = 1.0
    severity: Level = 0
    sources: Names = []
    destinations: Names = []
    ports: Annotated[list[Port], msgspec.Meta(max_length=MAX_DISTINCT)] = []
    port_alerts: Annotated[list[Count], msgspec.Meta(max_length=MAX_DISTINCT)] = []
    """How many alerts each of ``ports`` had."""
    unanswered: Count = 0
    src_bytes: Count = 0
    dst_bytes: Count = 0
    longest_s: Length = 0.0
    dns: Count = 0
    latest_start: Figure = 0.0
    gaps: Count = 0
    gap_mean: Length = 0.0
    gap_m2: Length = 0.0
    """Mean and sum of squared deviations of the gaps between starts, in seconds (Welford 1962)."""
    strongest: Annotated[list[Strong], msgspec.Meta(max_length=STRONGEST)] = []
    models: Names = []
    told_count: Count = 0
    told_at: Figure = 0.0
    told_severity: Count = 0
    revision: Count = 0
    """How often it was told."""

    def copy(self) -> Incident:
        """The incident as it is now, which later alerts do not change."""
        lists = {name: getattr(self, name).copy() for name in _LISTS}
        return msgspec.structs.replace(self, **lists)

    @property
    def unanswered_share(self) -> float:
        """Share of the alerts whose flow got no answer or was never established."""
        return self.unanswered / self.count if self.count else 0.0

    @property
    def per_second(self) -> float:
        """Alerts a second, over one second at least."""
        return self.count / max(self.last_seen - self.first_seen, 1.0)

    @property
    def gap_variation(self) -> float:
        """Standard deviation of the gaps over their mean; infinite while there are fewer than three."""
        if self.gaps < 3 or self.gap_mean <= 0:
            return float("inf")
        return float((self.gap_m2 / self.gaps) ** 0.5 / self.gap_mean)

    def leads(self, *themes: str) -> bool:
        """Whether one of these features is among the leading ones."""
        return any(theme in self.themes for theme in themes)


@lru_cache(4_096)  # there are as many as features
def theme(feature: str) -> str:
    """A feature's name without its half-life and unit: ``source_peers_10m`` and ``source_peers_1h`` are one theme."""
    return _SCALE.sub("", feature).removesuffix("_log")


_LISTS = ("themes", "sources", "destinations", "ports", "port_alerts", "strongest", "models")


@lru_cache(65_536)
def is_shared(address: str) -> bool:
    """Whether an address is multicast or broadcast: nobody answers there, and many send there."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return parsed.is_multicast or (parsed.version == 4 and parsed.packed[-1] == 255)


class Rule(NamedTuple):
    """How a kind is guessed."""

    kind: str
    states: str
    """What the rule asks for, in words; part of every incident that it names."""
    holds: Callable[[Incident], bool]


def _scan(incident: Incident) -> bool:
    targets = max(len(incident.destinations), len(incident.ports))
    early = incident.leads("source_peers", "source_ports", "pair_ports") and incident.count >= 2
    return incident.focus != "destination" and incident.unanswered_share >= 0.5 and (targets >= 10 or early)


def _brute_force(incident: Incident) -> bool:
    login = len(incident.ports) == 1 and incident.ports[0] in LOGIN_PORTS
    return login and incident.count >= 5 and incident.unanswered_share < 0.5 and incident.longest_s <= 120.0


def _flood(incident: Incident) -> bool:
    one_target = len(incident.destinations) == 1 and not is_shared(incident.dst_ip)
    one_port = 2 * max(incident.port_alerts, default=incident.count) >= incident.count
    many = incident.count >= 100 and incident.per_second >= 10.0
    spread = len(incident.sources) >= 20 and incident.unanswered_share >= 0.5
    return one_target and one_port and (many or spread)


def _exfiltration(incident: Incident) -> bool:
    large = incident.src_bytes >= 10 * MEBIBYTE and incident.src_bytes >= 5 * incident.dst_bytes
    by_dns = incident.dns >= 5 and incident.dns == incident.count and incident.src_bytes >= 150 * incident.count
    return incident.focus != "destination" and (large or by_dns)


def _beacon(incident: Incident) -> bool:
    one_target = len(incident.destinations) == 1 and len(incident.ports) <= 1 and len(incident.sources) == 1
    return one_target and incident.gap_mean >= 1.0 and incident.gap_variation <= 0.3


RULES: tuple[Rule, ...] = (
    Rule(
        "scan",
        "one source; half of the flows or more unanswered; 10 destinations or ports or more, or a number of peers or"
        " ports as a leading feature of two alerts or more",
        _scan,
    ),
    Rule(
        "flood",
        "one destination, neither multicast nor broadcast; half of the alerts or more at one port; 100 alerts at 10 a"
        " second or more, or 20 sources with half of the flows or more unanswered",
        _flood,
    ),
    Rule(
        "brute force",
        "one port where people log in; 5 alerts or more, most of them answered, none longer than two minutes",
        _brute_force,
    ),
    Rule(
        "exfiltration",
        "one source; 10 MiB or more sent, at least five times what came back; or 5 DNS flows or more, nothing else,"
        " with 150 bytes or more sent by each on average",
        _exfiltration,
    ),
    Rule(
        "beacon",
        "one source, one destination, one port; 4 alerts or more, a second or more apart, the gaps varying by 30 % of"
        " their mean at most",
        _beacon,
    ),
    Rule("other", "none of the other rules", lambda _: True),
)
"""Asked in this order; the first that holds names the kind. ``docs/alerts.md`` shows the same words."""

KINDS = tuple(rule.kind for rule in RULES)


def guess(incident: Incident) -> Rule:
    """The rule that names the incident's kind."""
    return next(rule for rule in RULES if rule.holds(incident))
