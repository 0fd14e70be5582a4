"""The oddest of the flows that calibrate: what thresholds stand on, to be looked at before anyone relies on them.

Calibration takes its flows for benign. Attacks among them that nobody labelled are what it finds oddest, and hold
every later one of their strength below the thresholds: docs/research/quality.md has how much that costs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from detector.decisions.assessment import Assessment
from detector.decisions.budget import IncidentCalibration
from detector.kernels.clock import told
from detector.net.directions import directions_of
from detector.net.networks import NOWHERE, Networks

DEEP = 3
"""So many targets, the oddest by each way and in each direction, are looked at."""

MOST = 20
"""Sources or destinations that are told, the oddest first."""


def oddest(
    frame: pl.DataFrame, assessment: Assessment, incidents: IncidentCalibration, inside: Networks = NOWHERE
) -> pl.DataFrame:
    """Who stands out among calibration flows (rows in order of time), by whichever of source or destination is in more.

    One row for each, :data:`MOST` at most: ``src_ip`` and ``dst_ip``, null where there are several; ``dst_port``
    and ``proto`` likewise; ``main_port`` and ``main_proto``, null unless most flows have them; how many ``sources``,
    ``destinations``, ``ports`` and ``targets`` these are, and ``flows`` raised; ``first``, seconds since 1970; ``view``
    of the oddest flow and its ``false_incidents_per_day``, the budget that just raises it.
    """
    directions = directions_of(frame, inside)
    rates = incidents.rates(assessment, directions)
    views = np.array([view.name for view in incidents.views])[incidents.oddest_views(assessment, directions)]
    deepest = incidents.incidents[:DEEP][-1] / incidents.days
    target = pl.struct("src_ip", "dst_ip", "dst_port")
    raised = (
        frame.select("ts", "src_ip", "dst_ip", "dst_port", "proto")
        .with_columns(pl.Series("rate", rates), pl.Series("view", views, pl.String))
        .filter(pl.col("rate") <= deepest)
        .with_columns(
            target.n_unique().over("src_ip").alias("of_source"),
            target.n_unique().over("dst_ip").alias("of_destination"),
        )
        .with_columns((pl.col("of_source") >= pl.col("of_destination")).alias("by_source"))
        .with_columns(pl.when("by_source").then("src_ip").otherwise("dst_ip").alias("who"))
    )
    return (
        raised.group_by("by_source", "who")
        .agg(
            *whom(),
            target.n_unique().alias("targets"),
            pl.len().alias("flows"),
            pl.col("ts").min().alias("first"),
            pl.col("view").sort_by("rate", maintain_order=True).first(),
            pl.col("rate").min().alias("false_incidents_per_day"),
        )
        .sort("false_incidents_per_day", "first", "who")
        .drop("by_source", "who")
        .head(MOST)
    )


def as_rows(found: pl.DataFrame) -> list[dict[str, Any]]:
    """The same for a program: times in ISO 8601."""
    return [{**row, "first": told(row["first"])} for row in found.rows(named=True)]


def as_text(found: pl.DataFrame) -> str:
    """The same for a person."""
    lines = [
        "the oddest of what it was calibrated on, and took for benign, the oddest first:",
        *(
            f"  {told(row['first'])}  {who(row)}, odd by {row['view']}, {_raised(row['false_incidents_per_day'])}"
            for row in found.rows(named=True)
        ),
        "  an attack among them makes it blind to others as odd: train again with --attacker ADDRESS --train-on normal",
    ]
    return "\n".join(lines)


def _raised(per_day: float) -> str:
    """Such as ``raised from 0.5 false incidents a day on``: by which lines are ordered."""
    return f"raised from {per_day:.2g} false incidents a day on"


def whom() -> list[pl.Expr]:
    """Of a group of flows ``src_ip``, ``dst_ip``, ``dst_port`` and ``proto``, null where there are several, and counts.

    These are ``sources``, ``destinations`` and ``ports``. ``main_port`` is that of more than half of them, if there is
    one: an attack has other traffic around it.
    """
    port, proto = pl.col("dst_port"), pl.col("proto")
    main = port.drop_nulls().mode().min()
    most = (port == main).sum() * 2 > pl.len()
    protos = proto.filter(port == main)
    counted = {"src_ip": "sources", "dst_ip": "destinations", "dst_port": "ports"}
    return [
        *(_only(name) for name in (*counted, "proto")),
        pl.when(most).then(main).alias("main_port"),
        pl.when(most & (protos.n_unique() == 1)).then(protos.first()).alias("main_proto"),
        *(pl.col(name).n_unique().alias(count) for name, count in counted.items()),
    ]


def _only(name: str) -> pl.Expr:
    return pl.when(pl.col(name).n_unique() == 1).then(pl.col(name).first()).alias(name)


def who(row: dict[str, Any]) -> str:
    """Who did how much to whom, such as ``10.0.0.4 to 5 hosts, port 443/tcp: 8 flows``."""
    source = row["src_ip"] or f"{row['sources']:,} hosts"
    destination = row["dst_ip"] or f"{row['destinations']:,} hosts"
    flows = "1 flow" if row["flows"] == 1 else f"{row['flows']:,} flows"
    return f"{source} to {destination}, {_port(row)}: {flows}"


def _port(row: dict[str, Any]) -> str:
    """Such as ``port 445/tcp``; ICMP has a code there, which is no port."""
    if row["proto"] == "icmp":
        return "icmp"
    if row["dst_port"] is not None:
        return f"port {row['dst_port']}" + (f"/{row['proto']}" if row["proto"] else "")
    if row["main_port"] is not None:
        proto = f"/{row['main_proto']}" if row["main_proto"] else ""
        return f"mostly port {row['main_port']}{proto}, and {row['ports'] - 1:,} more"
    return f"{row['ports']:,} ports" if row["ports"] > 1 else "no port"
