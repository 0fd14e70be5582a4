"""The kind of what several partitions told: what is a flood in all may be none in any partition; and its severity."""

from __future__ import annotations

import msgspec

from detector.casebook.told import Ours, Technique, Told
from detector.decisions.severity import Circumstances, regraded, severity_of
from detector.incidents.grading import NOTHING_ANSWERED
from detector.incidents.kinds import KINDS, Kind, is_flood
from detector.net.answers import is_shared

OF_NAME = {kind.name: kind for kind in KINDS}

FLOOD = OF_NAME["flood"]


def named(told: Told) -> Told:
    """The same with the kind that its sums have, and graded by it; for :class:`detector.casebook.latest.Latest`."""
    return _graded(_named(told))


def _graded(told: Told) -> Told:
    """A whole of which each part's risk is told, with the highest that one of them comes to as the whole of them."""
    kind, ours = OF_NAME.get(told.ours.kind), told.ours
    if not told.parts or kind is None:
        return told
    after, risk, graver = _signs(ours, kind), ours.risk or 0, False
    for part in told.parts:
        if part.ours.risk is None or (of_part := OF_NAME.get(part.ours.kind)) is None:
            return told
        risk_then = regraded(part.ours.risk, _signs(part.ours, of_part), after)
        if risk_then > risk:
            risk, graver = risk_then, True
    if not graver:
        return told
    severity = severity_of(risk).word
    why = f"{ours.severity_why}; all parts together: {kind.name}, {ours.alerts:,} alerts"
    return told._replace(
        severity=severity, ours=msgspec.structs.replace(ours, risk=risk, severity=severity, severity_why=why)
    )


def _signs(ours: Ours, kind: Kind) -> Circumstances:
    """What its kind and its number of alerts say of a risk; all else is the same of a part and of the whole."""
    to_all = bool(ours.destinations) and all(map(is_shared, ours.destinations))
    return Circumstances(
        decades=0.0,
        alerts=ours.alerts,
        repeated_most=0.0 if to_all else kind.repeated_most,
        kind_points=kind.weight,
        unanswered=kind.wants_answer and ours.unanswered_share >= NOTHING_ANSWERED,
    )


def _named(told: Told) -> Told:
    """The same with the kind that its sums have."""
    ours = told.ours
    one_target = len(ours.destinations) == len(ours.ports) == 1 and not is_shared(ours.destinations[0])
    if not told.parts or ours.kind == FLOOD.name or not one_target:
        return told
    per_second = ours.alerts / max(ours.last_seen - ours.first_seen, 1.0)
    if not is_flood(ours.alerts, per_second, ours.counts["sources"].distinct, ours.unanswered_share):
        return told
    tactic = FLOOD.tactic
    return told._replace(
        ours=msgspec.structs.replace(
            ours,
            kind=FLOOD.name,
            rule=FLOOD.states,
            confidence=FLOOD.confidence,
            check=FLOOD.checks_in_general(),
            innocent=list(FLOOD.innocent),
            tactic=tactic.id if tactic else "",
            techniques=[each.id for each in FLOOD.techniques],
        ),
        headline=FLOOD.title.format(target=f"{ours.destinations[0]} port {ours.ports[0]}"),
        tactic=f"{tactic.id} {tactic.name}" if tactic else "",
        techniques=tuple(Technique(*each) for each in FLOOD.techniques),
    )
