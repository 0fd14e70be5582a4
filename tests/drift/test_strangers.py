"""Whether flows are of hosts that training saw."""

from __future__ import annotations

from functools import cache

import polars as pl
import pytest

from detector.bundle.files import read_bundle
from detector.bundle.loaded_model import LoadedModel
from detector.drift.events import StrangersSeen
from detector.drift.strangers import LEAST_FLOWS, KnownHosts, Strangers, StrangerWatch, strangers
from detector.drift.turning import Block
from detector.scoring.kept_flows import told_strangers
from tests.bundles import bundle, loaded, ordinary_flows
from tests.telemetry.test_events import Told


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


def watch(block_flows: int = 200, every: int = 4) -> StrangerWatch:
    """One for the model, with small blocks."""
    return StrangerWatch(KnownHosts.of(model()), block_flows=block_flows, every=every)


def theirs(count: int) -> pl.Series:
    """Sources of the model's own network."""
    return ordinary_flows(count, seed=7)["src_ip"]


def others(count: int) -> pl.Series:
    """Sources of another network."""
    return renamed(ordinary_flows(count, seed=7), "10.0.0.", "10.9.0.")["src_ip"]


def internet(count: int) -> pl.Series:
    """Sources outside."""
    return renamed(ordinary_flows(count, seed=7), "10.0.0.", "198.51.100.")["src_ip"]


def test_the_first_block_is_of_all_flows_and_further_ones_of_a_few() -> None:
    """Another network is told after so many flows from inside; from then on one flow in some is looked at."""
    seen = watch()
    assert seen.look(others(199)) is None
    first = seen.look(others(1))
    assert first is not None
    assert (first.counts.flows, first.counts.strange, first.turned) == (200, 200, True)
    assert seen.look(others(796)) is None
    second = seen.look(others(1))
    assert second is not None
    assert (second.counts.flows, second.turned) == (200, None)


@pytest.mark.parametrize("size", [1, 7, 200, 3_000])
def test_what_is_told_does_not_depend_on_batches(size: int) -> None:
    """Blocks end with a batch, so that sizes may differ; that the network became another is told once all the same."""
    sources, seen = pl.concat([theirs(1_500), others(1_500)]), watch()
    blocks = [seen.look(sources[first : first + size]) for first in range(0, len(sources), size)]
    turned = [block.turned for block in blocks if block is not None and block.turned is not None]
    assert turned == [True]


def test_sources_outside_are_waited_out() -> None:
    """However many flows come from the Internet, a block is full once so many came from inside."""
    seen = watch(every=1)
    assert [seen.look(internet(500)) for _ in range(3)] == [None] * 3
    assert seen.look(theirs(150)) is None
    block = seen.look(pl.concat([theirs(50), internet(150)]))
    assert block is not None
    assert (block.counts.flows, block.counts.strange) == (200, 0)


def test_a_model_without_windows_is_not_watched() -> None:
    """Where there is nothing to know hosts by, no block ever comes."""
    assert StrangerWatch.of(loaded()).look(theirs(5_000)) is None


def test_another_network_is_told_once_with_what_to_do() -> None:
    """An error as it turns, and a line once the hosts are the model's again; between the two limits nothing is said."""
    told, version = Told(), model().version
    for strange, turned in ((900, True), (950, None), (300, None), (100, False), (400, None)):
        told.tell(StrangersSeen(Block(Strangers(1_000, strange, 50, 40), turned), "flows", version))
        assert told.sample("strangers_ratio", model_version=version) == strange / 1_000
    events = [(line["level"], line["event"], line["strange"]) for line in told.lines]
    assert events == [("error", "model.hosts_unknown", 900), ("info", "model.hosts_known", 100)]
    advice = "Train one on its own traffic (oddflow train), and until then name this version in model.of_elsewhere"
    assert advice in told.lines[0]["detail"]


def test_hosts_are_the_models_again_only_well_below_the_limit() -> None:
    """A share that swings about a half does not turn with each block."""
    seen = watch(every=1)
    mixes = [(200, 0), (80, 120), (60, 140), (40, 160), (80, 120)]
    blocks = [seen.look(pl.concat([others(strange), theirs(known)])) for strange, known in mixes]
    assert [block.turned for block in blocks if block is not None] == [True, None, None, False, None]
