"""Which unlabelled incidents a label would teach most: what a queue begins with. Pure.

The value of a label is the product of three (Settles, *Active Learning Literature Survey*, 2009, sections 3.1 and 5.1:
uncertainty sampling weighted by information density; Settles and Craven 2008 for the density):

* *uncertainty*: 4 p (1 - p) of the chance p that it is true. p is estimated from labels of what is alike: those of the
  same pattern count most, then of the same source, of the same kind, of all (each level is a prior for the next one,
  worth :data:`PRIOR` labels). Without any label p is one half, and all is uncertain.
* *novelty*: 1 / (1 + labels of the same pattern): the tenth answer to one question teaches little.
* *reach*: 1 + ln of the number of unlabelled incidents that the answer is likely to be the same for.

A list of several has one of each pattern first, so that it is not ten of the same (diversity, Brinker 2003).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

PRIOR = 2.0
"""Labels that a wider group's share counts for within a narrower one."""

Group = tuple[str | int | None, ...]


class Candidate(NamedTuple):
    """An incident that may be asked about."""

    id: str
    kind: str
    source: str
    destination: str
    port: int | None
    verdict: str | None = None
    """true or false count as labels; unsure only as asked."""

    @property
    def pattern(self) -> Group:
        """What the same answer holds for: who does what, at which port; of one without a port, with whom."""
        return (self.kind, self.source, self.destination if self.port is None else self.port)

    @property
    def groups(self) -> tuple[Group, ...]:
        """From all to the narrowest."""
        return ((), (self.kind,), (self.kind, self.source), ("pattern", *self.pattern))


class Ranked(NamedTuple):
    """One of the queue."""

    id: str
    value: float
    chance: float
    """That it is true, as far as labels tell."""
    labels: int
    """Of its pattern, so far."""
    alike: int
    """Unlabelled incidents of its pattern, itself among them."""

    @property
    def words(self) -> str:
        """Why it is asked about."""
        known = "nothing like it was labelled yet" if not self.labels else f"{self.labels:,} like it have a label"
        same = f"its answer fits {self.alike:,} incidents" if self.alike > 1 else "it is alone of its sort"
        return f"{known}; {same}"


class Labelled:
    """How many labels, and true ones, each group has."""

    def __init__(self, labelled: Iterable[Candidate] = ()) -> None:
        self._all: Counter[Group] = Counter()
        self._true: Counter[Group] = Counter()
        self._asked: Counter[Group] = Counter()
        for each in labelled:
            self.add(each)

    def add(self, each: Candidate) -> None:
        """Count one."""
        self._asked[each.pattern] += 1
        if each.verdict in {"true", "false"}:
            self._all.update(each.groups)
            self._true.update(each.groups if each.verdict == "true" else ())

    def chance(self, each: Candidate) -> float:
        """That it is true."""
        chance = 0.5
        for group in each.groups:
            chance = (self._true[group] + PRIOR * chance) / (self._all[group] + PRIOR)
        return chance

    def asked(self, each: Candidate) -> int:
        """Labels of its pattern, unsure ones among them."""
        return self._asked[each.pattern]


def queue(candidates: Sequence[Candidate], labelled: Labelled, most: int) -> list[Ranked]:
    """Choose those to ask about, the most instructive first.

    ``candidates`` have no label; of those of one pattern the first stands for all. ``labelled`` is not changed.
    """
    reach = Counter(each.pattern for each in candidates)
    first: dict[Group, Candidate] = {}
    for each in candidates:
        first.setdefault(each.pattern, each)
    ranked = [_ranked(each, labelled, reach) for each in first.values()]
    place = {each.id: number for number, each in enumerate(candidates)}
    ranked.sort(key=lambda each: (-each.value, place[each.id]))
    chosen = ranked[:most]
    if len(chosen) < most:  # more of the same, in the order in which they came
        there = {each.id for each in chosen}
        others = (each for each in candidates if each.id not in there)
        chosen += [
            _ranked(each, labelled, reach, asked=1) for each, _ in zip(others, range(most - len(chosen)), strict=False)
        ]
    return chosen


def _ranked(each: Candidate, labelled: Labelled, reach: Mapping[Group, int], asked: int = 0) -> Ranked:
    chance, labels, alike = labelled.chance(each), labelled.asked(each) + asked, reach[each.pattern]
    value = 4.0 * chance * (1.0 - chance) / (1.0 + labels) * (1.0 + math.log(alike))
    return Ranked(each.id, value, chance, labels - asked, alike)
