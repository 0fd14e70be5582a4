"""The model of single flows: blind to windows, restored to the last bit, and refused where it does not belong."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load, save

from detector.bundle.files import ARRAYS, read_bundle, seal_bundle
from detector.bundle.loaded_model import LoadedModel
from detector.bundle.manifest import decode_manifest
from detector.errors import BundleError
from detector.models.ensemble import SINGLE, Ensemble
from detector.models.single_flows import Scores, SingleFlows
from detector.models.surprise import score_at, surprise_of
from detector.records.flow import SCHEMA
from detector.scoring.dataset import Dataset
from tests.bundles import bundle, loaded
from training.simulator.scenario import Scenario
from training.train import Recipe, train

Arrays = dict[str, NDArray[Any]]


def windowed() -> tuple[LoadedModel, SingleFlows]:
    """A model with windows, and its view of single flows."""
    model = read_bundle(bundle(windows=True))
    assert model.single is not None
    return model, model.single


def test_windows_change_nothing_of_it() -> None:
    """Whatever the windowed features are, score and explanation are the same, and these contribute nothing."""
    model, single = windowed()
    rows, count = model.self_test_rows, model.extractor.spec.single_flows
    other = rows.copy()
    other[:, count:] = 7.0
    assert 0 < count < rows.shape[1]
    alone = [model.score(each).single for each in (rows, other)]
    assert alone[0] is not None
    assert alone[1] is not None
    assert np.array_equal(alone[0], alone[1])
    why = single.explain(other)
    assert not why.contributions[:, count:].any()
    assert (why.contributions.sum(axis=1) + why.base).tolist() == pytest.approx(why.output.tolist())


def test_surprises_are_of_both_views() -> None:
    """Flows surprise by all that is known and one by one; without windows both are the same."""
    model, _ = windowed()
    rows = model.self_test_rows
    scores = model.score(rows)
    found = model.surprises(scores)
    assert scores.single is not None
    assert not np.array_equal(found.overall, found.single)
    assert found.single.argmax() == scores.single.argmax()
    plain = loaded()
    assert plain.single is None
    same = plain.surprises(plain.score(plain.self_test_rows))
    assert same.overall is same.single


def test_what_came_before_a_flow_is_bounded_by_the_flow_alone() -> None:
    """However odd windows make a flow, it surprises by four nats more than alone at most; below that, by all it is."""
    model, _ = windowed()
    assert model.single is not None
    of_all, of_one = model.calibration, model.single.calibration
    overall, single = (np.array([score_at(nats, each) for nats in (9.0, 9.0, 2.0)]) for each in (of_all, of_one))
    single[0] = of_one.scores[0]
    found = model.surprises(Scores(overall, single))
    assert found.single[0] == 0.0
    assert found.overall[0] == 4.0
    assert found.overall[1:].tolist() == surprise_of(overall, of_all)[1:].tolist()


def without(arrays: Arrays) -> None:
    """Take it out."""
    for name in [name for name in arrays if name.startswith("single.") or name == "self_test.single"]:
        del arrays[name]


def narrower(arrays: Arrays) -> None:
    """Have it see a column fewer."""
    for name in ("centre", "scale", "centres", "weights", "expected"):
        arrays[f"single.model.{name}"] = np.ascontiguousarray(arrays[f"single.model.{name}"][1:])


def unknown(arrays: Arrays) -> None:
    """Give it something more."""
    arrays["single.more"] = np.ones(1)


def another(arrays: Arrays) -> None:
    """Have it score otherwise than its self-test says."""
    arrays["single.model.weights"] = arrays["single.model.weights"] * np.float32(2)


@pytest.mark.parametrize("change", [without, narrower, unknown, another])
def test_one_that_does_not_belong_is_refused(change: Callable[[Arrays], None]) -> None:
    """A model with windows and none of single flows, or another than it was trained with, is a BundleError."""
    files = bundle(windows=True)
    arrays = load(files[ARRAYS])
    change(arrays)
    changed = {**files, ARRAYS: save(arrays)}
    sealed = seal_bundle(decode_manifest(changed.pop("model.json")), changed)
    with pytest.raises(BundleError, match=r"single flows|kmeans-spread|self-test"):
        read_bundle(sealed)


@cache
def of_kind(kind: str) -> tuple[LoadedModel, Arrays]:
    """A model of simulated traffic with windows, from its bundle, and the bundle's arrays."""
    flows = pl.concat([*Scenario(seed=3, hosts=30, duration_s=1_800.0, attacks=()).frames()]).select(*SCHEMA)
    trained = train(flows, Recipe(kind=kind, params={"n_estimators": 10}, folds=0))
    files = trained.bundle("flows", Dataset(flows, "zeek", ("conn.log",), "", {}, {}))
    return read_bundle(files), load(files[ARRAYS])


@pytest.mark.slow
def test_an_ensemble_holds_it() -> None:
    """An ensemble's own member is what evidence is made of: it is in the bundle once, and scores once."""
    model, arrays = of_kind("ensemble")
    assert isinstance(model.model, Ensemble)
    assert model.single is not None
    assert model.single.model is model.model.members[SINGLE]
    assert not any(name.startswith("single.model") for name in arrays)
    scores = model.score(model.self_test_rows)
    width = model.extractor.spec.single_flows
    alone = model.single.model.score(np.ascontiguousarray(model.self_test_rows[:, :width]))
    assert scores.single is not None
    assert np.array_equal(scores.single, alone)
    assert np.array_equal(scores.overall, model.model.score(model.self_test_rows))


def test_a_forest_has_one_beside_it() -> None:
    """A model that holds none has one of its own in the bundle, and its scores are as they are without."""
    model, arrays = of_kind("isolation-forest")
    assert any(name.startswith("single.model") for name in arrays)
    assert np.array_equal(model.score(model.self_test_rows).overall, model.model.score(model.self_test_rows))
