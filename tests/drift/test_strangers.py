"""Whether flows are of hosts that training saw."""

from __future__ import annotations

from functools import cache

import polars as pl
import pytest

from detector.bundle.files import read_bundle
from detector.bundle.loaded_model import LoadedModel
from detector.drift.strangers import LEAST_FLOWS, Strangers, strangers
from detector.scoring.kept_flows import told_strangers
from tests.bundles import bundle, loaded, ordinary_flows


@cache
def model(partitions: int = 1) -> LoadedModel:
    """One that was trained on a small network, with windows."""
    return read_bundle(bundle(windows=True, partitions=partitions))


def renamed(flows: pl.DataFrame, old: str, new: str) -> pl.DataFrame:
    """The same with sources of another network."""
    return flows.with_columns(pl.col("src_ip").str.replace(old, new, literal=True))


@pytest.mark.parametrize("partitions", [1, 4])
def test_the_networks_own_hosts_are_known(partitions: int) -> None:
    """Of a day of the same hosts none is strange, whichever partition training had it in."""
    found = strangers(model(partitions), ordinary_flows(500, seed=7))
    assert found == Strangers(500, 0, 58, 0)
    assert not found.elsewhere


def test_another_networks_hosts_are_strange() -> None:
    """Of a network with other addresses every host is strange, and what that means is said in one sentence more."""
    found = strangers(model(), renamed(ordinary_flows(500, seed=7), "10.0.0.", "10.9.0."))
    assert found == Strangers(500, 500, 58, 58)
    assert found.elsewhere
    assert "500 of 500 flows from inside (100.0%) are of 58 of 58 hosts that training never saw" in found.told("m 1")
    assert "model m 1 was trained on another device or network" in found.told("m 1")


def test_scoring_says_so_only_where_it_is_so() -> None:
    """What ``oddflow score`` adds names the model, and is nothing for the network's own flows."""
    flows = ordinary_flows(500, seed=7)
    assert told_strangers(model(), flows) == ""
    assert f"model flows {model().version} was trained on another" in told_strangers(
        model(), renamed(flows, "10.0.0.", "10.9.0.")
    )


def test_sources_outside_do_not_count() -> None:
    """Hosts on the Internet are new everywhere."""
    found = strangers(model(), renamed(ordinary_flows(500, seed=7), "10.0.0.", "198.51.100."))
    assert found == Strangers(0, 0, 0, 0)
    assert not found.elsewhere


def test_a_model_that_knows_no_sources_says_nothing() -> None:
    """Without windows there is nothing to know hosts by."""
    assert strangers(loaded(), ordinary_flows(500)) is None


@pytest.mark.parametrize(
    ("flows", "strange", "elsewhere"),
    [(1_000, 500, True), (1_000, 499, False), (LEAST_FLOWS, LEAST_FLOWS, True), (LEAST_FLOWS - 1, 99, False)],
)
def test_half_of_flows_enough_is_elsewhere(flows: int, strange: int, elsewhere: bool) -> None:
    """A new laptop among known hosts is no other network, and neither are few flows."""
    assert Strangers(flows, strange, 2, 1).elsewhere is elsewhere
