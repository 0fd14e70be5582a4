"""How training data is spoilt, and what was raised is counted, where budgets are measured."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from bench.budget import GAP_S, WRAP_S, YEAR_2099, summed_up, targets_a_day, with_2099, with_gap, with_wraps
from tests.bundles import ordinary_flows
from training.detection_at_budget import BUDGETS

FLOWS = ordinary_flows(4_000)


def random() -> np.random.Generator:
    """Always the same."""
    return np.random.default_rng(1)


def moved(spoilt: pl.DataFrame) -> pl.DataFrame:
    """The flows whose times are no longer what they were, with how many seconds they are ahead of them."""
    both = spoilt.join(FLOWS.select("uid", was="ts"), on="uid")
    return both.with_columns(ahead=pl.col("ts") - pl.col("was")).filter(pl.col("ahead") != 0)


@pytest.mark.parametrize("spoil", [with_gap, with_2099, with_wraps])
def test_spoilt_flows_are_the_same_flows_in_order_of_time(spoil: object) -> None:
    """But for times nothing is changed, none is lost, and the first comes first."""
    assert callable(spoil)
    spoilt = spoil(FLOWS, random())
    assert spoilt["ts"].is_sorted()
    assert spoilt.drop("ts").sort("uid").equals(FLOWS.drop("ts").sort("uid"))


def test_a_gap_lies_in_the_middle() -> None:
    """The first half is two days earlier, so that nothing is seen for so long."""
    early = moved(with_gap(FLOWS, random()))
    assert early["uid"].to_list() == FLOWS["uid"][:2_000].to_list()
    assert early["ahead"].to_list() == pytest.approx([-GAP_S] * 2_000)
    assert GAP_S == 2 * 24 * 3600


def test_one_flow_is_of_2099() -> None:
    """One alone, and it comes last."""
    spoilt = with_2099(FLOWS, random())
    assert len(moved(spoilt)) == 1
    assert spoilt["ts"][-1] == YEAR_2099


def test_one_flow_in_a_thousand_is_weeks_ahead() -> None:
    """As a counter of milliseconds in 32 bits has it; where there are fewer than a thousand flows, it is one."""
    ahead = moved(with_wraps(FLOWS, random()))
    assert ahead["ahead"].to_list() == pytest.approx([WRAP_S] * 4)
    assert round(WRAP_S / (24 * 3600), 2) == 49.71
    assert len(moved(with_wraps(FLOWS[:500], random()))) == 1


def test_targets_are_counted_once_and_by_the_day() -> None:
    """Of half a day, two targets within a budget are four a day, however many flows each has."""
    flows = FLOWS[:1_440].with_columns(
        pl.int_range(1_440).mul(30.0).alias("ts"),
        pl.lit(0.0).alias("duration_s"),
        pl.lit("10.0.0.1").alias("src_ip"),
        pl.format("192.0.2.{}", pl.int_range(1_440) % 3).alias("dst_ip"),
        pl.lit(443, FLOWS.schema["dst_port"]).alias("dst_port"),
    )
    rates = np.tile([1.0, 5.0, 100.0], 480)
    assert BUDGETS == (3, 10, 30)
    assert targets_a_day(flows, rates) == pytest.approx([2.0, 4.0, 4.0], rel=0.01)


def test_runs_are_summed_up_by_set_and_budget() -> None:
    """Median, minimum and maximum, budgets apart."""
    runs = [[1.0, 10.0, 100.0], [3.0, 30.0, 300.0], [8.0, 20.0, 200.0]]
    assert summed_up({"simulated": runs, "008": runs[:1]}) == {
        "simulated": {"3": [3.0, 1.0, 8.0], "10": [20.0, 10.0, 30.0], "30": [200.0, 100.0, 300.0]},
        "008": {"3": [1.0, 1.0, 1.0], "10": [10.0, 10.0, 10.0], "30": [100.0, 100.0, 100.0]},
    }
