"""Tests of the champion held against a recipe's runs by time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from detector.bundle.files import read_bundle
from detector.bundle.loaded_model import LoadedModel
from detector.errors import InputError
from tests.bundles import as_read
from tests.training.small_days import calm_flows
from training.evaluation.by_time import ByTime, by_time
from training.evaluation.measure import marked_of
from training.evaluation.protocol import protocol_of
from training.gate.against import against
from training.train import Recipe, train

RECIPE = Recipe(kind="isolation-forest", params={"n_estimators": 20}, folds=0)


@pytest.fixture(scope="module")
def flows() -> pl.DataFrame:
    """An hour and a half of a small network, without attacks."""
    return calm_flows(5_400.0)


@pytest.fixture(scope="module")
def runs(flows: pl.DataFrame) -> ByTime:
    """Two runs by time, with simulated attacks."""
    return by_time(marked_of(flows, RECIPE, None), RECIPE, protocol_of(attacks="transplanted", incidents_per_day=30.0))


@pytest.fixture(scope="module")
def champion(flows: pl.DataFrame, runs: ByTime) -> LoadedModel:
    """Trained as the first run was."""
    early = flows.filter(pl.col("ts") < runs.runs[0].cut.start)
    return read_bundle(train(early, RECIPE).bundle("flows", as_read(early)))


def test_a_champion_is_held_against_every_run(runs: ByTime, champion: LoadedModel) -> None:
    """All attacks of all runs are compared, and nothing differs where both were trained on the same flows."""
    first = replace(runs, runs=runs.runs[:1])
    found = against(first, champion)
    assert found.lost == pytest.approx(0.0, abs=1e-3)
    assert found.false_champion == pytest.approx(found.false_model, rel=0.1)
    assert against(runs, champion).attacks > found.attacks > 0


def test_a_blind_model_loses_what_the_champion_finds(runs: ByTime, champion: LoadedModel) -> None:
    """A recipe that raises nothing loses as much as the champion raises."""
    blind = replace(
        runs,
        runs=tuple(
            replace(run, judged=replace(run.judged, rates=np.full_like(run.judged.rates, np.inf))) for run in runs.runs
        ),
    )
    found = against(blind, champion)
    assert found.lost > 0.2
    assert found.interval[0] > 0.0
    assert found.false_model == 0.0


def test_without_later_attacks_nothing_is_compared(flows: pl.DataFrame, champion: LoadedModel) -> None:
    """The reason is told."""
    quiet = by_time(marked_of(flows, RECIPE, None), RECIPE, protocol_of(attacks="none", time_splits=1))
    with pytest.raises(InputError, match="no attack is among the later flows"):
        against(quiet, champion)


def test_a_champion_that_cannot_tell_incidents_is_not_compared(runs: ByTime, champion: LoadedModel) -> None:
    """The reason is told."""
    with pytest.raises(InputError, match="cannot tell false incidents"):
        against(runs, replace(champion, incidents=None))
