"""An incident: alerts that belong together, summed up within fixed bounds; and the guess at what kind of attack it is.

Times are those of the flows, in seconds since 1970. Everything here is plain data that can be frozen and restored.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import Annotated, Literal

import msgspec

MAX_DISTINCT = 32
"""Addresses or ports that an incident lists; rules ask for fewer, and a count at this bound means *or more*."""

STRONGEST = 5
"""Flows that an incident shows: those with the highest scores."""

LEADING = 3
"""Top features of an alert that tell which incident it belongs to."""


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
