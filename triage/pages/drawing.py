"""Numbers as places in a drawing, 0 to 100 across: what a value is beside what is usual, and a host's time. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from detector.casebook.words import LAST_S
from triage.reasons import Reason
from triage.store.rows import Timeline

WIDE = 30.0
"""Where the greatest is so many times the least that counts, both are drawn by their logarithms."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A value beside its usual range; places in percent of the width."""

    reason: Reason
    value: float
    low: float
    high: float
    """The usual range from ``low`` to here; both 0 where nothing is known of it."""
    logarithmic: bool

    @property
    def has_range(self) -> bool:
        """Whether anything is known of what is usual."""
        return self.high > self.low


def bar(reason: Reason) -> Bar:
    """Draw one; what is below 0 or no number is drawn at 0."""
    value = _drawn(reason.value)
    low = _drawn(reason.usual_low or 0.0)
    high = max(_drawn(reason.usual_high if reason.usual_high is not None else 0.0), low)
    if reason.usual_high is None and reason.usual_low is not None:
        high = max(value, low) * 1.25  # usual from there on, without an end that is known
    known = [each for each in (value, high) if each > 0.0]
    top = max(known, default=1.0) * 1.08
    wide = len(known) > 1 and max(known) / min(known) > WIDE
    bounded = reason.usual_high is not None or reason.usual_low is not None

    def place(number: float) -> float:
        share = math.log1p(number) / math.log1p(top) if wide else number / top
        return round(100.0 * min(share, 1.0), 2)

    return Bar(reason, place(value), place(low) if bounded else 0.0, place(high) if bounded else 0.0, wide)


def telling(reasons: Sequence[Reason]) -> tuple[list[Reason], list[Reason]]:
    """Each number once, in two parts: those beyond their usual range, and the others; of the whole incident first.

    A value inside its usual range is never a reason by itself.
    """
    first: dict[str, Reason] = {}
    for each in sorted(reasons, key=lambda reason: bool(reason.alert)):
        first.setdefault(each.what, each)
    beyond = [each for each in first.values() if is_beyond(each)]
    return beyond, [each for each in first.values() if not is_beyond(each)]


def is_beyond(reason: Reason) -> bool:
    """Whether a value is beyond what is usual, as far as that is known."""
    above = reason.usual_high is not None and reason.value > reason.usual_high
    return above or (reason.usual_low is not None and reason.value < reason.usual_low)


@dataclass(frozen=True, slots=True)
class Column:
    """A part of a host's time; places and heights in percent."""

    x: float
    width: float
    up: float
    """Alerts of flows that it began, as a height."""
    down: float
    """Alerts of flows to it."""
    severity: str
    since: float
    began: int
    reached: int


@dataclass(frozen=True, slots=True)
class Tick:
    """A time along the bottom."""

    x: float
    words: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A host's time, drawn."""

    columns: tuple[Column, ...]
    ticks: tuple[Tick, ...]
    most: int
    """Alerts that the greatest height is."""
    mark: tuple[float, float] | None
    """From where to where the incident lasted that the picture is shown for."""


def picture(timeline: Timeline, mark: tuple[float, float] | None = None) -> Picture:
    """Draw a host's time; heights grow with the square root, so that one alert is seen beside a thousand."""
    span = timeline.until - timeline.since
    most = max((max(each.as_source, each.as_destination) for each in timeline.buckets), default=0)
    width = 100.0 / max(len(timeline.buckets), 1)
    columns = tuple(
        Column(
            x=round(place * width, 3),
            width=round(width * 0.8, 3),
            up=_height(each.as_source, most),
            down=_height(each.as_destination, most),
            severity=each.severity,
            since=each.since,
            began=each.as_source,
            reached=each.as_destination,
        )
        for place, each in enumerate(timeline.buckets)
        if each.as_source or each.as_destination
    )
    drawn = None
    if mark is not None:
        ends = [round(100.0 * min(max((each - timeline.since) / span, 0.0), 1.0), 3) for each in mark]
        drawn = (ends[0], max(ends[1] - ends[0], 0.5))
    return Picture(columns, _ticks(timeline.since, timeline.until), most, drawn)


def _ticks(since: float, until: float, count: int = 4) -> tuple[Tick, ...]:
    form = "%H:%M" if until - since <= 172_800.0 else "%d %b"
    moments: Sequence[float] = [since + (until - since) * place / count for place in range(count + 1)]
    return tuple(
        Tick(100.0 * place / count, f"{datetime.fromtimestamp(min(max(each, 0.0), LAST_S), UTC):{form}}")
        for place, each in enumerate(moments)
    )


def _height(count: int, most: int) -> float:
    return round(100.0 * math.sqrt(count / most), 2) if most else 0.0


def _drawn(value: float) -> float:
    return min(max(value, 0.0), 1e15) if math.isfinite(value) else 0.0
