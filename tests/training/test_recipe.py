"""What a recipe means for what is trained."""

from __future__ import annotations

import pytest

from detector.errors import ConfigurationError
from tests.models.conformance import training_rows
from training.estimators import DROPPED, fit_estimator
from training.labels import TrainOn
from training.train import DROPPED_AMONG, Recipe


@pytest.mark.parametrize(
    ("train_on", "given", "dropped"),
    [("all", {}, DROPPED), ("normal", {}, 0.0), ("normal", {"drop": "0.05"}, 0.05), ("normal+0.01", {}, DROPPED_AMONG)],
)
def test_what_is_dropped_follows_from_what_is_trained_on(train_on: str, given: dict[str, str], dropped: float) -> None:
    """Nothing is dropped from rows known as benign, unless it is said; an ensemble is fitted by the same share."""
    recipe = Recipe(train_on=TrainOn.parse(train_on), params=given)
    assert (recipe.drop, float(recipe.fitting["drop"])) == (dropped, dropped)
    assert "drop" not in Recipe(kind="kmeans", train_on=TrainOn.parse(train_on)).fitting


def test_a_share_that_is_none_is_refused_in_words() -> None:
    """A drop that is no number is an error of the settings that names it."""
    params = Recipe(params={"drop": "most"}).fitting
    with pytest.raises(ConfigurationError, match="most"):
        fit_estimator("ensemble", training_rows(100), seed=1, params=params)
