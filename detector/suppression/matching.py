"""Which flows rules hide. Pure: a mask over rows, the same however they are cut into batches and rules are ordered.

**When a rule ends.** It hides a flow only while *both* clocks are before its end: the flow's own time, and the wall's.
By the flow's time alone a sensor whose clock stands still, or a backlog, would be hidden for ever. By the wall's alone
a replay of old records would be judged otherwise than they were live, and a wall clock that was set back would wake
rules that have ended. Where the two disagree, more is told, not less. A flow from before the rule was made is hidden,
too: a backlog is what a rule is often made against.

A rule of a feature that the model does not have hides nothing.
"""

from __future__ import annotations

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

_RULE, _EXPIRES = "_rule", "_expires"


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
    """The names of the features that rules look at, sorted: what :func:`match` wants values of."""
    return tuple(sorted({bound.feature for rule in rules if rule.pattern is not UNSET for bound in rule.pattern}))


def match(rules: Sequence[Suppression], frame: pl.DataFrame, now: float, features: Features = NO_FEATURES) -> Matched:
    """Find what is hidden at ``now``, the wall's clock in seconds since 1970.

    ``frame`` has a row for each decided flow, with at least these canonical columns: ``ts`` (Float64, seconds since
    1970, when the flow counts as happening), ``src_ip``, ``dst_ip`` (String, as decoders write them), ``dst_port``
    (Int32), ``proto`` (String). ``features`` has the rows' values of :func:`features_of` as far as the model has them.
    """
    return _find([rule for rule in rules if now < rule.expires_s], frame, features, timed=True)


def covers(rules: Sequence[Suppression], frame: pl.DataFrame, features: Features = NO_FEATURES) -> Matched:
    """Find what rules are of, whatever the time: what they would have hidden had they been there."""
    return _find(rules, frame, features, timed=False)


def _find(rules: Sequence[Suppression], frame: pl.DataFrame, features: Features, *, timed: bool) -> Matched:
    # The one that ends last comes first of those alike, so that where it does not hold, none of them does.
    ordered = tuple(sorted(rules, key=lambda rule: (-rule.expires_s, rule.id, write_rule(rule))))
    which = np.full(len(frame), NO_RULE, np.intp)
    if not ordered or not len(frame):
        return Matched(ordered, which)
    for scope in KEYED:
        _fill(which, _looked_up(ordered, scope, frame, timed=timed))
    ts = frame["ts"].to_numpy()
    patterns = [(place, rule) for place, rule in enumerate(ordered) if rule.scope == "pattern"]
    for place, rule in sorted(patterns, key=lambda each: each[1].src_ip is UNSET):
        fits = _fits(rule, frame, features)
        if timed:
            fits &= ts < rule.expires_s
        _fill(which, np.where(fits, place, NO_RULE))
    return Matched(ordered, which)


def _fill(which: NDArray[np.intp], found: NDArray[np.intp]) -> None:
    np.copyto(which, found, where=which == NO_RULE)


def _looked_up(rules: Sequence[Suppression], scope: Scope, frame: pl.DataFrame, *, timed: bool) -> NDArray[np.intp]:
    """Give the first rule of this scope that covers each row, by its key."""
    columns = list(ENTITY[scope])
    first: dict[tuple[object, ...], int] = {}
    for place, rule in enumerate(rules):
        if rule.scope == scope:
            first.setdefault(tuple(getattr(rule, name) for name in columns), place)
    if not first:
        return np.full(len(frame), NO_RULE, np.intp)
    keys = list(zip(*first, strict=True))
    table = pl.DataFrame(
        {
            **{name: pl.Series(name, keys[at], frame.schema[name]) for at, name in enumerate(columns)},
            _RULE: pl.Series(_RULE, list(first.values()), pl.Int64),
            _EXPIRES: pl.Series(_EXPIRES, [rules[place].expires_s for place in first.values()], pl.Float64),
        }
    )
    joined = frame.select(*columns, "ts").join(table, on=columns, how="left", maintain_order="left")
    holds = pl.col(_RULE).is_not_null() & ((pl.col("ts") < pl.col(_EXPIRES)) if timed else pl.lit(value=True))
    found = joined.select(pl.when(holds).then(pl.col(_RULE)).otherwise(NO_RULE).cast(pl.Int64)).to_series()
    return found.to_numpy().astype(np.intp)


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
