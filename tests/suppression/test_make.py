"""A rule is made from what was found, shown what it would have hidden, and written."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from detector.casebook.told import Ours
from detector.errors import ConfigurationError, InputError
from detector.feedback.label import Flows, Of
from detector.feedback.latest import weigh
from detector.suppression.make import Subject, make_rule, of_flows, of_incident, parse_bound
from detector.suppression.preview import foresee
from detector.suppression.rule import Bound, Suppression
from tests.feedback.labels import START, label, uid
from tests.suppression.rules import NOW

WEEK = timedelta(days=7)
DAY_S = 86_400.0


def incident(number: int = 1, **changes: Any) -> Ours:
    """A beacon of one host to another, an hour ago."""
    given: dict[str, Any] = {
        "id": uid(number),
        "revision": 1,
        "step": "open",
        "kind": "beacon",
        "alerts": 4,
        "first_seen": NOW - 4_000,
        "last_seen": NOW - 3_600,
        "sources": ["10.0.0.1"],
        "destinations": ["10.0.0.9"],
        "ports": [443],
        "strongest": [
            {
                "alert": uid(100 + number),
                "ts": NOW - 3_900,
                "src_ip": "10.0.0.1",
                "dst_ip": "10.0.0.9",
                "dst_port": 443,
                "proto": "tcp",
            }
        ],
    }
    return msgspec.convert(given | changes, Ours)


def made(of: Ours | Subject, scope: Any = "pair", **given: Any) -> Suppression:
    """A rule of a week, from the start of the tests' time on."""
    subject = of_incident(of) if isinstance(of, Ours) else of
    return make_rule(subject, scope, owner="ada", reason="our backup", now=START, **({"lasts": WEEK} | given))


@pytest.mark.parametrize(
    ("scope", "has"),
    [
        ("source", {"src_ip": "10.0.0.1"}),
        ("pair", {"src_ip": "10.0.0.1", "dst_ip": "10.0.0.9"}),
        ("service", {"src_ip": "10.0.0.1", "dst_port": 443, "proto": "tcp"}),
        ("pattern", {"src_ip": "10.0.0.1", "pattern": ({"feature": "peers", "at_most": 3.0},)}),
    ],
)
def test_each_scope_takes_what_it_needs_of_an_incident(scope: str, has: dict[str, Any]) -> None:
    """Nothing else of the incident is in the rule."""
    bounds = [Bound(feature="peers", at_most=3.0)] if scope == "pattern" else []
    rule = msgspec.to_builtins(made(incident(), scope, pattern=bounds))
    names = ("src_ip", "dst_ip", "dst_port", "proto", "pattern")
    assert {name: rule[name] for name in names if name in rule} == has


def test_a_rule_made_again_has_the_same_id() -> None:
    """It takes the place of the one before; another entity has another id."""
    longer = made(incident(2), lasts=2 * WEEK)
    assert made(incident()).id == longer.id != made(incident(), "source").id


def test_a_pattern_may_be_of_any_host() -> None:
    """Only where that is said."""
    rule = made(incident(), "pattern", pattern=[Bound(feature="peers", at_most=3.0)], any_source=True)
    assert rule.src_ip is UNSET


def test_several_hosts_are_not_one_rule() -> None:
    """The error names them and the way out."""
    with pytest.raises(ConfigurationError, match=r"several sources \(10.0.0.1, 10.0.0.2\).*--src-ip"):
        made(incident(sources=["10.0.0.1", "10.0.0.2"]))


def test_what_a_label_does_not_tell_is_asked_for() -> None:
    """A label of a source's flows makes no rule of a pair."""
    flows = Flows(src_ip="10.0.0.1", since=START, until=START + WEEK)
    assert made(of_flows(flows), "source").src_ip == "10.0.0.1"
    with pytest.raises(ConfigurationError, match="tells no dst_ip"):
        made(of_flows(flows), "pair")


@pytest.mark.parametrize("days", [0.0, -1.0, 91.0])
def test_a_rule_lasts_some_days(days: float) -> None:
    """Neither none nor more than there may be."""
    with pytest.raises(ConfigurationError, match="at most 90"):
        made(incident(), lasts=timedelta(days=days))


def test_bounds_of_features_are_of_patterns() -> None:
    """Elsewhere they would be passed over."""
    with pytest.raises(ConfigurationError, match="scope pattern"):
        made(incident(), pattern=[Bound(feature="peers", at_most=3.0)])


@pytest.mark.parametrize(
    ("text", "low", "high"), [("peers=1..3", 1.0, 3.0), ("peers=..3", UNSET, 3.0), ("peers=-2.5..", -2.5, UNSET)]
)
def test_bounds_are_read(text: str, low: float, high: float) -> None:
    """Either end may be left out."""
    assert parse_bound(text) == Bound(feature="peers", at_least=low, at_most=high)


@pytest.mark.parametrize("text", ["peers", "peers=3", "=1..2", "peers=..", "peers=a..b", "peers=3..1"])
def test_what_is_no_bound_is_refused(text: str) -> None:
    """With what to write instead."""
    with pytest.raises(InputError, match=r"FEATURE=LOW\.\.HIGH"):
        parse_bound(text)


SWEEP = incident(2, destinations=["10.0.0.8", "10.0.0.9"], ports=[22, 80, 443], strongest=[])


@pytest.mark.parametrize(
    ("scope", "of", "hidden", "thinned"),
    [
        ("source", {}, (1, 2), ()),
        ("pair", {}, (1,), (2,)),
        ("service", {}, (1,), ()),
        ("source", {"src_ip": ("10.0.0.2",)}, (), ()),
    ],
)
def test_stored_incidents_tell_what_a_rule_would_have_hidden(
    scope: Any, of: dict[str, Any], hidden: tuple[int, ...], thinned: tuple[int, ...]
) -> None:
    """All of an incident's ends must be covered; where its protocol is not known, a rule of a service covers none."""
    found = foresee(made(of_incident(incident())._replace(**of), scope), [incident(), SWEEP], weigh([]), NOW).recent
    assert (found.incidents, found.hidden, found.thinned) == (2, tuple(map(uid, hidden)), tuple(map(uid, thinned)))


def test_people_are_told_of_the_last_days_and_rules_are_held_against_all() -> None:
    """One that was called true a month ago is not hidden without a word."""
    old = incident(3, first_seen=NOW - 30 * DAY_S, last_seen=NOW - 30 * DAY_S, strongest=[])
    said = weigh([_word("true", uid(3))])
    found = foresee(made(incident()), [incident(), old], said, NOW)
    assert found.recent.words(7).startswith("would have hidden 1 of 1 incidents in the last 7 days, none")
    assert found.whole.judged_true == (uid(3),)


def test_a_label_on_a_part_is_one_on_the_whole() -> None:
    """An incident that was called true before it became part of another."""
    part = incident(4, merged_into=uid(1))
    found = foresee(made(incident()), [incident(), part], weigh([_word("true", uid(4))]), NOW).recent
    assert (found.incidents, found.judged_true) == (1, (uid(1),))


def test_suppressed_incidents_are_not_counted() -> None:
    """Nobody was told of them."""
    assert foresee(made(incident()), [incident(suppressed_by=["r1"])], weigh([]), NOW).recent.incidents == 0


def test_of_a_pattern_it_is_told_what_it_hides_at_most() -> None:
    """Documents have no features."""
    rule = made(incident(), "pattern", pattern=[Bound(feature="peers", at_most=3.0)])
    found = foresee(rule, [incident(), incident(5, sources=["10.0.0.5"], strongest=[])], weigh([]), NOW).recent
    assert found.words(7).startswith("would have hidden at most 1 of 2 incidents")


def _word(verdict: str, of: str) -> Any:
    from detector.feedback.latest import Word  # noqa: PLC0415

    return Word(msgspec.structs.replace(label(verdict), of=Of(incident=of)))
