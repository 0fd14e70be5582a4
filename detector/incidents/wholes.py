"""The kind of what several partitions told: what is a flood in all may be none in any partition."""

from __future__ import annotations

import msgspec

from detector.casebook.told import Technique, Told
from detector.incidents.kinds import KINDS, is_flood
from detector.net.answers import is_shared

FLOOD = next(kind for kind in KINDS if kind.name == "flood")


def named(told: Told) -> Told:
    """The same with the kind that its sums have; for :class:`detector.casebook.latest.Latest`."""
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
