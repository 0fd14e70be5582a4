"""Leaves learnt from labels: where they move to, how far, and that nothing else does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from detector.errors import InputError
from detector.models.ensemble import Ensemble
from detector.models.kinds.isolation_forest import LONGEST_PATH, IsolationForest
from training.estimators import fit_estimator
from training.feedback.leaf_weights import DEFAULT, MOST_ROWS, Ground, Lessons, learn_leaves

Matrix = NDArray[np.float32]

CENTRES = {"usual": (0.0, 0.0), "attacks": (6.0, 6.0), "backups": (-6.0, 6.0)}


def rows_of(name: str, count: int, seed: int = 0) -> Matrix:
    """Rows around one of three centres; two of the three columns tell which."""
    rng = np.random.default_rng([seed, sorted(CENTRES).index(name)])
    rows = rng.normal(0.0, 0.5, (count, 3))
    rows[:, :2] += CENTRES[name]
    return rows.astype(np.float32)


@pytest.fixture(scope="module")
def background() -> Matrix:
    """A thousand usual rows, a dozen attacks, a dozen backups."""
    return np.concatenate([rows_of("usual", 1000), rows_of("attacks", 12), rows_of("backups", 12)])


@pytest.fixture(scope="module")
def forest(background: Matrix) -> IsolationForest:
    """Trained on it."""
    model = fit_estimator(IsolationForest.kind, background, seed=1)
    assert isinstance(model, IsolationForest)
    return model


@pytest.fixture(scope="module")
def lessons() -> Lessons:
    """Six attacks said to be true, six backups false."""
    rows = np.concatenate([rows_of("attacks", 6, seed=5), rows_of("backups", 6, seed=5)])
    return Lessons(rows, np.arange(12) < 6, np.ones(12))


@pytest.fixture(scope="module")
def taught(forest: IsolationForest, background: Matrix, lessons: Lessons) -> IsolationForest:
    """The forest, and what it learnt."""
    return lessons.taught(forest, background)


def same(one: IsolationForest, other: IsolationForest) -> bool:
    """Whether they are equal to the byte."""
    return all(
        a.tobytes() == b.tobytes() for a, b in zip(one.to_arrays().values(), other.to_arrays().values(), strict=True)
    )


def test_what_was_said_holds_for_rows_like_those(taught: IsolationForest, background: Matrix) -> None:
    """New attacks score above the tau-quantile of the unlabelled rows, new backups below it."""
    quantile = np.quantile(taught.score(background), 1.0 - DEFAULT.tau)
    assert (taught.score(rows_of("attacks", 50, seed=9)) > quantile).all()
    assert (taught.score(rows_of("backups", 50, seed=9)) < quantile).all()


def test_what_nobody_spoke_of_stays_in_its_order(
    forest: IsolationForest, taught: IsolationForest, background: Matrix
) -> None:
    """Rows unlike any labelled one rank as before, nearly."""
    before, after = forest.score(background[:1000]), taught.score(background[:1000])
    ranks = np.argsort(np.argsort(np.array([before, after])))
    assert np.asarray(np.corrcoef(ranks))[0, 1] > 0.85


def test_without_labels_nothing_changes(forest: IsolationForest, background: Matrix) -> None:
    """No label gives the same forest to the byte."""
    none = np.empty((0, 3), np.float32)
    assert same(learn_leaves(forest, none, np.empty(0, bool), np.empty(0), background), forest)


def test_labels_that_the_forest_agrees_with_change_nothing(forest: IsolationForest, background: Matrix) -> None:
    """A usual row that is called false where no margin is asked for gives the same forest to the byte."""
    settings = replace(DEFAULT, below=0.0)
    told = learn_leaves(forest, background[:5], np.zeros(5, bool), np.ones(5), background, settings)
    assert same(told, forest)


def test_true_labels_are_heard_by_a_forest_that_was_always_right(forest: IsolationForest, background: Matrix) -> None:
    """After a hundred true labels and no false one, their like stands further out from the backups than before."""
    told = learn_leaves(forest, rows_of("attacks", 100, seed=5), np.ones(100, bool), np.ones(100), background)
    attacks, backups = rows_of("attacks", 50, seed=9), rows_of("backups", 50, seed=9)
    before, after = (each.score(attacks).mean() - each.score(backups).mean() for each in (forest, told))
    assert after > before + 0.02


def test_learning_is_repeatable(
    forest: IsolationForest, taught: IsolationForest, background: Matrix, lessons: Lessons
) -> None:
    """The same labels give the same bytes."""
    assert same(lessons.taught(forest, background), taught)


def test_only_leaf_values_change(forest: IsolationForest, taught: IsolationForest) -> None:
    """Splits stay as they are, and the bundle's arrays alike in shape and type."""
    before, after = forest.to_arrays(), taught.to_arrays()
    assert [(name, a.shape, a.dtype) for name, a in before.items()] == [
        (name, a.shape, a.dtype) for name, a in after.items()
    ]
    assert [name for name in before if before[name].tobytes() != after[name].tobytes()] == ["lengths"]
    restored = IsolationForest.from_arrays(after, 3)
    assert same(restored, taught)


def test_parts_still_add_up_to_the_score(taught: IsolationForest, background: Matrix) -> None:
    """Each row's parts and the base sum to its mean path length, which its score is made of."""
    why = taught.explain(background)
    assert np.allclose(why.contributions.sum(axis=1) + why.base, why.output, atol=1e-9)
    assert np.allclose(2 ** (why.output / taught.normal_length), taught.score(background))


def test_early_leaves_stay_one(forest: IsolationForest, taught: IsolationForest) -> None:
    """Below a leaf that was reached early all leaves stay alike."""
    early = np.isinf(forest.thresholds[:, (forest.features.shape[1] - 1) // 2 :])
    pairs = taught.leaves.reshape(len(early), -1, 2)[early]
    assert early.any()
    assert (pairs[:, 0] == pairs[:, 1]).all()


@pytest.mark.parametrize("weight", [0.1, 1.0])
@pytest.mark.parametrize("verdict", [True, False])
def test_one_label_moves_no_leaf_further_than_told(
    forest: IsolationForest, background: Matrix, weight: float, verdict: bool
) -> None:
    """A label moves each leaf, beside the others, by at most its weight times the furthest."""
    ground = Ground.of(forest, background)
    settings = replace(DEFAULT, above=50.0, below=50.0, most_pull=2.0)
    row = rows_of("attacks", 1, seed=3)
    told = ground.learn(row, np.array([verdict]), np.array([weight]), settings)
    moved = (told.leaves - forest.leaves) * (-1 if verdict else 1)
    assert 0 < np.ptp(moved) <= weight * ground.furthest(settings) + 1e-9
    assert verdict or moved.min() >= 0


def test_a_flood_of_labels_stays_within_bounds(forest: IsolationForest, background: Matrix) -> None:
    """However many rows are called false, every leaf stays a length that a bundle may have."""
    rows = np.concatenate([rows_of("attacks", 3 * MOST_ROWS), rows_of("backups", 5)])
    told = learn_leaves(forest, rows, np.arange(len(rows)) >= 3 * MOST_ROWS, np.full(len(rows), 100.0), background)
    assert told.lengths.min() >= 0
    assert told.lengths.max() <= LONGEST_PATH
    assert told.score(rows[-5:]).min() > told.score(rows[:50]).max()


def test_of_contradicting_labels_the_heavier_wins(forest: IsolationForest, background: Matrix) -> None:
    """One row that is called both ends up where the greater weight has it."""
    row = np.repeat(rows_of("attacks", 1), 2, axis=0)
    quantile = np.quantile(forest.score(background), 1.0 - DEFAULT.tau)
    for weights in ([5.0, 0.2], [0.2, 5.0]):
        told = learn_leaves(forest, row, np.array([True, False]), np.array(weights), background)
        assert (told.score(row)[0] > quantile) == (weights[0] > weights[1])


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"rows": np.zeros((12, 2), np.float32)}, "give rows of 3 features"),
        ({"rows": np.full((12, 3), np.nan, np.float32)}, "not finite"),
        ({"weights": np.zeros(12)}, "not above 0"),
        ({"weights": np.ones(5)}, "give one of each a row"),
        ({"verdicts": np.ones(7, bool)}, "give one of each a row"),
    ],
)
def test_what_cannot_be_learnt_from_is_told(
    forest: IsolationForest, background: Matrix, lessons: Lessons, wrong: dict[str, Any], says: str
) -> None:
    """Rows, verdicts and weights that do not fit are refused with what to give instead."""
    with pytest.raises(InputError, match=says):
        replace(lessons, **wrong).taught(forest, background)


def test_a_background_of_one_row_is_told(forest: IsolationForest, background: Matrix, lessons: Lessons) -> None:
    """There is no quantile of one row."""
    with pytest.raises(InputError, match="give two rows at least"):
        lessons.taught(forest, background[:1])


def test_an_ensemble_is_taught_by_its_forest(background: Matrix, lessons: Lessons) -> None:
    """Attacks surprise the ensemble more than backups do, which surprised it as much; other members stay."""
    params = {"forest_n_estimators": 50}
    plain, told = (
        fit_estimator(Ensemble.kind, background, seed=1, params=params, lessons=given) for given in (None, lessons)
    )
    assert isinstance(plain, Ensemble)
    assert isinstance(told, Ensemble)
    apart = [
        float(model.score(rows_of("attacks", 50, seed=9)).mean() - model.score(rows_of("backups", 50, seed=9)).mean())
        for model in (plain, told)
    ]
    assert apart[1] > apart[0] + 0.5
    for name in plain.members.keys() - {IsolationForest.kind}:
        assert plain.members[name].to_arrays().keys() == told.members[name].to_arrays().keys()
        for array, other in zip(
            plain.members[name].to_arrays().values(), told.members[name].to_arrays().values(), strict=True
        ):
            assert array.tobytes() == other.tobytes()


def test_a_kind_without_a_forest_cannot_be_taught(background: Matrix, lessons: Lessons) -> None:
    """It is told which kinds can."""
    with pytest.raises(InputError, match="train isolation-forest"):
        fit_estimator("kmeans", background, seed=1, lessons=lessons)
    with pytest.raises(InputError, match="with the member forest"):
        fit_estimator(Ensemble.kind, background, seed=1, params={"members": "kmeans"}, lessons=lessons)
