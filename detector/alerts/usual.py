"""What is usual of a network, by what a model learnt: the bounds that stand beside an incident's numbers.

An incident lasts as long as it lasts; bounds are of windows. The bound of the shortest window that is no shorter than
the incident is the one to compare with: what came in less time would be fewer still. Of a longer incident so much
counts as came in the longest window on average.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from detector.alerts.facts import Clause, Fact
from detector.alerts.quantities import rounded, said
from detector.alerts.readings import Bound, Reading, Readings
from detector.features.meanings import Unit

CLEARLY = 1.1
"""By how many times a number is beyond its bound where that is worth saying."""


class Usual(Protocol):
    """What is usual: of a model, or of none."""

    def beside(self, key: str, statistic: str, fact: Fact, seconds: float) -> Clause | None:
        """What is usual beside a number that was counted in so many seconds; None where it is not beyond it.

        ``key`` and ``statistic`` name a windowed feature.
        """
        ...

    def of_one_flow(self, name: str, fact: Fact) -> Clause | None:
        """The same of a number of one flow, by the name of its feature."""
        ...

    def at_its_height(self, key: str, statistic: str, facts: Iterable[Fact]) -> Clause | None:
        """The one among the numbers of an incident's alerts that is furthest beyond what is usual, likewise."""
        ...


@dataclass(frozen=True, slots=True)
class UsualOf:
    """What is usual by a model."""

    readings: Readings

    def beside(self, key: str, statistic: str, fact: Fact, seconds: float) -> Clause | None:
        """See :class:`Usual`."""
        columns = self.readings.windows.get((key, statistic), ())
        windows = [(self.readings.columns[place].window_s or math.inf, place) for _, place in columns]
        if not windows:
            return None
        window_s, place = next((each for each in windows if each[0] >= seconds), windows[-1])
        reading = self.readings.columns[place]
        high = reading.meaning.sides in {"high", "both"}
        bound, unit = (reading.high if high else reading.low), reading.meaning.unit
        spread_out = window_s < seconds and high and unit is not Unit.PERCENT
        value = rounded(fact.value * window_s / seconds, unit) if spread_out else fact.value
        if not _is_beyond(value, bound, high=high):
            return None
        usually = _usually(reading, bound, key)
        most, least = (bound.value, None) if high else (None, bound.value)
        if not spread_out:
            window = f" in {reading.window}" if high else ""
            return Clause(f"{usually}{window}", (Fact(fact.what, value, fact.unit, most, least, window_s),))
        mean = Fact(f"{fact.what}, on average", value, fact.unit, most, least, window_s)
        return Clause(f"on average about {said(value, unit)} in {reading.window}, {usually}", (mean,))

    def of_one_flow(self, name: str, fact: Fact) -> Clause | None:
        """See :class:`Usual`."""
        place = self.readings.at.get(name)
        if place is None:
            return None
        reading = self.readings.columns[place]
        if reading.meaning.sides not in {"high", "both"} or not _is_beyond(fact.value, reading.high, high=True):
            return None
        return Clause(
            _usually(reading, reading.high, ""),
            (Fact(fact.what, fact.value, fact.unit, usual_most=reading.high.value),),
        )

    def at_its_height(self, key: str, statistic: str, facts: Iterable[Fact]) -> Clause | None:
        """See :class:`Usual`."""
        columns = {
            (reading.meaning.what, reading.window_s): reading
            for _, place in self.readings.windows.get((key, statistic), ())
            if (reading := self.readings.columns[place]).meaning.sides == "high"
        }
        beyond = [fact for fact in facts if fact.usual_most is not None and (fact.what, fact.window_s) in columns]
        if not beyond:
            return None
        highest = max(beyond, key=lambda fact: fact.value / max(fact.usual_most or 0.0, 1.0))
        reading = columns[highest.what, highest.window_s]
        # As it was when the alert was told: another model may have other bounds now.
        bound = Bound(highest.usual_most or 0.0, f"at most {said(highest.usual_most or 0.0, reading.meaning.unit)}")
        told = f"at its height about {said(highest.value, reading.meaning.unit)} in {reading.window}"
        return Clause(f"{told}, {_usually(reading, bound, key)}", (highest,))


def _usually(reading: Reading, bound: Bound, key: str) -> str:
    if key == "destination" and reading.meaning.sides == "high":
        return f"any host usually gets {bound.text}"
    return reading.meaning.usually.format(bound=bound.text)


def _is_beyond(value: float, bound: Bound, *, high: bool) -> bool:
    return value > bound.value * CLEARLY if high else value * CLEARLY < bound.value
