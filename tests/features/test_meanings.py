"""Meanings: no feature is without its words, and each undoes what was done to it."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.alerts.readings import OWN, meanings_of, places_of
from detector.features.extra import extra_meaning
from detector.features.extractor import build_spec
from detector.features.meanings import (
    LARGEST,
    Meaning,
    Unit,
    balance,
    counted,
    from_milliseconds,
    gap,
    one_in,
    percent,
    signed,
    spread,
    times,
)
from detector.features.perflow import FAMILIES
from detector.features.windows import default_windows
from detector.features.windows_columns import every_column, every_meaning
from detector.features.windows_statistics import FLAGS, KEYS, MOMENTS, STATISTICS
from detector.records.flow import SCHEMA

HALF_LIVES = ((10.0, 60.0, 600.0, 3600.0), (1.0,), (7.5, 86_400.0))

EVERY = {
    **{name: meaning for family in FAMILIES.values() for name, meaning in family.meanings.items()},
    **{f"{flag}_first": meaning for flag, meaning in FLAGS.items()},
    **{f"{key}_{name}": of[key] for name, of in (STATISTICS | MOMENTS).items() for key in of},
    "sttl": extra_meaning("sttl"),
}
"""What every feature that can be declared means."""


@pytest.mark.parametrize("half_lives", HALF_LIVES)
def test_every_column_of_every_spec_has_words(half_lives: tuple[float, ...]) -> None:
    """Whatever families, half-lives and further columns a specification has, each of its columns means something."""
    spec = build_spec(windows=default_windows(half_lives_s=half_lives), extra=("sttl", "dload"))
    meanings = meanings_of(spec)
    assert tuple(meanings) == spec.names
    assert set(filter(None, every_column(half_lives))) == every_meaning(half_lives).keys()
    for name, meaning in meanings.items():
        assert meaning.what, name


@pytest.mark.parametrize("name", EVERY)
def test_every_meaning_can_be_said(name: str) -> None:
    """A meaning has words for yes and no, or a rarity, or a statement with its value and what is usual."""
    meaning = EVERY[name]
    if meaning.words:
        assert any(meaning.words)
        assert all(places_of(word) <= OWN - {"value", "window", "bound", "inside"} for word in meaning.words)
    elif meaning.category:
        assert meaning.category in SCHEMA
    else:
        assert "{value}" in meaning.says
        assert "{value}" in meaning.brief
        assert "{bound}" in meaning.usually
        assert (meaning.unit is Unit.PLAIN) == (name == "sttl")
    assert ({meaning.column, *meaning.over} - {""}) <= SCHEMA.keys()


@pytest.mark.parametrize("name", EVERY)
def test_phrases_ask_for_what_there_is(name: str) -> None:
    """Each place in a phrase is of the flow, of the value, or another feature beside it."""
    meaning = EVERY[name]
    key = name.partition("_")[0]
    beside = {each for each, of in (STATISTICS | MOMENTS).items() if key in of}
    beside |= set(chain.from_iterable(family.meanings for family in FAMILIES.values()))
    for phrase in (meaning.says, meaning.brief, meaning.inside, *meaning.asides):
        assert places_of(phrase) - OWN <= beside
    assert meaning.least is None or meaning.least[0] in beside
    assert meaning.inside == "" or "{inside}" in meaning.says


def test_a_feature_cannot_be_declared_without_its_meaning() -> None:
    """A family's columns are its meanings' names; a statistic's keys are those that it has meanings for."""
    for family in FAMILIES.values():
        assert family.columns == tuple(family.meanings)
        assert all(isinstance(meaning, Meaning) for meaning in family.meanings.values())
    for of in (STATISTICS | MOMENTS).values():
        assert set(of) <= set(KEYS)
    assert every_column((10.0,)).count("") == len(KEYS) * len(STATISTICS) - sum(map(len, STATISTICS.values()))


@pytest.mark.parametrize(
    ("inverse", "done", "value"),
    [
        (counted, math.log1p(142.0), 142.0),
        (from_milliseconds, math.log1p(4_000.0), 4.0),
        (percent, 0.91, 91.0),
        (balance, 0.98, 99.0),
        (balance, -1.0, 0.0),
        (gap, math.log(18.01), 18.0),
        (gap, math.log(0.01), 0.0),
        (times, math.log(3.0), 3.0),
        (spread, math.log1p(0.27), 27.0),
        (one_in, math.log10(2_960.0), 2_960.0),
        (signed, -math.log1p(12.0), -12.0),
    ],
)
def test_what_was_done_is_undone(inverse: Callable[[float], float], done: float, value: float) -> None:
    """Each inverse gives the amount that a feature was made of."""
    assert inverse(done) == pytest.approx(value)


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(sorted(EVERY)))
def test_no_value_is_told_out_of_bounds(value: float, name: str) -> None:
    """Whatever finite number a feature is, its amount is finite and, but for further numbers, never negative."""
    meaning = EVERY[name]
    told = meaning.inverse(value)
    assert math.isfinite(told)
    if not meaning.words and name != "sttl":
        assert 0 <= told <= 100 * LARGEST
