"""Puts alerts together into incidents: by pair of addresses, then by source, then by destination and port.

What makes a source's pairs one incident, or a destination's, is what happened: see :mod:`detector.incidents.joining`.
An incident of a pair that turns out to be part of a larger one is merged into the one that began first, and closed with
a pointer to it.

The first alert is never delayed: every incident is told at once, and alerts carry its id. State is kept by partition,
like the windows, within fixed bounds. Times are the flows' own, by a clock that no wrong one moves
(:mod:`detector.kernels.clock`), and each alert meets the incidents that are open at its own time, so that the same
records give the same incidents however they are cut into batches.

Alerts that a suppression hides are put together by the same rules, but apart: an incident is hidden only where all its
alerts are. It is written, and it is no risk to its hosts, counts nowhere as open, and ends first where there are many.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from itertools import chain
from typing import Literal
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec
import numpy as np
from numpy.typing import NDArray

from detector.alerts.content import Joined
from detector.alerts.raised import Raised
from detector.alerts.usual import Usual
from detector.alerts.wording import Told
from detector.assets.assets import NOTHING, Assets
from detector.errors import InputError
from detector.incidents.grading import grade
from detector.incidents.host_book import TOP, Hosts
from detector.incidents.hosts import HostRisk, Risks, Share, counted, held
from detector.incidents.incident import (
    MEASURES,
    Count,
    Focus,
    Incident,
    Measure,
    Name,
    Span,
    Strong,
    absorb,
    add,
)
from detector.incidents.joining import (
    Key,
    destination_of,
    goes_on,
    is_apart,
    keys_of,
    merging,
    pair_of,
    pairs_of_destination,
    pairs_of_source,
    source_of,
)
from detector.incidents.kinds import Kind, kind_of
from detector.incidents.known_risks import KnownRisks
from detector.kernels.clock import CLOCK, CLOCK_FIELDS, MOVED, Heard, hear

NAMESPACE: UUID = uuid5(NAMESPACE_URL, "urn:oddflow:incident")
"""Of incident ids: ``uuid5(NAMESPACE, id of its first alert)``."""

GAP_S = 600.0
"""An alert this long after an incident's last flow, or before its first, begins another: the windows' middle scale."""

MISSED = 3.0
"""So many periods after a regular pair's last call another is of the same incident: calls are missed, or not raised."""

LONGEST_WAIT_S = 6 * 3600.0
"""But no later than this."""

UPDATE_S = 60.0
"""An incident that goes on is told again at most so often, besides each doubling and each rise in severity."""

MAX_OPEN = 1_000
"""Open incidents of a partition; beyond, the one that was quiet longest is closed. Most are 5 kB, few 100 kB."""

Step = Literal["open", "update", "close"]


class Change(msgspec.Struct, frozen=True):
    """Something to tell of an incident: it as it was at that moment."""

    step: Step
    incident: Incident
    kind: Kind
    usual: Usual | None = None
    """What stands beside its numbers."""


class _OpenIncidents(msgspec.Struct):
    """The open incidents of one partition, the one that was quiet longest first."""

    incidents: dict[Name, Incident] = {}
    begun: Count = 0
    hosts: Hosts = msgspec.field(default_factory=Hosts)
    clock: list[float] = []
    """As in :mod:`detector.kernels.clock`, as it was when the state was kept."""


_decoder = msgspec.msgpack.Decoder(_OpenIncidents)
_encoder = msgspec.msgpack.Encoder()


class IncidentBook:
    """The open incidents of every partition. ``gap_s`` and ``max_open`` are for tests and tuning."""

    def __init__(self, *, gap_s: float = GAP_S, max_open: int = MAX_OPEN, assets: Assets = NOTHING) -> None:
        self._assets = assets
        self._gap_s = gap_s
        self._max_open = max_open
        self._places: dict[int, _OpenIncidents] = {}
        self._index: dict[int, dict[Key, list[str]]] = {}
        self._hidden: Counter[int] = Counter()
        """By partition: how many of the open ones are suppressed."""
        self._changes: list[Change] = []
        self._clocks: dict[int, NDArray[np.float64]] = {}
        self._heard: Heard | None = None
        self._lasts: dict[int, int] = {}
        """The last record of each partition among those heard."""
        self._moves: dict[int, float] = {}
        self._due: dict[int, float] = {}
        """By partition: until then none of its incidents is over."""
        self._ended: Counter[str] = Counter()
        self._closed = 0
        """How many were closed here, without those that became part of another."""
        self._unexplained: dict[str, tuple[Strong, int]] = {}
        """By alert: those that were among the strongest of an incident since :meth:`explain`, with their places."""
        self._touched: dict[str, Incident] = {}
        """Incidents whose strongest alerts are others since then."""
        self._known = KnownRisks()

    @property
    def open(self) -> int:
        """How many incidents are open, without suppressed ones."""
        return sum(len(place.incidents) for place in self._places.values()) - self._hidden.total()

    @property
    def met(self) -> int:
        """How many incidents there have been, open and closed, without those that became part of another or were
        suppressed.
        """
        return self._closed + self.open

    def hear(self, ts: NDArray[np.float64], partitions: NDArray[np.int32]) -> Heard:
        """Take the times of a batch's flows, in record order, before any alert of theirs is put; give what they are."""
        self._heard = hear(ts, partitions, self._clocks)
        numbers, from_end = np.unique(partitions[::-1], return_index=True)
        self._lasts = dict(zip(numbers.tolist(), (len(ts) - 1 - from_end).tolist(), strict=True))
        return self._heard

    def put(self, alert: Raised, row: int | None = None, by: str = "") -> Incident:
        """Add an alert to its incident, or begin one; give it as it is now.

        ``by`` is the suppression that hides it, if one does: it is then in an incident of such alerts alone. ``row`` is
        that of its flow among those heard; None: its own time counts, and no time passes. Call it in record order; what
        is to be told waits for :meth:`take`, and who is among the strongest for :meth:`explain`.
        """
        partition = alert.partition
        self._known.changed(partition)
        place = self._places.get(partition)
        if place is None:
            place = self._places[partition] = _OpenIncidents()
        counts_as = None
        if row is not None and self._heard is not None:
            self._pass_until(partition, row)
            counts_as = self._heard.counts_as.item(row)
        span = Span.of(alert, counts_as)
        hidden = bool(by)
        incident = self._matching(partition, alert, span, hidden) or self._merged(partition, alert, span, hidden)
        if incident is None:
            incident = self._begin(partition, alert, span, by)
        else:
            place.incidents[incident.id] = place.incidents.pop(incident.id)  # the latest is the last
        if (strong := add(incident, alert, span, by)) is not None:
            self._unexplained[strong.alert] = strong, alert.place
            self._touched[incident.id] = incident
        self._due[partition] = min(self._due.get(partition, -math.inf), self._over_at(incident))
        if _is_due(incident) and incident.is_suppressed == hidden:
            self._tell(partition, "update" if incident.told_count else "open", incident, kind_of(incident))
        return incident

    def unexplained(self) -> list[int]:
        """The places in their batch of alerts that an incident shows, or may show later, ascending."""
        shown = (*(change.incident for change in self._changes), *self._touched.values())
        strongest = {strong.alert for incident in shown for strong in incident.strongest}
        return sorted(place for alert, (_, place) in self._unexplained.items() if alert in strongest)

    def explain(self, told: Mapping[str, Told]) -> None:
        """Say, by alert, why those of a batch are alerts that are among the strongest of their incidents."""
        for alert, (strong, _) in self._unexplained.items():
            if (why := told.get(alert)) is not None:
                strong.why = why.message
                strong.measures = [Measure(**fact) for fact in why.facts[:MEASURES]]
        self._unexplained, self._touched = {}, {}

    def pass_time(self) -> None:
        """Close the incidents that are over once all that was heard has been put."""
        for partition, row in self._lasts.items():
            self._pass_until(partition, row)

    def _pass_until(self, partition: int, row: int) -> None:
        """Close what was over by the time of this row: quiet for long, or of before the clock moved far."""
        place = self._places.get(partition)
        if place is None or self._heard is None:
            return
        now, moves = self._heard.now.item(row), self._heard.moves.item(row)
        moved = moves != self._moves.get(partition, 0.0)
        self._moves[partition] = moves
        if not moved and now <= self._due.get(partition, -math.inf):
            return
        for incident in sorted(place.incidents.values(), key=lambda each: each.last_seen):
            if moved or now > self._over_at(incident):
                self._close(partition, incident)
        if moved:
            place.hosts.go_back(now)
            self._known.changed(partition)
        self._due[partition] = min(map(self._over_at, place.incidents.values()), default=math.inf)

    def close_all(self) -> None:
        """Close every incident: no more flows will come."""
        for partition, place in self._places.items():
            for incident in list(place.incidents.values()):
                self._close(partition, incident)

    def take(self, usual: Usual | None = None) -> list[Change]:
        """Give what is to be told since the last call, in order; ``usual`` stands beside its numbers."""
        changes, self._changes = self._changes, []
        return [msgspec.structs.replace(change, usual=usual) for change in changes]

    def take_ended(self) -> Counter[str]:
        """Count the incidents that ended since the last call, by final kind; those of a single alert too."""
        ended, self._ended = self._ended, Counter()
        return ended

    def take_hosts(self, *, at_once: bool = False) -> list[HostRisk]:
        """Give the hosts whose risks are to be told, as of the last that was heard; ``at_once``: whatever is due."""
        told: list[HostRisk] = []
        for partition, place in self._places.items():
            now = self._now(partition)
            if now is not None and (at_once or place.hosts.is_due(now)):
                found = self._risks(partition, place, now)
                told += place.hosts.look(partition, found, now)
        return told

    def top_risks(self) -> list[float]:
        """The highest risks of hosts, over all partitions here, descending."""
        return sorted(self.host_risks().values(), reverse=True)[:TOP]

    def host_risks(self) -> dict[str, float]:
        """The risk of every host that has one now, over all partitions here."""
        shares: dict[str, list[Share]] = {}
        for partition, place in self._places.items():
            if (now := self._now(partition)) is not None:
                for host, (_, of) in self._risks(partition, place, now).items():
                    shares.setdefault(host, []).extend(of)
        return {host: counted(of)[0] for host, of in shares.items()}

    def _risks(self, partition: int, place: _OpenIncidents, now: float) -> Risks:
        """The risks of a partition's hosts."""
        return self._known.of(partition, place.hosts.over, place.incidents.values(), now)

    def clocks(self) -> dict[int, float]:
        """The time of each partition, as of the last that was heard of it."""
        return {partition: float(clock[CLOCK]) for partition, clock in self._clocks.items()}

    def _now(self, partition: int) -> float | None:
        """The partition's time, as of the last that was heard of it."""
        clock = self._clocks.get(partition)
        return None if clock is None else float(clock[CLOCK])

    # --- what survives ------------------------------------------------------------------------------------------

    def freeze(self, partition: int) -> Callable[[], bytes]:
        """The same as ``snapshot``, to be called when it is wanted."""
        frozen = self.snapshot(partition)
        return lambda: frozen

    def snapshot(self, partition: int) -> bytes:
        """The partition's open incidents as bytes; the same for the same history."""
        place = self._places.get(partition, _OpenIncidents())
        clock = self._clocks.get(partition)
        return _encoder.encode(msgspec.structs.replace(place, clock=[] if clock is None else clock.tolist()))

    def restore(self, partition: int, data: bytes) -> None:
        """Put back what ``snapshot`` gave. Raises InputError, and changes nothing, for bytes that are damaged."""
        try:
            place = _decoder.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise _off(partition, str(error)) from error
        if len(place.incidents) > self._max_open:
            raise _off(partition, f"{len(place.incidents)} are open, more than {self._max_open}")
        for incident_id, incident in place.incidents.items():
            if not incident.count or not incident.severity:  # a default, where the name of what was written is damaged
                raise _off(partition, f"incident {incident_id!r} has no alert or no severity")
            if incident_id != incident.id or not incident.is_sound:
                raise _off(partition, f"incident {incident_id!r} contradicts itself")
        clock = np.array(place.clock, np.float64)
        if len(clock) not in {0, CLOCK_FIELDS} or not np.isfinite(clock).all():
            raise _off(partition, "its clock is no time")
        self.forget(partition)
        self._places[partition] = place
        if len(clock):
            self._clocks[partition], self._moves[partition] = clock, float(clock[MOVED])
        for incident in place.incidents.values():
            self._enter(partition, incident)

    def forget(self, *partitions: int) -> None:
        """Forget these partitions: another member keeps them now."""
        for partition in partitions:
            self._known.ended(partition, *self._places.get(partition, _OpenIncidents()).incidents)
            for kept in (self._places, self._index, self._hidden, self._clocks, self._lasts, self._moves, self._due):
                kept.pop(partition, None)

    # --- inside -------------------------------------------------------------------------------------------------

    def _gap(self, incident: Incident) -> float:
        """How long after its last flow another of the same pair is part of it."""
        return max(self._gap_s, min(MISSED * incident.period_s, LONGEST_WAIT_S))

    def _over_at(self, incident: Incident) -> float:
        """When it is over unless something comes: a gap after the last moment, for a flow that comes late."""
        return incident.last_seen + self._gap(incident) + self._gap_s

    def _near(self, partition: int, key: Key, span: Span, hidden: bool, *, of_pair: bool = False) -> list[Incident]:
        """The open incidents of a key that a flow is near in time to, the latest begun first.

        Those of its own pair wait for as long as it calls.
        """
        of_key = self._index.get(partition, {}).get((hidden, *key))
        if of_key is None:
            return []
        incidents, gap_s, start = self._places[partition].incidents, self._gap_s, span.start
        found = [incidents[each] for each in of_key]
        after = self._gap if of_pair else lambda _: gap_s
        near = [each for each in found if each.first_seen - gap_s <= start <= each.last_seen + after(each)]
        return near if len(near) < 2 else sorted(near, key=lambda each: -each.number)

    def _matching(self, partition: int, alert: Raised, span: Span, hidden: bool) -> Incident | None:
        """The open incident that the alert belongs to: of its pair, of its source, of its destination and port."""
        if of_pair := self._near(partition, pair_of(alert), span, hidden, of_pair=True):
            return of_pair[0]
        if of_source := self._near(partition, source_of(alert), span, hidden):
            going_on = (each for each in of_source if goes_on(each, alert))
            reached = (each for each in of_source if alert.dst_ip in each.destinations and not is_apart(each, alert))
            if (found := next(chain(going_on, reached), None)) is not None:
                return found
        of_destination = self._near(partition, destination_of(alert), span, hidden)
        return of_destination[0] if of_destination else None

    def _merged(self, partition: int, alert: Raised, span: Span, hidden: bool) -> Incident | None:
        """The incident that the alert makes of several pairs': that which began first takes the others in."""
        of_source, of_destination = (
            self._near(partition, key, span, hidden) for key in (pairs_of_source(alert), pairs_of_destination(alert))
        )
        found = merging(of_source, of_destination, alert)
        if found is None:
            return None
        focus, pairs = found
        *others, first = pairs
        self._refocus(partition, first, focus)
        for other in reversed(others):
            absorb(first, other)
            other.merged_into = first.id
            self._end(partition, other)
            self._tell(partition, "close", other, kind_of(other))
        self._touched[first.id] = first
        return first

    def _refocus(self, partition: int, incident: Incident, focus: Focus) -> None:
        self._leave(partition, incident)
        incident.focus = focus
        self._enter(partition, incident)

    def _begin(self, partition: int, alert: Raised, span: Span, by: str) -> Incident:
        place = self._places[partition]
        incidents = place.incidents
        incident_id = str(uuid5(NAMESPACE, alert.id))
        if (known := incidents.get(incident_id)) is not None:  # the record came again
            if known.is_suppressed and not by:  # and its suppression has ended since
                self._reveal(partition, known)
            return known
        while len(incidents) >= self._max_open:
            hidden = (each for each in incidents.values() if each.is_suppressed) if self._hidden[partition] else ()
            self._close(partition, next(iter(hidden), None) or next(iter(incidents.values())))
        incident = Incident(
            id=incident_id,
            number=place.begun,
            focus="both",
            src_ip=alert.src_ip,
            dst_ip=alert.dst_ip,
            dst_port=alert.dst_port,
            first_seen=span.start,
            last_seen=span.start,
            suppressed={by: 0} if by else {},
        )
        place.begun += 1
        incidents[incident.id] = incident
        self._enter(partition, incident)
        return incident

    def _reveal(self, partition: int, incident: Incident) -> None:
        """An incident is suppressed no more: it is told as one that opens."""
        self._leave(partition, incident)
        incident.suppressed, incident.told_count = {}, 0
        self._enter(partition, incident)

    def _enter(self, partition: int, incident: Incident) -> None:
        index = self._index.setdefault(partition, {})
        self._hidden[partition] += incident.is_suppressed
        for key in keys_of(incident):
            index.setdefault((incident.is_suppressed, *key), []).append(incident.id)

    def _leave(self, partition: int, incident: Incident) -> None:
        index = self._index[partition]
        self._hidden[partition] -= incident.is_suppressed
        for key in ((incident.is_suppressed, *key) for key in keys_of(incident)):
            index[key].remove(incident.id)
            if not index[key]:
                del index[key]

    def _end(self, partition: int, incident: Incident) -> None:
        del self._places[partition].incidents[incident.id]
        self._known.ended(partition, incident.id)
        self._leave(partition, incident)

    def _close(self, partition: int, incident: Incident) -> None:
        self._end(partition, incident)
        kind = kind_of(incident)
        if not incident.is_suppressed:
            self._ended[kind.name] += 1
            self._closed += 1
            self._places[partition].hosts.end(held(incident, kind))
        if incident.count > 1:  # of a single alert its opening has told everything
            self._tell(partition, "close", incident, kind)

    def _tell(self, partition: int, step: Step, incident: Incident, kind: Kind) -> None:
        grade(incident, kind, self._assets)
        incident.revision += 1
        incident.told_count, incident.told_at = incident.count, incident.last_seen
        incident.told_decades = incident.decades
        self._changes.append(Change(step, incident.copy(), kind))
        if not incident.is_suppressed:
            self._places[partition].hosts.news = True


def membership(incident: Incident) -> Joined:
    """What the alert that was put into an incident last tells of it."""
    kind = kind_of(incident)
    return Joined(incident.id, incident.count, kind.name, kind.confidence, kind.tactic, kind.techniques)


def _off(partition: int, why: str) -> InputError:
    return InputError(f"restoring incidents of partition {partition}: {why}; they begin anew")


def _is_due(incident: Incident) -> bool:
    """Whether the incident is to be told: new, twice as many alerts, ten times rarer, or a minute on."""
    return (
        incident.told_count == 0
        or incident.count >= 2 * incident.told_count
        or int(incident.decades) > int(incident.told_decades)
        or incident.last_seen - incident.told_at >= UPDATE_S
    )
