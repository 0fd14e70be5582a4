"""Whether a model knows the network, by how much it raises."""

from __future__ import annotations

import pytest

from detector.drift.events import FlowsRaised
from detector.drift.familiarity import BLOCK_FLOWS, LEAST_FLOWS, Familiarity, Raised
from detector.drift.turning import Block
from tests.telemetry.test_events import Told


@pytest.mark.parametrize(
    ("raised", "flows", "unknown"),
    [
        (996, 1000, True),
        (800, 1000, True),
        (799, 1000, False),
        (LEAST_FLOWS - 1, LEAST_FLOWS - 1, False),
        (0, 0, False),
    ],
)
def test_nearly_all_raised_is_another_network(raised: int, flows: int, unknown: bool) -> None:
    """A network is unknown where eight in ten flows are raised, of flows enough to say so."""
    assert Raised(raised, flows).unknown is unknown


def test_harmless_flows_tell_more() -> None:
    """Where flows are known to be harmless, half of them raised is enough: it cannot be an attack."""
    assert [Raised(500, 1000, harmless).unknown for harmless in (True, False)] == [True, False]
    assert "unless an attack floods it" not in Raised(500, 1000, harmless=True).told("flows v1")


def test_blocks_are_of_flows_and_not_of_batches() -> None:
    """Batches of any size add up to blocks, and none is told before one is full."""
    seen = [Familiarity().look(BLOCK_FLOWS - 1, 5), Familiarity().look(3 * BLOCK_FLOWS, 3)]
    assert seen == [None, Block(Raised(3, 3 * BLOCK_FLOWS), None)]
    watch = Familiarity()
    blocks = [block for _ in range(2 * BLOCK_FLOWS) if (block := watch.look(1, 0))]
    assert blocks == [Block(Raised(0, BLOCK_FLOWS), None)] * 2


def test_it_is_told_once() -> None:
    """A network that stays unknown is told once; that it is known again, once most flows are not raised."""
    told, watch = Told(), Familiarity()
    for raised in (1000, 960, 950, 700, 960, 100, 2, 1000):
        block = watch.look(1000, raised)
        assert block is not None
        told.tell(FlowsRaised(block, "flows", "v1"))
        assert told.sample("raised_ratio", model_version="v1") == raised / 1000
    events = [(line["level"], line["event"], line["raised"]) for line in told.lines]
    assert events == [
        ("error", "model.network_unknown", 1000),
        ("info", "model.network_known", 100),
        ("error", "model.network_unknown", 1000),
    ]
    assert (
        "1,000 of 1,000 flows (100.0%) are raised: model flows v1 does not know this network" in told.lines[0]["detail"]
    )


def test_another_model_takes_the_gauge_s_place() -> None:
    """Nothing is shown before a block is full, and only the model in charge after that."""
    told = Told()
    assert told.sample("raised_ratio", model_version="v1") is None
    for version in ("v1", "v2"):
        told.tell(FlowsRaised(Block(Raised(1, 1000), None), "flows", version))
    assert [told.sample("raised_ratio", model_version=version) for version in ("v1", "v2")] == [None, 0.001]
