"""What speaks against a rule before it is saved: it would hide what people called true, or it is over-broad. Pure.

A rule is *over-broad* where one of these holds:

* it names no source: a pattern that holds for every host;
* it would have hidden more than a fifth of all incidents, and five at least: that is no exception, it is the rule, and
  a matter of the budget or of a retraining;
* it is meant for longer than 30 days: retraining learns what is usual in less.

What hides a true one is refused unless it is forced; what is over-broad needs a second word.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Literal, NamedTuple

from msgspec import UNSET

from detector.errors import ConfigurationError
from detector.listed import listed
from detector.suppression.preview import Preview
from detector.suppression.rule import Suppression

MOST_SHARE = 0.2
"""Of the incidents, so many may be hidden without a second word …"""

FEW_INCIDENTS = 5
"""… and fewer than these in any case: of a quiet week one is a large share."""

LONG = timedelta(days=30)

NAMED = 3
"""Incidents that a message names."""


Kind = Literal["hides_true", "over_broad"]


class Objection(NamedTuple):
    """One thing that speaks against a rule."""

    kind: Kind
    why: str


def objections(rule: Suppression, found: Preview) -> list[Objection]:
    """What speaks against a rule, of which ``found`` is the preview of it alone; the gravest first."""
    against: list[Objection] = []
    would = "it may" if found.at_most else "it would"
    if true := (*found.judged_true, *found.true_thinned):
        told = listed(true, NAMED)
        against.append(Objection("hides_true", f"{would} have hidden alerts of what was labelled true: {told}"))
    if rule.src_ip is UNSET:
        against.append(Objection("over_broad", "it names no source, and holds for every host"))
    if len(found.hidden) >= FEW_INCIDENTS and found.share > MOST_SHARE:
        told = f"{len(found.hidden):,} of {found.incidents:,} incidents"
        against.append(Objection("over_broad", f"{would} have hidden {told}, more than {MOST_SHARE:.0%}"))
    if (lasts := rule.expires - rule.created) > LONG:
        against.append(Objection("over_broad", f"it lasts {lasts / timedelta(days=1):g} days, more than {LONG.days}"))
    return against


WAYS: Mapping[Kind, str] = {
    "hides_true": "force it if that is meant",
    "over_broad": "confirm that it is meant so broadly",
}
"""How to have a rule all the same."""


def check(
    rule: Suppression,
    found: Preview,
    *,
    forced: bool = False,
    confirmed: bool = False,
    ways: Mapping[Kind, str] = WAYS,
) -> None:
    """Raise ConfigurationError for what speaks against a rule, unless it is forced, or confirmed, respectively.

    ``ways`` tells how to do so where the rule is made.
    """
    waived = {"hides_true": forced, "over_broad": confirmed}
    standing = [each for each in objections(rule, found) if not waived[each.kind]]
    if standing:
        kinds = {each.kind for each in standing}
        all_the_same = " and ".join(way for kind, way in ways.items() if kind in kinds)
        why = "; ".join(each.why for each in standing)
        raise ConfigurationError(f"suppression of {rule.words}: {why}; make it narrower, or {all_the_same}")
