"""What an incident says to people: who did what to whom, how much of it, and what worked."""

from __future__ import annotations

from detector.alerts.quantities import size as amount
from detector.alerts.quantities import span
from detector.incidents.incident import Incident
from detector.incidents.kinds import Kind, or_more

SHOWN = 4
"""Of what answered, how many a sentence names."""

LONG_S = 120.0
"""A session so long is told by itself: somebody or something was at work."""


def headline(incident: Incident, kind: Kind) -> str:
    """Such as ``Port scan of 10.0.10.35 by 10.0.10.17``."""
    sources, destinations, ports = (len(each) for each in (incident.sources, incident.destinations, incident.ports))
    source = incident.src_ip if sources == 1 else f"{or_more(sources)} sources"
    destination = incident.dst_ip if destinations == 1 else f"{or_more(destinations)} hosts"
    port = f"port {incident.main_port}" if ports == 1 else f"{or_more(ports)} ports" if ports else "no port"
    return kind.title.format(
        source=source, destination=destination, port=port, target=f"{destination} {port}" if ports else destination
    )


def size(incident: Incident) -> str:
    """Such as ``276 alerts in 15 s, 99 % unanswered, at 276 ports; 12 kB out, 3.1 kB back``."""
    alerts = "1 alert" if incident.count == 1 else f"{incident.count:,} alerts"
    within = f" in {span(incident.seconds)}" if incident.seconds >= 1 else ""
    parts = [
        alerts + within,
        *([f"{100 * incident.unanswered_share:.0f} % unanswered"] if incident.unanswered else []),
        *(
            f"{word} {or_more(len(seen))} {noun}"
            for word, seen, noun in (
                ("from", incident.sources, "sources"),
                ("to", incident.destinations, "hosts"),
                ("at", incident.ports, "ports"),
            )
            if len(seen) > 1
        ),
        *([f"one every {span(incident.gap)}"] if len(incident.gaps) >= 3 and incident.gap >= 1 else []),
    ]
    return f"{', '.join(parts)}; {amount(incident.src_bytes)} out, {amount(incident.dst_bytes)} back"


def worked(incident: Incident) -> str:
    """What answered, and the longest session; empty where nothing did."""
    if not incident.answered:
        return ""
    most = sorted(incident.answered, key=lambda each: -incident.answered[each])
    more = f" and {or_more(len(most) - SHOWN)} more" if len(most) > SHOWN else ""
    told = f"answered: {', '.join(most[:SHOWN])}{more}"
    if incident.longest_s >= LONG_S:
        told += f"; longest session: {span(incident.longest_s)} with {incident.longest}"
    return told


def contact(incident: Incident) -> str:
    """How much of it was between addresses that had not met before; empty where that is not known, or none was."""
    if not incident.first_contacts:
        return ""
    if len(incident.sources) == len(incident.destinations) == 1:
        return "first contact of the two"
    return f"{incident.first_contacts:,} first contacts"


def message(incident: Incident, kind: Kind) -> str:
    """All of it in one line."""
    told = (headline(incident, kind), size(incident), worked(incident), contact(incident))
    return ". ".join(each for each in told if each)
