"""Labels of regular pairs in ``oddflow retrain --once``: a harmless one is quiet by the next model, a beacon is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from detector.bundle.files import read_bundle
from detector.feedback.label import write_label
from detector.records.flow import SCHEMA
from detector.registry.registry import Registry
from detector.scoring.flow_state import FlowState
from detector.scoring.kept_flows import begin_state
from detector.scoring.scorer import Scorer
from tests.commands import run
from tests.feedback.labels import label
from tests.training.retrain.conftest import given
from tests.training.small_days import DAY_S
from training.simulator.scenario import DEFAULT_START
from training.simulator.stream import encode

FOREST = ("--kind", "isolation-forest", "--param", "n_estimators=20", "--folds", "0")

BUDGET = 30.0

UPDATER, BEACON = ("10.0.10.11", "203.0.113.7"), ("10.0.10.12", "198.51.100.9")
"""Source and destination of two that nothing but what people say of them tells apart."""


def visits(day: int) -> pl.DataFrame:
    """A day of fifteen hosts that visit thirty places by chance."""
    rng, count = np.random.default_rng(day), 4_000
    columns: dict[str, Any] = {
        "uid": [f"Cday{day}x{n}" for n in range(count)],
        "ts": DEFAULT_START + (day + rng.random(count)) * DAY_S,
        "src_ip": [f"10.0.10.{n}" for n in rng.integers(11, 26, count)],
        "dst_ip": [f"192.0.2.{n}" for n in rng.integers(1, 31, count)],
        "dst_port": rng.choice([80, 443], count),
        "duration_s": rng.lognormal(0, 1, count),
        "src_bytes": rng.lognormal(7, 1.2, count).astype(int),
        "dst_bytes": rng.lognormal(8, 1.5, count).astype(int),
    }
    return flows(rng, columns)


def calls(pair: tuple[str, str], day: int) -> pl.DataFrame:
    """One calls the other every ten minutes or so, four hours of a morning."""
    rng, count = np.random.default_rng([day, int(pair[0][-1])]), 24
    columns: dict[str, Any] = {
        "uid": [f"C{pair[0][-1]}day{day}x{n}" for n in range(count)],
        "ts": DEFAULT_START + day * DAY_S + 8 * 3600.0 + np.cumsum(600.0 * rng.uniform(0.8, 1.2, count)),
        "src_ip": [pair[0]] * count,
        "dst_ip": [pair[1]] * count,
        "dst_port": [443] * count,
        "duration_s": rng.uniform(0.3, 0.5, count),
        "src_bytes": rng.integers(1000, 1100, count),
        "dst_bytes": rng.integers(2900, 3100, count),
    }
    return flows(rng, columns)


def flows(rng: np.random.Generator, columns: dict[str, Any]) -> pl.DataFrame:
    """The same with what all flows have in common."""
    ports = rng.integers(50_000, 60_000, len(columns["ts"]))
    alike = {
        "proto": "tcp",
        "service": "ssl",
        "state": "SF",
        "src_packets": 9,
        "dst_packets": 8,
        "direction": "outbound",
    }
    frame = pl.DataFrame(columns | {"src_port": ports}).with_columns(
        pl.lit(each).alias(name) for name, each in alike.items()
    )
    return frame.select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items())


def judged(verdict: str, pair: tuple[str, str]) -> bytes:
    """A person's word on all calls of the two."""
    flows = {"src_ip": pair[0], "dst_ip": pair[1], "since": "2020-01-01T00:00:00Z", "until": "2035-01-01T00:00:00Z"}
    return write_label(label(verdict, id=f"{verdict} {pair[0]}", of={"flows": flows}))


def raised(registry: Registry, frame: pl.DataFrame) -> set[tuple[str, str]]:
    """Which of the two the newest model raises, where its daemon goes on with these flows."""
    model = read_bundle(registry.fetch("flows", registry.versions("flows")[-1]))
    state, partitions = FlowState.fresh(model), np.zeros(len(frame), np.int32)
    begin_state(model, partitions, state)
    rates = Scorer(model, state).score(frame, partitions).rates
    assert rates is not None
    pairs = set(frame.filter(pl.Series(rates <= BUDGET)).select("src_ip", "dst_ip").rows())
    return pairs & {UPDATER, BEACON}


@pytest.mark.slow
def test_a_regular_pair_called_false_is_quiet_by_the_next_model(
    places: tuple[str, ...], tmp_path: Path, registry: Registry
) -> None:
    """Both are raised at first; the one judged false no longer is, and the one judged true still is."""
    log, said = tmp_path / "conn.log", tmp_path / "judged.jsonl"
    said.write_bytes(judged("false", UPDATER) + b"\n" + judged("true", BEACON) + b"\n")
    both = {day: pl.concat([calls(UPDATER, day), calls(BEACON, day)]) for day in (2, 3)}
    days = pl.concat([*map(visits, range(4)), *both.values()]).sort("ts", maintain_order=True)

    def day(first: int, end: int) -> pl.DataFrame:
        return days.filter(pl.col("ts").is_between(DEFAULT_START + first * DAY_S, DEFAULT_START + end * DAY_S, "left"))

    def retrained(end: int, *flags: str) -> None:
        log.write_bytes(b"\n".join(encode(day(0, end), "zeek-json")) + b"\n")
        ran = run(
            "retrain",
            *places,
            *FOREST,
            *given(log),
            "--no-incidents",
            *flags,
            ODDFLOW_ALERTS__FALSE_INCIDENTS_PER_DAY=str(BUDGET),
        )
        assert ran.code == 0, ran.err

    retrained(2, "--no-labels")
    assert raised(registry, day(2, 3)) == {UPDATER, BEACON}
    retrained(3, "--judged", str(said))
    assert raised(registry, day(3, 4)) == {BEACON}
