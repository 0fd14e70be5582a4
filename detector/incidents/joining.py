"""Which alerts are one incident: by who, whom and what happened, never by which features led.

What happened is more than a flow where it is odd as one of many new contacts of its source: that is what a host did.

An alert joins the open incident of its pair of addresses, else one of its source, else one of its destination and
port. Otherwise it begins one of its pair, unless it is the one more that makes a source's pairs, or a destination's,
one incident: then these merge.
"""

from __future__ import annotations

from collections.abc import Sequence

from detector.alerts.raised import Raised
from detector.decisions.views import BREADTH
from detector.incidents.incident import Focus, Incident
from detector.incidents.kinds import WEB_PORTS
from detector.net.ports import REMOTE_PORTS

Key = tuple[str | int | None, ...]
"""What open incidents are found by."""

Ends = Raised | Incident
"""An alert, or the first one of an incident."""

SMALL = 3
"""A pair with more alerts than that is no probe among others: a beacon whose controller is away is not of a sweep."""

REMOTE_PAIRS = 2
"""So many destinations that one source administers are one incident."""

SESSION_S = 120.0
"""What was answered and lasted so long was no probe: it is not of the scan that found its destination."""

PAIRS = 3
"""So many destinations that do not answer one source, or that it reaches at one port, are one; so many sources too."""


def pair_of(ends: Ends) -> Key:
    """Of the incident of a pair."""
    return "pair", ends.src_ip, ends.dst_ip


def source_of(ends: Ends) -> Key:
    """Of incidents about a source."""
    return "source", ends.src_ip


def destination_of(ends: Ends) -> Key:
    """Of incidents about a destination and port."""
    return "destination", ends.dst_ip, ends.dst_port


def pairs_of_source(ends: Ends) -> Key:
    """Of the pairs of a source that have an incident each."""
    return "pairs of source", ends.src_ip


def pairs_of_destination(ends: Ends) -> Key:
    """Of the pairs of a destination and port that have an incident each."""
    return "pairs of destination", ends.dst_ip, ends.dst_port


def keys_of(incident: Incident) -> list[Key]:
    """What an open incident is found by."""
    if incident.focus == "source":
        return [source_of(incident)]
    if incident.focus == "destination":
        return [destination_of(incident)]
    return [pair_of(incident), pairs_of_source(incident), pairs_of_destination(incident)]


def goes_on(incident: Incident, flow: Raised) -> bool:
    """Whether a flow of the source that an incident is about does the same as its flows do."""
    port = flow.dst_port
    if is_apart(incident, flow):
        return False
    if flow.unanswered:
        return incident.unanswered_share >= 0.5 or port in incident.ports
    if port in REMOTE_PORTS and incident.share_at(REMOTE_PORTS) >= 0.5:
        return True
    return port == incident.main_port or (port in incident.ports and (port not in WEB_PORTS or _is_broad(flow)))


def is_apart(incident: Incident, flow: Raised) -> bool:
    """Whether a flow of the same source is something else: odd by itself, where the others are many new web servers.

    Or it is a session with what a scan or a sweep found, and so what came after it.
    """
    if _is_unanswered(incident):
        return not flow.unanswered and (flow.duration_s or 0.0) >= SESSION_S
    return incident.is_broad and incident.main_port in WEB_PORTS and not _is_broad(flow)


def merging(
    of_source: Sequence[Incident], of_destination: Sequence[Incident], flow: Raised
) -> tuple[Focus, list[Incident]] | None:
    """The pairs that are one incident with this flow, and what they have in common; None where they are too few."""
    port, unanswered = flow.dst_port, flow.unanswered
    remote = [each for each in of_source if port in REMOTE_PORTS and each.share_at(REMOTE_PORTS) >= 0.5]
    probed = [each for each in of_source if unanswered and _is_unanswered(each) and _is_probe(each, port)]
    alike = [each for each in of_source if port == each.main_port and _is_alike(each, flow)]
    for pairs, enough in ((remote, REMOTE_PAIRS), (probed, PAIRS), (alike, PAIRS)):
        if pairs and len(pairs) + 1 >= enough:
            return "source", pairs
    there = [each for each in of_destination if port == each.main_port]
    crowd = sum(_is_unanswered(each) == unanswered for each in there)
    # With the crowd come those that fared otherwise, as they would if they came later.
    return ("destination", there) if crowd + 1 >= PAIRS else None


def _is_alike(incident: Incident, flow: Raised) -> bool:
    """Whether the same port is the same deed: everybody uses the web, so that it is only where many new are met."""
    return flow.dst_port not in WEB_PORTS or (_is_broad(flow) and incident.is_broad)


def _is_broad(flow: Raised) -> bool:
    return flow.view == BREADTH.name


def _is_unanswered(incident: Incident) -> bool:
    return incident.unanswered_share >= 0.5


def _is_probe(incident: Incident, port: int | None) -> bool:
    return incident.count <= SMALL or (port is not None and port == incident.main_port)
