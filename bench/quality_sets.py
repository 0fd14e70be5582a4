"""The labelled sets that quality is measured on: public captures, NSL-KDD and simulated days.

A :class:`FlowCase` is a stretch of canonical flows in order of time, of which some rows are trained on and some tested;
a :class:`TableCase` is rows that are features already. Nothing in here looks at what a detector makes of them.
"""

from __future__ import annotations

import gzip
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.records.flow import BENIGN, LABEL, SCHEMA
from detector.scoring.dataset import read_dataset
from training.simulator.frames import ATTACK_ID
from training.simulator.scenario import Scenario

Mask = NDArray[np.bool_]

CONTAMINATION = 0.01

ZEEK = {
    "uid": "uid",
    "ts": "ts",
    "duration": "duration_s",
    "id.orig_h": "src_ip",
    "id.orig_p": "src_port",
    "id.resp_h": "dst_ip",
    "id.resp_p": "dst_port",
    "proto": "proto",
    "service": "service",
    "conn_state": "state",
    "orig_bytes": "src_bytes",
    "resp_bytes": "dst_bytes",
    "orig_pkts": "src_packets",
    "resp_pkts": "dst_packets",
}

SIMULATED_HOSTS = 120


@dataclass(frozen=True, slots=True)
class FlowCase:
    """Flows in order of time; all pass through features, ``train`` and ``test`` are rows of it."""

    name: str
    flows: pl.DataFrame
    train: Mask
    """Rows that a model may be trained on; which attacks are among them is the training's choice."""
    test: Mask
    attacks: Mask


@dataclass(frozen=True, slots=True)
class TableCase:
    """Rows of features that the set comes with."""

    name: str
    train: pl.DataFrame
    train_attacks: Mask
    test: pl.DataFrame
    test_attacks: Mask
    symbols: Sequence[str]
    """Columns that are words."""
    train_flows: pl.DataFrame
    test_flows: pl.DataFrame
    """The same rows as oddflow's own decoder gives them."""


def data_folder() -> Path:
    """Where the captures are: in ``ODDFLOW_DATA``, else in ``shared/data`` beside the project."""
    return Path(os.environ.get("ODDFLOW_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")


def canonical(frame: pl.DataFrame) -> pl.DataFrame:
    """The canonical columns, absent ones null, then whatever else there is, in order of time."""
    absent = [pl.lit(None, dtype).alias(name) for name, dtype in SCHEMA.items() if name not in frame.columns]
    others = [name for name in frame.columns if name not in SCHEMA]
    typed = [pl.col(name).cast(dtype, strict=False) for name, dtype in SCHEMA.items()]
    return frame.with_columns(absent).select(*typed, *others).sort("ts", maintain_order=True)


def read_zeek(path: Path) -> pl.DataFrame:
    """A Zeek conn log, TSV or JSON; of a labelled one, ``label`` is benign or the attack's name."""
    text = gzip.decompress(path.read_bytes())
    if text.startswith(b"{"):
        frame = pl.read_ndjson(io.BytesIO(text), infer_schema_length=None)
        return canonical(frame.select(pl.col(name).alias(ours) for name, ours in ZEEK.items() if name in frame.columns))
    lines = text.decode().splitlines()
    fields = next(line for line in lines if line.startswith("#fields")).split("\t")[1:]
    rows = [line.split("\t") for line in lines if line and not line.startswith("#")]
    if "   " in fields[-1]:  # IoT-23: the last three columns share a field
        fields = [*fields[:-1], *fields[-1].split("   ")]
        rows = [[*row[:-1], *row[-1].split("   ")] for row in rows]
    frame = pl.DataFrame(rows, schema=[field.strip() for field in fields], orient="row")
    frame = frame.with_columns(pl.col(pl.String).replace({"-": None, "(empty)": None, "": None}))
    chosen = [pl.col(name).alias(ours) for name, ours in ZEEK.items()]
    return canonical(frame.select(*chosen, *_label(frame.columns)))


def _label(columns: Sequence[str]) -> list[pl.Expr]:
    if "label" not in columns:
        return []
    attack = pl.col("label").str.to_lowercase().is_in(["malicious"])
    detail = pl.coalesce([*(pl.col(c) for c in ("detailed-label", "detailedlabel") if c in columns), "label"])
    return [pl.when(attack).then(detail).otherwise(pl.lit(BENIGN)).alias(LABEL)]


def read_unsw(folder: Path) -> pl.DataFrame:
    """UNSW-NB15's raw flows."""
    names = [
        name.strip() for name in (folder / "columns.txt").read_text().replace("\n", ",").split(",") if name.strip()
    ]
    text = gzip.decompress((folder / "raw-3400-flows.csv.gz").read_bytes()).decode("utf-8-sig")
    frame = pl.read_csv(io.StringIO(text), has_header=False, new_columns=names, infer_schema=False)
    return canonical(
        frame.select(
            pl.col("Stime").cast(pl.Float64).alias("ts"),
            pl.col("dur").cast(pl.Float64).alias("duration_s"),
            pl.col("srcip").alias("src_ip"),
            pl.col("sport").cast(pl.Int32, strict=False).alias("src_port"),
            pl.col("dstip").alias("dst_ip"),
            pl.col("dsport").cast(pl.Int32, strict=False).alias("dst_port"),
            "proto",
            pl.col("service").replace({"-": None}),
            "state",
            *(
                pl.col(theirs).cast(pl.Float64).cast(pl.Int64).alias(ours)
                for theirs, ours in (
                    ("sbytes", "src_bytes"),
                    ("dbytes", "dst_bytes"),
                    ("Spkts", "src_packets"),
                    ("Dpkts", "dst_packets"),
                )
            ),
            pl.when(pl.col("label") == "1")
            .then(pl.col("attack_cat").fill_null("attack").str.strip_chars())
            .otherwise(pl.lit(BENIGN))
            .alias(LABEL),
        )
    )


def nsl_kdd(folder: Path) -> TableCase:
    """NSL-KDD: train on the 20 % file, test on KDDTest+; its columns are features over windows of connections."""
    listed = [line.split(",") for line in (folder / "field-names.csv").read_text().split()]
    names = [name for name, _ in listed][:41]
    symbols = [name for name, kind in listed[:41] if kind == "symbolic"]
    frames, attacks, flows = [], [], []
    for file in ("KDDTrain+_20Percent.txt.gz", "KDDTest+.txt.gz"):
        text = gzip.decompress((folder / file).read_bytes())
        frame = pl.read_csv(
            io.BytesIO(text), has_header=False, new_columns=[*names, "attack", "difficulty"], infer_schema_length=None
        )
        attacks.append((frame["attack"] != "normal").to_numpy())
        flows.append(read_dataset([folder / file], "nsl-kdd").frame)
        if len(flows[-1]) != len(frame):
            raise ValueError(f"{file}: {len(frame)} rows, of which {len(flows[-1])} are flows")
        symbolic = pl.col("protocol_type", "service", "flag")
        frames.append(frame.select(pl.col(names)).with_columns(symbolic.cast(pl.String)))
    words = [name for name in symbols if frames[0][name].dtype == pl.String]
    return TableCase("nsl-kdd", frames[0], attacks[0], frames[1], attacks[1], words, *flows)


def halves(name: str, flows: pl.DataFrame) -> FlowCase:
    """Train on the first half of the time, test on the second."""
    ts = flows["ts"].to_numpy()
    first = ts < (ts[0] + ts[-1]) / 2
    return FlowCase(name, flows, first, ~first, (flows[LABEL] != BENIGN).to_numpy())


def chosen_rows(train: Mask, attacks: Mask, share: float, seed: int) -> NDArray[np.intp]:
    """The benign rows of ``train``, and as many of its attacks, at random, as make up ``share`` of the benign ones."""
    benign = np.flatnonzero(train & ~attacks)
    odd = np.flatnonzero(train & attacks)
    count = min(len(odd), round(share * len(benign)))
    picked = np.random.default_rng(seed).choice(odd, count, replace=False) if count else odd[:0]
    rows: NDArray[np.intp] = np.sort(np.concatenate([benign, picked]))
    return rows


def simulated_days(seed: int, hosts: int = SIMULATED_HOSTS, share: float = 0.01) -> FlowCase:
    """Three simulated days: two without attacks, the third with every kind, ``share`` of its flows."""
    scenario = partial(Scenario, seed=seed, hosts=hosts)
    first = scenario(duration_s=2 * 86_400.0, attacks=(), attack_share=0.0)
    second = scenario(start=first.end, attack_share=share)
    flows = pl.concat([*first.frames(), *second.frames()]).sort("ts", maintain_order=True)
    before = flows["ts"].to_numpy() < first.end
    return FlowCase("simulator", flows, before, ~before, flows[ATTACK_ID].is_not_null().to_numpy())
