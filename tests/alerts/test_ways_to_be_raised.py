"""What an alert leads with, where regularity, reach or volume raised it."""

from __future__ import annotations

import pytest

from detector.alerts.rarity import Rarity
from detector.alerts.wording import Raising
from detector.decisions.views import REACH, REGULARITY, VOLUME
from detector.decisions.volume_counts import COUNTED
from tests.alerts.rules import broken_rules
from tests.alerts.saying import CALLER, say
from tests.features.flows import ONE

BY_THE_CLOCK = {
    "period": 613.0,
    "jitter": 0.19,
    "calls": 42.0,
    "size": 620.0,
    "alike": 1.0,
    "span": 7.1 * 3600,
    "active": 6.9 * 3600,
    "hosts": 1.01,
}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, ": calls every 10 min ± 19 %, 42 times in 7.1 h, about 620 bytes sent each, no other host goes there; "),
        ({"jitter": 0.0}, ": calls every 10 min, by the clock, 42 times in "),
        ({"active": 3.1 * 3600}, ", 42 times in 7.1 h, at work for 3.1 h of them, about 620 bytes sent each, "),
        ({"calls": 60.0}, " ± 19 %, at least 60 times in 7.1 h, "),
        ({"alike": 0.2}, ", 42 times in 7.1 h, no other host goes there; "),
        ({"hosts": 3.2}, ", about 620 bytes sent each, about 2 hosts more go there; "),
        ({"calls": 0.0}, ": calls by the clock, as it never did and few others do; "),
    ],
)
def test_a_regular_pair_is_told_by_its_rhythm(changed: dict[str, float], words: str) -> None:
    """Of what regularity raised: period, jitter, calls, sizes and who else does it; each number is a fact."""
    raising = Raising(REGULARITY, 3.0, None, BY_THE_CLOCK | changed)
    told = say({}, CALLER, contributions={}, view=raising, rarity=Rarity(per_day=0.5))
    assert words in told.message
    assert told.message.endswith("; benign hosts call somewhere by the clock like this about once in 2 days.")
    assert not list(broken_rules(told, ONE | CALLER))


MOVES = {"contacts": 5.8, "kin": 57.2, "likewise": 0.1}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (
            {},
            ": one of about 6 hosts or ports that 10.0.10.11 began to administer in 45 min, none of about 57 hosts of ",
        ),
        ({"contacts": 1.0}, ": 10.0.10.11 begins to administer it, none of about 57 hosts of its kind does likewise; "),
        ({"likewise": 1.2}, " in 45 min, 1 of about 57 hosts of its kind does likewise; "),
        ({"likewise": 3.0}, " in 45 min, 3 of about 57 hosts of its kind do likewise; "),
        ({"kin": 0.2}, " that 10.0.10.11 began to administer in 45 min; "),
        ({"contacts": 0.0, "kin": 0.0}, ": 10.0.10.11 begins to administer it; "),
    ],
)
def test_a_reach_is_told_by_contacts_and_kin(changed: dict[str, float], words: str) -> None:
    """Of what reach raised: how many contacts, and how many hosts of its kind do likewise; each number is a fact."""
    raising = Raising(REACH, 3.0, None, MOVES | changed)
    told = say({}, CALLER, contributions={}, view=raising, rarity=Rarity(per_day=0.5))
    assert words in told.message
    assert told.message.endswith("; benign hosts begin to administer others like this about once in 2 days.")
    assert not list(broken_rules(told, ONE | CALLER))


AT_SOMETHING_NEW = {"done": 0.0, "amount": 2.0**25, "age": 1800.0, "visitors": 1.01, "usual": 0.0}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (
            {},
            ": sent at least 34 MB within about 10 min, to where it first went 30 min ago, no other host goes there; ",
        ),
        ({"age": 0.0}, " within about 10 min, for the first time, no other host goes there; "),
        ({"done": 4.0, "amount": 64.4}, ": connected by at least 65 flows within about 10 min, "),
        ({"done": 7.0, "amount": 7.3 * 3600}, ": was connected for at least 7.3 h in all within about 24 h, "),
        ({"visitors": 3.2}, " ago, about 2 other hosts go there; "),
        ({"usual": 2.0**16}, " within about 10 min, where it stays below 66 kB at nearly all new places, to where it "),
        ({"done": 4.0, "amount": 64.4, "usual": 2.4}, ", where it stays below 3 flows at nearly all new places, to "),
        ({"usual": 2.0**26}, " within about 10 min, to where it first went 30 min ago, "),
        ({"amount": 0.0}, ": does more than others do where they have come lately; "),
    ],
)
def test_a_volume_is_told_by_what_was_done(changed: dict[str, float], words: str) -> None:
    """Of what volume raised: how much, how fast, the usual, since when, and who else; each number is a fact."""
    raising = Raising(VOLUME, 3.0, None, AT_SOMETHING_NEW | changed)
    told = say({}, CALLER, contributions={}, view=raising, rarity=Rarity(per_day=0.5))
    assert words in told.message
    assert told.message.endswith("; benign hosts do this much at a new place about once in 2 days.")
    assert not list(broken_rules(told, ONE | CALLER))


@pytest.mark.parametrize("done", range(COUNTED))
def test_every_amount_has_words(done: int) -> None:
    """Whatever a pair does much of, the sentence keeps the rules."""
    raising = Raising(VOLUME, 3.0, None, AT_SOMETHING_NEW | {"done": float(done), "amount": 123_456.7})
    assert not list(broken_rules(say({}, CALLER, contributions={}, view=raising), ONE | CALLER))
