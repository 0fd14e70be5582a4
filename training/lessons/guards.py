"""How far one person, one host or one day of labels can move a model: labels beyond that do not teach. Pure.

Labels are taken in the order in which they were said, so that a flood does not push out what was said before it. Each
has three groups: who said it, on which day, and the host that most of its flows are of. A group has room for so many
labels, and for so large a share of the flows. A label for whose weight there is too little room left counts less; one
for whose flows there is not, or that would be one label too many, is held back.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import polars as pl

from detector.settings.tree import Feedback
from training.gate.meant import Meant

LEAST_ROOM = 1_000.0
"""Flows that every group may call harmless, however few there are: else a small set could not be taught at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guards:
    """The bounds; see ``[feedback]`` of the settings."""

    weight: int = 1
    least_share: float = 0.002
    labels_per_analyst: int = 200
    labels_per_host: int = 100
    labels_per_day: int = 500
    largest_share: float = 0.1

    @classmethod
    def of(cls, chosen: Feedback) -> Guards:
        """Those of the settings."""
        return cls(
            weight=chosen.weight,
            least_share=chosen.least_share,
            labels_per_analyst=chosen.labels_per_analyst,
            labels_per_host=chosen.labels_per_host,
            labels_per_day=chosen.labels_per_day,
            largest_share=chosen.largest_share,
        )

    def asked(self, rows: int, flows: int) -> int:
        """How often each flow of a label of so many ``rows``, among so many ``flows``, is to count."""
        return max(self.weight, math.ceil(self.least_share * flows / max(rows, 1))) if self.weight else 0


class Group(NamedTuple):
    """What labels have in common."""

    of: str
    """``analyst``, ``host`` or ``day``."""
    name: str


class Weighed(NamedTuple):
    """A label, and how much it may count."""

    meant: Meant
    weight: int
    """How often each of its flows counts; 0: it is held back."""
    beyond: Group | None = None
    """The group that had no room for it, or too little for its whole weight; None: it has all that it asks for."""


def weighed(labels: Sequence[Meant], frame: pl.DataFrame, guards: Guards) -> list[Weighed]:
    """Weigh labels, whose flows are places in the frame, against each other's groups; in the order in which said."""
    most = {"analyst": guards.labels_per_analyst, "host": guards.labels_per_host, "day": guards.labels_per_day}
    room = max(guards.largest_share * len(frame), LEAST_ROOM)
    count, mass = Counter[Group](), Counter[Group]()
    found = []
    for meant in sorted(labels, key=lambda each: (each.judgement.at, each.judgement.id)):
        groups, rows = groups_of(meant, frame), len(meant.rows)
        full = next((group for group in groups if count[group] >= most[group.of]), None)
        fullest = max(groups, key=lambda group: mass[group])
        asked = guards.asked(rows, len(frame))
        weight = 0 if full else min(asked, int((room - mass[fullest]) // max(rows, 1)))
        found.append(Weighed(meant, weight, full or (fullest if weight < asked else None)))
        if weight:
            count.update(groups)
            mass.update(dict.fromkeys(groups, rows * weight))
    return found


def groups_of(meant: Meant, frame: pl.DataFrame) -> tuple[Group, ...]:
    """Who said it, on which day, and the host that most of its flows are of."""
    judgement = meant.judgement
    day = Group("day", judgement.day or "not told")
    return Group("analyst", judgement.whom), Group("host", host_of(meant, frame)), day


def host_of(meant: Meant, frame: pl.DataFrame) -> str:
    """The address that most of the flows are from or to; of several that which comes first."""
    rows = frame.select("src_ip", "dst_ip")[meant.rows]
    counts = Counter[str](rows["src_ip"].drop_nulls().to_list())
    counts.update(rows["dst_ip"].drop_nulls().to_list())
    return max(counts, key=lambda host: (counts[host], host), default="")


def held_back(found: Iterable[Weighed]) -> dict[str, int]:
    """How many labels are held back, by who said them."""
    return dict(Counter(each.meant.judgement.whom for each in found if each.beyond and not each.weight))
