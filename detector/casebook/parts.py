"""What several partitions told of one thing, as one incident.

A daemon joins alerts within a partition, since another member may have the others. So of a flood from many sources each
partition tells its part. Here parts are put together that one partition would have told as one: near in time, and of
the same pair, of the same source that did the same, or of the same destination and port. They are those of different
partitions; what one partition told apart stays apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import msgspec

from detector.casebook.ranking import rank_of
from detector.casebook.told import MOST_LISTED, Distinct, Ours, Told

LARGEST = 2**53
"""A count beyond it is that, where it is one of many that are weighed."""

GAP_S = 600.0
"""Parts may be so far apart in time: as alerts of one incident may be."""

PAIRS = 3
"""So many pairs with the same destination and port are one, as within a partition."""

STRONGEST = 5

FIRST_FLOWS = 10

Key = tuple[str | int | bool | None, ...]

Value = TypeVar("Value", str, int)


class Index:
    """Incidents by what they have in common."""

    def __init__(self) -> None:
        self._of_key: dict[Key, dict[str, Told]] = {}

    def add(self, told: Told) -> None:
        """Take an incident in."""
        for key in _keys(told):
            self._of_key.setdefault(key, {})[told.ours.id] = told

    def remove(self, told: Told) -> None:
        """Forget an incident that was taken in."""
        for key in _keys(told):
            del self._of_key[key][told.ours.id]
            if not self._of_key[key]:
                del self._of_key[key]

    def together(self, told: Told) -> list[Told]:
        """All that are one incident with this one, and itself; that which began first is the first."""
        found, asked = {told.ours.id: told}, [told]
        while asked:
            one = asked.pop()
            for key in _keys(one):
                new = [each for each in self._with(key, one) if each.ours.id not in found]
                found |= {each.ours.id: each for each in new}
                asked += new
        return sorted(found.values(), key=_began)

    def _with(self, key: Key, told: Told) -> list[Told]:
        """Those of a key that are one with this one."""
        there = sorted(self._of_key[key].values(), key=_began)
        near = next(run for run in _runs(there) if told in run)
        if key[0] == "target" and not any(each.ours.focus == "destination" for each in near):
            near = [each for each in near if _is_unanswered(each) == _is_unanswered(told)]
            if len(near) < PAIRS:
                return []
        return near if len({place for each in near for place in _partitions(each)}) > 1 else []


def _keys(told: Told) -> list[Key]:
    """What an incident may have in common with others; suppressed ones have nothing in common with others."""
    return [(*key, bool(told.ours.suppressed_by)) for key in _ends(told)]


def _ends(told: Told) -> list[Key]:
    """Of what an incident is; nothing for one that became part of another."""
    ours = told.ours
    if ours.merged_into or not ours.flows or not ours.sources or not ours.destinations:
        return []
    port = ours.ports[0] if ours.ports else None
    if ours.focus == "source":
        unanswered = _is_unanswered(told)
        return [("source", ours.sources[0], unanswered, None if unanswered else port)]
    if ours.focus == "destination":
        return [("target", ours.destinations[0], port)]
    if ours.focus == "both":
        pair: Key = ("pair", ours.sources[0], ours.destinations[0])
        return [pair, ("target", ours.destinations[0], port)] if len(ours.ports) <= 1 else [pair]
    return []


def _runs(ordered: Iterable[Told]) -> Iterator[list[Told]]:
    """Those near each other in time, of some that are in order of it."""
    run: list[Told] = []
    end = 0.0
    for told in ordered:
        if run and told.ours.first_seen > end + GAP_S:
            yield run
            run = []
        end = max(end, told.ours.last_seen) if run else told.ours.last_seen
        run.append(told)
    if run:
        yield run


def _is_unanswered(told: Told) -> bool:
    return told.ours.unanswered_share >= 0.5


def _partitions(told: Told) -> set[tuple[str, int]]:
    return {(flow.topic, flow.partition) for flow in told.ours.flows}


def _began(told: Told) -> tuple[float, str]:
    return told.ours.first_seen, told.ours.id


def whole(parts: Sequence[Told], *, over: bool) -> Told:
    """Several parts as one incident, with the id of that which began first, and what that with most alerts says.

    What is counted is summed up. Addresses of different partitions are different ones where the topic is keyed by them;
    where lists show that they are not, the most that is certain is told as *or more*.
    """
    first, chief = min(parts, key=_began), max(parts, key=lambda each: each.ours.alerts)
    every = [each.ours for each in sorted(parts, key=_began)]
    alerts = sum(each.alerts for each in every)
    counts = {name: _distinct(every, name) for name in ("sources", "destinations", "ports")}
    begun, ended = min(each.first_seen for each in every), max(each.last_seen for each in every)
    strongest = sorted((one for each in every for one in each.strongest), key=rank_of, reverse=True)
    gravest = max(parts, key=lambda each: (each.level, each.ours.risk or 0))
    ours = msgspec.structs.replace(
        chief.ours,
        id=first.ours.id,
        revision=sum(each.revision for each in every),
        step="close" if over else "update",
        alerts=alerts,
        first_seen=begun,
        last_seen=ended,
        severity=gravest.severity,
        risk=gravest.ours.risk,
        severity_why=gravest.ours.severity_why,
        size=_size(
            alerts, ended - begun, counts["sources"], len({each for part in parts for each in _partitions(part)})
        ),
        counts=chief.ours.counts | counts,
        sources=_listed(each.sources for each in every),
        destinations=_listed(each.destinations for each in every),
        ports=_listed(each.ports for each in every),
        unanswered_share=_mean([each.unanswered_share for each in every], [each.alerts for each in every]),
        src_bytes=sum(each.src_bytes for each in every),
        dst_bytes=sum(each.dst_bytes for each in every),
        strongest=strongest[:STRONGEST],
        flows=[flow for each in every for flow in each.flows][:FIRST_FLOWS],
        model_versions=_listed(each.model_versions for each in every),
    )
    headline = _headline(chief, counts["sources"])
    return chief._replace(ours=ours, severity=gravest.severity, headline=headline, parts=tuple(parts))


def _mean(shares: Iterable[float], alerts: Iterable[int]) -> float:
    """Each share for as many alerts, be their number beyond what a float can be."""
    counted = [min(each, LARGEST) for each in alerts]
    return sum(share * each for share, each in zip(shares, counted, strict=True)) / max(sum(counted), 1)


def _distinct(every: Sequence[Ours], name: str) -> Distinct:
    """How many there are in all parts together."""
    lists = [getattr(each, name) for each in every]
    counted = [each.counts.get(name, Distinct(len(listed))) for each, listed in zip(every, lists, strict=True)]
    union = len({value for listed in lists for value in listed})
    if all(len(listed) >= count.distinct for listed, count in zip(lists, counted, strict=True)):
        return Distinct(union)
    if union == sum(map(len, lists)):  # no two parts name the same one
        return Distinct(sum(count.distinct for count in counted), any(count.or_more for count in counted))
    return Distinct(max(union, *(count.distinct for count in counted)), or_more=True)


def _listed(lists: Iterable[Sequence[Value]]) -> list[Value]:
    """The first of each list, then the second of each, and so on: none twice, and bounded."""
    each = [list(listed) for listed in lists]
    places = range(max(map(len, each), default=0))
    return list(dict.fromkeys(listed[at] for at in places for listed in each if at < len(listed)))[:MOST_LISTED]


def _size(alerts: int, seconds: float, sources: Distinct, partitions: int) -> str:
    within = f" in {seconds:,.0f} s" if seconds >= 1 else ""
    return f"{alerts:,} alerts{within}, from {number(sources)} sources, told by {partitions} partitions"


def number(distinct: Distinct) -> str:
    """Such as ``1,000 or more``."""
    return f"{distinct.distinct:,}{' or more' if distinct.or_more else ''}"


def _headline(chief: Told, sources: Distinct) -> str:
    """The chief part's, with the sources of all parts where it names its own."""
    own = re.escape(chief.ours.sources[0]) if len(chief.ours.sources) == 1 else r"[\d,]+(?: or more)? sources"
    every = f"{number(sources)} sources" if sources.distinct > 1 else None
    return chief.headline if every is None else re.sub(rf"(?<![\w.:]){own}(?![\w.:])", every, chief.headline, count=1)
