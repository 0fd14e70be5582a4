"""Which documents are news."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.casebook.told import LEVELS, read_told
from detector.notify.ledger import Ledger
from detector.notify.message import Why
from tests.notify.made import document

Step = tuple[str, str, int]
"""Step, severity and revision."""


def seen(*steps: dict[str, Any], least: str = "medium", ended: bool = False) -> list[Why | None]:
    """What a ledger makes of documents of one incident, in order."""
    ledger = Ledger(LEVELS.index(least), ended=ended)
    return [
        ledger.see(
            read_told(document(**{name: value for name, value in step.items() if name != "quiet"})),
            suppressed=bool(step.get("quiet")),
        )
        for step in steps
    ]


def test_an_incident_is_told_once_and_again_where_it_gets_worse() -> None:
    """The first document is told, and of the later ones each that is more severe than any before."""
    severities = ("medium", "medium", "high", "medium", "high", "critical")
    told = seen(*({"severity": each, "step": "update"} for each in severities))
    assert told == ["opened", None, "risen", None, None, "risen"]


def test_what_is_not_severe_enough_is_told_once_it_is() -> None:
    """Below the least severity nothing is told; the document that reaches it opens the incident."""
    assert seen({"severity": "low"}, {"severity": "medium"}) == [None, "opened"]


def test_what_is_suppressed_is_told_once_it_no_longer_is() -> None:
    """A rule keeps an incident quiet, and only for as long as it holds."""
    assert seen({"quiet": True}, {"quiet": True, "severity": "critical"}, {}) == [None, None, "opened"]


@pytest.mark.parametrize(("ended", "told"), [(True, ["opened", "ended", None]), (False, ["opened", None, None])])
def test_an_end_is_told_once_where_that_is_wanted(ended: bool, told: list[Why | None]) -> None:
    """The end of an incident is told if the setting says so, once, and nothing of it after that."""
    assert seen({}, {"step": "close"}, {"step": "close"}, ended=ended) == told


def test_what_was_not_told_does_not_end() -> None:
    """An incident below the least severity has no end either."""
    assert seen({"severity": "low"}, {"severity": "low", "step": "close"}, ended=True) == [None, None]


def test_what_became_part_of_another_is_not_opened() -> None:
    """A document that says of what it is part tells nothing new."""
    assert seen({"step": "close", "merged_into": "x", "severity": "critical"}) == [None]


def test_it_remembers_within_bounds() -> None:
    """Beyond its bound the one that was told longest ago is forgotten."""
    ledger = Ledger(0, ended=False, most=2)
    told = [ledger.see(read_told(document(number)), suppressed=False) for number in (1, 2, 3, 3, 1)]
    assert told == ["opened", "opened", "opened", None, "opened"]


@given(st.lists(st.tuples(st.sampled_from(["open", "update", "close"]), st.sampled_from(LEVELS)), max_size=12))
def test_reading_from_the_beginning_again_gives_the_same(steps: list[tuple[str, str]]) -> None:
    """What is told is a function of the documents alone, and at most one opening, three rises and an end."""
    given = [{"step": step, "severity": severity} for step, severity in steps]
    first = seen(*given, ended=True)
    assert first == seen(*given, ended=True)
    assert first.count("opened") <= 1
    assert first.count("ended") <= 1
    assert first.count("risen") <= 2
