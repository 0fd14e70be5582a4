"""Kept flows through the windows: with the matrix, or for what the windows remember alone."""

from __future__ import annotations

import numpy as np
import pytest

from detector.features import replay
from detector.features.extractor import FeatureExtractor, build_spec
from detector.features.windows import default_windows
from tests.bundles import ordinary_flows


def test_what_only_passes_through_is_remembered_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows that flows went through, in pieces and without a matrix, are those that features were computed by."""
    flows = ordinary_flows(700)
    partitions = (np.arange(700) % 2).astype(np.int32)
    extractor = FeatureExtractor.fit(flows, build_spec(windows=default_windows(), partitions=2))
    computed, passed = replay.fresh_windows(extractor), replay.fresh_windows(extractor)
    assert computed is not None
    assert passed is not None
    replay.features_of(extractor, flows, computed, partitions)
    monkeypatch.setattr(replay, "CHUNK_ROWS", 97)
    replay.pass_through(passed, flows, partitions)
    assert [passed.snapshot(number) for number in (0, 1)] == [computed.snapshot(number) for number in (0, 1)]


def test_rows_at_places_are_those_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where only some rows are kept, each has the features that it has among all, wherever chunks end."""
    flows = ordinary_flows(700)
    extractor = FeatureExtractor.fit(flows, build_spec(windows=default_windows(), partitions=2))
    places = np.array([0, 1, 96, 97, 350, 699])
    whole = replay.features_of(extractor, flows)
    monkeypatch.setattr(replay, "CHUNK_ROWS", 97)
    assert np.array_equal(replay.features_at(extractor, flows, places), whole[places])
