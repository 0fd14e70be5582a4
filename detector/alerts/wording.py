"""From the features, the flow and the way of an alert to its sentence, and the facts that the sentence is made of.

Who did what to whom comes first: by evidence what went on between the two, by breadth what else began. Then come the
most telling families of features, one statement each, only of values beyond their usual range; whether the two know
each other; what is as usual though it weighs much; and last how rare it is, by the way that raised it.

Pure; worked out once for a model, and called for its few alerts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.alerts.case import Case
from detector.alerts.facts import Clause, Fact
from detector.alerts.quantities import number, said
from detector.alerts.rarity import Rarity, told_rarity
from detector.alerts.reaching import reaches
from detector.alerts.readings import TOPICS, Readings
from detector.alerts.rhythm import by_the_clock
from detector.alerts.volumes import of_something_new
from detector.decisions.evidence import BREADTH_HALF_LIFE_S, HALF_LIFE_S, LARGEST_PROBED
from detector.decisions.views import SURPRISE, Lead, View
from detector.features.meanings import COVERED, DEEDS, Topic, Unit
from detector.models.training_sample import TrainingSample

_PLACES = {topic: place for place, topic in enumerate(TOPICS)}

TOLD_FAMILIES = 3

PAIRED_FAMILIES = 5
"""Of so many families that weigh most, the two that came together least often are told."""

RARE_TOGETHER = 0.01
"""Two that came together in more than this share of training's flows are no reason: one value would not be either."""

ALIKE = 3.0
"""So many times more or fewer bytes than this flow sent may be told of each."""

LOWERED_NATS = math.log(10.0)
"""By so much a flow must be less surprising, since its target is known, that this is worth a word: ten times."""

LOWERED_SHARE = 0.25
"""What lowers a score by so much of what raises it is told."""

REGULAR = 0.45
"""The spread of log gaps below which calls are called regular; people's is about 2."""

FEWEST_CALLS, SHORTEST_CALL_S = 5, 1.0
"""Fewer flows, or quicker ones, have no rhythm that one would tell."""

LITTLE_ODD_NATS = 7.0
"""A surprise below it is a little odd: p above 0.0009."""

MOST_CHARACTERS = 1_500
"""Far above what all parts of a sentence come to; what is longer is cut."""


class Told(NamedTuple):
    """What an alert says."""

    message: str
    facts: list[dict[str, Any]]


class Raising(NamedTuple):
    """How an alert was raised."""

    view: View = SURPRISE
    surprise: float | None = None
    """Of the flow, in nats, where it is known."""
    whole: float | None = None
    """What it would be if the two did not know each other."""
    told: Mapping[str, float] = {}
    """What the view tells besides, by name."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """What a batch's alerts say, family by family; one of each for every alert."""

    beyond: list[list[int]]
    """The columns beyond their usual ranges: what a flow alone tells before what windows tell, the furthest first."""
    contributions: NDArray[np.float64]
    """Shape (alerts, columns)."""
    families: list[list[float]]
    """What each topic adds to the score."""

    @classmethod
    def of(cls, readings: Readings, values: NDArray[np.float32], contributions: NDArray[np.float64]) -> Weighed:
        """Weigh alerts: ``values`` and ``contributions`` are alerts × columns."""
        wide = np.where(np.isfinite(values), values, np.nan).astype(np.float64)
        far = np.maximum(wide - readings.upper, readings.lower - wide)
        rows, columns = np.nonzero(far > 0)
        order = np.lexsort((-far[rows, columns], readings.damped[columns], rows))
        each = np.split(columns[order], np.searchsorted(rows, np.arange(1, len(values))))
        given = np.nan_to_num(contributions, posinf=0.0, neginf=0.0)
        return cls([part.tolist() for part in each], given, (given @ readings.members).tolist())


def tell(  # noqa: PLR0917 - one alert is its parts
    readings: Readings,
    weighed: Weighed,
    row: int,
    values: list[float],
    flow: Mapping[str, Any],
    raising: Raising,
    rarity: Rarity,
) -> Told:
    """Say what the alert in ``row`` of ``weighed`` is; ``values`` are its features, ``flow`` what its record told."""
    case = Case(readings, values, flow)
    story = _Story(case, readings, weighed, row)
    clauses = [clause for clause in (*story.parts(raising), told_rarity(rarity, raising.view)) if clause is not None]
    text = f"{case.who}: {'; '.join(clause.text for clause in clauses)}."
    if len(text) > MOST_CHARACTERS:
        text = f"{text[:MOST_CHARACTERS]}…"
    facts: dict[Fact, None] = dict.fromkeys(fact for clause in clauses for fact in clause.facts)
    return Told(text, [fact.document() for fact in facts])


class _SoFar(NamedTuple):
    """What the two have had to do with each other."""

    total: float
    age_s: float
    since: str
    facts: tuple[Fact, ...]


class _Story:
    """The parts of one alert's sentence, in their order."""

    def __init__(self, case: Case, readings: Readings, weighed: Weighed, row: int) -> None:
        self._case = case
        self._readings = readings
        self._beyond = weighed.beyond[row]
        self._contributions = weighed.contributions[row]
        self._families = weighed.families[row]
        self._told: set[Topic] = set()
        self._made: dict[Topic, Clause | None] = {}

    def parts(self, raising: Raising) -> list[Clause | None]:
        """All but the rarity."""
        again = self._again(raising) if raising.view.lead is Lead.AGAIN else None
        if raising.view.lead is Lead.BY_THE_CLOCK:
            self._told |= {Topic.RHYTHM, Topic.ACQUAINTANCE}
            again = by_the_clock(raising.told)
        if raising.view.lead is Lead.WITHIN:
            again = reaches(raising.told, self._case.flow["src_ip"])
        if raising.view.lead is Lead.MUCH:
            self._told.add(Topic.ACQUAINTANCE)
            again = of_something_new(raising.told)
        reasons = self._reasons()
        anew = self._anew() if raising.view.lead is Lead.ANEW and self._told.isdisjoint(DEEDS) else None
        return [again, anew, *reasons, self._acquaintance(), self._held(raising), self._lowered()]

    # --- what was done ------------------------------------------------------------------------------------------

    def _again(self, raising: Raising) -> Clause:
        """What goes on between the two, each time a little odd."""
        little = raising.surprise is not None and raising.surprise < LITTLE_ODD_NATS
        odd = "each a little odd" if little else "each odd"
        calls = self._calls() or self._all() or self._number("pair", "flows", HALF_LIFE_S, "{} in {window}")
        if calls is None:
            return Clause(f"flows of the same kind, {odd}")
        parts = [Clause(f"{calls.text}, {odd}", calls.facts)]
        parts += filter(None, [self._sent_each(), self._alone()])
        return Clause(", ".join(part.text for part in parts), tuple(fact for part in parts for fact in part.facts))

    def _calls(self) -> Clause | None:
        """How regularly one calls the other, if it does."""
        case = self._case
        gap, spread = (case.nearest("pair", each, HALF_LIFE_S) for each in ("gap", "gap_spread"))
        every, vary, all_ = case.number(gap), case.number(spread), self._so_far()
        if spread is None or every is None or vary is None or all_ is None:
            return None
        if all_.total < FEWEST_CALLS or not 0 <= case.values[spread] < REGULAR:
            return None
        if every.facts[0].value < SHORTEST_CALL_S:
            return None
        self._told |= {Topic.RHYTHM, Topic.ACQUAINTANCE}
        text = f"calls every {every.text} ± {vary.text}, {number(all_.total)} times in {all_.since}"
        return Clause(text, (*every.facts, *vary.facts, *all_.facts))

    def _all(self) -> Clause | None:
        """All flows between the two, where they met only lately."""
        place, all_ = self._case.nearest("pair", "flows", HALF_LIFE_S), self._so_far()
        window_s = None if place is None else self._readings.columns[place].window_s
        if window_s is None or all_ is None or all_.age_s > window_s or all_.total < 2:
            return None
        self._told.add(Topic.ACQUAINTANCE)
        return Clause(f"{said(all_.total, Unit.FLOWS)} in {all_.since}", all_.facts)

    def _so_far(self) -> _SoFar | None:
        """How many flows the two have had, and since when."""
        total, age = (self._case.place(f"pair_{each}") for each in ("total", "age"))
        count, since = self._case.amount(total), self._case.amount(age)
        if total is None or age is None or count is None or since is None:
            return None
        facts = (self._case.fact(total, count), self._case.fact(age, since))
        return _SoFar(count.value, since.value, since.text, facts)

    def _sent_each(self) -> Clause | None:
        """How much one sends the other each time, where this flow sent about as much.

        Windows keep the mean of logarithms. Where some flows sent nothing, it is far from what any of them sent.
        """
        place = self._case.nearest("pair", "out", HALF_LIFE_S)
        amount, own = self._case.amount(place), self._case.flow.get("src_bytes")
        if place is None or not amount or not own or not 1 / ALIKE <= amount.value / own <= ALIKE:
            return None
        return self._case.lead(place, "{} sent each")

    def _alone(self) -> Clause | None:
        """Whether all flows that the destination ever had came from this source."""
        case = self._case
        own, all_ = (case.amount(case.place(f"{key}_total")) for key in ("pair", "destination"))
        return Clause("no other host goes there") if own and all_ and own.value == all_.value > 1 else None

    def _anew(self) -> Clause:
        """What the source, or others at the destination, began lately."""
        own = self._case.nearest("source", "new", BREADTH_HALF_LIFE_S)
        there = self._case.nearest("destination", "new", BREADTH_HALF_LIFE_S)
        by_source = own is None or there is None or self._case.values[own] >= self._case.values[there]
        place, whose = (own, "source") if by_source else (there, "destination")
        amount = self._case.amount(place)
        many = amount is not None and amount.value >= 2
        names = self._case.flow["src_ip"], self._case.flow["dst_ip"]
        phrase = (
            "one of {} in {window} to hosts or ports that {src} never used before"
            if by_source
            else "one of {} in {window} that came to {dst} from new hosts or to new ports"
        )
        lead = self._number(whose, "new", BREADTH_HALF_LIFE_S, phrase) if many else None
        return lead or Clause(f"one of several odd flows that {names[0]} began to new targets")

    def _number(self, key: str, statistic: str, half_life_s: float, phrase: str) -> Clause | None:
        place = self._case.nearest(key, statistic, half_life_s)
        return None if place is None else self._case.lead(place, phrase)

    # --- why it is odd ------------------------------------------------------------------------------------------

    def _reasons(self) -> list[Clause]:
        """The statements of the most telling families; where there are none, what is odd together."""
        families = self._beyond_by_topic()
        reasons: dict[Topic, Clause] = {}
        for topic, places in families.items():
            lowers = self._family(topic) <= 0
            if len(reasons) == TOLD_FAMILIES or (lowers and reasons):
                break
            if topic in self._told or self._is_covered(topic, families):
                continue
            if (clause := self._statement(topic, places)) is not None:
                reasons[topic] = clause
        if not reasons:
            return [self._together([place for places in families.values() for place in places])]
        self._told |= reasons.keys()
        deeds = [reasons[topic] for topic in reasons if topic in DEEDS]
        others = [reasons[topic] for topic in reasons if topic not in DEEDS]
        room = TOLD_FAMILIES - len(reasons)
        return [*deeds, *others, *map(Clause, self._sorts(families)[:room] if room else [])]

    def _beyond_by_topic(self) -> dict[Topic, list[int]]:
        """The columns beyond their usual ranges: by family, the most telling first."""
        families: dict[Topic, list[int]] = {}
        for place in self._beyond:
            families.setdefault(self._readings.columns[place].meaning.topic, []).append(place)
        return dict(sorted(families.items(), key=lambda each: -self._family(each[0])))

    def _family(self, topic: Topic) -> float:
        """What a family adds to the score."""
        return self._families[_PLACES[topic]]

    def _is_covered(self, topic: Topic, families: Mapping[Topic, list[int]]) -> bool:
        """Whether another family that says more has a statement to make."""
        return any(
            other in self._told or self._statement(other, families[other]) is not None
            for other in COVERED.get(topic, ())
            if other in families
        )

    def _statement(self, topic: Topic, places: list[int]) -> Clause | None:
        """The statement of the first of a family's columns that makes one; how rare things are is told in one."""
        if topic not in self._made:
            if topic is Topic.RARITY:
                telling = sorted(places, key=lambda place: -float(self._contributions[place]))
                self._made[topic] = self._case.rarities(telling)
            else:
                made = (clause for place in places if (clause := self._case.statement(place)) is not None)
                self._made[topic] = next(made, None)
        return self._made[topic]

    def _sorts(self, families: Mapping[Topic, list[int]]) -> list[str]:
        """What yes or no and classes say beside something else; that something is the first time is told anyway."""
        others = [places for topic, places in families.items() if topic not in self._told | {Topic.ACQUAINTANCE}]
        words = ([word for place in places if (word := self._case.word(place))][:1] for places in others)
        return [word for each in words for word in each]

    def _is_first(self, place: int) -> bool:
        return self._readings.columns[place].meaning.topic is Topic.ACQUAINTANCE

    def _together(self, beyond: list[int]) -> Clause:
        """What weighs most, of two families, where no number is beyond its usual range."""
        odd = [place for place in beyond if self._case.word(place)]
        order = np.argsort(-self._contributions, kind="stable").tolist()
        found: dict[Topic, tuple[int, Clause]] = {}
        telling = [each for each in order if self._contributions[each] > 0 and not self._is_first(each)]
        sample = self._readings.sample
        for place in [*odd, *telling]:
            topic = self._readings.columns[place].meaning.topic
            if topic in found or topic in self._told:
                continue
            if (clause := self._case.brief(place)) is not None:
                found[topic] = place, clause
            if len(found) == (2 if sample is None else PAIRED_FAMILIES):
                break
        no = Clause(f"no single {'number' if odd else 'value'} is unusual")
        if sample is not None and len(found) > 1:
            return self._rarest(sample, no, found, with_odd=bool(odd))
        two = dict(list(found.items())[:2])
        self._told |= two.keys()
        return _listed(no, [clause for _, clause in two.values()])

    def _rarest(
        self, sample: TrainingSample, no: Clause, found: Mapping[Topic, tuple[int, Clause]], *, with_odd: bool
    ) -> Clause:
        """The two that came together least often in training; where no two are rare, that neither is the reason."""
        first = next(iter(found))
        pairs = [each for each in combinations(found, 2) if not with_odd or first in each]
        far = {topic: sample.as_far(place, self._case.values[place]) for topic, (place, _) in found.items()}
        counts = [int(np.count_nonzero(far[one] & far[other])) for one, other in pairs]
        count, pair = min(zip(counts, pairs, strict=True), key=lambda each: each[0])
        if count > RARE_TOGETHER * sample.rows:
            pair = pairs[0]
            self._told |= set(pair)
            heavy, heavier = (found[topic][1] for topic in pair)
            text = f"{no.text}, nor are two of them together; {heavy.text} and {heavier.text} weigh most"
            return Clause(text, (*heavy.facts, *heavier.facts))
        self._told |= set(pair)
        among = Fact("flows of training looked at", sample.rows, Unit.FLOWS.value)
        seen = Fact("flows of training in which both were as far out", count, Unit.FLOWS.value)
        told = _listed(no, [found[topic][1] for topic in pair])
        often = "none" if not count else number(count)
        text = f"{told.text}: both as far out in {often} of {said(sample.rows, Unit.FLOWS)} of training"
        return Clause(text, (*told.facts, seen, among))

    # --- what else matters --------------------------------------------------------------------------------------

    def _acquaintance(self) -> Clause | None:
        """Whether it is the first time, or how long the two know each other."""
        if Topic.ACQUAINTANCE in self._told:
            return None
        for place in self._readings.firsts:
            if self._case.values[place] == 1.0 and (word := self._case.word(place)):
                return Clause(word)
        all_ = self._so_far()
        if all_ is None or all_.total < 2:
            return None
        self._told.add(Topic.ACQUAINTANCE)
        return Clause(f"the two have known each other for {all_.since}, {said(all_.total, Unit.FLOWS)}", all_.facts)

    def _held(self, raising: Raising) -> Clause | None:
        """Whether the flow would be far odder, were its target not known: then only what itself shows counts."""
        if raising.surprise is None or raising.whole is None:
            return None
        # What stands at the bound is held back as a probe.
        if raising.surprise == LARGEST_PROBED or raising.whole - raising.surprise < LOWERED_NATS:
            return None
        return Clause("the source has long used this port there: only what the flow itself shows counts")

    def _lowered(self) -> Clause | None:
        """What is as usual though it weighs much: it made the flow less odd than the rest says."""
        raised = sum(value for value in self._families if value > 0)
        unusual = {self._readings.columns[place].meaning.topic for place in self._beyond}
        lowering = sorted(
            (value, topic.value)
            for topic, value in zip(TOPICS, self._families, strict=True)
            if value < -LOWERED_SHARE * raised and topic not in unusual | self._told | {Topic.SORT}
        )[:2]
        return Clause(f"as usual: {', '.join(name for _, name in lowering)}") if lowering else None


def _listed(no: Clause, clauses: Sequence[Clause]) -> Clause:
    """What is not unusual, and what is so only together."""
    nouns = " together with ".join(clause.text for clause in clauses)
    facts = tuple(fact for clause in clauses for fact in clause.facts)
    return Clause(f"{no.text}{'; ' if nouns else ''}{nouns}", facts)
