"""An incident: alerts that belong together, summed up within fixed bounds.

Times are those of the flows, in seconds since 1970. Everything here is plain data that can be frozen and restored, and
two incidents that turn out to be one are summed up by :func:`absorb`. What kind of attack it looks like is told by
:mod:`detector.incidents.kinds`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import median, pstdev
from typing import Annotated, Any, Literal, NamedTuple, Self

import msgspec

from detector.alerts.raised import Raised
from detector.alerts.rhythm import Rhythm
from detector.casebook.ranking import rank_of
from detector.decisions.severity import MOST_RISK
from detector.decisions.views import BREADTH
from detector.features.meanings import SHORTEST_GAP_S
from detector.net.answers import is_shared

MAX_DISTINCT = 1_000
"""Distinct addresses or ports that an incident counts; a count at this bound means *or more*."""

LISTED = 30
"""Addresses or ports that a document lists: those with the most alerts."""

STRONGEST = 5
"""Alerts that an incident shows with their reasons: the rarest of each destination and port."""

MEASURES = 24
"""Numbers of such an alert's sentence that are kept; few have more than ten."""

FIRST_FLOWS = 10
"""Flows that an incident names by id and place: the first ones."""

MAX_ID = 256
"""Characters that are kept of a flow's own id."""

GAPS = 64
"""Gaps between the starts of flows that an incident keeps: the first ones."""

MAX_RULES = 8
"""Rules of the allow-list that an incident counts, and suppressions; alerts of other rules are not allowed."""

MODELS = 32

MOST_BYTES = 1 << 62
"""Where sums stop: readers hold 64 bits."""

STEPS = ("open", "update", "close")
"""What is told of an incident, and when."""

Focus = Literal["both", "source", "destination"]
"""What the alerts have in common: the pair of addresses, the source, or the destination and its port."""

_LARGEST = 1e300

Name = Annotated[str, msgspec.Meta(max_length=256)]
Sentence = Annotated[str, msgspec.Meta(max_length=8_192)]
Count = Annotated[int, msgspec.Meta(ge=0, le=MOST_BYTES)]
Port = Annotated[int, msgspec.Meta(ge=0, le=65_535)]
Level = Annotated[int, msgspec.Meta(ge=2, le=5)]
Risk = Annotated[int, msgspec.Meta(ge=0, le=MOST_RISK)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Figure = Annotated[float, msgspec.Meta(ge=-_LARGEST, le=_LARGEST)]
Length = Annotated[float, msgspec.Meta(ge=0, le=_LARGEST)]
Counts = Annotated[dict[Name, Count], msgspec.Meta(max_length=MAX_DISTINCT)]
"""Alerts by what they have. Bounds are held against what is read back: anyone may write where state is kept."""


class Measure(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """A number of an alert's sentence: see :class:`detector.alerts.facts.Fact`."""

    what: Name
    value: Figure
    unit: Name
    usual_most: Figure | None = None
    usual_least: Figure | None = None
    window_s: Length | None = None


class Strong(msgspec.Struct, kw_only=True):
    """One of the strongest alerts."""

    alert: Name
    score: Figure
    decades: Length = 0.0
    """By how many powers of ten it is rarer than the budget asks; 0 in what was kept before it was known."""
    view: Name = ""
    """By which it is oddest; empty in what was kept before it was known."""
    ts: Figure
    src_ip: Name
    dst_ip: Name
    dst_port: Port | None
    proto: Name
    why: Sentence
    """Empty until it is explained: see :meth:`detector.incidents.book.IncidentBook.explain`."""
    measures: Annotated[list[Measure], msgspec.Meta(max_length=MEASURES)] = []
    """The numbers of ``why``."""


class FlowPlace(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """A flow of the incident: its alert's id, and where its record is."""

    alert: Name
    topic: Name
    partition: Count
    offset: Count
    part: Count | None = None
    uid: Name | None = None


class Span(NamedTuple):
    """When a flow counts as having begun and ended."""

    start: float
    end: float

    @classmethod
    def of(cls, flow: Raised, counts_as: float | None) -> Self:
        """As it says, unless its start counts as another: how long it lasted is no more to be believed then."""
        if counts_as is None or counts_as == flow.ts:
            return cls(flow.ts, flow.ts + max(flow.duration_s or 0.0, 0.0))
        return cls(counts_as, counts_as)


class Incident(msgspec.Struct, kw_only=True):
    """One incident; mutable, and bounded whatever is added."""

    id: Name
    number: Count
    """How many of its partition began before it."""
    focus: Focus
    src_ip: Name
    """Of the first alert; all have it unless the focus is the destination."""
    dst_ip: Name
    """Of the first alert; all have it unless the focus is the source."""
    dst_port: Port | None = None
    """Of the first alert; all have it where the focus is the destination."""
    first_seen: Figure
    last_seen: Figure
    count: Count = 0
    peak_score: Figure = 0.0
    lowest_p: Share = 1.0
    severity: Level = 0
    """The band that ``risk`` is in."""
    risk: Risk = 0
    """As it was told last: see :mod:`detector.incidents.grading`."""
    severity_why: Sentence = ""
    """What makes it so severe, in a few words for people, likewise."""
    worth: Length = 0.0
    """The greatest weight of its hosts; 0 where none has one."""
    assets: Annotated[dict[Name, Sentence], msgspec.Meta(max_length=LISTED)] = {}
    """Names and roles of its hosts, where they are known."""
    allowed: Annotated[dict[Sentence, Count], msgspec.Meta(max_length=MAX_RULES)] = {}
    """Alerts by the rule of the allow-list that covers them."""
    suppressed: Annotated[dict[Name, Count], msgspec.Meta(max_length=MAX_RULES)] = {}
    """Where suppressions hide all of it: alerts by the rule that hides them. Else empty."""
    is_allowed: bool = False
    """Whether rules covered all of it when it was told last."""
    decades: Length = 0.0
    """By how many powers of ten its rarest alert is rarer than the budget asks."""
    rarity: Sentence = ""
    """That in words."""
    sources: Counts = {}
    destinations: Counts = {}
    ports: Annotated[dict[Port, Count], msgspec.Meta(max_length=MAX_DISTINCT)] = {}
    main_port: Port | None = None
    """The port with the most alerts, the first that had so many; None where flows have no ports."""
    answered: Counts = {}
    """By what answered, such as ``10.0.0.1 port 443/tcp``."""
    directions: Annotated[dict[Name, Count], msgspec.Meta(max_length=8)] = {}
    unanswered: Count = 0
    off_port: Count = 0
    """Alerts with an answer by an application that is not at home at their port."""
    dns: Count = 0
    first_contacts: Count = 0
    contacts_known: Count = 0
    """Of how many alerts it is known whether their flow was the first between its two addresses."""
    broad: Count = 0
    """Alerts that are oddest as one of many new contacts."""
    src_bytes: Count = 0
    dst_bytes: Count = 0
    longest_s: Length = 0.0
    longest: Name = ""
    """What the longest flow that was answered went to; empty where none was."""
    latest_start: Figure = 0.0
    gaps: Annotated[list[Length], msgspec.Meta(max_length=GAPS)] = []
    """Between the starts of the first flows, in seconds."""
    period_s: Length = 0.0
    """The longest between calls of a pair of it that come by the clock; 0 where none do."""
    rhythm: Rhythm | None = None
    """How the pair called that was regular last; None where none was."""
    strongest: Annotated[list[Strong], msgspec.Meta(max_length=STRONGEST)] = []
    flows: Annotated[list[FlowPlace], msgspec.Meta(max_length=FIRST_FLOWS)] = []
    models: Annotated[list[Name], msgspec.Meta(max_length=MODELS)] = []
    told_count: Count = 0
    told_at: Figure = 0.0
    told_decades: Length = 0.0
    revision: Count = 0
    """How often it was told."""
    merged_into: Name = ""
    """The incident that it turned out to be part of."""

    def copy(self) -> Incident:
        """The incident as it is now, which later alerts do not change."""
        return msgspec.structs.replace(self, **{name: getattr(self, name).copy() for name in _COLLECTIONS})

    @property
    def is_sound(self) -> bool:
        """Whether its figures fit each other, as those of an open incident do."""
        main = self.main_port in self.ports if self.ports else self.main_port is None
        counted = 0 < sum(self.sources.values()) <= self.count >= sum(self.destinations.values())
        return main and not self.merged_into and counted and sum(self.suppressed.values()) <= self.count

    @property
    def is_suppressed(self) -> bool:
        """Whether all of it is hidden: nobody is told."""
        return bool(self.suppressed)

    @property
    def answers(self) -> int:
        """Alerts whose flow was answered."""
        return self.count - self.unanswered

    @property
    def unanswered_share(self) -> float:
        """Share of the alerts whose flow got no answer or was never established."""
        return self.unanswered / self.count if self.count else 0.0

    @property
    def seconds(self) -> float:
        """From the first flow's start to the last one's end."""
        return max(self.last_seen - self.first_seen, 0.0)

    @property
    def per_second(self) -> float:
        """Alerts a second, over one second at least."""
        return self.count / max(self.seconds, 1.0)

    @property
    def gap(self) -> float:
        """The median gap in seconds; 0 where there is none."""
        return median(self.gaps) if self.gaps else 0.0

    @property
    def gap_variation(self) -> float:
        """How far half of the gaps are from the median one, as a share of it; infinite while they are fewer than 3."""
        middle = self.gap
        if len(self.gaps) < 3 or middle <= 0:
            return float("inf")
        return median(abs(each - middle) for each in self.gaps) / middle

    @property
    def gap_spread(self) -> float:
        """How far gaps are apart, as a share: of the standard deviation of their logarithms, as windows have it."""
        if len(self.gaps) < 3:
            return math.inf
        logs = [math.log(each + SHORTEST_GAP_S) for each in self.gaps]
        return math.expm1(min(pstdev(logs), 50.0))

    @property
    def is_broad(self) -> bool:
        """Whether most of it is odd as many new contacts of a host, at least as much as by itself."""
        return 2 * self.broad > self.count

    def share_at(self, ports: frozenset[int]) -> float:
        """The share of the alerts at these ports."""
        return sum(self.ports.get(port, 0) for port in ports) / self.count if self.count else 0.0


_COLLECTIONS = (
    "sources", "destinations", "ports", "answered", "directions", "gaps", "strongest", "flows", "models", "assets",
    "allowed", "suppressed",
)  # fmt: skip

HOME_PORTS: Mapping[str, frozenset[int]] = {
    "ssh": frozenset({22}),
    "dns": frozenset({53, 137, 5353, 5355}),
    "http": frozenset({80, 631, 3128, 5985, 8000, 8008, 8080, 8081, 8888, 9000, 9090}),
    "ssl": frozenset({443, 465, 587, 636, 853, 990, 993, 995, 3269, 3389, 5061, 5223, 5228, 5671, 8443, 8883, 9443}),
    "ftp": frozenset({21}),
    "smtp": frozenset({25, 465, 587}),
    "rdp": frozenset({3389}),
}
"""Where an application is at home: elsewhere it is off its port."""


def target(flow: Raised) -> str:
    """Such as ``10.0.0.1 port 443/tcp``."""
    port = f" ({flow.proto})" if flow.dst_port is None else f" port {flow.dst_port}/{flow.proto}"
    return flow.dst_ip + port


def add(incident: Incident, alert: Raised, span: Span, by: str = "") -> Strong | None:
    """Add an alert, whose flow counts as having been at ``span``; give what is to be explained, if it is of the few.

    ``by`` is the suppression that hides it, of an incident that is hidden.
    """
    start, port = span.start, alert.dst_port
    if incident.count and start >= incident.latest_start and len(incident.gaps) < GAPS:
        incident.gaps.append(start - incident.latest_start)
    incident.latest_start = max(incident.latest_start, start)
    incident.first_seen = min(incident.first_seen, start)
    incident.last_seen = max(incident.last_seen, span.end)
    incident.period_s = max(incident.period_s, alert.period_s)
    incident.rhythm = alert.rhythm or incident.rhythm
    incident.count += 1
    incident.peak_score = max(incident.peak_score, alert.score) if incident.count > 1 else alert.score
    incident.lowest_p = min(incident.lowest_p, alert.p_value)
    _note(incident, alert)
    if by and incident.is_suppressed:
        _tally(incident.suppressed, by, 1, MAX_RULES)
    if alert.decades > incident.decades or not incident.rarity:
        incident.decades, incident.rarity = alert.decades, alert.rarity
    incident.dns += alert.service == "dns"
    incident.src_bytes = _sum(incident.src_bytes, max(alert.src_bytes or 0, 0))
    incident.dst_bytes = _sum(incident.dst_bytes, max(alert.dst_bytes or 0, 0))
    if alert.first_contact is not None:
        incident.contacts_known += 1
        incident.first_contacts += alert.first_contact
    incident.broad += alert.view == BREADTH.name
    _tally(incident.sources, alert.src_ip)
    _tally(incident.destinations, alert.dst_ip)
    _tally(incident.directions, alert.direction)
    if port is not None:
        _tally(incident.ports, port)
        if incident.main_port is None or incident.ports.get(port, 0) > incident.ports[incident.main_port]:
            incident.main_port = port
    if alert.unanswered:
        incident.unanswered += 1
    else:
        incident.off_port += _is_off_port(alert)
        to = target(alert)
        if alert.dst_bytes or not is_shared(alert.dst_ip):  # to many at once no answer is expected, nor told
            _tally(incident.answered, to)
        if (lasted := alert.duration_s or 0.0) > incident.longest_s:
            incident.longest_s, incident.longest = lasted, to
    version = alert.origin.model_version
    if version not in incident.models and len(incident.models) < MODELS:
        incident.models.append(version)
    if len(incident.flows) < FIRST_FLOWS:
        incident.flows.append(FlowPlace(alert=alert.id, uid=_short(alert.uid), **alert.position))
    return _rank(incident.strongest, alert)


def absorb(incident: Incident, part: Incident) -> None:
    """Add everything of another incident, which began later and turns out to be part of this one."""
    first, second = sorted((incident, part), key=lambda each: (each.first_seen, each.number))
    flows = [*first.flows, *second.flows][:FIRST_FLOWS]
    models = list(dict.fromkeys([*incident.models, *part.models]))[:MODELS]
    incident.first_seen = first.first_seen
    incident.last_seen = max(incident.last_seen, part.last_seen)
    incident.latest_start = max(incident.latest_start, part.latest_start)
    incident.period_s = max(incident.period_s, part.period_s)
    incident.rhythm = part.rhythm or incident.rhythm
    incident.count += part.count
    incident.peak_score = max(incident.peak_score, part.peak_score)
    incident.lowest_p = min(incident.lowest_p, part.lowest_p)
    incident.worth = max(incident.worth, part.worth)
    incident.assets = dict([*incident.assets.items(), *part.assets.items()][:LISTED])
    for words, count in part.allowed.items():
        _tally(incident.allowed, words, count, MAX_RULES)
    for rule, count in part.suppressed.items():
        _tally(incident.suppressed, rule, count, MAX_RULES)
    if part.decades > incident.decades:
        incident.decades, incident.rarity = part.decades, part.rarity
    for name in ("unanswered", "off_port", "dns", "first_contacts", "contacts_known", "broad"):
        setattr(incident, name, getattr(incident, name) + getattr(part, name))
    incident.src_bytes = _sum(incident.src_bytes, part.src_bytes)
    incident.dst_bytes = _sum(incident.dst_bytes, part.dst_bytes)
    for name in ("sources", "destinations", "ports", "answered", "directions"):
        mine: dict[Any, int] = getattr(incident, name)
        for value, count in getattr(part, name).items():
            _tally(mine, value, count)
    incident.main_port = max(incident.ports, key=incident.ports.__getitem__, default=None)
    if part.longest_s > incident.longest_s:
        incident.longest_s, incident.longest = part.longest_s, part.longest
    incident.gaps = [*incident.gaps, *part.gaps][:GAPS]
    incident.flows, incident.models = flows, models
    by_target: dict[tuple[str, int | None], Strong] = {}
    for each in sorted([*incident.strongest, *part.strongest], key=rank_of, reverse=True):
        by_target.setdefault((each.dst_ip, each.dst_port), each)
    incident.strongest = list(by_target.values())[:STRONGEST]


def _short(text: str | None) -> str | None:
    return text if text is None else text[:MAX_ID]


def _sum(so_far: int, more: int) -> int:
    return min(so_far + more, MOST_BYTES)


def _note(incident: Incident, alert: Raised) -> None:
    """What is known of its hosts beforehand."""
    known = alert.origin.assets
    if known.assets:
        incident.worth = max(incident.worth, known.worth(alert.src_ip, alert.dst_ip) or 0.0)
        for address, label in known.labels(alert.src_ip, alert.dst_ip).items():
            if len(incident.assets) < LISTED:
                incident.assets[address] = label
    if (rule := alert.allowed) is not None:
        _tally(incident.allowed, rule.words, 1, MAX_RULES)


def _tally(seen: dict[Any, int], value: Any, count: int = 1, most: int = MAX_DISTINCT) -> None:
    if value in seen:
        seen[value] += count
    elif len(seen) < most:
        seen[value] = count


def _is_off_port(flow: Raised) -> bool:
    home = HOME_PORTS.get(flow.service or "")
    return home is not None and flow.dst_port is not None and flow.dst_port not in home


def _rank(strongest: list[Strong], alert: Raised) -> Strong | None:
    """Keep the rarest of each destination and port, the earlier of two alike; give what this made, if anything.

    A burst at one service is one of them, so that what else there was is shown beside it.
    """
    rank = rank_of(alert)
    if len(strongest) >= STRONGEST and rank <= rank_of(strongest[-1]):
        return None
    for place, each in enumerate(strongest):
        if each.dst_port == alert.dst_port and each.dst_ip == alert.dst_ip:
            if rank <= rank_of(each):
                return None
            del strongest[place]
            break
    strong = Strong(
        alert=alert.id,
        score=alert.score,
        decades=alert.decades,
        view=alert.view,
        ts=alert.ts,
        src_ip=alert.src_ip,
        dst_ip=alert.dst_ip,
        dst_port=alert.dst_port,
        proto=alert.proto,
        why="",
    )
    strongest.append(strong)
    strongest.sort(key=rank_of, reverse=True)
    del strongest[STRONGEST:]
    return strong
