"""The kinds of incident: one declaration each, which names, explains and documents it.

Rules look at what happened (who, whom, which ports, what answered, when), never at which features led. They are asked
in the order of :data:`KINDS`, and the first that holds names the incident.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from detector.alerts.content import Confidence
from detector.decisions.severity import REPEATED_MOST, REPEATED_POINTS
from detector.incidents.checks import LOGGED_IN, NEW, Check, by_source
from detector.incidents.incident import MAX_DISTINCT, Incident
from detector.net.answers import is_shared
from detector.net.ports import REMOTE_PORTS

LOGIN_PORTS = frozenset({21, 22, 23, 139, 389, 445, 1433, 3306, 3389, 5432, 5900, 5985, 6379, 8291})
"""FTP, SSH, Telnet, SMB, LDAP, databases, remote desktops and administration: where passwords are tried."""

LOCAL_PORTS = frozenset({21, 23, 69, 135, 137, 138, 139, 445, 1433, 3306, 3389, 5432, 5900, 6379})
"""What seldom has a reason to leave a network: files, databases, remote desktops, and logins in the clear."""

WEB_PORTS = frozenset({80, 443})

CALL_PORTS = frozenset({3478, 3479, 3480, 3481})
"""STUN and TURN: sound and pictures of calls and meetings go by such relays."""

MEBIBYTE = 1 << 20


class Technique(NamedTuple):
    """Of MITRE ATT&CK for enterprises."""

    id: str
    name: str


class Tactic(NamedTuple):
    """Of MITRE ATT&CK for enterprises."""

    id: str
    name: str


DISCOVERY = Tactic("TA0007", "Discovery")
IMPACT = Tactic("TA0040", "Impact")
CREDENTIALS = Tactic("TA0006", "Credential Access")
CONTROL = Tactic("TA0011", "Command and Control")
EXFILTRATION = Tactic("TA0010", "Exfiltration")
LATERAL = Tactic("TA0008", "Lateral Movement")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of incident."""

    name: str
    title: str
    """Its headline, with ``{source}``, ``{destination}``, ``{port}`` and ``{target}`` (destination and port) in it."""
    states: str
    """What the rule asks for, in words; part of every incident that it names."""
    holds: Callable[[Incident], bool]
    meaning: str
    """What somebody who meets one should know."""
    confidence: Confidence
    innocent: tuple[str, ...]
    """Usual causes that are no attack."""
    check: tuple[str | Check, ...]
    """What to look at, in this order; see :meth:`checks`."""
    tactic: Tactic | None = None
    techniques: tuple[Technique, ...] = ()
    """The chief one first."""
    weight: int = field(kw_only=True)
    """What it adds to an incident's risk: how much harm it does, and how sure the kind is; half a band is 13."""
    wants_answer: bool = field(default=True, kw_only=True)
    """Whether it did less where nothing answered."""
    repeated_most: float = field(default=REPEATED_MOST, kw_only=True)
    """What the number of its alerts may add to the risk."""

    def checks(self, incident: Incident) -> list[str]:
        """What to look at in this incident, in this order."""
        return [each.of(incident) if isinstance(each, Check) else each for each in self.check]

    def checks_in_general(self) -> list[str]:
        """The same for any incident of this kind."""
        return [each.in_general() if isinstance(each, Check) else each for each in self.check]


def _one_target(incident: Incident) -> bool:
    return len(incident.destinations) == 1 and not is_shared(incident.dst_ip)


def _one_source(incident: Incident) -> bool:
    return len(incident.sources) == 1


def _leaves(incident: Incident) -> bool:
    """Whether most of it goes from inside to outside."""
    return 2 * incident.directions.get("outbound", 0) > incident.count


def is_flood(alerts: int, per_second: float, sources: int, unanswered_share: float) -> bool:
    """Whether so many alerts at one service are a flood: by their rate, or by a crowd that gets no answer."""
    return (alerts >= 100 and per_second >= 10.0) or (sources >= 20 and unanswered_share >= 0.5)


def _flood(incident: Incident) -> bool:
    main = incident.main_port
    one_port = main is None or 2 * incident.ports[main] >= incident.count
    many = is_flood(incident.count, incident.per_second, len(incident.sources), incident.unanswered_share)
    return _one_target(incident) and one_port and many


def _scan(incident: Incident) -> bool:
    wide = len(incident.ports) >= 10 and len(incident.ports) > len(incident.destinations)
    return _one_source(incident) and wide and incident.unanswered_share >= 0.5


def _sweep(incident: Incident) -> bool:
    return _one_source(incident) and len(incident.destinations) >= 10 and incident.unanswered_share >= 0.5


def _brute_force(incident: Incident) -> bool:
    main = incident.main_port
    login = main in LOGIN_PORTS and 10 * incident.ports.get(main or 0, 0) >= 9 * incident.count
    often = incident.count >= 4 * max(len(incident.destinations), len(incident.sources))
    return login and often and incident.unanswered_share < 0.5 and incident.longest_s <= 120.0


def _dns_tunnel(incident: Incident) -> bool:
    asked = incident.count >= 5 and 10 * incident.dns >= 9 * incident.count and incident.unanswered_share < 0.5
    long = incident.src_bytes >= 100 * incident.count
    return _one_source(incident) and asked and long and not is_shared(incident.dst_ip)


def _exfiltration(incident: Incident) -> bool:
    calls = incident.share_at(CALL_PORTS) > 0.5
    large = incident.src_bytes >= 10 * MEBIBYTE and incident.src_bytes >= 5 * incident.dst_bytes
    return _one_source(incident) and _leaves(incident) and large and incident.answers >= 1 and not calls


def _lateral(incident: Incident) -> bool:
    ways = len(REMOTE_PORTS.intersection(incident.ports))
    reach = len(incident.destinations) >= 3 or ways >= 2 or incident.count >= 5
    within = 2 * (incident.directions.get("internal", 0) + incident.directions.get("inbound", 0)) > incident.count
    worked = incident.share_at(REMOTE_PORTS) >= 0.5 and incident.unanswered_share < 0.5
    return _one_source(incident) and reach and worked and (within or ways >= 2)


def _beacon(incident: Incident) -> bool:
    one = _one_source(incident) and _one_target(incident) and len(incident.ports) <= 1
    if one and incident.rhythm is not None:
        return True
    by_the_clock = len(incident.gaps) >= 3 and incident.gap >= 1.0 and incident.gap_variation <= 0.3
    within = 2 * incident.directions.get("internal", 0) > incident.count
    return one and by_the_clock and incident.seconds >= 60.0 and not within and not incident.dns


def _control(incident: Incident) -> bool:
    one = _one_source(incident) and _one_target(incident) and len(incident.ports) <= 2
    lasts = incident.count >= 4 and incident.seconds >= 60.0
    browsed = incident.main_port in WEB_PORTS and incident.dst_bytes > 5 * incident.src_bytes
    return one and _leaves(incident) and lasts and not browsed and not incident.dns


def _policy(incident: Incident) -> bool:
    off = incident.off_port >= 1 and 2 * incident.off_port >= incident.count
    local = _leaves(incident) and incident.answers >= 1 and incident.share_at(LOCAL_PORTS) >= 0.5
    return off or local


KINDS: tuple[Kind, ...] = (
    Kind(
        "dns tunnel",
        "DNS tunnel? {source} → {target}",
        "one source, to neither multicast nor broadcast; 5 alerts or more, nine of ten of them DNS and most of them"
        " answered; 100 bytes or more sent by each on average",
        _dns_tunnel,
        "DNS questions that are long and many carry data, past filters that let DNS through.",
        "likely",
        (
            "anti-virus and reputation services that ask by DNS",
            "a mail server that looks up block lists",
            "a first transfer of a zone",
        ),
        (
            "which names were asked for, by the flows' ids",
            "is the destination a resolver of yours",
            by_source("which program asks", "who asks"),
        ),
        CONTROL,
        (Technique("T1071.004", "Application Layer Protocol: DNS"), Technique("T1572", "Protocol Tunneling")),
        weight=15,
    ),
    Kind(
        "flood",
        "Flood of {target}",
        "one destination, neither multicast nor broadcast; half of the alerts or more at one port; 100 alerts at 10 a"
        " second or more, or 20 sources with half of the flows or more unanswered",
        _flood,
        "So many connections to one service that it may no longer answer others. Sources that send once are often"
        " made up.",
        "sure",
        ("a load test", "a service that came back after it was down, and all its clients with it"),
        (
            "does the service still answer",
            "do the sources send once each, as made-up ones do",
            "who can filter it upstream",
        ),
        IMPACT,
        (Technique("T1498", "Network Denial of Service"),),
        weight=15,
        wants_answer=False,
    ),
    Kind(
        "scan",
        "Port scan of {destination} by {source}",
        "one source; 10 ports or more, and more ports than destinations; half of the flows or more unanswered",
        _scan,
        "One host tries which services another offers.",
        "sure",
        ("a vulnerability scanner or an inventory of yours", "an administrator who looks for a service"),
        ("is the source a scanner of yours", LOGGED_IN, "what the ports that answered offer"),
        DISCOVERY,
        (Technique("T1046", "Network Service Discovery"),),
        weight=5,
    ),
    Kind(
        "sweep",
        "Sweep of {destination} on {port} by {source}",
        "one source; 10 destinations or more; half of the flows or more unanswered",
        _sweep,
        "One host looks for others that offer a service.",
        "sure",
        ("a vulnerability scanner or an inventory of yours", "a client whose list of servers is out of date"),
        (
            "is the source a scanner of yours",
            LOGGED_IN,
            "what it did next with the hosts that answered",
        ),
        DISCOVERY,
        (Technique("T1046", "Network Service Discovery"), Technique("T1018", "Remote System Discovery")),
        weight=5,
    ),
    Kind(
        "brute force",
        "Password guessing? {source} → {target}",
        "nine of ten alerts at one port where people log in; 4 alerts or more for each source and destination; most of"
        " them answered, none longer than two minutes",
        _brute_force,
        "Many short sessions, one after the other, where people log in.",
        "likely",
        (
            "a script that logs in for each of its steps",
            "monitoring that looks whether logins work",
            "a stored password that expired",
        ),
        (
            "failed logins on the destination at that time",
            "a login that worked",
            "is the source meant to log in there at all",
        ),
        CREDENTIALS,
        (Technique("T1110", "Brute Force"),),
        weight=10,
    ),
    Kind(
        "lateral movement",
        "Lateral movement? {source} → {destination}",
        "one source; half of the alerts or more at ports of remote administration, most of them answered; 2 such ports"
        " or more, or to inside 3 destinations or 5 alerts or more",
        _lateral,
        "One host logs in to several others, or starts programs there, which it does not usually do. Where that was"
        " counted, the incident says how many hosts of its kind do likewise.",
        "possible",
        ("an administrator at work", "a new deployment or backup server", "an inventory of yours"),
        ("whose account was used", "is the source a place to administer from", "what was started on the destinations"),
        LATERAL,
        (Technique("T1021", "Remote Services"),),
        weight=15,
    ),
    Kind(
        "exfiltration",
        "Large upload {source} → {target}",
        "one source, to outside, answered at least once, not mostly where calls are relayed (3478 to 3481); 10 MiB or"
        " more sent, at least five times what came back",
        _exfiltration,
        "Much more left a host for the outside than came back.",
        "possible",
        ("a backup to a provider", "a call, or a large file for a customer", "somebody's photographs"),
        ("whose the destination is", "who was logged in at the source", "what was read there shortly before"),
        EXFILTRATION,
        (
            Technique("T1048", "Exfiltration Over Alternative Protocol"),
            Technique("T1041", "Exfiltration Over C2 Channel"),
        ),
        weight=15,
    ),
    Kind(
        "beacon",
        "Beacon? {source} → {target}",
        "one source, one destination, one port; a regular pair, which calls by the clock as it never did, or 4 alerts"
        " or more over a minute or more, not both inside, without DNS; but for a regular pair, half of the gaps within"
        " 30 % of the median gap, which is a second or more",
        _beacon,
        "A host calls another by the clock, as malware does that waits for orders.",
        "likely",
        ("a program that looks for updates or messages", "monitoring", "a device that reports to its maker"),
        (
            by_source("whose the destination is, and how many hosts use it", "whose the source is"),
            by_source("which program calls", "which program of yours answers it"),
            "when it began, and what came before",
        ),
        CONTROL,
        (Technique("T1071", "Application Layer Protocol"),),
        weight=10,
    ),
    Kind(
        "command and control",
        "Command and control? {source} → {target}",
        "one source, one destination outside, one or two ports; 4 alerts or more over a minute or more, without DNS;"
        " at a web port at most five times back what was sent",
        _control,
        "A host keeps in touch with one outside that is unusual for it, though not by the clock.",
        "possible",
        ("a new service, or one that moved", "a long call or remote session", "file sharing between peers"),
        (
            "whose the destination is, and how many hosts use it",
            "which program calls",
            "what it loaded, and from where",
        ),
        CONTROL,
        (Technique("T1071", "Application Layer Protocol"), Technique("T1571", "Non-Standard Port")),
        weight=5,
    ),
    Kind(
        "policy oddity",
        "Against usual policy: {source} → {target}",
        "an application that is not at its usual port in half of the alerts or more; or half of them or more answered"
        " from outside at ports of files, databases, remote desktops or logins in the clear",
        _policy,
        "It works, and few networks want it: a service where it does not belong, or one that should not leave.",
        "possible",
        ("a service that somebody moved to another port", "a provider's database or file share"),
        ("is it meant to be so", "who set it up"),
        weight=-5,
    ),
    Kind(
        "other",
        "Unusual: {source} → {target}",
        "none of the other rules",
        lambda _: True,
        "Unusual for this network, without a pattern that has a name.",
        "unknown",
        ("a new host or service", "a rare job", "a change in how hosts are used"),
        (NEW, "whether it came again"),
        weight=-10,
        repeated_most=REPEATED_POINTS,  # what is done without harm is done again and again
    ),
)
"""In the order in which they are asked. The guide in ``docs/guides/incidents/index.md`` is made from them."""

NAMES = tuple(kind.name for kind in KINDS)


def kind_of(incident: Incident) -> Kind:
    """The kind whose rule holds first."""
    return next(kind for kind in KINDS if kind.holds(incident))


def or_more(distinct: int) -> str:
    """A count as it is told: «1,000 or more» where it was no longer counted."""
    return f"{distinct:,}{' or more' if distinct >= MAX_DISTINCT else ''}"
