"""How pages tell times, numbers and addresses: printable, short, the same everywhere."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from detector.alerts.quantities import number, rounded, said
from detector.casebook.words import LAST_S, moment
from detector.features.meanings import Unit


def iso_time(seconds: float) -> str:
    """As HTML's ``time`` wants it, such as ``2026-11-24T08:00:00Z``."""
    return f"{moment(seconds).replace(' ', 'T')}Z"


def short_time(seconds: float, now: float) -> str:
    """Such as ``08:00:07`` today, ``24 Nov 08:00`` this year, ``2025-11-24`` before; UTC."""
    then = datetime.fromtimestamp(min(max(seconds, 0.0), LAST_S), UTC)
    today = datetime.fromtimestamp(now, UTC)
    if then.date() == today.date():
        return f"{then:%H:%M:%S}"
    return f"{then.day} {then:%b %H:%M}" if then.year == today.year else f"{then:%Y-%m-%d}"


def lasting(seconds: float) -> str:
    """Such as ``3.1 min``."""
    return said(rounded(max(seconds, 0.0), Unit.SECONDS), Unit.SECONDS)


def amount(value: float, unit: str) -> str:
    """Such as ``747 MB``, or ``12 hosts``; of a unit that is not known, the number and it."""
    if not math.isfinite(value):
        return "no number"
    try:
        known = Unit(unit)
    except ValueError:
        return f"{number(value)} {unit}"
    return said(value if unit else rounded(value, known), known)


def octets(value: int | None) -> str:
    """Bytes; a dash where they are not known."""
    return "–" if value is None else said(rounded(value, Unit.BYTES), Unit.BYTES)


def share(value: float | None) -> str:
    """Such as ``91 %``; a dash where it is not known."""
    return "–" if value is None else said(rounded(100.0 * value, Unit.PERCENT), Unit.PERCENT)
