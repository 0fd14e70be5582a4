"""Quiet attacks to put into a benign network's day: slices of captures, and what is made by hand where there is none.

Each becomes flows of one inside host to an Internet address that nobody else uses: addresses are made anew, times are
shifted, and the pace, sizes and states stay. Nothing in here looks at what a detector makes of them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl

from bench.quality_sets import read_zeek
from detector.records.flow import BENIGN, LABEL, SCHEMA

Rng = np.random.Generator
Row = Callable[[Path, Rng], pl.DataFrame]

MB = 1e6

SLICE_FLOWS, SLICE_S = (70, 160), 8 * 3600.0
"""Of Trickbot's pairs those of so many flows within so long."""

FIRST_BYTES = (45, 51, 62, 77, 91, 103, 146, 185)
"""Of addresses on the Internet."""


@cache
def _capture(path: Path) -> pl.DataFrame:
    return read_zeek(path)


def labelled(file: str, label: str | None = None) -> Row:
    """A capture's attacks, or those of one label."""

    def flows(data: Path, rng: Rng) -> pl.DataFrame:
        del rng  # a capture is what it is
        found = _capture(data / "zeek" / file).filter(pl.col(LABEL) != BENIGN)
        return found if label is None else found.filter(pl.col(LABEL) == label)

    return flows


def trickbot(data: Path, rng: Rng) -> pl.DataFrame:
    """One of Trickbot's pairs, of about a hundred flows in six hours."""
    flows = _capture(data / "zeek" / "trickbot-week.conn.log.gz")
    ports = pl.col("dst_port").is_in([447, 449, 8082])
    flows = flows.filter(ports & pl.col("src_ip").is_in(["172.16.9.233", "172.16.9.5"]))
    pair = ("src_ip", "dst_ip", "dst_port")
    spans = flows.group_by(pair).agg(pl.len(), (pl.col("ts").max() - pl.col("ts").min()).alias("span"))
    fit = spans.filter(pl.col("len").is_between(*SLICE_FLOWS) & (pl.col("span") < SLICE_S)).sort(pair)
    return flows.join(fit[[int(rng.integers(len(fit)))]].select(pair), on=pair, how="semi")


def njrat(data: Path, rng: Rng) -> pl.DataFrame:
    """Twelve of njRAT's tries, none of them answered, one after the other."""
    flows = labelled("stratosphere-001-njrat.conn.log.labeled.gz")(data, rng).filter(pl.col("dst_port") == 1177)
    return flows.slice(int(rng.integers(len(flows) - 12)), 12)


def made(  # noqa: PLR0917 - one attack
    rng: Rng, count: int, span_s: float, sent: float, received: float, port: int, lasts_s: float,
    service: str | None = "ssl",
) -> pl.DataFrame:  # fmt: skip
    """So many answered flows over about so long, that send and get so many bytes each on average."""
    ts = np.cumsum(rng.gamma(4.0, 1.0, count))
    ts = (ts - ts[0]) / max(ts[-1] - ts[0], 1e-9) * span_s
    sizes = rng.lognormal(0.0, 0.3, count)
    up = (sizes / sizes.sum() * sent * count).astype(np.int64)
    down = (received * rng.lognormal(0.0, 0.4, count)).astype(np.int64)
    columns = {
        "uid": [f"Cquiet{rng.integers(1 << 40)}" for _ in range(count)], "ts": ts, "src_bytes": up, "dst_bytes": down,
        "duration_s": lasts_s * rng.lognormal(0.0, 0.5, count), "src_port": rng.integers(49_152, 65_536, count),
        "src_packets": up // 900 + 8, "dst_packets": down // 1100 + up // 3000 + 7,
    }  # fmt: skip
    same = {"src_ip": "-", "dst_ip": "-", "dst_port": port, "proto": "tcp", "service": service, "state": "SF"}
    frame = pl.DataFrame(columns).with_columns(pl.lit(value).alias(name) for name, value in same.items())
    return frame.with_columns(direction=pl.lit(None)).select(pl.col(name).cast(kind) for name, kind in SCHEMA.items())


def _exfiltration(megabytes: float) -> Row:
    def flows(data: Path, rng: Rng) -> pl.DataFrame:
        del data
        return made(rng, 19, rng.uniform(300.0, 7200.0), megabytes * MB / 19, 5_000.0, 443, 6.0)

    return flows


def _in_one_flow(megabytes: float) -> Row:
    return lambda _, rng: made(rng, 1, 0.0, megabytes * MB, 40_000.0, 443, 90.0)


def _remote_access(data: Path, rng: Rng) -> pl.DataFrame:
    """Twelve answered flows of a quarter of an hour at a port of such tools."""
    del data
    return made(rng, 12, 900.0, 900.0, 700.0, int(rng.choice([1177, 5552, 4782, 7707])), 40.0, None)


ROWS: dict[str, Row] = {
    "torii-20-1": labelled("iot23-20-1-torii.conn.log.labeled.gz"),
    "torii-21-1": labelled("iot23-21-1-torii.conn.log.labeled.gz"),
    "trickbot": trickbot,
    "tls-c2": lambda _, rng: made(rng, 628, 31 * 60.0, 4_500.0, 16_000.0, 443, 0.8),
    "c2-34-1": labelled("iot23-34-1.conn.log.labeled.gz", "C&C"),
    "exfiltration-2-mb": _exfiltration(2.0),
    "exfiltration-5-mb": _exfiltration(5.0),
    "exfiltration-32-mb": _exfiltration(32.0),
    "one-flow-80-mb": _in_one_flow(80.0),
    "one-flow-800-mb": _in_one_flow(800.0),
    "njrat-unanswered": njrat,
    "rat": _remote_access,
}
"""By name: what gives an attack's flows, of the folder of captures and a generator."""


def transplanted(flows: pl.DataFrame, source: str, begins: float, ends: float, rng: Rng) -> pl.DataFrame:
    """The same from an inside host, somewhere between two times, each destination with an address made anew.

    What would begin at ``ends`` or later is left out.
    """
    ts = flows["ts"].to_numpy()
    moved = begins + rng.random() * max(0.0, ends - begins - float(np.ptp(ts)))
    there = {each: _outside(rng) for each in flows["dst_ip"].unique().sort().to_list()}
    return (
        flows.select(*SCHEMA)
        .with_columns(
            pl.col("ts") - float(ts.min()) + moved,
            pl.lit(source).alias("src_ip"),
            pl.col("dst_ip").replace_strict(there),
            pl.lit("outbound").alias("direction"),
        )
        .filter(pl.col("ts") < ends)
    )


def _outside(rng: Rng) -> str:
    return ".".join(map(str, (rng.choice(FIRST_BYTES), *rng.integers(1, 255, 3))))
