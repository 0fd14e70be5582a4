"""How severe an incident is, by all that is known of it."""

from __future__ import annotations

from detector.alerts.grading import told_severity
from detector.assets.assets import NOTHING, Assets
from detector.decisions.severity import Circumstances, Severity, bytes_out, is_from_inside, risk_of, severity_of
from detector.incidents.incident import Incident
from detector.incidents.kinds import Kind
from detector.net.answers import is_shared

NOTHING_ANSWERED = 0.95
"""A share of unanswered flows from which on nothing worked."""


def grade(incident: Incident, kind: Kind, assets: Assets = NOTHING) -> None:
    """Set the risk, the severity that follows from it, and what makes it so."""
    words = allowed_by(incident, kind, assets)
    incident.is_allowed = bool(words)
    if words:
        incident.risk, incident.severity, incident.severity_why = 0, Severity.LOW, words
        return
    given = circumstances(incident, kind)
    incident.risk = risk_of(given)
    incident.severity = severity_of(incident.risk)
    incident.severity_why = told_severity(given, incident.rarity, kind.name)


def allowed_by(incident: Incident, kind: Kind, assets: Assets) -> str:
    """The rules of the allow-list that cover all of it, as they stand now; empty where they do not."""
    rules = [assets.rule(words) for words in incident.allowed]
    covered = all(rule is not None and rule.covers(kind.name) for rule in rules)
    if covered and sum(incident.allowed.values()) == incident.count:
        return "; ".join(incident.allowed)
    return ""


def circumstances(incident: Incident, kind: Kind) -> Circumstances:
    """What the risk is made of."""
    mostly = max(incident.directions, key=incident.directions.__getitem__, default="")
    return Circumstances(
        decades=incident.decades,
        alerts=incident.count,
        repeated_most=0.0 if all(map(is_shared, incident.destinations)) else kind.repeated_most,
        kind_points=kind.weight,
        bytes_out=bytes_out(mostly, incident.src_bytes, incident.dst_bytes),
        from_inside=is_from_inside(mostly),
        unanswered=kind.wants_answer and incident.unanswered_share >= NOTHING_ANSWERED,
        worth=incident.worth or 1.0,
        first_contact=0 < incident.contacts_known <= 2 * incident.first_contacts,
    )
