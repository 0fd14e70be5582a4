"""The bench of slow beacons: what counts as found, and that the rivals' formulas know a beacon."""

from __future__ import annotations

from functools import cache

import numpy as np
import polars as pl
import pytest

from bench.beacon_rivals import RIVALS
from bench.beacons import BEACON, BEACONS, Days, calls, found, rivals_of
from bench.quality import Named
from detector.records.flow import SCHEMA

DAY_S = 86_400.0


@cache
def day() -> Days:
    """Two beacons among thirty places that twelve hosts visit by chance."""
    rng = np.random.default_rng(1)
    visits = 3_000
    benign = pl.DataFrame(
        {
            "ts": rng.random(visits) * DAY_S,
            "src_ip": [f"10.0.10.{n}" for n in rng.integers(1, 13, visits)],
            "dst_ip": [f"198.51.100.{n}" for n in rng.integers(1, 31, visits)],
            "dst_port": 443,
            "src_bytes": rng.lognormal(7, 1.2, visits).astype(np.int64),
        }
    ).with_columns(pl.lit(-1, pl.Int64).alias(BEACON))
    two = [calls(rng, 0.0, BEACONS[number], f"10.0.10.{number + 1}", number) for number in (2, 4)]
    flows = pl.concat([benign, *two], how="diagonal_relaxed").sort("ts")
    absent = [pl.lit(None, dtype).alias(name) for name, dtype in SCHEMA.items() if name not in flows.columns]
    tried = flows.with_columns(absent)
    return Days(tried[:0], tried.drop(BEACON), tried[BEACON].to_numpy())


@pytest.mark.parametrize("name", RIVALS)
def test_rivals_know_a_beacon(name: str) -> None:
    """Each rival finds a beacon of five minutes among visits by chance."""
    told = found(day(), RIVALS[name](day().tried))
    assert told["each"][2]["found"]


def test_found_is_above_the_tenth_benign_key() -> None:
    """A beacon is found where a call of it is odder than the tenth benign key, from that call on; a tie is none."""
    days = day()
    odd = np.where(days.beacon == 2, 1.0, 0.0)
    keys = days.tried.filter(pl.Series(days.beacon < 0)).unique(["src_ip", "dst_ip"], maintain_order=True)
    for key in keys.head(10).iter_rows(named=True):
        there = (days.tried["src_ip"] == key["src_ip"]) & (days.tried["dst_ip"] == key["dst_ip"])
        odd[there.to_numpy() & (days.beacon < 0)] = 1.0
    assert found(days, odd)["found"] == 0
    calls_of_it = np.flatnonzero(days.beacon == 2)
    odd[calls_of_it[6:]] = 1.5
    told = found(days, odd)
    assert (told["found"], told["each"][2]["calls"]) == (1, 7)


def test_rivals_that_are_asked_for_leave_out_what_was_there_before() -> None:
    """Of a day's pairs ``-new`` scores those that the days before had not, as the rival does; others are not asked."""
    tried = day().tried
    known = (tried["src_ip"] == "10.0.10.3").to_numpy()
    told = dict(rivals_of(tried.filter(pl.Series(known)), tried, Named(("rita",))))
    assert [*told] == ["rita", "rita-new"]
    assert np.isneginf(told["rita-new"][known]).all()
    assert np.array_equal(told["rita-new"][~known], told["rita"][~known])
    assert np.isfinite(told["rita"][known]).any()
