"""What recipes are chosen by, what may be chosen, and what both recipes are held against each other by."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from detector.errors import ConfigurationError
from detector.features.extractor import build_spec
from detector.features.windows import default_windows
from training.ensembles import SETTINGS
from training.evaluation.protocol import protocol_of
from training.evaluation.time_splits import Judged
from training.search.beside import FALSE, Pair
from training.search.material import OBJECTIVE, average_precision_at, weights_of
from training.search.space import PARTS, WITH, space_for
from training.train import Recipe

WINDOWED = build_spec(windows=default_windows())


def test_the_objective_is_told_at_the_prevalence() -> None:
    """One attack above all and one above half of ten thousand benign rows: 1/2 · 1 + 1/2 · 0.01/(0.01 + 0.99/2)."""
    scores = np.concatenate([[2.0, 0.5], np.linspace(0.0, 1.0, 10_000)])
    attack = np.arange(len(scores)) < 2
    value = average_precision_at(scores, attack, np.ones(len(scores)), 0.01)
    assert value == pytest.approx(0.5 + 0.5 * 0.01 / (0.01 + 0.99 * 0.5), abs=1e-4)


def test_constant_scores_are_worth_the_prevalence() -> None:
    """Rows that score alike are raised together: a model that tells nothing gets the prevalence, however they lie."""
    attack = np.arange(100) < 10
    assert average_precision_at(np.zeros(100), attack, np.ones(100), 0.01) == pytest.approx(0.01)


def test_each_attack_counts_the_same() -> None:
    """A flood of a thousand flows that is missed costs as much as an attack of two flows."""
    instances = np.array([0] * 1000 + [1] * 2 + [-1] * 500)
    attack = instances >= 0
    weights = weights_of(attack, instances)
    assert weights[instances == 0].sum() == pytest.approx(weights[instances == 1].sum())
    flood, small = np.where(instances == 0, 1.0, 0.0), np.where(instances == 1, 1.0, 0.0)
    told = [average_precision_at(scores, attack, weights, 0.01) for scores in (flood, small)]
    assert told[0] == pytest.approx(told[1])


def test_what_a_person_fixed_is_not_searched() -> None:
    """A parameter given by its full or its bare name is no choice; weights are of the members, less the first."""
    base = Recipe(params={"n_estimators": 10, "clusters_n_clusters": 8, "members": "forest,hbos,clusters,single"})
    names = [each.name for each in space_for(base, WINDOWED).ranges]
    assert not {"forest_n_estimators", "clusters_n_clusters"} & {*names}
    assert [name for name in names if name.endswith("_weight")] == ["clusters_weight", "hbos_weight", "single_weight"]
    assert {"forest_max_samples", "hbos_n_bins", "single_n_clusters", "drop", "sharpness"} <= {*names}
    few = space_for(Recipe(kind="isolation-forest"), WINDOWED, ("weights", "parameters"), rows=100)
    assert not few.features
    assert next(each for each in few.ranges if each.name == "max_samples").high == 100


def test_the_usual_choice_is_the_recipe_and_another_says_how_it_differs() -> None:
    """Usual values leave the recipe as it is; others are parameters and features that `train` takes."""
    base = Recipe(params={"drop": 0.02}, leave_out=("dst_multicast",))
    space = space_for(base, WINDOWED)
    assert space.recipe(base, space.usual) == base
    other = space.recipe(base, {**space.usual, "single_weight": 1.23456, f"{WITH}pair_*": False})
    assert other.params == {"drop": 0.02, "single_weight": 1.235}
    assert other.leave_out == ("dst_multicast", "pair_*")
    assert f"{WITH}volumes" not in space.usual
    assert space.usual["single_weight"] == SETTINGS["single_weight"]


def test_flows_without_windows_have_fewer_choices() -> None:
    """Neither windows nor the clusters of single flows are chosen where there are none."""
    space = space_for(Recipe(), build_spec(["volumes", "outcome"]))
    assert space.features == ("outcome",)
    assert not any(name.startswith("single") for name in space.usual)


def test_nothing_to_choose_is_an_error() -> None:
    """A kind without parameters, of which weights alone are to be chosen, has none."""
    with pytest.raises(ConfigurationError, match="nothing is left to choose among weights"):
        space_for(Recipe(kind="ecod"), WINDOWED, ("weights",))
    assert set(PARTS) == {"parameters", "features", "weights"}


def judged(scores: NDArray[np.float64], attacks: int, hours: int = 12) -> Judged:
    """Twelve hours of benign flows, and attacks of three flows each; low scores are rare rates."""
    benign = len(scores) - 3 * attacks
    attack = np.arange(len(scores)) >= benign
    ts = np.concatenate([np.linspace(0, 3600.0 * hours - 1, benign), np.linspace(0, 3600.0 * hours - 1, 3 * attacks)])
    instances = np.where(attack, (np.arange(len(scores)) - benign) // 3, -1)
    return Judged(
        scores=scores,
        rates=np.where(scores > 0.9, 1.0, 1e6),
        attack=attack,
        benign=~attack,
        instances=instances,
        kinds=pl.Series(np.where(attack, "scan", "")),
        ts=ts,
        blocks=np.floor(ts / 3600.0).astype(np.int64),
        incidents=np.arange(len(scores), dtype=np.uint64),
        values=pl.DataFrame(),
    )


def recipes(attacks: int = 8) -> dict[str, Judged]:
    """A run that ranks most attacks first, one that ranks none so, and one that is like the first."""
    rng = np.random.default_rng(1)
    benign = rng.uniform(0.0, 0.9, 2000)
    good = np.concatenate([benign, np.where(np.arange(3 * attacks) < 3 * attacks - 3, 0.95, 0.5)])
    bad = np.concatenate([benign, rng.uniform(0.0, 0.9, 3 * attacks)])
    return {"good": judged(good, attacks), "bad": judged(bad, attacks), "alike": judged(good * 0.999999, attacks)}


@pytest.mark.parametrize(
    ("usual", "chosen", "words"),
    [("bad", "good", "is better than"), ("good", "bad", "worse"), ("good", "alike", "is no better than")],
)
def test_the_verdict_says_what_the_untouched_stretch_says(usual: str, chosen: str, words: str) -> None:
    """Better, worse and alike are told as what they are."""
    found = recipes()
    protocol = protocol_of(resamples=100)
    pair = Pair(found[usual], found[chosen], 0.5)
    assert words in pair.verdict(pair.beside(protocol))


def test_gains_are_paired_and_hold_what_they_should() -> None:
    """The same against itself gains nothing, for sure; the better one finds seven of eight attacks more."""
    found, protocol = recipes(), protocol_of(resamples=100)
    for each in Pair(found["good"], found["good"], 0.5).beside(protocol):
        assert (each.gain, each.interval) == (0.0, (0.0, 0.0))
    told = {each.name: each for each in Pair(found["bad"], found["good"], 0.5).beside(protocol)}
    assert told["attacks_found"].gain == pytest.approx(7 / 8)
    assert told[OBJECTIVE].interval[0] > 0.5
    assert told[FALSE].gain == 0.0


def test_few_attacks_tell_nothing() -> None:
    """With two attacks no interval is believed, however far apart the recipes are."""
    found = recipes(2)
    pair = Pair(found["bad"], found["good"], 0.5)
    words = pair.verdict(pair.beside(protocol_of(resamples=50)))
    assert "cannot be told" in words
    assert "2 attacks" in words


def test_without_attacks_false_incidents_alone_are_told() -> None:
    """There is no objective then, and the verdict says so."""
    calm = judged(np.linspace(0.0, 1.0, 500), 0)
    pair = Pair(calm, calm, 0.5)
    beside = pair.beside(protocol_of(resamples=20))
    assert [each.name for each in beside] == [FALSE]
    assert "no attack is in the untouched stretch" in pair.verdict(beside)
