"""A challenger on sampled sources equals itself alone on these; figures are what the flows say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from detector.decisions.decide import Budget
from detector.records.flow import SCHEMA
from detector.scoring.partition_state import PartitionState
from detector.scoring.scorer import Scorer
from detector.shadow.comparison import sampled
from detector.suppression.matching import Matcher
from tests.scoring.test_hiding import BEGAN, rule
from tests.shadow.world import BUDGET, challenger, champion, compare, judged


@pytest.mark.parametrize(("share", "together"), [(0.2, 1), (0.6, 7)])
def test_sampled_sources_score_as_they_do_alone(share: float, together: int) -> None:
    """However many batches are gathered, the challenger finds of sampled sources what it does with these alone."""
    comparison, scores, raised, first = compare(champion(), challenger(), share), list[np.ndarray](), list[int](), 0
    for number, one in enumerate(judged(), 1):
        comparison.gather(one)
        if comparison.gathered and (number % together == 0 or number == len(judged())):
            comparison.compare()
            assert comparison.compared is not None
            scores.append(comparison.compared.findings.scores.overall)
            raised += (comparison.compared.decision.rows + first).tolist()
            first += len(scores[-1])
    frame = pl.concat([one.flows.frame.select(*SCHEMA) for one in judged()])
    chosen = frame.filter(pl.Series(sampled(frame["src_ip"], share)))
    state = PartitionState(challenger())
    state.begin([0])
    alone = Scorer(challenger(), state.flows, BUDGET)
    findings = alone.find(chosen, np.zeros(len(chosen), np.int32))
    assert np.array_equal(np.concatenate(scores), findings.scores.overall)
    assert raised == alone.decide(findings).rows.tolist()


def test_a_share_of_sources_is_sampled_whole() -> None:
    """About that share of addresses is sampled, each always or never, and a larger share has a smaller one in it."""
    sources = pl.Series([f"10.0.{n // 250}.{n % 250}" for n in range(10_000)])
    tenth, third = sampled(sources, 0.1), sampled(sources, 0.3)
    assert tenth.mean() == pytest.approx(0.1, abs=0.02)
    assert third.mean() == pytest.approx(0.3, abs=0.03)
    assert third[tenth].all()
    assert np.array_equal(sampled(sources[::-1], 0.1), tenth[::-1])
    assert not sampled(sources, 0.0).any()
    assert sampled(sources, 1.0).all()


def test_a_model_agrees_with_itself() -> None:
    """The champion as its own challenger, of all sources, decides all alike, and no incident is gained or lost."""
    comparison = compare(champion(), champion(), 1.0)
    for one in judged():
        comparison.gather(one)
        comparison.compare()
    figures = comparison.figures
    assert figures.flows == figures.offered == sum(len(one.flows.frame) for one in judged())
    assert (figures.champion_only, figures.challenger_only) == (0, 0)
    assert figures.both == sum(len(one.decision.rows) for one in judged()) > 0
    assert (figures.agreement, figures.kappa, figures.jaccard, figures.shift_decades) == (1.0, 1.0, 1.0, 0.0)
    assert figures.incidents_both > 0
    assert (figures.incidents_gained, figures.incidents_lost) == (0, 0)


def test_a_challenger_that_raises_nothing_loses_every_incident() -> None:
    """At no budget the challenger raises no flow: what the champion found is lost, and nothing is gained."""
    comparison = compare(champion(), champion(), 1.0)
    comparison._scorer = Scorer(champion(), comparison._state.flows, Budget(incidents_per_day=1e-9))
    for one in judged():
        comparison.gather(one)
        comparison.compare()
    figures = comparison.figures
    assert (figures.both, figures.challenger_only) == (0, 0)
    assert figures.champion_only > 0
    assert figures.incidents_lost > 0
    assert (figures.incidents_both, figures.incidents_gained) == (0, 0)


def test_what_is_suppressed_is_neither_gained_nor_lost() -> None:
    """Both models decide as they would, and no incident of what a rule hides is counted for either."""
    comparison = compare(champion(), champion(), 1.0)
    rules = Matcher([rule("pattern", pattern=[{"feature": "duration_log", "at_least": -1e30}])])
    for one in judged():
        comparison.gather(replace(one, rules=rules, now=BEGAN))
        comparison.compare()
    figures = comparison.figures
    assert figures.both == sum(len(one.decision.rows) for one in judged()) > 0
    assert (figures.incidents_both, figures.incidents_gained, figures.incidents_lost) == (0, 0, 0)
