"""The usual recipe and the one chosen, side by side on flows that had no part in choosing: what changes, and how sure.

Both have scored the same flows with the same attacks among them. Whole attacks and blocks of benign flows are drawn
anew, for both alike, so that what is hard for both does not blur what is between them. What another training, or other
weeks, would give is not in these intervals.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from training.cards.words import count
from training.evaluation.figures import over_resamples
from training.evaluation.random_splits import ranked_figures
from training.evaluation.report import Beside, Protocol
from training.evaluation.time_splits import Judged
from training.metrics import average_precision_at_prevalence
from training.search.material import OBJECTIVE, weights_of
from training.watched import HOUR_S

COVERED = 0.95

FALSE = "false_incidents_per_day"

Floats = NDArray[np.float64]


LEAST_GROUPS = 5
"""Of fewer attacks, or of fewer blocks of benign flows, drawing them anew does not tell how sure a gain is."""


@dataclass(frozen=True, slots=True)
class Pair:
    """What both found of the same flows."""

    usual: Judged
    chosen: Judged
    days: float
    """Watched in them."""

    def beside(self, protocol: Protocol) -> tuple[Beside, ...]:
        """Each figure of both; of false incidents alone where no attack is among the flows."""
        runs = (self.usual, self.chosen)
        hours = [_false_by_hour(run, protocol) for run in runs]
        rng = np.random.default_rng([protocol.seed, 37])
        drawn = rng.integers(0, len(hours[0]), (protocol.resamples, len(hours[0])))
        days = self.days or 1.0
        found = [_told(FALSE, *((float(each.sum()) / days, each[drawn].sum(axis=1) / days) for each in hours))]
        groups = self._groups()
        if not (groups.attacks and groups.blocks):
            return tuple(found)
        tables = [Ranked.of(run, groups, protocol) for run in runs]
        as_they_are = [each.figures(groups.once, protocol.prevalence) for each in tables]
        resampled: list[list[dict[str, float]]] = [[], []]
        for times in groups.drawn(protocol):
            for each, into in zip(tables, resampled, strict=True):
                into.append(each.figures(times, protocol.prevalence))
        for name in as_they_are[0]:
            pairs = [
                (figures[name], np.array([one[name] for one in many]))
                for figures, many in zip(as_they_are, resampled, strict=True)
            ]
            found.append(_told(name, *pairs))
        return tuple(found)

    def verdict(self, figures: Sequence[Beside]) -> str:
        """Whether the chosen one is better where it was not chosen, in a sentence; by the ``figures`` of both."""
        found = {each.name: each for each in figures}
        if OBJECTIVE not in found:
            return "no attack is in the untouched stretch: whether the chosen recipe finds more is not known"
        each, groups = found[OBJECTIVE], self._groups()
        low, high = each.interval
        went = f"{each.usual.mean:.3f} → {each.chosen.mean:.3f}"
        gain = f"{went}; the gain lies between {low:+.3f} and {high:+.3f}"
        if min(groups.attacks, groups.blocks) < LEAST_GROUPS:
            return (
                f"whether the chosen recipe is better cannot be told by the untouched stretch, which has"
                f" {count(groups.attacks, 'attack')} and {count(groups.blocks, 'block')} of benign flows: {went}"
            )
        if low > 0:
            return f"the chosen recipe is better than the usual one on the untouched stretch: {gain}"
        if high < 0:
            return f"the chosen recipe is worse than the usual one on the untouched stretch, so keep the usual: {gain}"
        return (
            f"the chosen recipe is no better than the usual one on the untouched stretch, as far as can be told: {gain}"
        )

    def _groups(self) -> Groups:
        return Groups.of(self.usual)


@dataclass(frozen=True, slots=True)
class Groups:
    """What is drawn as a whole: blocks of benign flows, then attacks."""

    rows: NDArray[np.intp]
    """Places of what is known to be an attack or benign."""
    number: NDArray[np.int64]
    """Of each of these."""
    blocks: int
    attacks: int

    @classmethod
    def of(cls, judged: Judged) -> Self:
        """Number those of what is known to be either."""
        rows = np.flatnonzero(judged.attack | judged.benign)
        attack = judged.attack[rows]
        number = np.empty(len(rows), np.int64)
        names, number[~attack] = np.unique(judged.blocks[rows][~attack], return_inverse=True)
        attacks, place = np.unique(judged.instances[rows][attack], return_inverse=True)
        number[attack] = len(names) + place
        return cls(rows, number, len(names), len(attacks))

    @property
    def once(self) -> Floats:
        """How often each is there, as they are."""
        return np.ones(self.blocks + self.attacks)

    def drawn(self, protocol: Protocol) -> Iterator[Floats]:
        """How often each is, were as many drawn with replacement."""
        rng = np.random.default_rng([protocol.seed, 41])
        for _ in range(protocol.resamples):
            parts = [np.bincount(rng.integers(0, n, n), minlength=n) for n in (self.blocks, self.attacks)]
            yield np.concatenate(parts).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Ranked:
    """Rows from the highest score down."""

    attack: NDArray[np.bool_]
    group: NDArray[np.int64]
    weights: Floats
    """Those of one attack are 1 in all."""
    last_of_tie: NDArray[np.intp]
    found: Floats
    """1 of a group with a flow raised at the budget."""
    blocks: int

    @classmethod
    def of(cls, judged: Judged, groups: Groups, protocol: Protocol) -> Self:
        """Order what one recipe scored."""
        rows = groups.rows
        scores, attack = judged.scores[rows], judged.attack[rows]
        order = np.argsort(-scores, kind="stable")
        found = np.zeros(groups.blocks + groups.attacks)
        found[groups.number[judged.rates[rows] <= protocol.incidents_per_day]] = 1.0
        return cls(
            attack[order],
            groups.number[order],
            weights_of(attack, groups.number)[order],
            np.flatnonzero(np.append(np.diff(scores[order]) != 0, True)),
            found,
            groups.blocks,
        )

    def figures(self, times: Floats, prevalence: float) -> dict[str, float]:
        """What it tells, were each group there so many times."""
        often = times[self.group]
        false = self._rate(often * ~self.attack)
        attacks = times[self.blocks :]
        return {
            OBJECTIVE: average_precision_at_prevalence(
                self._rate(often * self.weights * self.attack), false, prevalence
            ),
            "attacks_found": float(self.found[self.blocks :] @ attacks / attacks.sum()),
            **ranked_figures(np.append(0.0, self._rate(often * self.attack)), np.append(0.0, false), prevalence),
        }

    def _rate(self, weights: Floats) -> Floats:
        sums = np.cumsum(weights)[self.last_of_tie]
        rates: Floats = sums / sums[-1]
        return rates


def _told(name: str, usual: tuple[float, Floats], chosen: tuple[float, Floats]) -> Beside:
    gains, gain = chosen[1] - usual[1], float(chosen[0] - usual[0])
    tail = 0.5 - COVERED / 2.0
    low, high = (float(end) for end in np.quantile(gains, [tail, 1.0 - tail]))
    return Beside(
        name=name,
        usual=over_resamples([float(usual[0])], usual[1]),
        chosen=over_resamples([float(chosen[0])], chosen[1]),
        gain=gain,
        interval=(min(low, gain), max(high, gain)),
    )


def _false_by_hour(judged: Judged, protocol: Protocol) -> Floats:
    """How many benign targets are first raised in each hour that has flows."""
    first = judged.falsely_raised(protocol.incidents_per_day)
    hour = np.unique(np.floor((judged.ts - judged.ts.min()) / HOUR_S), return_inverse=True)[1]
    return np.bincount(hour[first], minlength=int(hour.max()) + 1).astype(np.float64)
