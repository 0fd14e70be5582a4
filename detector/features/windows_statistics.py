"""The windowed features as data: what flows are counted by, what is counted, and what each figure means to a person.

A *key* is what flows are counted by. Every key tells :data:`STATISTICS`, at each half-life, and :data:`MOMENTS`, which
have none; :data:`FLAGS` tell what is new. Beside each stands its meaning: there is none without. The order of names in
this module is that of places in the kernel's arrays: change it, and raise ``windows_columns.REVISION``.
"""

from __future__ import annotations

from detector.features.meanings import Meaning, Side, Topic, Unit, counted, gap, percent, spread, times, yes_or_no

KEYS = ("source", "destination", "pair")
"""By source; by destination; by source and destination."""

FEWEST_FLOWS = 5
"""Of fewer flows neither a share nor a rhythm tells anything."""


def _share(what: str, says: str) -> Meaning:
    """A share of a key's latest flows; of few it says nothing."""
    whole, _, _ = says.partition(", {value}")
    return Meaning(
        Topic.ANSWERS,
        f"share of flows {what}",
        Unit.PERCENT,
        percent,
        says,
        brief=f"{{value}} {whole} {what}",
        sides="high",
        least=("flows", FEWEST_FLOWS),
    )


def _pause(says: str) -> Meaning:
    """The mean pause between a key's flows; stands in for it where there are none yet."""
    return Meaning(
        Topic.RHYTHM, "mean pause between flows", Unit.SECONDS, gap, says, brief=says, least=("total", FEWEST_FLOWS)
    )


def _vary(says: str) -> Meaning:
    """How much the pauses vary."""
    return Meaning(
        Topic.RHYTHM,
        "variation of the pauses",
        Unit.PERCENT,
        spread,
        says,
        "pauses usually vary by {bound}",
        says,
        "low",
        least=("total", FEWEST_FLOWS),
    )


def _moment(what: str, unit: Unit, says: str, sides: Side = "low") -> Meaning:
    """What is known of a key's past."""
    return Meaning(
        Topic.ACQUAINTANCE,
        what,
        unit,
        counted,
        says,
        brief=says,
        sides=sides,
        least=("total", 2) if sides == "low" else None,
        silence="since" if sides == "high" else "",
    )


def _change(says: str) -> Meaning:
    """By how many times the pause between flows changed."""
    return Meaning(
        Topic.RHYTHM,
        "times that the pause changed",
        Unit.TIMES,
        times,
        says,
        brief=says,
        silence="since",
        sides="high",
        least=("total", FEWEST_FLOWS),
    )


def _first(what: str, says: str) -> Meaning:
    """Something that is the first time, or is not."""
    return yes_or_no(Topic.ACQUAINTANCE, what, "", says)


_HERE, _BETWEEN = "a host here usually {bound}", "between any two hosts usually {bound}"

_UNANSWERED = ", {unanswered} of its flows unanswered"

STATISTICS: dict[str, dict[str, Meaning]] = {
    "flows": {
        "source": Meaning(
            Topic.PACE,
            "flows opened by the source",
            Unit.FLOWS,
            counted,
            "{src} opened {value} in {window}",
            _HERE,
            "{value} from {src} in {window}",
            "high",
        ),
        "destination": Meaning(
            Topic.CROWD,
            "flows to the destination",
            Unit.FLOWS,
            counted,
            "{value}{inside} reached {dst} in {window}",
            brief="{value} to {dst} in {window}",
            sides="high",
            inside=" from {peers}",
            asides=(", {unanswered} of them unanswered",),
        ),
        "pair": Meaning(
            Topic.PACE,
            "flows from one to the other",
            Unit.FLOWS,
            counted,
            "{src} opened {value} to {dst} in {window}",
            _BETWEEN,
            "{value} between the two in {window}",
            "high",
        ),
    },
    "out": {
        "source": Meaning(
            Topic.BYTES,
            "bytes that the source sends a flow",
            Unit.BYTES,
            counted,
            "{src} sends {value} a flow, over {window}",
            _HERE,
            "{value} a flow sent by {src} over {window}",
            "high",
        ),
        "destination": Meaning(
            Topic.BYTES,
            "bytes sent to the destination a flow",
            Unit.BYTES,
            counted,
            "{dst} is sent {value} a flow, over {window}",
            brief="{value} a flow sent to {dst} over {window}",
            sides="high",
        ),
        "pair": Meaning(
            Topic.BYTES,
            "bytes sent from one to the other a flow",
            Unit.BYTES,
            counted,
            "{src} sends {dst} {value} a flow, over {window}",
            _BETWEEN,
            "{value} a flow sent between the two over {window}",
            "high",
        ),
    },
    "in": {
        "source": Meaning(
            Topic.BYTES,
            "bytes that the source receives a flow",
            Unit.BYTES,
            counted,
            "{src} gets {value} back a flow, over {window}",
            _HERE,
            "{value} a flow sent back to {src} over {window}",
            "high",
        ),
        "destination": Meaning(
            Topic.BYTES,
            "bytes that the destination sends back a flow",
            Unit.BYTES,
            counted,
            "{dst} sends {value} back a flow, over {window}",
            brief="{value} a flow sent back by {dst} over {window}",
            sides="high",
        ),
        "pair": Meaning(
            Topic.BYTES,
            "bytes sent back between the two a flow",
            Unit.BYTES,
            counted,
            "{dst} sends {src} {value} back a flow, over {window}",
            _BETWEEN,
            "{value} a flow sent back between the two over {window}",
            "high",
        ),
    },
    "failed": {
        "source": _share("failed", "of {flows} of {src} in {window}, {value} failed"),
        "destination": _share("failed", "of {flows} to {dst} in {window}, {value} failed"),
        "pair": _share("failed", "of {flows} between the two in {window}, {value} failed"),
    },
    "unanswered": {
        "source": _share("unanswered", "of {flows} of {src} in {window}, {value} got no answer"),
        "destination": _share("unanswered", "of {flows} to {dst} in {window}, {value} got no answer"),
        "pair": _share("unanswered", "of {flows} between the two in {window}, {value} got no answer"),
    },
    "gap": {
        "source": _pause("{src} opens a flow every {value}"),
        "destination": _pause("{dst} gets a flow every {value}"),
        "pair": _pause("{src} calls {dst} every {value}"),
    },
    "gap_spread": {
        "source": _vary("{src} opens a flow every {gap} ± {value}"),
        "destination": _vary("{dst} gets a flow every {gap} ± {value}"),
        "pair": _vary("{src} calls {dst} every {gap} ± {value}"),
    },
    "peers": {
        "source": Meaning(
            Topic.HOSTS,
            "hosts reached by the source",
            Unit.HOSTS,
            counted,
            "{src} reached {value}{inside} in {window}",
            _HERE,
            "{value} reached by {src} in {window}",
            "high",
            " on {ports}",
            (_UNANSWERED,),
        ),
        "destination": Meaning(
            Topic.CROWD,
            "sources that reached the destination",
            Unit.SOURCES,
            counted,
            "{value}{inside} reached {dst} in {window}",
            brief="{value} at {dst} in {window}",
            sides="high",
            inside=" with {flows}",
            asides=(", {unanswered} of them unanswered",),
        ),
    },
    "ports": {
        "source": Meaning(
            Topic.PORTS,
            "ports used by the source",
            Unit.PORTS,
            counted,
            "{src} used {value}{inside} in {window}",
            _HERE,
            "{value} used by {src} in {window}",
            "high",
            " of {peers}",
            (_UNANSWERED,),
        ),
        "destination": Meaning(
            Topic.PORTS,
            "ports tried at the destination",
            Unit.PORTS,
            counted,
            "{value} of {dst} were tried in {window}",
            brief="{value} of {dst} tried in {window}",
            sides="high",
            asides=(", {unanswered} of the flows unanswered",),
        ),
        "pair": Meaning(
            Topic.PORTS,
            "ports tried by one at the other",
            Unit.PORTS,
            counted,
            "{src} tried {value} of {dst} in {window}",
            _BETWEEN,
            "{value} tried in {window}",
            "high",
            asides=(", {unanswered} of the flows unanswered",),
        ),
    },
    "new": {
        "source": Meaning(
            Topic.PACE,
            "flows of the source to what it never used before",
            Unit.FLOWS,
            counted,
            "{value} of {src} in {window} went to hosts or ports that it never used before",
            _HERE,
            "{value} of {src} to something new in {window}",
            "high",
        ),
        "destination": Meaning(
            Topic.PACE,
            "flows to the destination from whom it never saw before",
            Unit.FLOWS,
            counted,
            "{value} to {dst} in {window} came from new hosts or to new ports",
            brief="{value} to {dst} in {window} that had something new",
            sides="high",
        ),
        "pair": Meaning(
            Topic.PACE,
            "flows between the two to ports never used before",
            Unit.FLOWS,
            counted,
            "{value} from {src} to {dst} in {window} went to ports that are new between them",
            _BETWEEN,
            "{value} to new ports in {window}",
            "high",
        ),
    },
}
"""Damped: log flows; mean log bytes sent and received; share failed; share without a packet back; mean log gap and its
standard deviation (a beacon's is small); log distinct peers and ports; log flows that were the first of their kind
(a source's to a destination or port, a destination's from a source or on a port, a pair's on a port). By each key that
can have it: what it tells."""

MOMENTS: dict[str, dict[str, Meaning]] = {
    "since": {
        "source": _moment(
            "time since its source's last flow", Unit.SECONDS, "{src} had been silent for {value}", "high"
        ),
        "destination": _moment(
            "time since its destination's last flow", Unit.SECONDS, "nothing had reached {dst} for {value}", "high"
        ),
        "pair": _moment("time since the two's last flow", Unit.SECONDS, "the two had been silent for {value}", "high"),
    },
    "total": {
        "source": _moment("flows of the source so far", Unit.FLOWS, "{src} is new, with {value} so far"),
        "destination": _moment("flows to the destination so far", Unit.FLOWS, "{dst} is new, with {value} so far"),
        "pair": _moment(
            "flows between the two so far", Unit.FLOWS, "the two are new to each other, with {value} so far"
        ),
    },
    "age": {
        "source": _moment("time that the source is known", Unit.SECONDS, "{src} was first seen {value} ago"),
        "destination": _moment("time that the destination is known", Unit.SECONDS, "{dst} was first seen {value} ago"),
        "pair": _moment("time that the two know each other", Unit.SECONDS, "the two first met {value} ago"),
    },
    "gap_change": {
        "source": _change("the pause between flows of {src} changed {value}"),
        "destination": _change("the pause between flows to {dst} changed {value}"),
        "pair": _change("the pause between their flows changed {value}"),
    },
}
"""Log seconds since the key's last flow; log flows ever; log seconds since its first; how the log gap changed. Totals
and ages grow by themselves, so they are told only where they are small."""

FLAGS: dict[str, Meaning] = {
    "source": _first("first flow of the source", "first flow ever of {src}"),
    "destination": _first("first flow to the destination", "first flow ever to {dst}"),
    "pair": _first("first contact of the two", "first contact of the two"),
    "pair_port": _first("first flow between the two to that port", "first time {src} uses port {port} of {dst}"),
    "source_port": _first("first flow of the source to that port", "first time {src} uses port {port}"),
    "destination_port": _first("first flow to that port of the destination", "first time port {port} of {dst} is used"),
    "source_service": _first("first flow of the source with that service", "first time {src} uses {service}"),
}
"""1 where it is the first time: this source, this destination, one to the other, and so on that port; this source to
that port, this destination on that port, this source with that service. In the order in which one says it all."""
