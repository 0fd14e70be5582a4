"""Numbers as people say them: rounded to what is meant, with a unit, never in scientific notation.

A number is rounded once, by :func:`rounded`, and is the same in a document's facts and in its sentence.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

from detector.features.meanings import LARGEST, Unit

_NOUNS = {
    Unit.FLOWS: ("flow", "flows"),
    Unit.HOSTS: ("host", "hosts"),
    Unit.SOURCES: ("source", "sources"),
    Unit.PORTS: ("port", "ports"),
    Unit.PACKETS: ("packet", "packets"),
}
"""Units that are counted, in the singular and the plural."""

_SPANS = ((1e-3, 1e-6, "µs"), (1.0, 1e-3, "ms"), (120.0, 1.0, "s"), (7_200.0, 60.0, "min"), (172_800.0, 3_600.0, "h"))
"""Below so many seconds a time is told in units of so many."""

_DAY_S, _YEAR_S = 86_400.0, 31_557_600.0

_ROUGH = (Unit.TIMES, Unit.PERCENT)
"""Units of which two digits are enough."""

_ROUGH_FROM = 100
"""A count that is no exact one has two digits from here on: sketches and damping are good for no more."""


def rounded(value: float, unit: Unit, *, exact: bool = False) -> float:
    """The number as it is told: whole for what is counted, three digits or two of what is measured.

    ``value`` is finite; what is counted comes out as an int. ``exact`` keeps a record's own counts whole.
    """
    if unit in _NOUNS or (unit is Unit.BYTES and (exact or value < _ROUGH_FROM)):
        whole = round(min(max(value, 0.0), LARGEST))
        return whole if exact or whole < _ROUGH_FROM else round(_digits(whole, 2))
    bounded = min(max(value, -LARGEST), LARGEST)
    if unit is Unit.PERCENT and 1.0 <= bounded < 100.0:
        return round(bounded, 0 if bounded <= 99.0 else 1)
    return _digits(bounded, 2 if unit in _ROUGH else 3)


@lru_cache(8_192)  # most are small counts, again and again
def said(value: float, unit: Unit) -> str:
    """A rounded number with its unit: ``142 ports``, ``3.1 MB``, ``16 min``, ``91 %``."""
    if unit in _NOUNS:
        return f"{number(value)} {_NOUNS[unit][value != 1]}"
    return _SAID.get(unit, number)(value)


def number(value: float) -> str:
    """With separators for thousands, and as many digits as it has up to three: ``1,204``, ``2.5``, ``0.031``."""
    if value == round(value) or abs(value) >= 100:
        return f"{round(value):,}"
    places = 2 - math.floor(math.log10(abs(value)))
    return f"{value:.{min(places, 12)}f}".rstrip("0").rstrip(".")


def span(seconds: float) -> str:
    """A time in the unit that suits it."""
    for below, unit_s, name in _SPANS:
        if 0 < seconds < below:
            return f"{_short(seconds / unit_s)} {name}"
    if seconds <= 0:
        return "0 s"
    days = seconds / _DAY_S
    return f"{_short(days)} days" if seconds < 2 * _YEAR_S else f"{_short(seconds / _YEAR_S)} years"


def size(amount: float) -> str:
    """An amount of bytes: ``512 bytes``, ``42 kB``, ``3.1 MB``."""
    if amount < 1000:
        return "1 byte" if amount == 1 else f"{_short(amount)} bytes"
    for name in ("kB", "MB", "GB"):
        amount /= 1000
        if amount < 999.5:
            return f"{_short(amount)} {name}"
    return f"{_short(amount / 1000)} TB"


def _short(value: float) -> str:
    """Two digits or more: ``3.1``, ``42``, ``747``; one that is whole, alone."""
    return number(_digits(value, 2)) if abs(value) < 10 else f"{round(value):,}"


def _digits(value: float, count: int) -> float:
    if value == 0:
        return 0.0
    return round(value, count - 1 - math.floor(math.log10(abs(value))))


_SAID: dict[Unit, Callable[[float], str]] = {
    Unit.BYTES: size,
    Unit.BYTE_RATE: lambda value: f"{size(value)}/s",
    Unit.PACKET_RATE: lambda value: f"{number(value)} packets/s",
    Unit.SECONDS: span,
    Unit.PERCENT: lambda value: f"{number(value)} %",
    Unit.TIMES: lambda value: f"{number(value)}-fold",
}
