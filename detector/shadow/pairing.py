"""Which incidents two models both found in the same flows, and which only one did. Pure.

Two incidents are the same where both have a flow between the same two addresses, within ten minutes of each other: an
incident that one model splits is thus neither gained nor lost. It is settled twenty minutes after an incident's first
flow, by the flows' own time, so that neither model wins by being a little earlier.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from detector.incidents.book import GAP_S
from detector.incidents.incident import Incident

Side = Literal["champion", "challenger"]
OTHER: dict[Side, Side] = {"champion": "challenger", "challenger": "champion"}
SETTLED_S = 2 * GAP_S
Pair = tuple[str, str]


@dataclass(slots=True)
class _Met:
    incident: Incident
    linked: bool = False
    counted: bool = False


@dataclass(slots=True)
class _Place:
    met: dict[Side, dict[str, _Met]] = field(default_factory=lambda: {"champion": {}, "challenger": {}})
    latest: dict[Side, dict[Pair, tuple[float, str]]] = field(
        default_factory=lambda: {"champion": {}, "challenger": {}}
    )


class Pairing:
    """The incidents of two books over the same flows, by partition."""

    def __init__(self) -> None:
        self._places: dict[int, _Place] = {}

    def put(self, side: Side, partition: int, pair: Pair, at: float, incident: Incident) -> None:
        """Take an alert that was put into ``incident``; call it in record order, of both sides together."""
        place = self._places.setdefault(partition, _Place())
        met = place.met[side].setdefault(incident.id, _Met(incident))
        place.latest[side][pair] = at, incident.id
        there = place.latest[OTHER[side]].get(pair)
        if there is not None and abs(at - there[0]) <= GAP_S:
            met.linked = True
            if (other := place.met[OTHER[side]].get(there[1])) is not None:
                other.linked = True

    def settle(self, partition: int, now: float) -> Counter[str]:
        """Count what is settled by ``now``: found by ``both``, ``gained`` (the challenger alone), or ``lost``."""
        place = self._places.get(partition)
        if place is None:
            return Counter()
        counts: Counter[str] = Counter()
        for side, met in place.met.items():
            for incident_id, one in list(met.items()):
                if one.incident.merged_into:
                    del met[incident_id]
                    if (into := met.get(one.incident.merged_into)) is not None:
                        into.linked |= one.linked
            for incident_id, one in list(met.items()):
                if not one.counted and now - one.incident.first_seen > SETTLED_S:
                    one.counted = True
                    if not one.linked:
                        counts["gained" if side == "challenger" else "lost"] += 1
                    elif side == "champion":  # once, though each side has its own
                        counts["both"] += 1
                if one.counted and now - one.incident.last_seen > SETTLED_S:
                    del met[incident_id]
            latest = place.latest[side]
            for pair in [pair for pair, (at, _) in latest.items() if now - at > SETTLED_S]:
                del latest[pair]
        return counts

    def forget(self, partition: int) -> None:
        """Drop what is known of a partition."""
        self._places.pop(partition, None)
