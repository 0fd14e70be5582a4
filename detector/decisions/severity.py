"""How severe an alert or an incident is: by its risk, 0 to 100, of which severity is nothing but the band.

Risk begins with rarity: each power of ten beyond the budget is a band. Signs of what it may do raise or lower it, and
then what the hosts are worth. The weights here and those of the kinds (:mod:`detector.incidents.kinds`) were chosen by
their reasons, and then held against simulated days; half a band is 13.

Pure; nobody else knows bands or weights.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import IntEnum, StrEnum
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Severity(IntEnum):
    """OCSF's ``severity_id``, and by ``.word`` the name that metrics and documents use."""

    LOW = 2
    MEDIUM = 3
    HIGH = 4
    CRITICAL = 5

    @property
    def word(self) -> str:
        """Such as ``low``."""
        return self.name.lower()


MOST_RISK = 100

BANDS: Mapping[Severity, int] = {Severity.LOW: 0, Severity.MEDIUM: 22, Severity.HIGH: 48, Severity.CRITICAL: 74}
"""The least risk of each, as in Elastic's detection rules: a risk means the same beside theirs."""

CRITICAL_DECADES = 2.0
"""What is critical is rarer than the budget asks by a hundred times or more, whatever else speaks for it."""

_STEPS = (10.0, *list(BANDS.values())[1:], MOST_RISK)
"""The risk of what is rarer than the budget asks by 0, 1, 2, 3, and 4 powers of ten or more."""


class Sign(StrEnum):
    """What raises or lowers a risk besides rarity."""

    KIND = "kind"
    BYTES_OUT = "bytes out"
    INSIDE = "inside"
    UNANSWERED = "unanswered"
    FIRST_CONTACT = "first contact"
    REPEATED = "repeated"


OUT_FROM_BYTES = 10 << 20
"""Bytes that left below this are what any page or picture takes."""

OUT_POINTS, OUT_MOST = 13.0, 39.0
"""For each ten times as many bytes out: what is gone cannot be had back, and much of it is worse than any rarity."""

INSIDE_POINTS = 5.0
"""A host of one's own does it: it may be in somebody else's hands. From outside, everybody is tried by everybody."""

UNANSWERED_POINTS = -5.0
"""Nothing answered: it was tried, and did not work."""

FIRST_CONTACT_POINTS = 3.0
"""The two never met before. Rarity knows that already, so it adds little."""

REPEATED_POINTS, REPEATED_MOST = 5.0, 15.0
"""For each ten times as many alerts: a chance seldom comes again. Some kinds give it less."""


class Circumstances(NamedTuple):
    """What a risk is made of."""

    decades: float
    """By how many powers of ten it is rarer than the budget asks, as far as the calibration supports that."""
    alerts: int = 1
    repeated_most: float = REPEATED_MOST
    """The points that their number may add."""
    kind_points: int = 0
    """What its kind says of itself."""
    bytes_out: int = 0
    """What left the inside, as far as it is known to."""
    from_inside: bool = False
    unanswered: bool = False
    first_contact: bool = False
    worth: float = 1.0
    """Of the hosts in it: 1 is usual, 2 twice as grave."""


def severity_of(risk: int) -> Severity:
    """The band that a risk is in."""
    return _BAND_OF[risk]


_BAND_OF = tuple(max(each for each, least in BANDS.items() if risk >= least) for risk in range(MOST_RISK + 1))


@lru_cache(65_536)  # in a storm most alerts are alike
def risk_of(given: Circumstances) -> int:
    """The risk of an alert or an incident, 0 to 100."""
    points = _rarity_points(given.decades) + sum(signs_of(given).values())
    risk = weighed(min(max(points, 0.0), float(MOST_RISK)), given.worth)
    most = MOST_RISK if given.decades >= CRITICAL_DECADES else BANDS[Severity.CRITICAL] - 1
    return min(math.floor(risk + 1e-9), most)


def regraded(risk: int, before: Circumstances, after: Circumstances) -> int:
    """The risk in other circumstances, of which only those that are signs differ; rarity and worth stay.

    For who reads a risk and not what it was made of. What was no risk stays none, and nothing becomes critical so:
    nobody knows then whether it is rare enough.
    """
    points = risk + sum(signs_of(after).values()) - sum(signs_of(before).values())
    most = MOST_RISK if severity_of(risk) == Severity.CRITICAL else BANDS[Severity.CRITICAL] - 1
    return math.floor(min(max(points, 0.0), most) + 1e-9) if risk else 0


def _rarity_points(decades: float) -> float:
    """Between two steps in proportion."""
    whole = min(int(max(decades, 0.0)), len(_STEPS) - 2)
    return min(_STEPS[whole] + (decades - whole) * (_STEPS[whole + 1] - _STEPS[whole]), float(MOST_RISK))


def signs_of(given: Circumstances) -> dict[Sign, float]:
    """What raises or lowers the risk, in points; only what there is of it."""
    out = OUT_POINTS * math.log10(max(given.bytes_out, OUT_FROM_BYTES) / OUT_FROM_BYTES)
    again = REPEATED_POINTS * math.log10(max(given.alerts, 1))
    points = {
        Sign.KIND: float(given.kind_points),
        Sign.BYTES_OUT: min(out, OUT_MOST),
        Sign.INSIDE: INSIDE_POINTS if given.from_inside else 0.0,
        Sign.UNANSWERED: UNANSWERED_POINTS if given.unanswered else 0.0,
        Sign.FIRST_CONTACT: FIRST_CONTACT_POINTS if given.first_contact else 0.0,
        Sign.REPEATED: min(again, given.repeated_most),
    }
    return {sign: value for sign, value in points.items() if value}


def weighed(risk: float, worth: float) -> float:
    """A risk for hosts worth so much: its odds times that, as in Elastic's asset criticality; 0 and 100 stay."""
    return MOST_RISK * risk * worth / (risk * worth + MOST_RISK - risk)


def bytes_out(direction: str, src_bytes: int, dst_bytes: int) -> int:
    """How much left the inside by a flow of this direction: what was sent outward, or answered to the outside."""
    return src_bytes if direction == "outbound" else dst_bytes if direction == "inbound" else 0


def is_from_inside(direction: str) -> bool:
    """Whether a flow of this direction has an inside source."""
    return direction in {"outbound", "internal"}


def decades_beyond(rarities: NDArray[np.float64], budget: float) -> NDArray[np.float64]:
    """By how many powers of ten alerts (alerts,) are rarer than the budget, in whose unit they are; 0 or more."""
    with np.errstate(divide="ignore"):
        decades: NDArray[np.float64] = math.log10(max(budget, 1e-12)) - np.log10(rarities)
    return np.clip(decades, 0.0, float(len(_STEPS)))
