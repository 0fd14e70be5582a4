"""The gate's rules, on facts made by hand: each refuses its bad model, lets a good one pass, and can be off."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from detector.bundle.verdict import RuleResult, Verdict, decode_verdict
from detector.settings.life_cycle import Gate
from training.evaluation.protocol import DEFAULT
from training.evaluation.report import REPORT_VERSION, BudgetObtained, Data, Histogram, Report, Spread
from training.gate.facts import Facts, Known, Paired, Records
from training.gate.rules import RULES, judge

NOW = datetime(2026, 11, 29, 6, tzinfo=UTC)


def spread(mean: float, low: float | None = None, runs: int = 5) -> Spread:
    """A figure that lies within as much above its mean as below."""
    low = mean if low is None else low
    return Spread(
        mean=mean, least=low, most=2 * mean - low, interval=(low, 2 * mean - low), runs=tuple(mean for _ in range(runs))
    )


def report(figures: dict[str, Spread], obtained: Spread, days: float = 2.0, attacks: Any = "transplanted") -> Report:
    """A report with these figures, in both kinds of splits."""
    return Report(
        report_version=REPORT_VERSION,
        created="2026-11-29T06:00:00+00:00",
        kind="ensemble",
        parameters={},
        protocol=msgspec.structs.replace(DEFAULT, attacks=attacks),
        data=Data(rows=1000, attack_rows=0, start=0.0, end=1.0, watched_s=1.0, hosts=10),
        random=figures,
        by_time=figures,
        attacks=(),
        budget=(BudgetObtained(asked=10.0, obtained=obtained, days=days),),
        segments=(),
        roc=None,
        precision_recall=None,
        scores=Histogram(edges=(0.0, 1.0), benign=(1,), attacks=(0,)),
        notes=(),
        seconds=1.0,
    )


FIGURES = {"roc_auc": spread(0.97, 0.9), "recall": spread(0.6, 0.4), "attacks_found": spread(0.5, 0.4)}

GOOD = Facts(
    records=Records(total=10_000, unusable=10, time_apart=1),
    bundle_bytes=3_000_000,
    records_per_s=200_000.0,
    budget=10.0,
    report=report(FIGURES, spread(11.0, 6.0)),
    paired=Paired(champion="one", attacks=48, lost=0.01, interval=(-0.02, 0.04), false_champion=9.0, false_model=10.0),
    known=Known(judged_false=4, raised_again=(), judged_true=2, lost=(), absent=1, said_false=30, held_back={"ada": 2}),
    drift={"bytes": 0.02, "port": 0.4, "ratio": 0.01, "count": 0.1},
    own_features={"jitter": 0.8},
    champion="one",
)


def with_figures(**changed: Spread) -> Facts:
    """The good model with other figures."""
    return replace(GOOD, report=report({**FIGURES, **changed}, spread(11.0, 6.0)))


BAD: dict[str, Facts] = {
    "least_roc_auc": with_figures(roc_auc=spread(0.5)),
    "least_recall": with_figures(recall=spread(0.04, 0.0)),
    "least_attacks_found": with_figures(attacks_found=spread(0.3, 0.05)),
    "most_false_incidents": replace(GOOD, report=report(FIGURES, spread(80.0, 50.0))),
    "largest_loss": replace(
        GOOD,
        paired=Paired(champion="one", attacks=48, lost=0.3, interval=(0.2, 0.4), false_champion=9.0, false_model=1.0),
    ),
    "most_known_false_raised": replace(
        GOOD, known=Known(judged_false=4, raised_again=("backup by ada",), judged_true=2, lost=(), absent=0)
    ),
    "most_known_true_lost": replace(
        GOOD, known=Known(judged_false=4, raised_again=(), judged_true=2, lost=("beacon",), absent=0)
    ),
    "most_labels_held_back": replace(
        GOOD,
        known=Known(
            judged_false=4,
            raised_again=(),
            judged_true=2,
            lost=(),
            absent=1,
            said_false=100,
            held_back={"mallory": 900},
        ),
    ),
    "most_feature_auc": replace(GOOD, own_features={"jitter": 0.8, "is_attack": 1.0}),
    "most_drifted_features": replace(GOOD, drift={"bytes": 2.0, "port": 1.4, "ratio": 1.0, "count": 0.9}),
    "most_unusable_share": replace(GOOD, records=Records(total=10_000, unusable=5_000, time_apart=0)),
    "most_time_apart_share": replace(GOOD, records=Records(total=10_000, unusable=0, time_apart=900)),
    "least_records_per_s": replace(GOOD, records_per_s=800.0),
    "most_bundle_bytes": replace(GOOD, bundle_bytes=400 << 20),
}
"""By the rule that refuses it, and no other does."""


def verdict(facts: Facts, **gate: Any) -> Verdict:
    """What the gate says by these settings, the others by default."""
    return judge(facts, Gate(**gate), NOW)


def result(of: Verdict, rule: str) -> RuleResult:
    """What one rule found."""
    return next(each for each in of.rules if each.rule == rule)


def test_every_rule_is_a_setting_and_has_a_bad_model_here() -> None:
    """Each setting of the gate is a rule, and each rule is tested with a model that it refuses."""
    assert list(RULES) == list(BAD)
    assert set(RULES) == set(Gate.model_fields)


def test_a_good_model_passes_every_rule() -> None:
    """A good model passes each rule, and the verdict names the champion and the time."""
    found = verdict(GOOD)
    assert [each.rule for each in found.rules if each.passed is not True] == []
    assert (found.passed, found.champion, found.at, found.reasons) == (True, "one", "2026-11-29T06:00:00+00:00", ())


@pytest.mark.parametrize("rule", BAD)
def test_each_rule_refuses_a_bad_model(rule: str) -> None:
    """A model with one fault is refused by that rule alone, in a sentence that ends with what to do."""
    found = verdict(BAD[rule])
    assert [each.rule for each in found.rules if each.passed is False] == [rule]
    assert (found.passed, len(found.reasons)) == (False, 1)
    assert ": " in found.reasons[0]


@pytest.mark.parametrize("rule", BAD)
def test_a_rule_that_is_switched_off_refuses_nothing(rule: str) -> None:
    """With `false` a rule is not asked, and says so."""
    found = verdict(BAD[rule], **{rule: False})
    assert (found.passed, result(found, rule).passed, "false: not asked" in result(found, rule).why) == (
        True,
        None,
        True,
    )


@pytest.mark.parametrize("rule", BAD)
def test_what_was_measured_is_told_with_its_bound(rule: str) -> None:
    """Each result has the number that was held against the bound of the settings."""
    found = result(verdict(BAD[rule]), rule)
    assert found.measured is not None
    assert found.bound == getattr(Gate(), rule)


def test_quality_is_asked_of_the_lower_bound() -> None:
    """A mean above what is asked is not enough where the interval reaches below it."""
    assert verdict(with_figures(roc_auc=spread(0.9, 0.59))).passed is False
    assert verdict(with_figures(roc_auc=spread(0.7, 0.61))).passed is True


def test_a_model_that_went_wrong_by_itself_is_refused() -> None:
    """Where others by the recipe are good, and the one that would be published is not, that one counts."""
    found = result(verdict(replace(GOOD, own_roc_auc=0.2)), "least_roc_auc")
    assert (found.passed, found.measured, "the model itself" in found.why) == (False, 0.2, True)
    assert verdict(replace(GOOD, own_roc_auc=0.56)).passed
    assert not verdict(replace(GOOD, own_roc_auc=0.54)).passed


def test_quality_by_time_counts_where_random_runs_are_few() -> None:
    """Of two random runs an interval says nothing: then later flows decide."""
    few = report({**FIGURES, "roc_auc": spread(0.9, 0.1, runs=2)}, spread(11.0, 6.0))
    by_time = msgspec.structs.replace(few, by_time=FIGURES)
    assert verdict(replace(GOOD, report=by_time)).passed


def test_few_false_incidents_are_no_proof() -> None:
    """One false incident in half an hour is 48 a day, and may be chance; a hundred in two days are not."""
    half_an_hour = report(FIGURES, spread(48.0), days=1 / 48)
    assert verdict(replace(GOOD, report=half_an_hour)).passed
    assert not verdict(replace(GOOD, report=report(FIGURES, spread(48.0), days=2.0))).passed


def test_a_loss_that_may_be_chance_is_none() -> None:
    """A loss against the champion counts only where its interval has no zero in it."""
    doubtful = Paired(champion="one", attacks=4, lost=0.3, interval=(-0.1, 0.7), false_champion=1.0, false_model=1.0)
    assert verdict(replace(GOOD, paired=doubtful)).passed


def test_nothing_to_ask_refuses_nothing() -> None:
    """The first model, without labels, attacks or judgements, is judged by what is there, and the rest says why not."""
    bare = replace(
        GOOD, report=None, paired=None, known=None, drift=None, own_features=None, champion=None,
        missing={"least_recall": "nothing was measured: --folds is less than 2"},
    )  # fmt: skip
    found = verdict(bare)
    asked = [each.rule for each in found.rules if each.passed is not None]
    assert (found.passed, asked) == (True, list(RULES)[-4:])
    assert result(found, "least_recall").why == "nothing was measured: --folds is less than 2"


@pytest.mark.parametrize(
    ("attacks", "whose"),
    [("transplanted", ", of attacks simulated on your hosts, is 0.500"), ("labelled", " is 0.500")],
)
def test_attacks_that_are_simulated_are_said_to_be(attacks: str, whose: str) -> None:
    """Nobody takes what is found of attacks that training put on their hosts for what is found of theirs."""
    facts = replace(GOOD, report=report(FIGURES, spread(1_128.06, 900.0), attacks=attacks))
    found = verdict(facts)
    assert f"the share of attacks found{whose}" in result(found, "least_attacks_found").why
    told = result(found, "most_false_incidents").why
    assert told.startswith("1,128 false incidents a day on 2 unseen days, where 10 were asked")


def test_rules_of_attacks_are_not_asked_where_there_are_none() -> None:
    """Without labelled or transplanted attacks nothing is asked of what is found."""
    none = report({**FIGURES, "roc_auc": spread(0.2)}, spread(11.0, 6.0), attacks="none")
    assert verdict(replace(GOOD, report=none)).passed


def test_a_verdict_is_read_back() -> None:
    """The document of a verdict gives it again, reasons and all."""
    found = verdict(BAD["largest_loss"])
    assert decode_verdict(found.encode()) == found
