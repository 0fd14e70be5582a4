"""What rules hide: against a plain reference, and whatever the order of rules and the size of batches."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from detector.suppression.matching import NO_RULE, covers, features_of, match
from detector.suppression.rule import Suppression
from tests.suppression.rules import NOW, any_rule, decided, flows, rule

DAY = 86_400.0

RULES = st.lists(any_rule(), max_size=6)
TIMES = st.sampled_from([NOW, NOW + DAY, NOW + 2 * DAY - 1, NOW + 100 * DAY])


def hides(one: Suppression, row: dict[str, Any], values: dict[str, float]) -> bool:
    """Whether a rule is of a flow: read as the document says it, one by one."""
    if any(getattr(one, name) not in {UNSET, row[name]} for name in ("src_ip", "dst_ip", "dst_port", "proto")):
        return False
    bounds = () if one.pattern is UNSET else one.pattern
    return all(
        bound.feature in values
        and (bound.at_least is UNSET or values[bound.feature] >= bound.at_least)
        and (bound.at_most is UNSET or values[bound.feature] <= bound.at_most)
        for bound in bounds
    )


@given(RULES, decided(), TIMES)
def test_what_is_hidden_is_what_the_documents_say(rules: list[Suppression], given_: Any, now: float) -> None:
    """A flow is hidden where a rule is of it that has ended by neither clock, and by such a rule."""
    frame, features = given_
    found = match(rules, frame, now, features)
    for at, row in enumerate(frame.iter_rows(named=True)):
        values = {name: float(column[at]) for name, column in features.items()}
        by = [one for one in rules if hides(one, row, values) and now < one.expires_s and row["ts"] < one.expires_s]
        assert found.hidden[at] == bool(by)
        assert not by or found.rules[found.which[at]] in by


@given(RULES, decided(), TIMES, st.randoms(use_true_random=False))
def test_the_order_of_rules_does_not_matter(rules: list[Suppression], given_: Any, now: float, random: Any) -> None:
    """The same rows are hidden by the same rules, in whatever order rules come."""
    frame, features = given_
    moved = rules.copy()
    random.shuffle(moved)
    first, second = match(rules, frame, now, features), match(moved, frame, now, features)
    assert (first.rules, first.which.tolist()) == (second.rules, second.which.tolist())


@given(RULES, decided(), TIMES, st.integers(0, 12))
def test_the_size_of_batches_does_not_matter(rules: list[Suppression], given_: Any, now: float, cut: int) -> None:
    """Two batches give what one gives."""
    frame, features = given_
    parts = [
        match(rules, frame[part], now, {name: values[part] for name, values in features.items()}).which
        for part in (slice(None, cut), slice(cut, None))
    ]
    assert np.concatenate(parts).tolist() == match(rules, frame, now, features).which.tolist()


@given(RULES, decided())
def test_an_expired_rule_hides_nothing(rules: list[Suppression], given_: Any) -> None:
    """After all have ended by the wall's clock nothing is hidden, whatever the flows' own times."""
    frame, features = given_
    end = max((one.expires_s for one in rules), default=0.0)
    assert not match(rules, frame, end, features).hidden.any()


@given(RULES, decided())
def test_a_flow_after_a_rules_end_is_told(rules: list[Suppression], given_: Any) -> None:
    """Flows whose own time is after all ends are not hidden, whatever the wall's clock says."""
    frame, features = given_
    late = frame.with_columns(ts=pl.lit(max((one.expires_s for one in rules), default=0.0)))
    assert not match(rules, late, 0.0, features).hidden.any()


@pytest.mark.parametrize(
    ("scope", "hidden"),
    [("source", [0, 1, 2, 3]), ("pair", [0, 3]), ("service", [1, 2]), ("pattern", [0, 4])],
)
def test_scopes(scope: str, hidden: list[int]) -> None:
    """A source's rule hides what it begins, a pair's what goes one way, a service's one port, a pattern's by values."""
    frame = flows(
        (0, "10.0.0.1", "10.0.0.9", 443, "tcp"),
        (1, "10.0.0.1", "10.0.0.8", 53, "udp"),
        (2, "10.0.0.1", "10.0.0.7", 53, "udp"),
        (3, "10.0.0.1", "10.0.0.9", 53, "tcp"),
        (4, "10.0.0.9", "10.0.0.1", 53, "udp"),
    )
    features = {"peers": np.array([2, 1, 6, np.nan, 5], np.float32)}
    assert np.flatnonzero(match([rule(scope)], frame, NOW, features).hidden).tolist() == hidden


def test_the_most_special_rule_is_said_to_hide_it() -> None:
    """Of several rules the pair's is counted, of two alike the one that ends last; an ended one covers no other."""
    frame = flows((0, "10.0.0.1", "10.0.0.9", 53, "udp"), (2 * DAY, "10.0.0.1", "10.0.0.9", 53, "udp"))
    rules = [rule(id="s"), rule("pair", id="p", days=1), rule("service", id="v", days=1), rule(id="t", days=8)]
    assert match(rules, frame, NOW).counts() == {"p": 1, "t": 1}


def test_a_hosts_own_pattern_is_said_to_hide_it() -> None:
    """Of two patterns that cover a flow that of its source is counted, though the other one ends later."""
    rules = [rule("pattern", id="any", days=9), rule("pattern", id="own", src_ip="10.0.0.1")]
    frame = flows((0, "10.0.0.1", "10.0.0.9", 53, "udp"), (0, "10.0.0.2", "10.0.0.9", 53, "udp"))
    assert match(rules, frame, NOW, {"peers": np.full(2, 3, np.float32)}).counts() == {"any": 1, "own": 1}


def test_a_feature_that_is_not_there_hides_nothing() -> None:
    """A rule of a feature that the model does not have covers no flow."""
    one = rule("pattern", pattern=[{"feature": "peers", "at_least": 0}, {"feature": "gap", "at_least": 0}])
    frame = flows((0, "10.0.0.1", "10.0.0.9", 53, "udp"))
    assert features_of([one]) == ("gap", "peers")
    assert match([one], frame, NOW, {"peers": np.ones(1, np.float32)}).which.tolist() == [NO_RULE]


def test_bounds_are_within() -> None:
    """Both ends of a bound are within it, and are not rounded to a feature's precision."""
    frame = flows(*[(0.0, "10.0.0.1", "10.0.0.9", 53, "udp")] * 3)
    one = rule("pattern", pattern=[{"feature": "peers", "at_least": 16_777_217, "at_most": 16_777_220}])
    values = np.array([16_777_216, 16_777_218, 16_777_220], np.float32)
    assert match([one], frame, NOW, {"peers": values}).hidden.tolist() == [False, True, True]


def test_what_rules_cover_at_any_time() -> None:
    """A preview looks at what a rule is of, though the flows are of before it or it has ended."""
    frame = flows((-30 * DAY, "10.0.0.1", "10.0.0.9", 53, "udp"), (30 * DAY, "10.0.0.1", "10.0.0.9", 53, "udp"))
    assert covers([rule(days=1)], frame).hidden.tolist() == [True, True]
    assert match([rule(days=1)], frame, NOW).hidden.tolist() == [True, False]


def test_a_rule_ends_at_its_second() -> None:
    """It hides a flow just before its end, and none at it, by either clock."""
    one = rule(days=1)
    end = one.expires.timestamp()
    frame = flows((DAY - 0.001, "10.0.0.1", "x", None, "tcp"), (DAY, "10.0.0.1", "x", None, "tcp"))
    assert match([one], frame, end - 0.001).hidden.tolist() == [True, False]
    assert match([one], frame, end).hidden.tolist() == [False, False]
    assert (one.has_ended(one.expires), one.has_ended(one.expires - timedelta(seconds=1))) == (True, False)
