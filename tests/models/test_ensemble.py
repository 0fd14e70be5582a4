"""The ensemble: tails that never end, tables by segment, parts that add up, and arrays that are checked."""

from __future__ import annotations

import gc
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.errors import BundleError, ConfigurationError
from detector.models.ensemble import MEMBERS, SINGLE, Ensemble
from detector.models.every_kind import KINDS
from detector.models.p_tables import PTables
from detector.models.rows import MANY
from detector.scoring.warm_up import smallest_ensemble
from tests.models.conformance import CHECKS, Check, check_explanation, training_rows
from training.ensembles import fit_segments
from training.estimators import fit_estimator
from training.p_tables import Survival, fit_tails

NAMES = tuple("abcdefgh")
SEGMENTED = {"segments": "c,a", "segment_rows": 100, "sharpness": 0.5, "members": "forest,clusters,hbos"}


@cache
def segmented() -> Ensemble:
    """Three members, combined sharply, with tables for the flag and thirds of the first column."""
    return ensemble(SEGMENTED)


def ensemble(params: dict[str, Any], rows: int = 1_000) -> Ensemble:
    """One trained with parameters."""
    model = fit_estimator("ensemble", training_rows(rows), seed=1, params=params, names=NAMES)
    assert isinstance(model, Ensemble)
    return model


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_segments_keep_the_promises(check: Check) -> None:
    """With tables by segment and a sharp combination it keeps what every kind promises."""
    check(segmented(), training_rows(1_000, seed=2))


@pytest.mark.parametrize("members", ["forest", "clusters", "kmeans,pca", "forest,clusters,kmeans,hbos,ecod,pca"])
@pytest.mark.parametrize("sharpness", [0.0, 1.0])
def test_parts_of_any_members_add_up(members: str, sharpness: float) -> None:
    """Whichever members there are, and however combined, contributions and base add up to the score."""
    check_explanation(ensemble({"members": members, "sharpness": sharpness}, 400), training_rows(400, seed=3))


@pytest.mark.parametrize("sharpness", [0.0, 1.0])
@pytest.mark.slow
def test_single_flows_are_a_member_of_their_own(sharpness: float) -> None:
    """Told which columns a flow alone tells, an ensemble has clusters of these, at the weight that they are given."""
    rows, asked = training_rows(600), training_rows(200, seed=4)

    def trained(weight: float, single: int | None = 5) -> Ensemble:
        small = {"forest_n_estimators": 20, "clusters_n_clusters": 16}
        params = {**small, "single_weight": weight, "sharpness": sharpness, "power": 0}
        model = fit_estimator("ensemble", rows, seed=1, params=params, single=single)
        assert isinstance(model, Ensemble)
        return model

    light, heavy = trained(1e-6), trained(1e6)
    assert (light.members[SINGLE].n_features, list(light.weights)) == (5, [1.0, 1.0, 1e-6])
    overall, members = heavy.score_with_members(asked)
    assert np.array_equal(np.argsort(members[SINGLE], kind="stable")[-20:], np.argsort(overall, kind="stable")[-20:])
    without = trained(0.25, None)
    assert SINGLE not in without.members
    assert light.score(asked) == pytest.approx(without.score(asked), abs=1e-4)
    check_explanation(trained(0.25), asked)


def test_it_does_not_saturate() -> None:
    """Ten times the largest value scores above that value, and a hundred times above ten times."""
    model, rows = ensemble({}), training_rows(1_000)
    row = np.median(rows, axis=0)
    far = np.stack([np.where(np.arange(8) == 4, rows[:, 4].max() * times, row) for times in (1, 10, 100, 1_000)])
    scores = model.score(far.astype(np.float32))
    assert (np.diff(scores) > 1).all()


def test_the_column_that_is_odd_is_named() -> None:
    """A single column far away is what the explanation puts first."""
    rows = training_rows(1_000)
    row = np.median(rows, axis=0)
    row[4] = rows[:, 4].max() * 10
    assert ensemble({}).explain(row[None].astype(np.float32)).contributions[0].argmax() == 4


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=400), st.integers(1, 4), st.sampled_from([0.0, 50.0]))
def test_tables_rise_and_stay_finite(scores: list[float], tables: int, blend: float) -> None:
    """Whatever scores they are learnt from, tables are accepted, and a higher score never surprises less."""
    learnt = np.array(scores)
    places = np.arange(len(scores)) % tables
    tails = fit_tails(learnt, places, len(set(places.tolist())), blend)
    again = PTables.from_arrays(tails.to_arrays(), len(tails.slopes), "tails")
    asked = np.sort(np.concatenate([learnt, np.linspace(-2e6, 2e6, 50)]))
    for table in range(len(again.slopes)):
        surprise = again.surprise(asked, np.full(len(asked), table, dtype=np.int32))
        assert np.isfinite(surprise).all()
        assert (surprise >= 0).all()
        assert (np.diff(surprise) >= -1e-9).all()


def test_tables_tell_the_share_of_rows_above() -> None:
    """Within what was seen −log p is that of the share of rows; far beyond, ten times as far is ten times as rare."""
    rng = np.random.default_rng(1)
    scores = rng.exponential(2.0, 50_000)
    tails, none = fit_tails(scores, None, 1, 0.0), np.zeros(5, dtype=np.int32)
    surprise = tails.surprise(np.array([2.0, 6.0, 12.0, 1e3, 1e4]), none)
    assert surprise[:3] == pytest.approx([1.0, 3.0, 6.0], rel=0.12)
    assert surprise[4] - surprise[3] == pytest.approx(np.log(10.0), rel=0.05)


@pytest.mark.parametrize("blend", [0.0, 500.0])
def test_tables_of_unlike_length_keep_their_tails(blend: float) -> None:
    """A segment's table that is lengthened to the others' length still tells what it alone would."""
    rng = np.random.default_rng(3)
    scores = np.concatenate([rng.exponential(1.0, 5_000), rng.exponential(3.0, 30)])
    places = np.repeat([0, 1], [5_000, 30])
    asked, second = np.array([5.0, 30.0, 300.0, 1e5]), np.ones(4, dtype=np.int32)
    given = fit_tails(scores, places, 2, blend).surprise(asked, second)
    assert (np.diff(given) > 0).all()
    alone, whole = Survival.of(scores[places == 1]).at(asked), Survival.of(scores).at(asked)
    own = 30 / (30 + blend)
    assert given == pytest.approx(-np.log(own * np.exp(-alone) + (1 - own) * np.exp(-whole)), rel=0.08)


def test_a_small_segment_is_like_the_whole() -> None:
    """A blended table lies between the segment's own and that of all rows, nearer to what has more rows."""
    rng = np.random.default_rng(2)
    whole, part = rng.exponential(1.0, 5_000), rng.exponential(3.0, 500)
    scores = np.concatenate([whole, part])
    places = np.repeat([0, 1], [len(whole), len(part)])
    asked, first, second = np.array([4.0]), np.zeros(1, dtype=np.int32), np.ones(1, dtype=np.int32)
    alone, all_rows = Survival.of(part).at(asked)[0], Survival.of(scores).at(asked)[0]
    blended = [fit_tails(scores, places, 2, blend).surprise(asked, second)[0] for blend in (0.0, 500.0, 50_000.0)]
    assert blended[0] == pytest.approx(alone, rel=0.05)
    assert alone < blended[1] < all_rows
    assert blended[2] == pytest.approx(all_rows, rel=0.05)
    assert fit_tails(scores, places, 2, 50.0).surprise(asked, first)[0] == pytest.approx(all_rows, rel=0.05)


def test_segments_with_few_rows_have_none() -> None:
    """A combination of values that too few rows have is held against the table of all rows, as is an unseen one."""
    rows = training_rows(1_000)
    segments = fit_segments(rows, [2], 500)
    assert segments is not None
    flags = np.zeros((3, 8), dtype=np.float32)
    flags[1, 2], flags[2, 2] = 1.0, 7.0
    assert segments.tables(flags).tolist() == [1, 0, 0]
    assert fit_segments(rows, [5], 2) is None


@pytest.mark.parametrize(
    ("params", "why"),
    [
        ({"members": "forest,oak"}, "'oak' is none of forest, clusters"),
        ({"members": ""}, "name some of"),
        ({"sharpness": -1}, "sharpness -1"),
        ({"segments": "z"}, "no feature 'z'"),
        ({"segment_rows": 1, "segments": "c"}, "at least 2"),
        ({"kmeans_n_clusters": 3}, "kmeans_n_clusters is no parameter"),
        ({"clusters_trim": 0.5}, "trim 0.5"),
        ({"forest_wings": 2}, "wings"),
        ({"single_weight": 0}, "single_weight 0 is not from"),
        ({"forest_weight": 1e7}, "forest_weight 1e\\+07 is not from"),
        ({"pca_weight": 2}, "pca is none of the members forest, clusters"),
        ({"drop": 1}, "drop 1"),
    ],
)
def test_wrong_parameters_are_told(params: dict[str, Any], why: str) -> None:
    """A parameter that cannot be is an error of one line that says why."""
    with pytest.raises(ConfigurationError, match=why) as caught:
        ensemble(params, 200)
    assert "\n" not in str(caught.value)


def test_members_have_their_own_parameters() -> None:
    """A parameter after a member's name is that member's."""
    model = ensemble({"forest_n_estimators": 7, "clusters_n_clusters": 5})
    assert len(model.members["isolation-forest"].to_arrays()["features"]) == 7
    assert model.members["kmeans-spread"].to_arrays()["centres"].shape == (8, 5)


def test_each_member_has_a_weight() -> None:
    """A member counts as much as it is told; the defaults, told, give the same arrays as nothing told."""
    small = {"forest_n_estimators": 5, "clusters_n_clusters": 4, "hbos_n_bins": 5, "members": "forest,clusters,hbos"}
    small["power"] = 0
    usual = ensemble(small, 200)
    assert usual.weights.tolist() == [1.0, 1.0, 1.0]
    told = ensemble({**small, "forest_weight": 1.0, "clusters_weight": 1, "hbos_weight": "1"}, 200)
    assert {name: array.tobytes() for name, array in told.to_arrays().items()} == {
        name: array.tobytes() for name, array in usual.to_arrays().items()
    }
    uneven = ensemble({**small, "forest_weight": 0.5, "hbos_weight": 4}, 200)
    by_member = dict(zip(uneven.members, uneven.weights.tolist(), strict=True))
    assert by_member == {"isolation-forest": 0.5, "kmeans-spread": 1.0, "hbos": 4.0}


@pytest.mark.slow
def test_drop_leaves_the_oddest_out() -> None:
    """Trained without the oddest rows, a few wild ones are odder than if they had taken part."""
    rows = training_rows(1_000)
    rows[:10] += 30 * rows.std(axis=0) + 1
    with_them, without = (fit_estimator("ensemble", rows, seed=1, params={"drop": share}) for share in (0.0, 0.02))
    assert (without.score(rows[:10]) > with_them.score(rows[:10])).all()


def swapped(arrays: dict[str, np.ndarray[Any, Any]], **changes: Any) -> dict[str, Any]:
    """The arrays with some replaced; a double underscore stands for a dot, None takes one away."""
    changed = {name.replace("__", "."): value for name, value in changes.items()}
    return {name: value for name, value in {**arrays, **changed}.items() if value is not None}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"members__oak__centres": np.zeros(1)}, "members.oak.centres does not belong"),
        ({"sharpness": np.array([-1.0])}, "sharpness has values outside"),
        ({"weights": np.zeros(3)}, "weights has values outside"),
        ({"weights": np.ones(2)}, "weights has shape"),
        ({"widths": np.array([8, 8, 9])}, "widths has values outside"),
        ({"widths": np.array([8, 7, 8])}, "has shape"),
        ({"segments__columns": np.array([2, 8])}, "columns has values outside"),
        ({"segments__columns": np.array([2])}, "starts has shape"),
        ({"segments__cells": np.zeros(6, dtype=np.int32)}, "scores has shape"),
        ({"segments__cells": np.full(6, 4, dtype=np.int32)}, "named by no cell"),
        ({"segments__starts": np.array([0, 0, 3])}, "do not follow each other"),
        ({"tails__hbos__slopes": None}, "slopes is missing"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(changes: dict[str, Any], why: str) -> None:
    """Members unknown, segments that lead nowhere and tables that are not there are refused by name."""
    arrays = segmented().to_arrays()
    assert Ensemble.from_arrays(arrays, 8).segments is not None
    with pytest.raises(BundleError, match=why):
        Ensemble.from_arrays(swapped(arrays, **changes), 8)


def test_tables_that_fall_are_refused() -> None:
    """Knots that do not ascend, or levels that fall, are no table."""
    falling, level = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])
    for scores, levels in ((falling, level), (level, falling), (np.ones((1, 2)), level)):
        with pytest.raises(BundleError, match="do not ascend"):
            PTables.from_arrays({"scores": scores, "levels": levels, "slopes": np.ones(1)}, 1, "tails")


PARTS_OF_NEAREST = {
    *("mask_of", "scale_rows", "sum_near", "place_of_least", "within", "narrowed", "first_of", "take_sums"),
    *("over_all", "over_part"),
}


def test_the_smallest_calls_every_kernel() -> None:
    """What compiles kernels ahead has a member of every kind, so that no kernel of a model is left out."""
    model = smallest_ensemble(4)
    assert set(model.members) == set(MEMBERS) - {SINGLE} == set(KINDS) - {"ensemble"}
    model.explain(np.zeros((MANY, 4), dtype=np.float32))
    kernels = [
        each
        for each in gc.get_objects()
        if type(each).__name__ == "CPUDispatcher" and each.py_func.__module__.startswith("detector.models.")
    ]
    uncalled = {each.py_func.__name__ for each in kernels if not each.signatures}
    # What another kernel calls is compiled with it.
    assert uncalled <= {"_walk_rows", "_walk_top", "rank", "work_out"} | PARTS_OF_NEAREST
    assert Ensemble.from_arrays(model.to_arrays(), 4).score(np.ones((2, 4), dtype=np.float32)).shape == (2,)
