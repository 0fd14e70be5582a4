"""Scoring flows that were kept with a published model, as the daemon would have scored them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.features.replay import features_of, fresh_windows
from detector.models.bundle import LoadedModel, read_bundle
from detector.registry.registry import Registry
from detector.settings import Settings


@dataclass(frozen=True, slots=True)
class Scored:
    """What each flow of a frame scored; shape (rows,) both."""

    scores: NDArray[np.float64]
    p_values: NDArray[np.float64]


def load_model(settings: Settings, version: str | None = None) -> LoadedModel:
    """Fetch and verify the model that the settings name, or its ``version``.

    Raises RegistryError where there is none, BundleError where it is not sound.
    """
    registry, name = Registry(settings.model.registry), settings.model.name
    return read_bundle(registry.fetch(name, registry.resolve(name, version or settings.model.alias)))


def score_flows(model: LoadedModel, frame: pl.DataFrame, warm_up: pl.DataFrame | None = None) -> Scored:
    """Score a frame in order of time; the flows of ``warm_up`` come before it and are not scored."""
    windows = fresh_windows(model.extractor)
    if warm_up is not None and windows is not None:
        features_of(model.extractor, warm_up, windows)
    matrix = features_of(model.extractor, frame, windows)
    scores = model.model.score(matrix)
    return Scored(scores, model.calibration.p_values(scores))
