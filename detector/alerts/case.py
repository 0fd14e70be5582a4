"""One alert's values as statements: each number once, with its unit and its usual bound beside it.

A value is told as unusual only where it lies beyond its usual range *and* still does as the number that is told.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from detector.alerts.categories import NO_PORT_PROTOCOLS, how_rare, how_rare_all
from detector.alerts.facts import Amount, Clause, Fact, name_of
from detector.alerts.quantities import rounded, said
from detector.alerts.readings import Reading, Readings
from detector.features.meanings import Topic, Unit

FULLEST_SKETCH = 260
"""Where distinct counts end, a little below: there may be many more."""

CLEARLY = 1.1
"""By how many times an amount is beyond its bound where it is worth saying."""

CLEAR_PERCENT = 5.0
"""Likewise, by how many points a share is."""

_SKETCHED = frozenset({Unit.HOSTS, Unit.SOURCES, Unit.PORTS})
_COUNTED = _SKETCHED | {Unit.FLOWS, Unit.BYTES}

_WORTH_A_WORD = {Unit.PERCENT: 30.0, Unit.SECONDS: 1e-3, Unit.BYTES: 0.0}
"""From where an amount is worth a word beside another; of what is counted, two."""


class Case:
    """One alert: its row of values, and its flow (canonical columns that tell something)."""

    def __init__(self, readings: Readings, values: list[float], flow: Mapping[str, Any]) -> None:
        self.readings = readings
        self.values = values
        self.flow = flow
        self._amounts: dict[int, Amount | None] = {}
        self._names = {
            "src": name_of(flow["src_ip"]),
            "dst": name_of(flow["dst_ip"]),
            "port": str(flow.get("dst_port", "unknown")),
            "service": f"service {name_of(flow['service'])}" if flow.get("service") else "an unnamed service",
        }

    @property
    def who(self) -> str:
        """Who to whom, such as ``10.0.0.1 → 10.0.0.2 445/tcp (smb)``."""
        port = self.flow.get("dst_port")
        proto = name_of(self.flow["proto"])
        target = proto if port is None or proto in NO_PORT_PROTOCOLS else f"{port}/{proto}"
        service = self.flow.get("service")
        told = f" ({name_of(service)})" if service else ""
        return f"{self._names['src']} → {self._names['dst']} {target}{told}"

    def place(self, name: str) -> int | None:
        """The column of that name, if the model has it."""
        return self.readings.at.get(name)

    def nearest(self, key: str, statistic: str, half_life_s: float) -> int | None:
        """The column of a statistic whose half-life is nearest to one, if there is any."""
        columns = self.readings.windows.get((key, statistic), ())
        return min(columns, key=lambda each: abs(math.log(each[0] / half_life_s)), default=(0.0, None))[1]

    def amount(self, place: int | None) -> Amount | None:
        """The column's value as a number; None where nothing can be told of it."""
        if place is None:
            return None
        if place not in self._amounts:
            self._amounts[place] = self._amount(place)
        return self._amounts[place]

    def _amount(self, place: int) -> Amount | None:
        known = self._known(place)
        if known is None:
            return None
        reading = self.readings.columns[place]
        unit, hedge = reading.meaning.unit, ""
        if not reading.damped:
            value = rounded(known, unit, exact=True)
        elif unit in _SKETCHED and known >= FULLEST_SKETCH:
            value, hedge = FULLEST_SKETCH, "at least "
        else:
            value, hedge = rounded(known, unit), "about " if unit in _COUNTED else ""
        return Amount(value, hedge + said(value, unit))

    def fact(self, place: int, amount: Amount) -> Fact:
        """The fact that a number without a bound is."""
        reading = self.readings.columns[place]
        return Fact(reading.meaning.what, amount.value, reading.meaning.unit.value, window_s=reading.window_s)

    def number(self, place: int | None) -> Clause | None:
        """The column's value as a clause of its own, without a bound."""
        amount = self.amount(place)
        return None if amount is None or place is None else Clause(amount.text, (self.fact(place, amount),))

    def lead(self, place: int, phrase: str) -> Clause | None:
        """A phrase of one's own about the column's value, which stands in its ``{}``."""
        amount = self.amount(place)
        if amount is None:
            return None
        text = phrase.format(amount.text, window=self.readings.columns[place].window, **self._names)
        return Clause(text, (self.fact(place, amount),))

    def statement(self, place: int) -> Clause | None:
        """What the column's value says that is unusual, with what is usual; None where that says nothing."""
        reading = self.readings.columns[place]
        meaning = reading.meaning
        amount = self.amount(place)
        if amount is None or not self._enough(reading):
            return None
        high = self.values[place] > self.readings.high[place]
        bound = reading.high if high else reading.low
        if not _is_clear(amount.value, bound.value, meaning.unit, high=high) or bound.text.endswith(f" {amount.text}"):
            return None
        inside = self._aside(reading, meaning.inside, amount)
        said_so = self._filled(reading, meaning.says, amount, "" if inside is None else inside.text)
        if said_so is None:
            return None
        asides = [clause for each in meaning.asides if (clause := self._aside(reading, each, amount))]
        usual = meaning.usually.format(bound=bound.text, **self._names)
        fact = Fact(
            meaning.what,
            amount.value,
            meaning.unit.value,
            usual_most=bound.value if high else None,
            usual_least=None if high else bound.value,
            window_s=reading.window_s,
        )
        clauses = [said_so, *asides] if inside is None else [inside, said_so, *asides]
        text = f"{said_so.text}{''.join([clause.text for clause in asides])} ({usual})"
        return Clause(text, (fact, *(each for clause in clauses for each in clause.facts)))

    def brief(self, place: int) -> Clause | None:
        """The column's value as a noun, for what is odd only together with others."""
        reading = self.readings.columns[place]
        if reading.meaning.words:
            word = self.word(place)
            return None if not word else Clause(word)
        if reading.meaning.category:
            return how_rare(reading, self.values[place], self.readings, self.flow)
        amount = self.amount(place)
        if amount is None or not self._enough(reading) or reading.meaning.brief not in reading.companions:
            return None
        filled = self._filled(reading, reading.meaning.brief, amount)
        return None if filled is None else Clause(filled.text, (self.fact(place, amount), *filled.facts))

    def word(self, place: int) -> str:
        """What a yes or no, or a class, says; empty where it says nothing."""
        words, value = self.readings.columns[place].meaning.words, self.values[place]
        if not words or not 0 <= value < len(words) or value != int(value):
            return ""
        phrase = words[int(value)]
        if "{port}" in phrase and "dst_port" not in self.flow:
            return ""
        return phrase.format(**self._names)

    def rarities(self, places: Iterable[int]) -> Clause | None:
        """How rare port, service, protocol or state are."""
        rare = [(self.readings.columns[place], self.values[place]) for place in places]
        return how_rare_all(rare, self.readings, self.flow)

    def _known(self, place: int) -> float | None:
        """The number that a value stands for, if it stands for one."""
        meaning, value = self.readings.columns[place].meaning, self.values[place]
        if meaning.words or meaning.category:
            return None
        if meaning.column:
            exact = self.flow.get(meaning.column)
            return max(float(exact), 0.0) if exact is not None and math.isfinite(exact) else None
        if meaning.over:
            parts = [self.flow.get(column, math.nan) for column in meaning.over]
            if not sum(parts) > 0:
                return None
        if not math.isfinite(value) or (meaning.topic is Topic.ACQUAINTANCE and value < 0):
            return None
        return None if self._is_unwatched(self.readings.columns[place].silence) else meaning.inverse(value)

    def _is_unwatched(self, silence: int | None) -> bool:
        """Whether a silence reaches back to before training ended: a daemon may have begun only long after."""
        if silence is None or not math.isfinite(self.values[silence]):
            return False
        since = self.readings.columns[silence].meaning.inverse(self.values[silence])
        return bool(self.flow["ts"] - since < self.readings.ended)

    def _enough(self, reading: Reading) -> bool:
        """Whether what the value is made of is enough to mean anything."""
        if reading.meaning.least is None:
            return True
        if reading.least is None:
            return False
        beneath = self._known(reading.least)
        return beneath is not None and beneath >= reading.meaning.least[1]

    def _filled(self, reading: Reading, phrase: str, amount: Amount, inside: str = "") -> Clause | None:
        """A phrase with its places filled; None where one of them has nothing to tell."""
        facts, texts = [], {}
        for name, place in reading.companions[phrase]:
            companion = self.amount(place)
            if companion is None:
                return None
            texts[name] = companion.text
            facts.append(self.fact(place, companion))
        text = phrase.format(value=amount.text, window=reading.window, inside=inside, **texts, **self._names)
        return Clause(text, tuple(facts))

    def _aside(self, reading: Reading, phrase: str, amount: Amount) -> Clause | None:
        """What is added to a statement: None where it tells nothing, or nothing worth a word."""
        if not (asked := reading.companions.get(phrase)):
            return None
        of = self.readings.columns[asked[0][1]]
        companion = self.amount(asked[0][1])
        if companion is None or companion.value < _WORTH_A_WORD.get(of.meaning.unit, 2.0) or not self._enough(of):
            return None
        return self._filled(reading, phrase, amount)


def _is_clear(value: float, bound: float, unit: Unit, *, high: bool) -> bool:
    """Whether a told number is beyond its bound by as much as is worth saying."""
    more, less = (value, bound) if high else (bound, value)
    least = CLEAR_PERCENT if unit is Unit.PERCENT else (CLEARLY - 1.0) * abs(less)
    return more > less and more - less >= least
