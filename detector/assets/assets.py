"""Hosts and networks by name, role and weight, and an allow-list of known scanners; the longest prefix wins.

Pure: made once from what :mod:`detector.assets.read` reads, then asked for each alert.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network
from typing import Generic, TypeVar

Network = IPv4Network | IPv6Network

UNNAMED_KIND = "other"
"""What every incident is taken for until more is known: a rule for some kinds holds for it too."""

EVERYTHING = tuple(map(ipaddress.ip_network, ("0.0.0.0/0", "::/0")))

INSIDE = (
    tuple(map(ipaddress.ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))),
    (ipaddress.ip_network("fc00::/7"),),
)
"""Private networks (RFC 1918, RFC 4193): whoever allows all of a family allows every inside host."""

SOON_DAYS = 14
"""Before its end a rule is told, so that there is time to ask whether it is meant to go on."""

_DAYS_UNTIL_1970 = date(1970, 1, 1).toordinal()

_REMEMBERED = 65_536
"""Addresses whose asset is not looked up again."""


@dataclass(frozen=True, slots=True)
class Asset:
    """One host or network."""

    network: Network
    name: str
    role: str = ""
    weight: float | None = None
    """What an incident there is worth beside others: 1 is usual; None where nothing is said."""

    @property
    def label(self) -> str:
        """Such as ``db-prod, database``."""
        return f"{self.name}, {self.role}" if self.role else self.name


@dataclass(frozen=True, slots=True)
class Allowed:
    """A scanner that is known: what it does is no risk until a day is over, UTC."""

    network: Network
    until: date
    reason: str
    ports: frozenset[int] = frozenset()
    """Of destinations; empty for any."""
    kinds: frozenset[str] = frozenset()
    """Of incidents; empty for any."""

    @property
    def words(self) -> str:
        """Such as ``allowed until 2027-01-31: the weekly scan``."""
        return f"allowed until {self.until}: {self.reason}"

    @property
    def ends_s(self) -> float:
        """When the day after begins, in seconds since 1970."""
        return (self.until.toordinal() + 1 - _DAYS_UNTIL_1970) * 86_400.0

    @property
    def who(self) -> str:
        """Its source: an address or a network."""
        return str(self.network[0] if self.network.num_addresses == 1 else self.network)

    def ends_soon(self, today: date) -> str:
        """What to know of its last day: whether it is over, or :data:`SOON_DAYS` away at most; else empty."""
        left = (self.until - today).days
        if left < 0:
            return f"ended on {self.until}: it allows nothing any more; give a later until, or delete the rule"
        if left > SOON_DAYS:
            return ""
        return f"ends on {self.until}, {f'in {left} day' + 's' * (left > 1) if left else 'today'}"

    def holds(self, ts: float, dst_port: int | None) -> bool:
        """Whether it covers a flow of its source, by the flow's own time."""
        return ts < self.ends_s and (not self.ports or dst_port in self.ports)

    def covers(self, kind: str) -> bool:
        """Whether it covers an incident of this kind."""
        return not self.kinds or kind == UNNAMED_KIND or kind in self.kinds


Entry = TypeVar("Entry", Asset, Allowed)


class _ByPrefix(Generic[Entry]):
    """Entries by their networks: as many look-ups for an address as there are lengths of prefixes."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        tables: dict[tuple[int, int], dict[int, list[Entry]]] = {}
        for entry in entries:
            network = entry.network
            table = tables.setdefault((network.version, network.prefixlen), {})
            table.setdefault(int(network.network_address), []).append(entry)
        self._tables: list[tuple[tuple[int, int], dict[int, list[Entry]]]] = sorted(
            tables.items(), key=lambda each: -each[0][1]
        )
        self.holding: Callable[[str], list[Entry]] = lru_cache(_REMEMBERED)(self._holding)

    def _holding(self, address: str) -> list[Entry]:
        """Those that the address is in, the longest prefix first."""
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return []
        host = getattr(parsed, "ipv4_mapped", None) or parsed
        found: list[Entry] = []
        for (version, length), table in self._tables:
            if version == host.version:
                rest = host.max_prefixlen - length
                found += table.get(int(host) >> rest << rest, ())
        return found


class Assets:
    """All that is known."""

    def __init__(self, assets: Sequence[Asset] = (), rules: Sequence[Allowed] = ()) -> None:
        self.assets = tuple(assets)
        self.rules = tuple(rules)
        self._assets = _ByPrefix(self.assets)
        self._rules = _ByPrefix(self.rules)
        self._by_words = {rule.words: rule for rule in self.rules}

    def of(self, address: str) -> Asset | None:
        """The most special one that the address is in, the first of two alike."""
        if not self.assets:
            return None
        found = self._assets.holding(address)
        return found[0] if found else None

    def labels(self, *addresses: str) -> dict[str, str]:
        """Names and roles of those of these that have one."""
        return {each: asset.label for each in addresses if (asset := self.of(each))} if self.assets else {}

    def named(self, address: str) -> str:
        """Such as ``10.0.1.5 (db-prod, database)``."""
        asset = self.of(address)
        return f"{address} ({asset.label})" if asset else address

    def allowed(self, src_ip: str, ts: float, dst_port: int | None) -> Allowed | None:
        """A rule that covers a flow, the most special one of its source."""
        if not self.rules:
            return None
        return next((rule for rule in self._rules.holding(src_ip) if rule.holds(ts, dst_port)), None)

    def rule(self, words: str) -> Allowed | None:
        """The rule that says so, if there is one still."""
        return self._by_words.get(words)

    def worth(self, *addresses: str) -> float | None:
        """The greatest weight of these; None where none has one."""
        weights = [asset.weight for each in addresses if (asset := self.of(each)) and asset.weight is not None]
        return max(weights, default=None)


NOTHING = Assets()
"""Where nothing is known of any host."""


def covers_everything(rules: Iterable[Allowed], kinds: Iterable[str]) -> list[Allowed]:
    """Which rules without a limit together allow all hosts or all inside ones, in their order; else none.

    Those within another of them are left out.
    """
    every = frozenset(kinds)
    bare = [rule for rule in rules if not rule.ports and (not rule.kinds or every - {UNNAMED_KIND} <= rule.kinds)]
    for family, version in zip(INSIDE, (4, 6), strict=True):
        widest = _widest([rule for rule in bare if rule.network.version == version])
        union = list(ipaddress.collapse_addresses(rule.network for rule in widest))  # type: ignore[type-var]
        if all(any(_within(inside, each) for each in union) for inside in family):
            return widest
    return []


def _widest(rules: Sequence[Allowed]) -> list[Allowed]:
    """Those of one family that are within no other, in their order; of equal ones the first."""
    kept: dict[int, Allowed] = {}
    last: Network | None = None
    for place in sorted(range(len(rules)), key=lambda at: (int(rules[at].network[0]), rules[at].network.prefixlen)):
        network = rules[place].network
        if last is None or not _within(network, last):
            kept[place], last = rules[place], network
    return [kept[place] for place in sorted(kept)]


def _within(inner: Network, outer: Network) -> bool:
    if isinstance(inner, IPv4Network) and isinstance(outer, IPv4Network):
        return inner.subnet_of(outer)
    return isinstance(inner, IPv6Network) and isinstance(outer, IPv6Network) and inner.subnet_of(outer)
