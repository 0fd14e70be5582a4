"""Which incidents somebody asks for: since when, how severe, of which hosts and kinds."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Network

from detector.casebook.told import LEVELS, Told
from detector.errors import ConfigurationError

_UNITS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3_600.0, "d": 86_400.0, "w": 604_800.0}

_SPAN = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*(s|m|min|h|d|w)")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an incident must have; the default asks for nothing."""

    since: float | None = None
    """Its last flow is not before, in seconds since 1970."""
    least: int = 0
    """The least severity, by its place in :data:`LEVELS`."""
    hosts: tuple[IPv4Network | IPv6Network, ...] = ()
    """One of the addresses that it lists is in one of these."""
    kinds: frozenset[str] = frozenset()
    suppressed: bool = True
    """Whether one that suppressions hide is wanted, too."""

    def fits(self, told: Told) -> bool:
        """Whether the incident has it all."""
        ours = told.ours
        return (
            (self.since is None or ours.last_seen >= self.since)
            and told.level >= self.least
            and (not self.kinds or ours.kind in self.kinds)
            and (self.suppressed or not ours.suppressed_by)
            and (not self.hosts or any(self._is_meant(each) for each in (*ours.sources, *ours.destinations)))
        )

    def _is_meant(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self.hosts)


def parse_since(text: str | None, now: float) -> float | None:
    """A time (ISO 8601, UTC where no zone is given), or how long before ``now``. Raises ConfigurationError."""
    if text is None:
        return None
    if found := _SPAN.fullmatch(text.strip().lower()):
        return now - float(found[1]) * _UNITS[found[2]]
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(
            f"--since {text}: give how long ago, such as 90s, 15m, 2h or 7d, or a time such as 2026-11-24T08:00:00Z"
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def parse_level(text: str | None) -> int:
    """A severity's place in :data:`LEVELS`. Raises ConfigurationError."""
    if text is None:
        return 0
    if text.lower() not in LEVELS:
        raise ConfigurationError(f"--severity {text}: choose one of {', '.join(LEVELS)}")
    return LEVELS.index(text.lower())


def parse_hosts(texts: list[str] | None) -> tuple[IPv4Network | IPv6Network, ...]:
    """Addresses or networks. Raises ConfigurationError."""
    try:
        return tuple(ipaddress.ip_network(text.strip(), strict=False) for text in texts or ())
    except ValueError as error:
        raise ConfigurationError(f"--host: {error}; give an address such as 10.0.0.7, or a network") from None


def parse_kinds(texts: list[str] | None, names: Collection[str]) -> frozenset[str]:
    """Those of ``names`` that are asked for; ``dns-tunnel`` is ``dns tunnel``. Raises ConfigurationError."""
    kinds = {text: " ".join(re.split(r"[-_\s]+", text.strip().lower())) for text in texts or ()}
    for text, kind in kinds.items():
        if kind not in names:
            raise ConfigurationError(f"--kind {text}: choose one of {', '.join(names)}")
    return frozenset(kinds.values())
