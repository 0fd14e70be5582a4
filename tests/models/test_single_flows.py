"""The model of single flows: blind to windows, restored to the last bit, and refused where it does not belong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load, save

from detector.errors import BundleError
from detector.models.bundle import ARRAYS, LoadedModel, read_bundle, seal_bundle
from detector.models.manifest import decode_manifest
from detector.models.single_flows import SingleFlows
from tests.bundles import bundle, loaded

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
    assert np.array_equal(single.score(rows), single.score(other))
    why = single.explain(other)
    assert not why.contributions[:, count:].any()
    assert (why.contributions.sum(axis=1) + why.base).tolist() == pytest.approx(why.output.tolist())


def test_surprises_are_of_both_views() -> None:
    """Flows surprise by all that is known and one by one; without windows both are the same."""
    model, single = windowed()
    rows = model.self_test_rows
    found = model.surprises(rows, model.model.score(rows))
    assert not np.array_equal(found.overall, found.single)
    assert found.single.argmax() == single.score(rows).argmax()
    plain = loaded()
    assert plain.single is None
    same = plain.surprises(plain.self_test_rows, plain.model.score(plain.self_test_rows))
    assert same.overall is same.single


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
