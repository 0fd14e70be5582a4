"""How rare an alert is, by the way that raised it and by which it was graded: the last words of its sentence."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from detector.alerts.facts import Clause, Fact
from detector.alerts.quantities import number, rounded, said
from detector.bundle.loaded_model import LoadedModel
from detector.decisions.decide import Decision
from detector.decisions.views import View
from detector.features.meanings import LARGEST, Unit

DAY_S = 86_400.0

TIME_BETWEEN = "time between benign incidents as odd"
ONE_OF_USUAL = "usual flows, one of which is as odd"

RARITIES = frozenset({TIME_BETWEEN, ONE_OF_USUAL})
"""What the facts are of that tell how rare an alert is."""


class Rarity(NamedTuple):
    """What an alert was graded by: one of the two."""

    per_day: float | None = None
    """Benign incidents a day that are as odd."""
    least: bool = False
    """Whether they may be any fewer: no calibration supports less."""
    share: float | None = None
    """Share of usual flows that are as odd."""
    counted: bool = True
    """Whether that share was counted, and not continued beyond the oddest of them."""


def rarities(decision: Decision, model: LoadedModel) -> list[Rarity]:
    """What each alert was graded by."""
    if decision.rates is not None:
        least = 0.0 if model.incidents is None else model.incidents.least_told
        return [Rarity(per_day=rate, least=rate <= least) for rate in decision.rates.tolist()]
    shares = decision.p_values if decision.shares is None else decision.shares
    told = zip(shares.tolist(), (shares >= decision.p_values).tolist(), strict=True)
    return [Rarity(share=share, counted=counted) for share, counted in told]


def rarity_of(decision: Decision, place: int, model: LoadedModel) -> str:
    """How rare one of the alerts is, in words."""
    one = decision.take(np.array([place]))
    return told_rarity(rarities(one, model)[0], one.oddest_by[0]).text


def told_rarity(rarity: Rarity, view: View) -> Clause:
    """Say it of what is oddest by ``view``."""
    if rarity.per_day is not None:
        every_s = rounded(DAY_S / max(rarity.per_day, DAY_S / LARGEST), Unit.SECONDS)
        fact = Fact(TIME_BETWEEN, every_s, Unit.SECONDS.value)
        often = "at most" if rarity.least else "about"
        return Clause(f"{view.as_odd} {often} once in {said(every_s, Unit.SECONDS)}", (fact,))
    one_in = 1.0 / min(max(rarity.share or 0.0, 1.0 / LARGEST), 1.0)
    flows = round(one_in) if rarity.counted and one_in >= 10 else rounded(one_in, Unit.TIMES)
    fact = Fact(ONE_OF_USUAL, flows, Unit.FLOWS.value)
    return Clause(f"odder than all but {'' if rarity.counted else 'about '}1 in {number(flows)} usual flows", (fact,))
