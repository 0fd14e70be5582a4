"""Which hosts the incidents are about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from training.hunt.hunting import Found


@dataclass(slots=True)
class Host:
    """One address, and in how many incidents it is."""

    address: str
    gravest: str
    """Severity of the gravest of them."""
    risk: int
    """The highest of theirs."""
    incidents: int = 0
    began: int = 0
    """In which it is a source."""
    suffered: int = 0
    """In which it is a destination."""


def hosts_of(incidents: Sequence[Found]) -> list[Host]:
    """The hosts of incidents that are sorted, the gravest first: by risk, then by in how many they are.

    Of an incident of many addresses those that it lists.
    """
    hosts: dict[str, Host] = {}
    for each in incidents:
        sources, destinations = set(each.ours["sources"]), set(each.ours["destinations"])
        for address in (*each.ours["sources"], *each.ours["destinations"]):
            hosts.setdefault(address, Host(address, each.document["severity"], each.ours["risk"]))
        for address in sources | destinations:
            host = hosts[address]
            host.incidents += 1
            host.began += address in sources
            host.suffered += address in destinations
    return sorted(hosts.values(), key=lambda host: (-host.risk, -host.incidents))
