"""What an incident says to people: who did what to whom, how much of it beside what is usual, and what worked.

Each kind tells its size by what makes it one: a scan its ports, a flood its flows. Every number is a fact too, the same
there as in words. A bound stands only beside a number that is beyond it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any, NamedTuple

import msgspec

from detector.alerts.facts import Clause, Fact
from detector.alerts.quantities import rounded, said
from detector.alerts.reaching import KIN, LIKEWISE, kin_clause
from detector.alerts.usual import Usual
from detector.features.meanings import Unit
from detector.incidents.incident import MAX_DISTINCT, Incident, Strong
from detector.incidents.kinds import Kind, or_more

SHOWN = 4
"""Of what answered, how many a sentence names."""

LONG_S = 120.0
"""A session so long is told by itself: somebody or something was at work."""

UNTOLD = frozenset({"other", "policy oddity", "command and control"})
"""Kinds whose rule does not say what was odd: the strongest alert does."""

FLOWS = "flows raised"
SECONDS = "time from the first flow to the last"


class Words(NamedTuple):
    """The parts of what an incident says, in their order; those that say nothing are empty."""

    headline: Clause
    """Such as ``Port scan of 10.0.10.35 by 10.0.10.17``."""
    size: Clause
    """Such as ``tried 276 ports in 15 s, 99 % unanswered; between any two hosts usually at most 4 ports in 15 s``."""
    worked: Clause
    """What answered, and the longest session."""
    contact: Clause
    """How much of it was between addresses that had not met before, where that is known."""
    kin: Clause
    reason: Clause

    @property
    def message(self) -> str:
        """All of it in one line."""
        return ". ".join(clause.text for clause in self if clause.text)

    @property
    def facts(self) -> list[dict[str, Any]]:
        """The numbers of the message, in its order; those with a bound in place of the same ones without."""
        found = list(dict.fromkeys(fact for clause in self for fact in clause.facts))
        bounded = {(fact.what, fact.value): fact for fact in found if fact.is_bounded}
        return [fact.document() for fact in dict.fromkeys(bounded.get((each.what, each.value), each) for each in found)]


def words_of(incident: Incident, kind: Kind, usual: Usual | None = None) -> Words:
    """What an incident says."""
    return Words(
        _headline(incident, kind),
        _size(incident, kind, usual),
        _worked(incident),
        _contact(incident),
        _kin(incident),
        _reason(incident, kind),
    )


# --- who and whom ---------------------------------------------------------------------------------------------------


def _headline(incident: Incident, kind: Kind) -> Clause:
    source = _named(incident.sources, named(incident, incident.src_ip), "sources", _SOURCES)
    destination = _named(incident.destinations, named(incident, incident.dst_ip), "hosts", _HOSTS)
    port = _port(incident)
    target = Clause(_target(destination.text, port.text, len(incident.ports)))
    title = kind.title.format(source=source.text, destination=destination.text, port=port.text, target=target.text)
    told = [clause for clause in (source, destination, port) if clause.text in title]
    return Clause(title, tuple(fact for clause in told for fact in clause.facts))


def named(incident: Incident, address: str) -> str:
    """Such as ``10.0.1.5 (db-prod, database)``, where that is known."""
    label = incident.assets.get(address)
    return f"{address} ({label})" if label else address


def _target(destination: str, port: str, ports: int) -> str:
    """Such as ``10.0.0.1 port 443``, ``10.0.0.1, 2 ports`` or ``10.0.0.1``."""
    return destination if not ports else f"{destination}{' ' if ports == 1 else ', '}{port}"


def _named(seen: Collection[str], only: str, noun: str, fact: Callable[[int], Fact]) -> Clause:
    """The one that there is, or how many."""
    return Clause(only) if len(seen) == 1 else Clause(f"{or_more(len(seen))} {noun}", (fact(len(seen)),))


def _port(incident: Incident) -> Clause:
    count = len(incident.ports)
    if not count:
        return Clause("no port")
    return Clause(f"port {incident.main_port}") if count == 1 else Clause(f"{or_more(count)} ports", (_PORTS(count),))


# --- how much -------------------------------------------------------------------------------------------------------


def _counted(what: str, unit: Unit) -> Callable[[int], Fact]:
    return lambda count: Fact(what, count, unit.value)


_SOURCES = _counted("sources", Unit.SOURCES)
_HOSTS = _counted("destinations", Unit.HOSTS)
_PORTS = _counted("ports", Unit.PORTS)
_FLOWS = _counted(FLOWS, Unit.FLOWS)


def _measured(what: str, value: float, unit: Unit, *, exact: bool = False) -> Clause:
    """A number as it is told, and its fact."""
    told = rounded(value, unit, exact=exact)
    return Clause(said(told, unit), (Fact(what, told, unit.value),))


def _many(fact: Fact) -> Clause:
    """A count in words, such as ``1,000 or more ports``."""
    text = said(fact.value, Unit(fact.unit))
    if fact.value >= MAX_DISTINCT and fact.unit != Unit.FLOWS:
        text = f"{or_more(int(fact.value))} {fact.unit}"
    return Clause(text, (fact,))


def _joined(*parts: Clause | str | None) -> Clause:
    """Parts put one after the other, without those that say nothing."""
    clauses = [Clause(part) if isinstance(part, str) else part for part in parts if part]
    return Clause("".join(each.text for each in clauses), tuple(fact for each in clauses for fact in each.facts))


def _within(incident: Incident, word: str = "in") -> Clause | None:
    """In how much time; None where it was no time."""
    if incident.seconds < 1:
        return None
    return _joined(f" {word} ", _measured(SECONDS, incident.seconds, Unit.SECONDS))


def _unanswered(incident: Incident) -> Clause | None:
    if not incident.unanswered:
        return None
    if incident.count == 1:
        return Clause(", unanswered")
    return _joined(", ", _measured("share unanswered", 100 * incident.unanswered_share, Unit.PERCENT), " unanswered")


def _bytes(incident: Incident) -> Clause:
    """How much went each way; nothing where nothing did."""
    if not incident.src_bytes and not incident.dst_bytes:
        return Clause("no bytes")
    out, back = (
        _measured(f"bytes {way}", count, Unit.BYTES, exact=True)
        for way, count in (("sent", incident.src_bytes), ("sent back", incident.dst_bytes))
    )
    return _joined(out, " out, ", back, " back")


def _each(incident: Incident) -> Clause:
    out, back = (
        _measured(f"bytes {way} a flow", count / incident.count, Unit.BYTES)
        for way, count in (("sent", incident.src_bytes), ("sent back", incident.dst_bytes))
    )
    return _joined(out, " each and ", back, " back")


def _beside(usual: Usual | None, key: str, statistic: str, fact: Fact, incident: Incident) -> Clause | None:
    """What is usual of that: over the incident's own time, or else at its height."""
    if usual is None:
        return None
    told = usual.beside(key, statistic, fact, max(incident.seconds, 1.0))
    told = told or usual.at_its_height(key, statistic, _measures(incident.strongest))
    return _joined("; ", told) if told else None


def _measures(alerts: Iterable[Strong]) -> list[Fact]:
    """The numbers of alerts' sentences."""
    return [Fact(**msgspec.to_builtins(each)) for alert in alerts for each in alert.measures]


def _scan(incident: Incident, usual: Usual | None) -> Clause:
    ports, one = _PORTS(len(incident.ports)), len(incident.destinations) == 1
    return _joined(
        "tried ",
        _many(ports),
        None if one else _joined(" of ", _many(_HOSTS(len(incident.destinations)))),
        _within(incident),
        _unanswered(incident),
        _beside(usual, "pair" if one else "source", "ports", ports, incident),
    )


def _sweep(incident: Incident, usual: Usual | None) -> Clause:
    hosts = _HOSTS(len(incident.destinations))
    return _joined(
        "tried ",
        _many(hosts),
        " at ",
        _port(incident),
        _within(incident),
        _unanswered(incident),
        _beside(usual, "source", "peers", hosts, incident),
    )


def _flood(incident: Incident, usual: Usual | None) -> Clause:
    flows, sources = _FLOWS(incident.count), _SOURCES(len(incident.sources))
    return _joined(
        _many(flows),
        _joined(" from ", _many(sources)) if sources.value > 1 else None,
        _within(incident),
        _unanswered(incident),
        _beside(usual, "destination", "flows", flows, incident)
        or _beside(usual, "destination", "peers", sources, incident),
    )


def _sessions(incident: Incident, usual: Usual | None) -> Clause:
    flows = _FLOWS(incident.count)
    one = len(incident.sources) == len(incident.destinations) == 1
    longest = _measured("longest session", incident.longest_s, Unit.SECONDS)
    return _joined(
        Clause(f"{incident.count:,} sessions", (flows,)),
        _within(incident),
        _joined(", none longer than ", longest) if incident.longest_s > 0 else None,
        _unanswered(incident),
        ", ",
        _bytes(incident),
        _beside(usual, "pair" if one else "source", "flows", flows, incident),
    )


def _upload(incident: Incident, usual: Usual | None) -> Clause:
    each = Fact("bytes sent a flow", rounded(incident.src_bytes / incident.count, Unit.BYTES), Unit.BYTES.value)
    bound = usual and usual.of_one_flow("src_bytes_log", each)
    mean = _joined("; ", said(each.value, Unit.BYTES), " a flow, ", bound) if bound else None
    return _joined(_bytes(incident), " in ", _many(_FLOWS(incident.count)), _within(incident, "over"), mean)


def _queries(incident: Incident, usual: Usual | None) -> Clause:
    flows = _FLOWS(incident.count)
    return _joined(
        Clause(f"{incident.count:,} queries", (flows,)),
        _within(incident),
        ", ",
        _each(incident),
        _beside(usual, "pair", "flows", flows, incident),
    )


def _calls(incident: Incident, usual: Usual | None) -> Clause:
    if incident.rhythm is not None:
        return _joined(incident.rhythm.words, "; ", _many(_FLOWS(incident.count)), " raised")
    variation = rounded(100 * incident.gap_variation, Unit.PERCENT)
    spread = Fact("variation of the pauses", rounded(100 * incident.gap_spread, Unit.PERCENT), Unit.PERCENT.value)
    bound = _beside(usual, "pair", "gap_spread", spread, incident)
    return _joined(
        "calls every ",
        _measured("median pause between flows", incident.gap, Unit.SECONDS),
        Clause(
            f" ± {said(variation, Unit.PERCENT)}",
            (Fact("half of the pauses are as near to it", variation, Unit.PERCENT.value),),
        ),
        Clause(f", {_times(incident.count)}", (_FLOWS(incident.count),)),
        _within(incident),
        ", ",
        _each(incident),
        bound,
    )


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def _reached(incident: Incident, usual: Usual | None) -> Clause:
    hosts = _HOSTS(len(incident.destinations))
    return _joined(
        Clause(f"{incident.count:,} sessions", (_FLOWS(incident.count),)),
        " with ",
        _many(hosts),
        " at ",
        _port(incident),
        _within(incident),
        _unanswered(incident),
        ", ",
        _bytes(incident),
        _beside(usual, "source", "peers", hosts, incident),
    )


def _any(incident: Incident, usual: Usual | None) -> Clause:
    flows = _FLOWS(incident.count)
    many = [
        _joined(f"{word} ", _many(fact))
        for word, fact in (
            (", from", _SOURCES(len(incident.sources))),
            (", to", _HOSTS(len(incident.destinations))),
            (", at", _PORTS(len(incident.ports))),
        )
        if fact.value > 1
    ]
    one = len(incident.sources) == len(incident.destinations) == 1
    bound = _beside(usual, "pair" if one else "source", "flows", flows, incident) if incident.count > 1 else None
    return _joined(_many(flows), _within(incident), _unanswered(incident), *many, "; ", _bytes(incident), bound)


_SIZES: dict[str, Callable[[Incident, Usual | None], Clause]] = {
    "scan": _scan,
    "sweep": _sweep,
    "flood": _flood,
    "brute force": _sessions,
    "exfiltration": _upload,
    "dns tunnel": _queries,
    "beacon": _calls,
    "lateral movement": _reached,
}
"""By what a kind is sized; all others by flows and bytes."""


def _size(incident: Incident, kind: Kind, usual: Usual | None) -> Clause:
    return _SIZES.get(kind.name, _any)(incident, usual)


# --- what came of it ------------------------------------------------------------------------------------------------


def _worked(incident: Incident) -> Clause:
    if not incident.answered:
        return Clause("")
    most = sorted(incident.answered, key=lambda each: -incident.answered[each])
    one = f"{incident.dst_ip} port "
    ports = ""
    if all(each.startswith(one) for each in most):
        most = [each.removeprefix(one) for each in most]
        ports = f"port{'s' * (len(most) > 1)} "
    left = len(most) - SHOWN
    more = Clause(f" and {or_more(left)} more", (Fact("further that answered", left, Unit.PLAIN.value),))
    session = _measured("longest session", incident.longest_s, Unit.SECONDS)
    return _joined(
        f"answered: {ports}{', '.join(most[:SHOWN])}",
        more if left > 0 else None,
        _joined("; longest session: ", session, f" with {incident.longest}") if incident.longest_s >= LONG_S else None,
    )


def _contact(incident: Incident) -> Clause:
    if not incident.first_contacts:
        return Clause("")
    if len(incident.sources) == len(incident.destinations) == 1:
        return Clause("first contact of the two")
    pairs = Fact("pairs that met for the first time", incident.first_contacts, Unit.PLAIN.value)
    return Clause(f"first contact of {incident.first_contacts:,} pairs", (pairs,))


def _kin(incident: Incident) -> Clause:
    """Who of the source's kind does likewise, where one of the strongest alerts tells it."""
    for strong in incident.strongest:
        known = {each.what: each for each in strong.measures}
        if KIN in known and LIKEWISE in known:
            kin, likewise = (Fact(name, known[name].value, Unit.HOSTS.value) for name in (KIN, LIKEWISE))
            return kin_clause((kin, likewise))
    return Clause("")


def _reason(incident: Incident, kind: Kind) -> Clause:
    """Of what has no pattern that would say it: why the strongest of its alerts is one."""
    if kind.name not in UNTOLD or not incident.strongest or not incident.strongest[0].why:
        return Clause("")
    strongest = incident.strongest[0]
    _, _, reason = strongest.why.partition(": ")
    return Clause(f"why: {reason.removesuffix('.')}", tuple(_measures([strongest])))
