"""Zeek's conn log as JSON lines, as ``LogAscii::use_json=T`` writes it: unset fields are left out."""

from __future__ import annotations

import polars as pl

from detector.records.flow import LABEL
from training.simulator.writers.zeek import with_zeek_columns


def _piece(name: str, value: pl.Expr, *, text: bool = False) -> pl.Expr:
    """``,"name":value``, or null where the value is."""
    quote = '"' if text else ""
    return pl.concat_str([pl.lit(f',"{name}":{quote}'), value, pl.lit(quote)])


def _flag(name: str, value: pl.Expr) -> pl.Expr:
    return pl.when(value).then(pl.lit(f',"{name}":true')).otherwise(pl.lit(f',"{name}":false'))


_FIELDS: tuple[pl.Expr, ...] = (
    pl.concat_str([pl.lit('{"ts":'), pl.col("ts")]),
    _piece("uid", pl.col("uid"), text=True),
    _piece("id.orig_h", pl.col("src_ip"), text=True),
    _piece("id.orig_p", pl.col("src_port")),
    _piece("id.resp_h", pl.col("dst_ip"), text=True),
    _piece("id.resp_p", pl.col("dst_port")),
    _piece("proto", pl.col("proto"), text=True),
    _piece("service", pl.col("service"), text=True),
    _piece("duration", pl.col("duration_s")),
    _piece("orig_bytes", pl.col("src_bytes")),
    _piece("resp_bytes", pl.col("dst_bytes")),
    _piece("conn_state", pl.col("state"), text=True),
    _flag("local_orig", pl.col("local_orig")),
    _flag("local_resp", pl.col("local_resp")),
    _piece("missed_bytes", pl.col("missed_bytes")),
    _piece("history", pl.col("history"), text=True),
    _piece("orig_pkts", pl.col("src_packets")),
    _piece("orig_ip_bytes", pl.col("orig_ip_bytes")),
    _piece("resp_pkts", pl.col("dst_packets")),
    _piece("resp_ip_bytes", pl.col("resp_ip_bytes")),
)


def lines(frame: pl.DataFrame, *, labels: bool = False) -> pl.Series:
    """One JSON object per flow, without newline. ``labels`` appends the field ``label``."""
    fields = [*_FIELDS, _piece("label", pl.col(LABEL), text=True)] if labels else _FIELDS
    return with_zeek_columns(frame).select(pl.concat_str([*fields, pl.lit("}")], ignore_nulls=True)).to_series()
