"""The kinds of incident: what each asks for, and which one an incident is guessed to be."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from detector.incidents.incident import Incident, is_shared

LOGIN_PORTS = frozenset({21, 22, 23, 139, 389, 445, 1433, 3306, 3389, 5432, 5900, 5985, 6379, 8291})
"""FTP, SSH, Telnet, SMB, LDAP, databases, remote desktops and administration: where passwords are tried."""

MEBIBYTE = 1 << 20


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
