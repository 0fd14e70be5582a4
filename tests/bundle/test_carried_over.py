"""A model of another network judges by single flows alone."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.bundle.carried_over import carried_over, reading
from detector.bundle.files import read_bundle
from detector.bundle.loaded_model import LoadedModel
from detector.errors import BundleError
from detector.models.single_flows import SingleAlone
from detector.registry.registry import Registry
from detector.scoring.flow_state import FlowState
from detector.scoring.kept_flows import load_model
from detector.scoring.scorer import Scored, Scorer
from detector.settings.life_cycle import Model
from detector.settings.tree import Settings
from tests.bundles import bundle, loaded, ordinary_flows, version_of


@cache
def whole() -> LoadedModel:
    """A model with windows."""
    return read_bundle(bundle(windows=True))


def scored(model: LoadedModel, size: int) -> Scored:
    """What flows of another network score, read in batches of so many."""
    flows = ordinary_flows(120, seed=3)
    scorer, none = Scorer(model, FlowState.fresh(model)), np.zeros(len(flows), np.int32)
    parts = [scorer.score(flows[at : at + size], none[at : at + size]) for at in range(0, len(flows), size)]
    rates = [each.rates for each in parts if each.rates is not None]
    assert len(rates) == len(parts)
    return Scored(
        np.concatenate([each.scores for each in parts]),
        np.concatenate([each.p_values for each in parts]),
        np.concatenate(rates),
    )


def test_both_surprises_are_those_of_single_flows() -> None:
    """What all that is known says is what the flow alone says, by the calibration of single flows."""
    model, flows = carried_over(whole()), ordinary_flows(80, seed=5)
    matrix = model.extractor.transform(flows, None, FlowState.fresh(model))
    by_whole, by_single = whole().surprises(whole().score(matrix)), model.surprises(model.score(matrix))
    assert np.array_equal(by_single.overall, by_whole.single)
    assert np.array_equal(by_single.single, by_whole.single)
    assert not np.array_equal(by_whole.overall, by_whole.single)


def test_windows_change_nothing() -> None:
    """Whatever stands in the columns of windows, the score stays, and none of them is a reason."""
    model = carried_over(whole())
    matrix = model.extractor.transform(ordinary_flows(50, seed=5), None, FlowState.fresh(model))
    other = matrix.copy()
    assert model.single is not None
    other[:, model.single.model.n_features :] += 1e3
    assert np.array_equal(model.model.score(matrix), model.model.score(other))
    why = model.model.explain(matrix)
    assert not why.contributions[:, model.single.model.n_features :].any()
    assert np.allclose(why.contributions.sum(axis=1) + why.base, why.output)


@settings(max_examples=8, deadline=None)
@given(st.integers(1, 120))
def test_batches_change_no_score(size: int) -> None:
    """However many flows a batch has, each scores what it scores, and costs what it costs."""
    model = carried_over(whole())
    apart, together = scored(model, size), scored(model, 120)
    assert np.array_equal(apart.scores, together.scores)
    assert apart.rates is not None
    assert together.rates is not None
    assert np.array_equal(apart.rates, together.rates)


def test_only_versions_that_are_named_are_of_elsewhere() -> None:
    """A new version, which was trained on this network, is scored with as a whole."""
    version = whole().version
    assert isinstance(reading((version,))(bundle(windows=True)).model, SingleAlone)
    assert reading((version,))(bundle(1, windows=True)).model.kind == whole().model.kind
    assert reading(())(bundle(windows=True)).model.kind == whole().model.kind


def test_the_setting_is_what_kept_flows_are_scored_by(tmp_path: Path) -> None:
    """What ``oddflow score`` loads is the model as it was told to be."""
    files = bundle(windows=True)
    registry, version = Registry(str(tmp_path)), version_of(files)
    registry.publish("flows", version, files)
    registry.promote("flows", version, reason="a test")
    for named, kind in (((), whole().model.kind), ((version,), SingleAlone.kind)):
        assert load_model(Settings(model=Model(registry=str(tmp_path), of_elsewhere=named))).model.kind == kind


def test_the_digest_is_that_of_the_bundle() -> None:
    """So that alerts name the version that they were raised by, and it can be fetched to replay them."""
    assert carried_over(whole()).digest == whole().digest


def test_a_model_without_windows_stays() -> None:
    """It sees single flows already."""
    bare = loaded()
    assert bare.single is None
    assert carried_over(bare) is bare


def test_no_bundle_holds_one() -> None:
    """It is made of a model that was read, and is never read itself."""
    with pytest.raises(BundleError, match="of no bundle"):
        SingleAlone.from_arrays({}, 3)
