"""What a recipe means for what is trained."""

from __future__ import annotations

import pytest

from detector.errors import ConfigurationError
from detector.features.extractor import build_spec
from detector.features.windows import default_windows
from detector.settings.life_cycle import Training
from tests.models.conformance import training_rows
from training.estimators import DROPPED, fit_estimator
from training.feature_choice import check_choice, without
from training.labels import TrainOn
from training.parameters import parameters_for
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


def test_features_are_left_out_by_family_name_and_pattern() -> None:
    """What is left out is gone, of the windows too, and the rest keeps its order; nothing left out changes nothing."""
    windows = default_windows(half_lives_s=(10.0, 60.0, 600.0, 3600.0))
    whole = build_spec(windows=windows, inside=["198.51.100.0/24"], partitions=3)
    assert without(whole, ()) == whole
    few = without(whole, ("outcome", "pair_*", "*_10s", "dst_port_class"))
    gone = {
        feature.name
        for feature in whole.features
        if feature.family == "outcome" or feature.name.startswith("pair_") or feature.name.endswith("_10s")
    }
    assert few.names == tuple(name for name in whole.names if name not in gone | {"dst_port_class"})
    assert (few.partitions, few.inside, few.single_flows) == (
        3,
        whole.inside,
        len(few.names) - len(few.windows["columns"]),
    )
    assert not {*few.windows["columns"]} & gone
    assert without(whole, ("windows",)).windows == {}


def test_windows_have_the_half_lives_of_the_settings() -> None:
    """In ascending order; a pattern of usual ones is no error, though windows have others."""
    assert Recipe().windows == default_windows(half_lives_s=Training().half_lives_s)
    assert Training(half_lives_s=(600.0, 10.0, 60.0)).half_lives_s == (10.0, 60.0, 600.0)
    check_choice(["*_10s", "*_1m", "*_10m", "*_1h"])
    with pytest.raises(ConfigurationError, match=r"leaving out \*_2h"):
        check_choice(["*_2h"])
    check_choice(["*_2h"], (7200.0,))


def test_features_that_there_are_not_and_all_of_them_cannot_be_left_out() -> None:
    """A pattern of nothing, or of everything, is refused by its name."""
    with pytest.raises(ConfigurationError, match=r"leaving out pear_\*: no feature"):
        check_choice(["pear_*"])
    with pytest.raises(ConfigurationError, match="no feature is left"):
        without(build_spec(windows=default_windows()), ("*",))


def test_what_a_command_is_given_wins_over_the_settings() -> None:
    """Parameters of the settings are kept beside those given, but are not those of another kind."""
    settings = Training(kind="isolation-forest", parameters={"n_estimators": 7, "max_samples": 64})
    assert parameters_for(settings, None, {"n_estimators": 9}) == (
        "isolation-forest",
        {"n_estimators": 9, "max_samples": 64},
    )
    assert parameters_for(settings, "kmeans", {"n_clusters": 3}) == ("kmeans", {"n_clusters": 3})
    with pytest.raises(ConfigurationError, match="n_trees"):
        parameters_for(Training(parameters={"n_trees": 7}), None, {})
