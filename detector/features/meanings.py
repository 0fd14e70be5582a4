"""What a feature's value means to a person: its unit, how to undo what was done to it, and how it is said.

Only types, units and inverses are here. What each feature means stands beside its declaration: in
:data:`detector.features.perflow.FAMILIES`, in :mod:`detector.features.windows_columns` and in
:mod:`detector.features.extra`; a feature cannot be declared without it. :mod:`detector.alerts.wording` makes sentences.

Inverses take any finite float and give a finite number, never a negative one where there can be none.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

LARGEST = 1e15
"""Where told amounts end, as features' do."""

_LARGEST_LOG = math.log(LARGEST)

SHORTEST_GAP_S = 0.01
"""Added to gaps before their logarithm is taken, so that it has one."""

Side = Literal["high", "low", "both", "none"]


class Topic(StrEnum):
    """What one statement is about; a sentence has one of each at most. In words that stand after *usual for it:*."""

    PORTS = "ports tried"
    HOSTS = "hosts reached"
    CROWD = "sources"
    PACE = "number of flows"
    ANSWERS = "answers"
    RHYTHM = "timing"
    ACQUAINTANCE = "acquaintance"
    BYTES = "bytes"
    PACKETS = "packets and rates"
    DURATION = "duration"
    BALANCE = "direction of the bytes"
    RARITY = "port, service and state"
    SORT = "kind of flow"
    EXTRA = "further numbers"


DEEDS = (Topic.PORTS, Topic.HOSTS, Topic.CROWD, Topic.PACE)
"""What was done: said before how."""

COVERED: dict[Topic, frozenset[Topic]] = {
    Topic.PACE: frozenset({Topic.PORTS, Topic.HOSTS, Topic.CROWD}),
    Topic.CROWD: frozenset({Topic.PORTS}),
    Topic.PACKETS: frozenset({Topic.BYTES}),
    Topic.RHYTHM: frozenset({Topic.ACQUAINTANCE}),
    Topic.ANSWERS: frozenset({Topic.PORTS, Topic.HOSTS, Topic.CROWD}),
}
"""What need not be said beside others: who tries 140 ports opens as many flows, and 700 MB are many packets.
What was done says itself how much of it got no answer."""


class Unit(StrEnum):
    """Units of told numbers, as facts name them."""

    BYTES = "bytes"
    BYTE_RATE = "bytes/s"
    PACKETS = "packets"
    PACKET_RATE = "packets/s"
    SECONDS = "s"
    PERCENT = "%"
    TIMES = "times"
    FLOWS = "flows"
    HOSTS = "hosts"
    SOURCES = "sources"
    PORTS = "ports"
    PLAIN = ""
    """A number whose unit nobody told: it is said after its column's name."""


def counted(value: float) -> float:
    """Undo ``log(1 + x)`` of what is never negative."""
    return math.expm1(min(max(value, 0.0), _LARGEST_LOG))


def signed(value: float) -> float:
    """Undo ``sign(x) · log(1 + |x|)``."""
    return math.copysign(counted(abs(value)), value)


def from_milliseconds(value: float) -> float:
    """Seconds, of ``log(1 + milliseconds)``."""
    return counted(value) / 1000.0


def percent(value: float) -> float:
    """Percent, of a share from 0 to 1."""
    return 100.0 * min(max(value, 0.0), 1.0)


def balance(value: float) -> float:
    """Percent of all that went out, of a balance from −1 to 1."""
    return 50.0 * (1.0 + min(max(value, -1.0), 1.0))


def gap(value: float) -> float:
    """Seconds, of the mean of the logarithms of so many and :data:`SHORTEST_GAP_S`."""
    return max(times(value) - SHORTEST_GAP_S, 0.0)


def times(value: float) -> float:
    """How many times as much, of a difference of logarithms."""
    return math.exp(min(max(value, -_LARGEST_LOG), _LARGEST_LOG))


def spread(value: float) -> float:
    """Percent by which gaps vary, of the standard deviation of their logarithms."""
    return 100.0 * counted(value)


def one_in(value: float) -> float:
    """Of how many one is such a one, of a surprise in decades."""
    return math.pow(10.0, min(max(value, 0.0), math.log10(LARGEST)))


def as_it_is(value: float) -> float:
    """For what has no amount."""
    return value


@dataclass(frozen=True, slots=True)
class Meaning:
    """How one feature is told.

    Phrases have places in braces: ``{src}``, ``{dst}``, ``{port}``, ``{service}`` of the flow; ``{value}`` and
    ``{window}`` of the feature; ``{bound}``, such as *at most 4 ports*, in ``usually``; and by name any other statistic
    of the same key and window (``{unanswered}``), or, in a feature of a flow alone, another such.
    """

    topic: Topic
    what: str
    """The fact's name in documents."""
    unit: Unit = Unit.PLAIN
    inverse: Callable[[float], float] = as_it_is
    says: str = ""
    """The statement that a value beyond its usual range makes; without a subject, the flow is it."""
    usually: str = "usually {bound}"
    """What is usual: says as much as one bound tells."""
    brief: str = ""
    """The value as a noun, for what is odd only together with others."""
    sides: Side = "both"
    """Beyond which ends of its usual range it is told. What grows by itself is told only where it is small."""
    inside: str = ""
    """Put into ``says`` at ``{inside}``, where what it asks for is known."""
    asides: tuple[str, ...] = ()
    """Added to ``says``, each likewise."""
    least: tuple[str, float] | None = None
    """Another statistic, and the least that it must be for this one to mean anything."""
    column: str = ""
    """The canonical column that has the value exactly; where a flow lacks it, it is not told."""
    over: tuple[str, ...] = ()
    """Canonical columns that it is a ratio over: where a flow lacks one, or all are 0, it is not told."""
    category: str = ""
    """The canonical column whose value is rare, for a surprise."""
    silence: str = ""
    """The statistic of the same key that says for how long nothing was seen before this flow, where the value depends
    on that: it is not told where that reaches back to before training ended, since nobody may have watched between."""
    words: tuple[str, ...] = field(default=())
    """Of yes and no, or of classes, by number: never told alone. An empty one is not told."""


def yes_or_no(topic: Topic, what: str, no: str, yes: str) -> Meaning:
    """The meaning of a feature that is 0 or 1."""
    return Meaning(topic, what, words=(no, yes))


def rare(category: str, what: str) -> Meaning:
    """The meaning of a surprise: how rare the value of a canonical column was in training."""
    return Meaning(Topic.RARITY, what, Unit.FLOWS, one_in, sides="high", category=category)
