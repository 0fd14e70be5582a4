"""The features of a model as a person reads them: each one's meaning, window, usual range and companions.

Worked out once for a model, from the declarations beside the features; :mod:`detector.alerts.facts` reads rows by it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from string import Formatter
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from detector.alerts.explanation import UsualRanges
from detector.alerts.quantities import rounded, said
from detector.features.encoders import Encoders
from detector.features.extra import EXTRA, extra_meaning
from detector.features.meanings import Meaning, Topic, Unit
from detector.features.perflow import FAMILIES
from detector.features.spec import WINDOWS, FeatureSpec
from detector.features.windows_columns import Window, every_meaning, read_windows
from detector.features.windows_statistics import FLAGS
from detector.models.baseline_ranges import BaselineRanges
from detector.models.training_sample import TrainingSample

LIFETIMES = 1.5
"""A damped count of half-life h is what came within h / ln 2, where it comes evenly: windows are told as 1.5 h."""

TOPICS = tuple(Topic)

OWN = frozenset({"src", "dst", "port", "service", "value", "window", "bound", "inside"})
"""Places of phrases that are no other feature."""


class Bound(NamedTuple):
    """An end of a column's usual range, as it is told."""

    value: float
    text: str


class Reading(NamedTuple):
    """One column of the matrix as it is read."""

    name: str
    meaning: Meaning
    window_s: float | None
    """What its count is over; None for what has no window."""
    window: str
    """The same in words."""
    high: Bound
    low: Bound
    damped: bool
    companions: Mapping[str, tuple[tuple[str, int], ...]]
    """The columns that each of its phrases asks for, by the name of their place; no phrase that asks for another."""
    least: int | None
    """The column that must reach ``meaning.least``, where there is one."""
    silence: int | None
    """The column of ``meaning.silence``, likewise."""
    tellable: bool
    """Whether its statement can be made in this model: it asks for no column that there is not."""


@dataclass(frozen=True, slots=True)
class Readings:
    """How a model's columns are read; arrays and lists of one length, in the columns' order."""

    columns: tuple[Reading, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    upper: NDArray[np.float32]
    """Beyond which a value is told as high; infinite where it is not."""
    lower: NDArray[np.float32]
    """Likewise, as low."""
    topics: NDArray[np.intp]
    """The place of each column's topic among TOPICS."""
    members: NDArray[np.float64]
    """Shape (columns, topics): 1 where a column is of a topic."""
    at: Mapping[str, int]
    """The columns by name."""
    damped: NDArray[np.bool_]
    """Which have windows."""
    firsts: tuple[int, ...]
    """Columns that tell that something is the first time, in the order in which one says it all."""
    windows: Mapping[tuple[str, str], tuple[tuple[float, int], ...]]
    """By key and statistic: half-lives, ascending, and their columns."""
    trained: Mapping[str, int]
    """How many training flows each category was counted among."""
    usual: UsualRanges
    """As documents have them."""
    sample: TrainingSample | None = None
    """Of training's rows, where the model has one."""
    ended: float = -math.inf
    """When training's flows end, seconds since 1970, where that is known."""

    @classmethod
    def of(
        cls,
        spec: FeatureSpec,
        usual: BaselineRanges,
        encoders: Encoders,
        sample: TrainingSample | None = None,
        ended: float | None = None,
    ) -> Self:
        """Work them out for a model's features, which it was trained on until it ``ended``."""
        windowed = every_meaning(read_windows(spec.windows).half_lives_s) if spec.windows else {}
        at = {name: place for place, name in enumerate(spec.names)}
        meanings = meanings_of(spec)
        siblings = _Siblings.among(windowed, at)
        ends = zip(usual.low.tolist(), usual.high.tolist(), strict=True)
        columns = tuple(
            _reading(name, meaning, windowed, siblings, low_high)
            for (name, meaning), low_high in zip(meanings.items(), ends, strict=True)
        )
        sides = [each.meaning.sides if each.tellable else "none" for each in columns]
        topics = np.array([TOPICS.index(each.meaning.topic) for each in columns], np.intp)
        return cls(
            columns,
            tuple(usual.low.tolist()),
            tuple(usual.high.tolist()),
            np.where([side in {"high", "both"} for side in sides], usual.high, np.inf).astype(np.float32),
            np.where([side in {"low", "both"} for side in sides], usual.low, -np.inf).astype(np.float32),
            topics,
            (topics[:, None] == np.arange(len(TOPICS))).astype(np.float64),
            at,
            np.array([each.damped for each in columns], np.bool_),
            tuple(at[f"{flag}_first"] for flag in FLAGS if f"{flag}_first" in at),
            _by_statistic(windowed, at),
            {name: table.total for name, table in encoders.categories.items()} | {"dst_port": encoders.ports.total},
            UsualRanges.of(usual),
            sample,
            -math.inf if ended is None else ended,
        )


def meanings_of(spec: FeatureSpec) -> dict[str, Meaning]:
    """What each column of a specification means, in order. Raises KeyError for one that means nothing."""
    windowed = every_meaning(read_windows(spec.windows).half_lives_s) if spec.windows else {}
    return {
        feature.name: windowed[feature.name].meaning
        if feature.family == WINDOWS
        else extra_meaning(feature.name)
        if feature.family == EXTRA
        else FAMILIES[feature.family].meanings[feature.name]
        for feature in spec.features
    }


def places_of(phrase: str) -> set[str]:
    """The places that a phrase has, in braces."""
    return {name for _, name, _, _ in Formatter().parse(phrase) if name}


def _reading(
    name: str, meaning: Meaning, windowed: Mapping[str, Window], siblings: _Siblings, ends: tuple[float, float]
) -> Reading:
    window = windowed.get(name)
    damped = window is not None and window.half_life_s is not None
    window_s = LIFETIMES * window.half_life_s if window is not None and window.half_life_s is not None else None
    asked = {
        phrase: [(each, siblings.of(each, window)) for each in sorted(places_of(phrase) - OWN)]
        for phrase in (meaning.says, meaning.brief, meaning.inside, *meaning.asides)
    }
    companions = {
        phrase: tuple((each, place) for each, place in places if place is not None)
        for phrase, places in asked.items()
        if all(place is not None for _, place in places)
    }
    least = None if meaning.least is None else siblings.of(meaning.least[0], window)
    silence = siblings.of(meaning.silence, window) if meaning.silence else None
    low, high = (rounded(meaning.inverse(end), meaning.unit, exact=not damped) for end in ends)
    return Reading(
        name,
        meaning,
        window_s,
        "" if window_s is None else said(window_s, Unit.SECONDS),
        Bound(high, f"at most {said(high, meaning.unit)}"),
        Bound(low, f"at least {said(low, meaning.unit)}"),
        damped,
        companions,
        least,
        silence,
        meaning.says in companions and (meaning.least is None or least is not None),
    )


@dataclass(frozen=True, slots=True)
class _Siblings:
    """The columns that phrases may ask for."""

    at: Mapping[str, int]
    windowed: Mapping[tuple[str, str, float | None], int]
    """By key, statistic and half-life."""

    @classmethod
    def among(cls, windowed: Mapping[str, Window], at: Mapping[str, int]) -> Self:
        """Those of a model."""
        return cls(
            at,
            {(each.key, each.statistic, each.half_life_s): at[name] for name, each in windowed.items() if name in at},
        )

    def of(self, asked: str, window: Window | None) -> int | None:
        """The one of that name beside a column: of its key and half-life, or a moment of its key, or a flow's own."""
        if window is None:
            return self.at.get(asked)
        scaled = self.windowed.get((window.key, asked, window.half_life_s))
        return self.windowed.get((window.key, asked, None)) if scaled is None else scaled


def _by_statistic(
    windowed: Mapping[str, Window], at: Mapping[str, int]
) -> dict[tuple[str, str], tuple[tuple[float, int], ...]]:
    found: dict[tuple[str, str], list[tuple[float, int]]] = {}
    for name, window in windowed.items():
        if name in at and window.half_life_s is not None:
            found.setdefault((window.key, window.statistic), []).append((window.half_life_s, at[name]))
    return {key: tuple(sorted(columns)) for key, columns in found.items()}
