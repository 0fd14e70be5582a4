"""Puts alerts together into incidents: same source or destination, same leading features, within a window of time.

The first alert is never delayed: every alert goes out at once and carries its incident's id; what is told of an
incident is told beside. State is kept by partition, like the windows, within fixed bounds. Times are the flows' own,
by a clock that no wrong one moves (:mod:`detector.kernels.clock`), and each alert meets the incidents that are open at
its own time, so that the same records give the same incidents however they are cut into batches.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, NamedTuple, Self
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec
import numpy as np
from numpy.typing import NDArray

from detector.alerts.content import Content
from detector.errors import InputError
from detector.incidents.incident import (
    LEADING,
    MAX_DISTINCT,
    STRONGEST,
    Count,
    Incident,
    Name,
    Strong,
    is_shared,
    theme,
)
from detector.incidents.kinds import Rule, guess
from detector.kernels.clock import CLOCK_FIELDS, MOVED, Heard, hear
from detector.net.states import FAILED_STATES

NAMESPACE: UUID = uuid5(NAMESPACE_URL, "urn:oddflow:incident")
"""Of incident ids: ``uuid5(NAMESPACE, id of its first alert)``."""

GAP_S = 600.0
"""An alert this long after an incident's last flow, or before its first, begins another: the windows' middle scale."""

UPDATE_S = 60.0
"""An incident that goes on is told again at most so often, besides each doubling and each rise in severity."""

MAX_OPEN = 1_000
"""Open incidents of a partition; beyond, the one that was quiet longest is closed. About 10 kB each."""

MOST_BYTES = 1 << 62
"""Where sums stop: readers hold 64 bits."""

Step = Literal["open", "update", "close"]


class Change(msgspec.Struct, frozen=True):
    """Something to tell of an incident: it as it was at that moment."""

    step: Step
    incident: Incident
    rule: Rule


class _OpenIncidents(msgspec.Struct):
    """The open incidents of one partition, the one that was quiet longest first."""

    incidents: dict[Name, Incident] = {}
    begun: Count = 0
    clock: list[float] = []
    """As in :mod:`detector.kernels.clock`, as it was when the state was kept."""


class Span(NamedTuple):
    """When a flow counts as having begun and ended."""

    start: float
    end: float

    @classmethod
    def of(cls, flow: Mapping[str, Any], counts_as: float | None) -> Self:
        """As it says, unless its start counts as another: how long it lasted is no more to be believed then."""
        if counts_as is None or counts_as == flow["ts"]:
            return cls(flow["ts"], flow["ts"] + max(flow.get("duration_s", 0.0), 0.0))
        return cls(counts_as, counts_as)


_decoder = msgspec.msgpack.Decoder(_OpenIncidents)
_encoder = msgspec.msgpack.Encoder()


class IncidentBook:
    """The open incidents of every partition. ``gap_s`` and ``max_open`` are for tests and tuning."""

    def __init__(self, *, gap_s: float = GAP_S, max_open: int = MAX_OPEN) -> None:
        self._gap_s = gap_s
        self._max_open = max_open
        self._places: dict[int, _OpenIncidents] = {}
        self._index: dict[int, dict[tuple[str, str], list[str]]] = {}
        self._changes: list[Change] = []
        self._clocks: dict[int, NDArray[np.float64]] = {}
        self._heard: Heard | None = None
        self._lasts: dict[int, int] = {}
        """The last record of each partition among those heard."""
        self._moves: dict[int, float] = {}
        self._due: dict[int, float] = {}
        """By partition: until then none of its incidents is over."""
        self._ended: Counter[str] = Counter()

    @property
    def open(self) -> int:
        """How many incidents are open."""
        return sum(len(place.incidents) for place in self._places.values())

    def hear(self, ts: NDArray[np.float64], partitions: NDArray[np.int32]) -> None:
        """Take the times of a batch's flows, in record order, before any alert of theirs is put."""
        self._heard = hear(ts, partitions, self._clocks)
        numbers, from_end = np.unique(partitions[::-1], return_index=True)
        self._lasts = dict(zip(numbers.tolist(), (len(ts) - 1 - from_end).tolist(), strict=True))

    def put(self, alert: Content, row: int | None = None) -> dict[str, Any]:
        """Add an alert to its incident, or begin one; give what the alert tells of it.

        ``row`` is that of its flow among those heard; None: its own time counts, and no time passes. Call it in record
        order; what is to be told waits for :meth:`take`.
        """
        partition = alert.position["partition"]
        place = self._places.setdefault(partition, _OpenIncidents())
        counts_as = None
        if row is not None and self._heard is not None:
            self._pass_until(partition, row)
            counts_as = float(self._heard.counts_as[row])
        span = Span.of(alert.flow, counts_as)
        incident = self._matching(partition, alert, span)
        if incident is None:
            incident = self._begin(partition, alert, span)
        else:
            self._narrow(partition, incident, alert)
            place.incidents[incident.id] = place.incidents.pop(incident.id)  # the latest is the last
        _add(incident, alert, span)
        self._due[partition] = min(self._due.get(partition, -math.inf), incident.last_seen + 2 * self._gap_s)
        rule = guess(incident)
        if _is_due(incident):
            self._tell("open" if incident.revision == 0 else "update", incident, rule)
        return {
            "id": incident.id,
            "alerts": incident.count,
            "kind": rule.kind,
            "first_seen": incident.first_seen,
            "first": incident.count == 1,
        }

    def pass_time(self) -> None:
        """Close the incidents that are over once all that was heard has been put."""
        for partition, row in self._lasts.items():
            self._pass_until(partition, row)

    def _pass_until(self, partition: int, row: int) -> None:
        """Close what was over by the time of this row: quiet for twice the gap, or of before the clock moved far."""
        place = self._places.get(partition)
        if place is None or self._heard is None:
            return
        now, moves = float(self._heard.now[row]), float(self._heard.moves[row])
        moved = moves != self._moves.get(partition, 0.0)
        self._moves[partition] = moves
        if not moved and now <= self._due.get(partition, -math.inf):
            return
        for incident in sorted(place.incidents.values(), key=lambda each: each.last_seen):
            # Twice the gap: a flow that comes up to a gap late finds its incident.
            if moved or now - incident.last_seen > 2 * self._gap_s:
                self._close(partition, incident)
        ends = (incident.last_seen for incident in place.incidents.values())
        self._due[partition] = min(ends, default=math.inf) + 2 * self._gap_s

    def close_all(self) -> None:
        """Close every incident: no more flows will come."""
        for partition, place in self._places.items():
            for incident in list(place.incidents.values()):
                self._close(partition, incident)

    def take(self) -> list[Change]:
        """Give what is to be told since the last call, in order."""
        changes, self._changes = self._changes, []
        return changes

    def take_ended(self) -> Counter[str]:
        """Count the incidents that ended since the last call, by final kind; those of a single alert too."""
        ended, self._ended = self._ended, Counter()
        return ended

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
            if incident_id != incident.id or len(incident.ports) != len(incident.port_alerts):
                raise _off(partition, f"incident {incident_id!r} contradicts itself")
            if not incident.count or not incident.severity:  # a default, where the name of what was written is damaged
                raise _off(partition, f"incident {incident_id!r} has no alert or no severity")
        clock = np.array(place.clock, np.float64)
        if len(clock) not in {0, CLOCK_FIELDS} or not np.isfinite(clock).all():
            raise _off(partition, "its clock is no time")
        self.forget(partition)
        self._places[partition] = place
        if len(clock):
            self._clocks[partition], self._moves[partition] = clock, float(clock[MOVED])
        for incident in sorted(place.incidents.values(), key=lambda each: each.number):
            self._enter(partition, incident)

    def forget(self, *partitions: int) -> None:
        """Forget these partitions: another member keeps them now."""
        for partition in partitions:
            for kept in (self._places, self._index, self._clocks, self._lasts, self._moves, self._due):
                kept.pop(partition, None)

    # --- inside -------------------------------------------------------------------------------------------------

    def _matching(self, partition: int, alert: Content, span: Span) -> Incident | None:
        """The open incident that the alert belongs to: of its source before of its destination, the latest first."""
        index = self._index.get(partition, {})
        incidents = self._places[partition].incidents
        themes = _themes(alert)
        for key in (("source", alert.flow["src_ip"]), ("destination", alert.flow["dst_ip"])):
            for incident_id in reversed(index.get(key, [])):
                incident = incidents[incident_id]
                near = incident.first_seen - self._gap_s <= span.start <= incident.last_seen + self._gap_s
                if near and not themes.isdisjoint(incident.themes):
                    return incident
        return None

    def _begin(self, partition: int, alert: Content, span: Span) -> Incident:
        flow, place = alert.flow, self._places[partition]
        incidents = place.incidents
        incident_id = str(uuid5(NAMESPACE, alert.id))
        if incident_id in incidents:  # the record came again
            return incidents[incident_id]
        while len(incidents) >= self._max_open:
            self._close(partition, next(iter(incidents.values())))
        incident = Incident(
            id=incident_id,
            number=place.begun,
            focus="both",
            src_ip=flow["src_ip"],
            dst_ip=flow["dst_ip"],
            themes=sorted(_themes(alert)),
            first_seen=span.start,
            last_seen=span.start,
        )
        place.begun += 1
        incidents[incident.id] = incident
        self._enter(partition, incident)
        return incident

    def _enter(self, partition: int, incident: Incident) -> None:
        index = self._index.setdefault(partition, {})
        for key in _keys(incident):
            index.setdefault(key, []).append(incident.id)

    def _leave(self, partition: int, incident: Incident, keys: Iterable[tuple[str, str]]) -> None:
        index = self._index[partition]
        for key in keys:
            index[key].remove(incident.id)
            if not index[key]:
                del index[key]

    def _narrow(self, partition: int, incident: Incident, alert: Content) -> None:
        """Once an alert shares only the source, or only the destination, that is what the incident is about."""
        if incident.focus != "both":
            return
        if alert.flow["src_ip"] != incident.src_ip:
            self._leave(partition, incident, [("source", incident.src_ip)])
            incident.focus = "destination"
        elif alert.flow["dst_ip"] != incident.dst_ip:
            self._leave(partition, incident, [("destination", incident.dst_ip)])
            incident.focus = "source"

    def _close(self, partition: int, incident: Incident) -> None:
        del self._places[partition].incidents[incident.id]
        self._leave(partition, incident, _keys(incident))
        rule = guess(incident)
        self._ended[rule.kind] += 1
        if incident.count > 1:  # of a single alert its opening has told everything
            self._tell("close", incident, rule)

    def _tell(self, step: Step, incident: Incident, rule: Rule) -> None:
        incident.revision += 1
        incident.told_count, incident.told_at = incident.count, incident.last_seen
        incident.told_severity = incident.severity
        self._changes.append(Change(step, incident.copy(), rule))


def _off(partition: int, why: str) -> InputError:
    return InputError(f"restoring incidents of partition {partition}: {why}; they begin anew")


def _keys(incident: Incident) -> list[tuple[str, str]]:
    keys = [("source", incident.src_ip), ("destination", incident.dst_ip)]
    return {"both": keys, "source": keys[:1], "destination": keys[1:]}[incident.focus]


def _themes(alert: Content) -> set[str]:
    return {theme(feature["name"]) for feature in alert.features[:LEADING]}


def _is_due(incident: Incident) -> bool:
    """Whether the incident is to be told: new, twice as many alerts, more severe, or a minute on."""
    return (
        incident.revision == 0
        or incident.count >= 2 * incident.told_count
        or incident.severity > incident.told_severity
        or incident.last_seen - incident.told_at >= UPDATE_S
    )


def _add(incident: Incident, alert: Content, span: Span) -> None:
    flow, start = alert.flow, span.start
    if incident.count and start >= incident.latest_start:
        incident.gaps += 1
        off = start - incident.latest_start - incident.gap_mean
        incident.gap_mean += off / incident.gaps
        spread = off * (start - incident.latest_start - incident.gap_mean)
        incident.gap_m2 += max(spread, 0.0)  # below it by rounding alone
    incident.latest_start = max(incident.latest_start, start)
    incident.first_seen = min(incident.first_seen, start)
    incident.last_seen = max(incident.last_seen, span.end)
    incident.count += 1
    incident.peak_score = max(incident.peak_score, alert.score) if incident.count > 1 else alert.score
    incident.lowest_p = min(incident.lowest_p, alert.p_value)
    incident.severity = max(incident.severity, alert.severity)
    incident.unanswered += _unanswered(flow)
    incident.dns += flow.get("service") == "dns"
    incident.src_bytes = min(incident.src_bytes + max(flow.get("src_bytes", 0), 0), MOST_BYTES)
    incident.dst_bytes = min(incident.dst_bytes + max(flow.get("dst_bytes", 0), 0), MOST_BYTES)
    incident.longest_s = max(incident.longest_s, flow.get("duration_s", 0.0))
    _note(incident.sources, flow["src_ip"])
    _note(incident.destinations, flow["dst_ip"])
    if "dst_port" in flow:
        _count_port(incident, flow["dst_port"])
    _note(incident.models, alert.model["version"])
    _rank(incident.strongest, alert)


def _unanswered(flow: Mapping[str, Any]) -> bool:
    if is_shared(flow["dst_ip"]):
        return False
    if "state" in flow:
        return flow["state"] in FAILED_STATES
    back: int | None = flow.get("dst_packets", flow.get("dst_bytes"))
    return back == 0


def _note(seen: list[Any], value: Any) -> None:
    if len(seen) < MAX_DISTINCT and value not in seen:
        seen.append(value)


def _count_port(incident: Incident, port: int) -> None:
    if port in incident.ports:
        incident.port_alerts[incident.ports.index(port)] += 1
    elif len(incident.ports) < MAX_DISTINCT:
        incident.ports.append(port)
        incident.port_alerts.append(1)


def _rank(strongest: list[Strong], alert: Content) -> None:
    """Keep the highest scores, the earlier of two alike."""
    if len(strongest) >= STRONGEST and alert.score <= strongest[-1].score:
        return
    flow = alert.flow
    strongest.append(
        Strong(
            alert=alert.id,
            score=alert.score,
            ts=flow["ts"],
            src_ip=flow["src_ip"],
            dst_ip=flow["dst_ip"],
            dst_port=flow.get("dst_port"),
            proto=flow["proto"],
            why=alert.why,
        )
    )
    strongest.sort(key=lambda each: -each.score)
    del strongest[STRONGEST:]
