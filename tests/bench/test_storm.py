"""The storm that the daemon is measured in: a flood by the clock, on top of usual traffic."""

from __future__ import annotations

import json

import numpy as np
import pytest

from bench.storm import QUIET_S, STORMS, simulated


@pytest.mark.parametrize("storm", STORMS)
def test_a_flood_comes_by_the_clock(storm: str) -> None:
    """After some quiet seconds as many flows a second as asked for, in the order of their times, and usual ones too."""
    records = simulated(storm, 300.0, 2.0)
    flows = [json.loads(value) for value in records.values]
    flooded = [flow for flow in flows if flow["conn_state"] == "S0" and flow["id.resp_p"] == 443]
    assert np.all(np.diff(records.due) >= 0)
    in_flood = np.count_nonzero((records.due >= QUIET_S) & (records.due < QUIET_S + 1.0))
    assert 300 <= in_flood < 400
    sources = {flow["id.orig_h"] for flow in flooded}
    expected = {"bots": (60, 140), "spoofed": (400, 640), "strangers": (0, 60)}[storm]
    assert expected[0] <= len(sources) <= expected[1]
