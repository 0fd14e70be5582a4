"""Which flows rules hide. Pure: a mask over rows, the same however they are cut into batches and rules are ordered.

**When a rule ends.** It hides a flow only while *both* clocks are before its end: the flow's own time, and the wall's.
By the flow's time alone a sensor whose clock stands still, or a backlog, would be hidden for ever. By the wall's alone
a replay of old records would be judged otherwise than they were live, and a wall clock that was set back would wake
rules that have ended. Where the two disagree, more is told, not less. A flow from before the rule was made is hidden,
too: a backlog is what a rule is often made against.

A rule of a feature that the model does not have hides nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import polars as pl
from msgspec import UNSET
from numpy.typing import NDArray

from detector.suppression.rule import ENTITY, Scope, Suppression, write_rule

Features = Mapping[str, NDArray[np.float32]]
"""By name, of each row; shape (rows,)."""

NO_FEATURES: Features = {}

NO_RULE = -1

KEYED: tuple[Scope, ...] = ("pair", "service", "source")
"""Scopes that are looked up, the most special first: of several rules that cover a flow, it is said to hide it."""


class Matched(NamedTuple):
    """Which rule hides each row."""

    rules: tuple[Suppression, ...]
    """In an order of their own."""
    which: NDArray[np.intp]
    """Shape (rows,): the place of the rule among these, or :data:`NO_RULE`."""

    @property
    def hidden(self) -> NDArray[np.bool_]:
        """Shape (rows,): whether a rule hides it."""
        hidden: NDArray[np.bool_] = self.which != NO_RULE
        return hidden

    def counts(self) -> dict[str, int]:
        """How many rows each rule hides, by its id; rules that hide none are left out."""
        places, counts = np.unique(self.which[self.hidden], return_counts=True)
        return {self.rules[place].id: count for place, count in zip(places.tolist(), counts.tolist(), strict=True)}


def features_of(rules: Iterable[Suppression]) -> tuple[str, ...]:
    """The names of the features that rules look at, sorted: what :class:`Matcher` wants values of."""
    return tuple(sorted({bound.feature for rule in rules if rule.pattern is not UNSET for bound in rule.pattern}))


class Matcher:
    """Rules made ready to be looked up, once for many batches."""

    def __init__(self, rules: Iterable[Suppression]) -> None:
        # The one that ends last comes first of those alike, so that where it does not hold, none of them does.
        self.rules = tuple(sorted(rules, key=lambda rule: (-rule.expires_s, rule.id, write_rule(rule))))
        self.features = features_of(self.rules)
        """The features that values are wanted of."""
        self._tables = [(scope, table) for scope in KEYED if (table := _table(self.rules, scope))]
        patterns = [(place, rule) for place, rule in enumerate(self.rules) if rule.scope == "pattern"]
        self._patterns = sorted(patterns, key=lambda each: each[1].src_ip is UNSET)

    def scopes(self, counts: Mapping[str, int]) -> Counter[Scope]:
        """Add up, by their scope, counts that are given by the ids of rules."""
        scopes, added = {rule.id: rule.scope for rule in self.rules}, Counter[Scope]()
        for rule, count in counts.items():
            added[scopes[rule]] += count
        return added

    def match(self, frame: pl.DataFrame, now: float, features: Features = NO_FEATURES) -> Matched:
        """Find what is hidden at ``now``, the wall's clock in seconds since 1970.

        ``frame`` has a row for each decided flow, with at least these canonical columns: ``ts`` (Float64, seconds since
        1970, when the flow counts as happening), ``src_ip``, ``dst_ip`` (String, as decoders write them), ``dst_port``
        (Int32), ``proto`` (String). ``features`` has the rows' values of :attr:`features`, as far as the model has
        them.
        """
        return self._find(frame, features, np.maximum(frame["ts"].to_numpy(), now))

    def covers(self, frame: pl.DataFrame, features: Features = NO_FEATURES) -> Matched:
        """Find what rules are of, whatever the time: what they would have hidden had they been there."""
        return self._find(frame, features, np.full(len(frame), -np.inf))

    def _find(self, frame: pl.DataFrame, features: Features, clock: NDArray[np.float64]) -> Matched:
        """Find the rules of rows whose time, as far as ends go, is ``clock``; shape (rows,)."""
        which = np.full(len(frame), NO_RULE, np.intp)
        if not self.rules or not len(frame):
            return Matched(self.rules, which)
        ends = np.array([rule.expires_s for rule in self.rules])
        # By dictionaries and not by joins: decided flows are few, and a join wakes every thread of polars.
        for scope, table in self._tables:
            keys = zip(*(frame[name].to_list() for name in ENTITY[scope]), strict=True)
            places = np.fromiter((table.get(key, NO_RULE) for key in keys), np.intp, len(frame))
            _fill(which, np.where((places != NO_RULE) & (clock < ends[places]), places, NO_RULE))
        sources = set(frame["src_ip"].to_list()) if self._patterns else set()
        for place, rule in self._patterns:
            if rule.src_ip is not UNSET and rule.src_ip not in sources:
                continue
            _fill(which, np.where(_fits(rule, frame, features) & (clock < ends[place]), place, NO_RULE))
        return Matched(self.rules, which)


def match(rules: Iterable[Suppression], frame: pl.DataFrame, now: float, features: Features = NO_FEATURES) -> Matched:
    """Find what rules hide of one batch; see :meth:`Matcher.match`."""
    return Matcher(rules).match(frame, now, features)


def covers(rules: Iterable[Suppression], frame: pl.DataFrame, features: Features = NO_FEATURES) -> Matched:
    """Find what rules are of; see :meth:`Matcher.covers`."""
    return Matcher(rules).covers(frame, features)


def _fill(which: NDArray[np.intp], found: NDArray[np.intp]) -> None:
    np.copyto(which, found, where=which == NO_RULE)


def _table(rules: Sequence[Suppression], scope: Scope) -> dict[tuple[object, ...], int]:
    """The place of the first rule of this scope, by what it is of."""
    first: dict[tuple[object, ...], int] = {}
    for place, rule in enumerate(rules):
        if rule.scope == scope:
            first.setdefault(tuple(getattr(rule, name) for name in ENTITY[scope]), place)
    return first


def _fits(rule: Suppression, frame: pl.DataFrame, features: Features) -> NDArray[np.bool_]:
    """Give the rows that a pattern is of."""
    fits = np.ones(len(frame), np.bool_)
    if rule.src_ip is not UNSET:
        fits &= (frame["src_ip"] == rule.src_ip).fill_null(value=False).to_numpy()
    for bound in () if rule.pattern is UNSET else rule.pattern:
        values = features.get(bound.feature)
        if values is None:
            return np.zeros(len(frame), np.bool_)
        low = -np.inf if bound.at_least is UNSET else bound.at_least
        high = np.inf if bound.at_most is UNSET else bound.at_most
        wide = values.astype(np.float64)  # float32 would round the bounds
        fits &= (wide >= low) & (wide <= high)
    return fits
