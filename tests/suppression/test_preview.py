"""What a rule would have hidden, and what speaks against it."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.errors import ConfigurationError
from detector.feedback.label import Label, iso
from detector.feedback.latest import Said, Word, weigh
from detector.suppression.objections import check, objections
from detector.suppression.preview import Preview, preview
from detector.suppression.rule import Suppression
from tests.feedback.labels import START, label, uid
from tests.suppression.rules import any_rule, flows, rule

NOBODY = weigh([])


def alerted(*rows: tuple[str, str, int]) -> pl.DataFrame:
    """Alerts by source and destination, and the number of the incident that each is of; alerts are numbered on."""
    frame = flows(*[(float(at), source, there, 53, "udp") for at, (source, there, _) in enumerate(rows)])
    return frame.with_columns(
        incident=pl.Series([uid(number) for *_, number in rows], dtype=pl.String),
        alert=pl.Series([uid(100 + at) for at in range(len(rows))], dtype=pl.String),
    )


ALERTED = alerted(
    ("10.0.0.1", "10.0.0.9", 1),
    ("10.0.0.1", "10.0.0.9", 1),
    ("10.0.0.1", "10.0.0.8", 2),
    ("10.0.0.2", "10.0.0.8", 2),
    ("10.0.0.3", "10.0.0.8", 3),
)


def said(*labels: Label) -> Said:
    """What counts of these."""
    return weigh(Word(one, place) for place, one in enumerate(labels))


def test_what_would_have_been_hidden() -> None:
    """An incident is hidden where all its alerts are; where some are, it is thinned."""
    found = preview([rule()], ALERTED, said(label("false")))
    assert found == Preview(3, (uid(1),), (uid(2),), (), (), 1)
    told = (
        "would have hidden 1 of 3 incidents in the last 7 days, none of them labelled true; and some alerts of 1 more"
    )
    assert found.words(7) == told
    none = preview([rule()], ALERTED.clear(), said())
    assert none.words(7) == "would have hidden nothing: no incident of the last 7 days is stored"


@pytest.mark.parametrize(
    ("of", "true", "thinned"),
    [
        ({"incident": uid(1)}, (uid(1),), ()),
        ({"alert": uid(101)}, (uid(1),), ()),
        ({"incident": uid(2)}, (), (uid(2),)),
        ({"alert": uid(103)}, (), ()),
        ({"incident": uid(3)}, (), ()),
        (
            {"flows": {"dst_ip": "10.0.0.9", "since": iso(START), "until": "2026-11-25T00:00:00Z"}},
            (uid(1),),
            (),
        ),
        ({"flows": {"dst_ip": "10.0.0.9", "since": "2026-11-23T00:00:00Z", "until": iso(START)}}, (), ()),
        (
            {"flows": {"src_ip": "10.0.0.1", "since": iso(START), "until": "2026-11-25T00:00:00Z"}},
            (uid(1),),
            (uid(2),),
        ),
        ({"flows": {"src_ip": "10.7.7.7", "since": iso(START), "until": "2026-11-25T00:00:00Z"}}, (), ()),
    ],
)
def test_what_was_called_true_is_counted(
    of: dict[str, object], true: tuple[str, ...], thinned: tuple[str, ...]
) -> None:
    """Whether by the incident, an alert of it, or its flows; an alert that is told all the same counts for nothing."""
    found = preview([rule()], ALERTED, said(label("true", of=of)))
    assert (found.judged_true, found.true_thinned) == (true, thinned)


@given(st.lists(any_rule(), min_size=1, max_size=4))
def test_more_rules_hide_no_less(rules: list[Suppression]) -> None:
    """What some rules would have hidden, these and another would have hidden."""
    less, more = preview(rules[1:], ALERTED, NOBODY), preview(rules, ALERTED, NOBODY)
    assert set(less.hidden) <= set(more.hidden)
    assert set(less.thinned) <= {*more.thinned, *more.hidden}


def test_nothing_was_found() -> None:
    """Of no incident none is hidden, and nothing speaks against a narrow rule."""
    found = preview([rule()], ALERTED.clear(), said(label("true")))
    assert (found.incidents, found.hidden, found.share) == (0, (), 0.0)
    assert objections(rule(), found) == []


def test_a_rule_that_hides_a_true_one_is_refused() -> None:
    """Unless it is forced; a second word about its breadth does not help."""
    found = preview([rule()], ALERTED, said(label("true")))
    with pytest.raises(ConfigurationError) as error:
        check(rule(), found, confirmed=True)
    assert str(error.value) == (
        "suppression of all that 10.0.0.1 begins: it would have hidden alerts of what was labelled true:"
        f" {uid(1)}; make it narrower, or force it if that is meant"
    )
    check(rule(), found, forced=True)


def test_a_rule_that_thins_a_true_one_is_refused() -> None:
    """So it is where only some alerts of what was called true would not have been told."""
    found = preview([rule()], ALERTED, said(label("true", of={"incident": uid(2)})))
    assert [each.kind for each in objections(rule(), found)] == ["hides_true"]


def test_an_over_broad_rule_needs_a_second_word() -> None:
    """Without a source, or for longer than a month, a rule is confirmed or not taken; forcing does not help."""
    found = preview([rule()], ALERTED, NOBODY)
    check(rule(days=30), found)
    for one, why in ((rule("pattern"), "it names no source"), (rule(days=31), "it lasts 31 days, more than 30")):
        with pytest.raises(ConfigurationError, match=why):
            check(one, found, forced=True)
        check(one, found, confirmed=True)
    check(rule("pattern", src_ip="10.0.0.1"), found)


@pytest.mark.parametrize(
    ("hidden", "all_", "broad"), [(5, 24, True), (5, 25, False), (4, 4, False), (6, 29, True), (41, 204, True)]
)
def test_a_rule_that_hides_much_is_over_broad(hidden: int, all_: int, broad: bool) -> None:
    """More than a fifth of the incidents, and five at least."""
    rows = [("10.0.0.1" if number < hidden else "10.0.0.2", "10.0.0.9", number) for number in range(all_)]
    found = preview([rule()], alerted(*rows), NOBODY)
    assert ([each.kind for each in objections(rule(), found)] == ["over_broad"]) == broad
