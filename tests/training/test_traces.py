"""What labelled attacks, and flows left out as oddest, leave in a bundle: nothing that hides the next ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from detector.features.replay import features_of
from detector.features.windows import WindowState
from detector.records.flow import BENIGN, LABEL
from tests.bundles import ordinary_flows
from training.train import Recipe, Trained, train

USUAL, ODD = 1_500, 15
"""Flows of each: the odd ones are more than lie outside a usual range, and fewer than are left out."""

RECIPE = Recipe(kind="isolation-forest", params={"n_estimators": 20}, folds=0)
ATTACKER, VICTIM, PORT, SERVICE = "10.0.0.66", "203.0.113.9", 4_444, "irc"


def odd_flows(count: int) -> pl.DataFrame:
    """Far larger flows than usual ones, spread over their time, of a source, target and service of their own."""
    flows = ordinary_flows(USUAL, seed=1)[:: USUAL // count]
    return flows.with_columns(
        pl.lit(ATTACKER).alias("src_ip"),
        pl.lit(VICTIM).alias("dst_ip"),
        pl.lit(PORT, flows.schema["dst_port"]).alias("dst_port"),
        pl.lit(SERVICE).alias("service"),
        pl.lit(10**12, flows.schema["src_bytes"]).alias("src_bytes"),
        pl.col("ts") + 0.5,
    )


def usual_flows() -> pl.DataFrame:
    """Others, with none of that."""
    return ordinary_flows(USUAL)


def labelled() -> pl.DataFrame:
    """Both, with labels, in order of time."""
    benign, attacks = pl.lit(BENIGN).alias(LABEL), pl.lit("C&C").alias(LABEL)
    both = [usual_flows().with_columns(benign), odd_flows(ODD).with_columns(attacks)]
    return pl.concat(both).sort("ts", maintain_order=True)


@pytest.fixture(scope="module")
def innocent() -> Trained:
    """Trained where there was no attack."""
    return train(usual_flows(), RECIPE)


@pytest.fixture(scope="module")
def with_attacks() -> Trained:
    """Trained on attacks as well, that are labelled."""
    return train(labelled(), RECIPE)


@pytest.fixture(scope="module")
def with_oddest() -> Trained:
    """Trained where the same flows have no label, and are left out as oddest."""
    both = pl.concat([usual_flows(), odd_flows(ODD)]).sort("ts", maintain_order=True)
    return train(both, replace(RECIPE, params={**RECIPE.params, "drop": 2 * ODD / USUAL}))


def new_to(trained: Trained, flows: pl.DataFrame) -> dict[str, list[float]]:
    """What a daemon's windows, which begin with what was shipped, find new in these flows right after training."""
    assert trained.beginning is not None
    spec = trained.extractor.spec
    windows = WindowState(spec.windows)
    windows.begin(0, trained.beginning.partitions[0]["windows"])
    matrix = features_of(trained.extractor, flows.with_columns(ts=trained.beginning.ended_at + 1.0), windows)
    flags = ("source_first", "destination_first", "pair_first", "pair_port_first", "destination_port_first")
    return {name: matrix[:, spec.names.index(name)].tolist() for name in flags}


def range_of(trained: Trained, feature: str) -> tuple[float, float]:
    """The usual range of a feature."""
    place = trained.extractor.spec.names.index(feature)
    return float(trained.usual.low[place]), float(trained.usual.high[place])


@pytest.mark.parametrize("trained", ["with_attacks", "with_oddest"])
def test_the_windows_that_are_shipped_do_not_know_an_attack(trained: str, request: pytest.FixtureRequest) -> None:
    """To a daemon, the source, the target and the port of flows that were labelled or left out are new."""
    found = request.getfixturevalue(trained)
    assert all(flags == [1.0] for flags in new_to(found, odd_flows(ODD)[:1]).values())
    known = new_to(found, usual_flows()[-100:])
    assert np.mean(known["pair_first"]) < 0.1, "it knows what is usual"


def test_labelled_attacks_change_nothing_in_the_windows(innocent: Trained, with_attacks: Trained) -> None:
    """The windows that are shipped are those of a training without the attacks, to the byte."""
    assert innocent.beginning is not None
    assert with_attacks.beginning is not None
    windows = [each.beginning.partitions[0]["windows"] for each in (innocent, with_attacks) if each.beginning]
    assert windows[0] == windows[1]


def test_labelled_attacks_change_nothing_in_the_encoders(innocent: Trained, with_attacks: Trained) -> None:
    """How common values are is told by the others alone: an attack's service and port count as never seen."""
    ours, theirs = with_attacks.extractor.to_arrays(), innocent.extractor.to_arrays()
    assert ours.keys() == theirs.keys()
    for name, array in theirs.items():
        np.testing.assert_array_equal(ours[name], array, err_msg=name)
    assert with_attacks.extractor.encoders.ports.counts[PORT] == 0


def test_labelled_attacks_change_no_usual_range_of_single_flows(innocent: Trained, with_attacks: Trained) -> None:
    """What an attack's flows are like is not usual; windowed features were computed with it in the windows, though."""
    single = innocent.extractor.spec.single_flows
    for ours, theirs in ((with_attacks.usual.low, innocent.usual.low), (with_attacks.usual.high, innocent.usual.high)):
        np.testing.assert_array_equal(ours[:single], theirs[:single])


def test_what_is_left_out_as_oddest_is_not_usual(innocent: Trained, with_oddest: Trained) -> None:
    """The size of flows that were left out lies outside the usual range, which is that of the others."""
    low, high = range_of(with_oddest, "src_bytes_log")
    assert (low, high) == pytest.approx(range_of(innocent, "src_bytes_log"), abs=1.0)
    assert high < np.log1p(1e12) - 5.0


def test_values_of_what_is_left_out_stay_rare(with_oddest: Trained) -> None:
    """Encoders are learnt before it is known what is oddest: its values count, but as the few that they are."""
    services = with_oddest.extractor.encoders.categories["service"]
    odd = services.surprise[services.values.index(SERVICE)]
    assert odd == pytest.approx(-np.log10((ODD + 1) / (USUAL + ODD + 2)))
    assert all(odd > services.surprise[services.values.index(each)] for each in ("ssl", "dns", "smtp"))
