"""A small real model for tests: a scikit-learn forest on made-up flows, as the files of a bundle."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np
import polars as pl

from detector.bundle.files import build_bundle, read_bundle, seal_bundle
from detector.bundle.loaded_model import LoadedModel
from detector.bundle.manifest import MANIFEST, TrainingData, decode_manifest
from detector.bundle.verdict import VERDICT, VERDICT_VERSION, RuleResult, Verdict
from detector.features.extractor import build_spec
from detector.features.windows import default_windows
from detector.records.flow import SCHEMA
from detector.scoring.dataset import Dataset
from training.learn import Choice, Fitting, learn
from training.simulator.scenario import DEFAULT_START
from training.train import ended_with
from training.watched import Watched

START = datetime(2026, 11, 24, 3, 45, tzinfo=UTC)


def ordinary_flows(count: int, seed: int = 0, start: float = 1.7e9) -> pl.DataFrame:
    """Web, name and mail traffic of a small network, one flow a second."""
    rng = np.random.default_rng(seed)
    services = rng.choice(3, count, p=(0.6, 0.3, 0.1))
    return pl.DataFrame(
        {
            "uid": [f"C{row}" for row in range(count)],
            "ts": start + np.arange(count, dtype=np.float64),
            "duration_s": rng.lognormal(-1.0, 1.0, count),
            "src_ip": [f"10.0.0.{host}" for host in rng.integers(2, 60, count)],
            "src_port": rng.integers(32_768, 61_000, count),
            "dst_ip": [f"192.0.2.{host}" for host in rng.integers(1, 30, count)],
            "dst_port": np.array([443, 53, 25])[services],
            "proto": np.array(["tcp", "udp", "tcp"])[services],
            "service": np.array(["ssl", "dns", "smtp"])[services],
            "state": ["SF"] * count,
            "src_bytes": rng.lognormal(6.0, 1.0, count).astype(np.int64),
            "dst_bytes": rng.lognormal(8.0, 1.0, count).astype(np.int64),
            "src_packets": rng.integers(2, 30, count),
            "dst_packets": rng.integers(2, 40, count),
            "direction": ["outbound"] * count,
        },
        schema=SCHEMA,
    )


@cache
def bundle(
    number: int = 0,
    name: str = "flows",
    *,
    windows: bool = False,
    partitions: int = 1,
    kind: str = "isolation-forest",
) -> Mapping[str, bytes]:
    """The files of a model; another ``number`` is another model, trained a minute later.

    One with ``windows`` is trained on what came right before simulated traffic, over ``partitions``.
    """
    flows = ordinary_flows(1_500, number, DEFAULT_START - 1_500.0) if windows else ordinary_flows(1_500, number)
    spec = build_spec(windows=default_windows(), partitions=partitions) if windows else build_spec()
    everything = np.ones(len(flows), np.bool_)
    learnt = learn(
        flows,
        Choice(calm=everything, chosen=everything, peaceful=everything),
        spec,
        Fitting(kind=kind, seed=number, params={"n_estimators": 20} if kind == "isolation-forest" else {}),
        Watched.of(flows["ts"].to_numpy()),
    )
    judging = learnt.judging
    return build_bundle(
        name=name,
        extractor=learnt.extractor,
        model=judging.model,
        calibration=judging.calibration,
        single=judging.single,
        incidents=learnt.incidents if windows else None,
        beginning=ended_with(learnt.state) if windows else None,
        self_test_rows=learnt.matrix,
        training=TrainingData(rows=1_500, rows_read=1_500, sources=("conn.log",), format="zeek"),
        created=START + timedelta(minutes=number),
    )


def as_read(flows: pl.DataFrame, format: str = "zeek-json") -> Dataset:  # noqa: A002
    """Flows as if they were read from a log."""
    return Dataset(flows, format, ("conn.log",), "0" * 64, {}, {})


def version_of(files: Mapping[str, bytes]) -> str:
    """The version that a bundle says it is."""
    return decode_manifest(files["model.json"]).version


def judged(number: int, gate: bytes, *, windows: bool = False) -> dict[str, bytes]:
    """A small bundle with a ``gate.json``."""
    files = bundle(number, windows=windows)
    others = {name: data for name, data in files.items() if name != MANIFEST}
    return seal_bundle(read_bundle(files).manifest, {**others, VERDICT: gate})


def verdict(passed: bool) -> bytes:
    """A verdict of one rule."""
    result = RuleResult(rule="least_recall", passed=passed, measured=0.0, bound=0.1, why="it finds nothing: train anew")
    return Verdict(verdict_version=VERDICT_VERSION, passed=passed, champion=None, at="", rules=(result,)).encode()


@cache
def loaded(number: int = 0) -> LoadedModel:
    """The same, ready to score."""
    return read_bundle(bundle(number))
