"""Probes: rows whose values do not go together, and what members make of them."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from detector.errors import ConfigurationError
from detector.models.ensemble import Ensemble
from training.estimators import fit_estimator
from training.probes import LEAST, PROBES, power_of, probes, relative

SMALL = {"drop": 0.0, "forest_n_estimators": 20, "clusters_n_clusters": 16, "folds": 2}


def joined(rows: int, seed: int = 1) -> NDArray[np.float32]:
    """Six columns that all tell the same, of one of eight places: no value is odd, but together with others."""
    rng = np.random.default_rng(seed)
    places = rng.integers(0, 8, rows)[:, None]
    told: NDArray[np.float32] = (places + rng.normal(0.0, 0.05, (rows, 6))).astype(np.float32)
    return told


@cache
def fitted(power: float) -> Ensemble:
    """A forest and clusters on such rows."""
    model = fit_estimator("ensemble", joined(1_200), seed=1, params={**SMALL, "power": power})
    assert isinstance(model, Ensemble)
    return model


@given(st.integers(1, 60), st.integers(1, 6), st.integers(0, 3))
def test_each_value_of_a_probe_occurs_in_its_column(rows: int, columns: int, seed: int) -> None:
    """Nothing is made up: a probe's values are those of rows, each in its own column."""
    matrix = np.random.default_rng(seed).normal(size=(rows, columns)).astype(np.float32)
    mixed = probes(matrix, seed)
    assert all(np.isin(mixed[:, column], matrix[:, column]).all() for column in range(columns))


def test_wider_rows_have_the_same_probes_in_their_first_columns() -> None:
    """So members that see some of the columns are tried by the same rows as those that see all."""
    matrix = joined(500)
    assert np.array_equal(probes(matrix, 3)[:, :2], probes(matrix[:, :2], 3))


def test_a_quarter_of_the_values_is_of_other_rows() -> None:
    """Three of four are the row's own, and of many rows no more than are needed are mixed."""
    matrix = np.arange(40_000, dtype=np.float32)[:, None] * np.ones(8, np.float32)
    mixed = probes(matrix, 1)
    assert len(mixed) == PROBES
    own = matrix[:: len(matrix) // PROBES]
    assert (mixed != own).mean() == pytest.approx(0.25, abs=0.02)


def test_what_tells_nothing_has_no_power() -> None:
    """Probes as surprising as rows show none; surprise beyond what is enough shows no more."""
    usual = -np.log(np.random.default_rng(1).uniform(size=20_000))
    assert power_of(usual) == pytest.approx(0.0, abs=0.02)
    assert power_of(np.zeros(10)) == 0.0
    assert power_of(np.full(10, 3.0)) == power_of(np.full(10, 1e9)) == pytest.approx(2.16, abs=0.01)


def test_powers_are_told_beside_the_best() -> None:
    """The best of those that see whole rows has 1, none has less than the least; where none sees anything, all have 1.

    A member of some columns has 1 at most, and lowers no other's.
    """
    whole = np.array([True, True, False])
    assert relative(np.array([0.5, 2.0, 0.0]), whole).tolist() == [0.25, 1.0, LEAST]
    assert relative(np.array([0.5, 2.0, 8.0]), whole).tolist() == [0.25, 1.0, 1.0]
    assert relative(np.array([0.0, 0.0, 8.0]), whole).tolist() == [1.0, 1.0, 1.0]


def test_a_member_that_does_not_see_what_goes_together_counts_less() -> None:
    """Where values are odd only together, clusters count more than a forest; with a power of 0 as much."""
    names = list(fitted(2.0).members)
    alike, powered = (dict(zip(names, fitted(power).weights.tolist(), strict=True)) for power in (0.0, 2.0))
    assert alike["isolation-forest"] == alike["kmeans-spread"] == 1.0
    assert powered["kmeans-spread"] == 1.0
    assert powered["isolation-forest"] < 0.8


def test_members_keep_their_weights_where_features_are_windowed() -> None:
    """With columns beyond those of single flows nothing is tried, unless a power is told; without, all are."""
    params = {**SMALL, "single_n_clusters": 16}
    windowed = fit_estimator("ensemble", joined(600), seed=1, params=params, single=3)
    assert isinstance(windowed, Ensemble)
    assert windowed.weights.tolist() == [1.0, 1.0, 0.25]
    bare = fit_estimator("ensemble", joined(1_200), seed=1, params=SMALL)
    assert isinstance(bare, Ensemble)
    assert bare.weights.tolist() == fitted(2.0).weights.tolist()


def test_a_power_that_cannot_be_is_refused() -> None:
    """Below 0 a member that sees nothing would count most."""
    with pytest.raises(ConfigurationError, match="power -1 is not from 0 to 3"):
        fit_estimator("ensemble", joined(200), seed=1, params={**SMALL, "power": -1})
