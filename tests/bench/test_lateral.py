"""Measuring lateral movement: what is found is told by attack, against the tenth benign key."""

from __future__ import annotations

import numpy as np
import polars as pl

from bench.lateral import found, summed_up
from training.simulator.frames import ATTACK_ID


def day() -> pl.DataFrame:
    """Twenty benign keys of a flow each, and two attacks of three flows."""
    attack = [None] * 20 + ["moves-1"] * 3 + ["moves-2"] * 3
    return pl.DataFrame(
        {
            "ts": [*np.arange(20.0), 100.0, 130.0, 190.0, 200.0, 210.0, 300.0],
            "src_ip": ["10.0.0.1"] * 26,
            "dst_ip": [f"10.0.1.{number}" for number in range(26)],
            "dst_port": [22] * 26,
            ATTACK_ID: attack,
        }
    )


def test_an_attack_is_found_by_its_first_flow_odder_than_the_tenth_benign_key() -> None:
    """Seconds are from an attack's first flow; what is no odder than the tenth benign key is not found."""
    rates = np.concatenate([np.arange(1.0, 21.0), [50.0, 10.5, 0.1], [50.0, 11.0, 12.0]])
    told = found(day(), rates)
    assert told == {"seconds": {"moves": [30.0, None]}, "benign_raised_at_10_a_day": 10}
    assert summed_up({"a": told, "b": told | {"seconds": {"moves": [90.0]}}}) == {
        "moves": {"attacks": 3, "found": 0.667, "soon": 0.333, "median_s": 60.0}
    }
