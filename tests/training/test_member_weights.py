"""Members of an ensemble whose scores do not last count less."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from detector.models.base import Model
from detector.models.ensemble import Ensemble
from detector.models.kinds.isolation_forest import IsolationForest
from tests.models.conformance import training_rows
from training.estimators import fit_estimator
from training.member_weights import excess_of, shares, steadied

SMALL = {"drop": 0.0, "forest_n_estimators": 20, "clusters_n_clusters": 16, "single_n_clusters": 16, "power": 0.0}


@cache
def fitted() -> Ensemble:
    """A small ensemble with clusters of the first five of eight columns."""
    model = fit_estimator("ensemble", training_rows(1_500), seed=1, params=SMALL, single=5)
    assert isinstance(model, Ensemble)
    return model


def counts(model: Model) -> dict[str, float]:
    """How much each member counts."""
    assert isinstance(model, Ensemble)
    return dict(zip(model.members, model.weights.tolist(), strict=True))


def test_a_member_that_later_rows_surprise_counts_less() -> None:
    """Where only what the clusters of single flows see has moved, they count less, by the square of their surprise."""
    model, later = fitted(), training_rows(1_000, seed=9)
    later[:, 4] *= 3
    single = excess_of(model.surprises(later)["single-flows"])
    before, after = counts(model), counts(steadied(model, model.surprises(later)))
    assert single > 1.2
    assert after["single-flows"] == pytest.approx(before["single-flows"] / single**2)
    assert after["isolation-forest"] / after["single-flows"] > before["isolation-forest"] / before["single-flows"]


def test_steady_members_keep_their_weights() -> None:
    """Rows no more surprising than they should be change nothing."""
    model = fitted()
    usual = np.repeat(np.median(training_rows(1_500), axis=0)[None], 300, axis=0).astype(np.float32)
    assert steadied(model, model.surprises(usual)) is model
    assert steadied(model, model.surprises(usual[:0])) is model


def test_models_without_members_are_left_alone() -> None:
    """A forest is given as it is, and has no shares to tell."""
    forest = fit_estimator(IsolationForest.kind, training_rows(500), seed=1)
    assert steadied(forest, {}) is forest
    assert not shares(forest)


@pytest.mark.parametrize("weight", [1e-6, 1e6])
def test_any_weight_can_be_stored_after(weight: float) -> None:
    """However light a member was, the model can be restored from its arrays."""
    model = fit_estimator("ensemble", training_rows(600), seed=1, params={**SMALL, "single_weight": weight}, single=5)
    assert isinstance(model, Ensemble)
    less = steadied(model, model.surprises(training_rows(500, seed=2) * 50))
    assert less is not model
    assert np.array_equal(
        Ensemble.from_arrays(less.to_arrays(), 8).score(training_rows(50)), less.score(training_rows(50))
    )


def test_few_attacks_hardly_count() -> None:
    """Three rows in a hundred that surprise without bound count as if they were one in twenty: a member keeps most."""
    steady = -np.log(np.random.default_rng(1).uniform(size=20_000))
    attacked = np.concatenate([steady, np.full(600, 1e9)])
    assert excess_of(steady) == pytest.approx(1.0, abs=0.02)
    assert excess_of(attacked) < 1.1


def test_the_more_it_is_surprised_the_less_it_counts() -> None:
    """Excess rises with surprise, up to a bound."""

    def excess(times: float) -> float:
        surprise: NDArray[np.float64] = -np.log(np.random.default_rng(2).uniform(size=5_000)) * times
        return excess_of(surprise)

    found = [excess(times) for times in (0.5, 1.5, 2.0, 4.0, 1e6)]
    assert all(a < b for a, b in pairwise(found))
    assert found[0] == 1.0
    assert found[-1] == pytest.approx(3.16, abs=0.01)


def test_shares_are_told() -> None:
    """What each member counts is told in hundredths."""
    assert shares(fitted()) == "isolation-forest 44%, kmeans-spread 44%, single-flows 11%"
