"""How severe an incident is, by all that is known of it."""

from __future__ import annotations

from detector.alerts.grading import told_severity
from detector.decisions.severity import Circumstances, bytes_out, is_from_inside, risk_of, severity_of
from detector.incidents.incident import Incident
from detector.incidents.kinds import Kind

NOTHING_ANSWERED = 0.95
"""A share of unanswered flows from which on nothing worked."""


def grade(incident: Incident, kind: Kind) -> None:
    """Set the risk, the severity that follows from it, and what makes it so."""
    given = circumstances(incident, kind)
    incident.risk = risk_of(given)
    incident.severity = severity_of(incident.risk)
    incident.severity_why = told_severity(given, incident.rarity, kind.name)


def circumstances(incident: Incident, kind: Kind) -> Circumstances:
    """What the risk is made of."""
    mostly = max(incident.directions, key=incident.directions.__getitem__, default="")
    return Circumstances(
        decades=incident.decades,
        alerts=incident.count,
        kind_points=kind.weight,
        bytes_out=bytes_out(mostly, incident.src_bytes, incident.dst_bytes),
        from_inside=is_from_inside(mostly),
        unanswered=kind.wants_answer and incident.unanswered_share >= NOTHING_ANSWERED,
        first_contact=0 < incident.contacts_known <= 2 * incident.first_contacts,
    )
