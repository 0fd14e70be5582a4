"""The bench of quiet attacks: what is put where, and what counts as found."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from bench.quiet import Days, found
from bench.quiet_rows import made, transplanted
from bench.quiet_told import Listed, Raised, Told, figures
from detector.records.flow import SCHEMA

DAY_S = 86_400.0


def test_a_transplant_keeps_its_pace_and_has_new_addresses() -> None:
    """All comes from one inside host, within the time, to addresses on the Internet, at its own pace."""
    rng = np.random.default_rng(1)
    flows = made(rng, 40, 3600.0, 5_000.0, 900.0, 443, 2.0).with_columns(
        pl.Series("dst_ip", [f"192.168.7.{each % 3}" for each in range(40)])
    )
    put = transplanted(flows, "10.0.10.7", 1e9, 1e9 + DAY_S, rng)
    assert put.columns == list(SCHEMA)
    assert np.allclose(np.diff(put["ts"].to_numpy()), np.diff(flows["ts"].to_numpy()), atol=1e-4)
    assert put["ts"].is_between(1e9, 1e9 + DAY_S, closed="left").all()
    assert set(put["src_ip"]) == {"10.0.10.7"}
    assert put["dst_ip"].n_unique() == 3
    assert not any(address.startswith(("10.", "192.168.", "172.")) for address in put["dst_ip"])


@pytest.mark.parametrize("count", [1, 19])
def test_what_is_made_sends_what_is_asked_for(count: int) -> None:
    """Of so many flows the bytes add up to what they are to send, within one each."""
    flows = made(np.random.default_rng(2), count, 600.0, 32e6 / count, 5_000.0, 443, 6.0)
    assert flows["src_bytes"].sum() == pytest.approx(32e6, abs=count)
    assert flows.schema == pl.Schema(SCHEMA)


def test_found_is_what_is_above_the_tenth_benign_key() -> None:
    """Flows of an attack count where fewer than ten benign keys are as odd; a key counts once."""
    hosts = [f"10.0.0.{each}" for each in range(20) for _ in range(2)] + ["10.0.1.1"] * 2
    tried = pl.DataFrame(
        {"src_ip": hosts, "dst_ip": ["198.51.100.1"] * 42, "dst_port": [443] * 42},
        schema_overrides={"dst_port": pl.Int32},
    )
    rates = np.concatenate([np.repeat(np.arange(1.0, 21.0), 2), [9.5, 11.5]])
    told = found(Days(tried[:0], tried, np.array([""] * 40 + ["rat"] * 2)), rates)
    assert told == {"rat": 0.5, "benign_raised_at_10_a_day": 10}


def test_what_a_person_is_told_is_counted_by_incidents() -> None:
    """Flows count where fewer benign incidents are as rare; told is where the chief one is in a list by risk."""
    incidents = {
        "a": Listed("beacon", 60, "high"),
        "b": Listed("other", 10, "low"),
        "c": Listed("other", 60, "high"),
        "d": Listed("other", 5, "low"),
    }
    alerts = [Raised(1.0, "a", "rat"), Raised(5.0, "a", "rat"), Raised(2.0, "b", ""), Raised(2.5, "b", "")]
    alerts += [Raised(4.0, "c", ""), Raised(9.0, "d", "torii"), Raised(8.0, "d", "")]
    attacks = np.array(["rat"] * 4 + ["torii"] * 2 + ["beacon"] + [""] * 9)
    assert figures(Told(incidents, alerts), attacks, 1) == {
        "beacon": {"raised": 0.0, "found_at_1": 0.0},
        "rat": {
            "raised": 0.5,
            "found_at_1": 0.25,
            "incidents": 1,
            "kind": "beacon",
            "risk": 60,
            "severity": "high",
            "benign_above": 1,
        },
        "torii": {
            "raised": 0.5,
            "found_at_1": 0.0,
            "incidents": 1,
            "kind": "other",
            "risk": 5,
            "severity": "low",
            "benign_above": 2,
        },
        "benign": {"incidents": 2, "high": 1, "low": 1},
    }
