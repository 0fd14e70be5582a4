"""The figures of merit, against scikit-learn and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from training.metrics import (
    average_precision_at_prevalence,
    figures,
    operating_curve,
    precision_at_prevalence,
    tpr_at_fpr,
)

ROWS = st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=2, max_size=60).filter(
    lambda rows: len({attack for _, attack in rows}) == 2
)


def arrays(rows: list[tuple[int, bool]]) -> tuple[np.ndarray, np.ndarray]:
    """Scores and truths."""
    return np.array([float(score) for score, _ in rows]), np.array([attack for _, attack in rows])


@given(ROWS)
@settings(deadline=None)
def test_areas_equal_scikit_learns(rows: list[tuple[int, bool]]) -> None:
    """ROC AUC and average precision are scikit-learn's, ties included."""
    scores, attacks = arrays(rows)
    found = figures(scores, attacks)
    assert found["roc_auc"] == pytest.approx(roc_auc_score(attacks, scores))
    assert found["average_precision"] == pytest.approx(average_precision_score(attacks, scores))


@given(ROWS, st.sampled_from([0.5, 0.1, 0.01, 0.0001]))
@settings(deadline=None)
def test_average_precision_at_a_prevalence_is_that_of_weighted_rows(
    rows: list[tuple[int, bool]], prevalence: float
) -> None:
    """It is scikit-learn's of the same rows, were they weighed so that attacks are the prevalence."""
    scores, attacks = arrays(rows)
    curve = operating_curve(scores, attacks)
    weights = np.where(attacks, prevalence / attacks.sum(), (1.0 - prevalence) / (~attacks).sum())
    expected = average_precision_score(attacks, scores, sample_weight=weights)
    assert average_precision_at_prevalence(curve.tpr, curve.fpr, prevalence) == pytest.approx(expected)


@given(ROWS)
@settings(deadline=None)
def test_at_the_share_that_there_is_average_precision_is_as_it_was(rows: list[tuple[int, bool]]) -> None:
    """Told at the prevalence of the rows themselves, it is what it is without any."""
    scores, attacks = arrays(rows)
    curve = operating_curve(scores, attacks)
    told = average_precision_at_prevalence(curve.tpr, curve.fpr, float(attacks.mean()))
    assert told == pytest.approx(average_precision_score(attacks, scores))


@given(ROWS, st.sampled_from([0.0, 0.01, 0.2, 0.5, 1.0]))
@settings(deadline=None)
def test_tpr_at_fpr_is_the_best_threshold_allowed(rows: list[tuple[int, bool]], rate: float) -> None:
    """No threshold keeps the false positives within the rate and finds more."""
    scores, attacks = arrays(rows)
    best = max((scores[attacks] >= t).mean() for t in [*scores, np.inf] if (scores[~attacks] >= t).mean() <= rate)
    assert tpr_at_fpr(operating_curve(scores, attacks), rate) == pytest.approx(best)


def test_ties_gain_nothing() -> None:
    """A constant score raises everything or nothing: it finds nothing at a low false-positive rate."""
    found = figures(np.ones(1000), np.arange(1000) < 10)
    assert found["roc_auc"] == 0.5
    assert found["tpr_at_fpr_0.01"] == 0.0
    assert found["precision_at_prevalence_0.01"] == 0.0


def test_precision_at_prevalence_does_not_depend_on_the_share_of_attacks() -> None:
    """Thinning the attacks evenly leaves the precision at a stated prevalence as it was."""
    scores = np.concatenate([np.repeat([9.0, 5.0], 500), np.repeat([9.0, 1.0], [10, 9990])])
    attacks = np.arange(len(scores)) < 1000
    thinned = np.concatenate([np.arange(0, 1000, 10), np.arange(1000, len(scores))])
    whole = operating_curve(scores, attacks)
    part = operating_curve(scores[thinned], attacks[thinned])
    # Half of 1 % of attacks are at the top, and one in a thousand of the other 99 %.
    expected = 0.01 * 0.5 / (0.01 * 0.5 + 0.99 * 0.001)
    at_top = precision_at_prevalence(operating_curve(np.where(scores == 5, 1.0, scores), attacks), 0.01)
    assert at_top == pytest.approx(expected)
    assert precision_at_prevalence(part, 0.01) == pytest.approx(precision_at_prevalence(whole, 0.01))


def test_perfect_scores() -> None:
    """A detector without a mistake has 1 everywhere."""
    found = figures(np.arange(100.0), np.arange(100) >= 90)
    assert (found.pop("rows"), found.pop("positives")) == (100, 10)
    assert set(found.values()) == {1.0}


@pytest.mark.parametrize("attacks", [np.zeros(3, dtype=bool), np.ones(3, dtype=bool)])
def test_one_class_gives_no_figures(attacks: np.ndarray) -> None:
    """Without attacks or without benign rows the figures are None, and the counts still told."""
    found = figures(np.arange(3.0), attacks)
    assert found["rows"] == 3
    assert found["roc_auc"] is found["tpr_at_fpr_0.01"] is None
