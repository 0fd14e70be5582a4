"""Zeek's conn log as it is by default: tabs, a header block before and a ``#close`` line behind.

Labels are the columns ``label`` (Benign or Malicious) and ``detailedlabel``, as Stratosphere's labelled logs have them.
"""

from __future__ import annotations

import time

import polars as pl

from training.simulator.writers.lines import Field, Kind, Lines, LineWriter
from training.simulator.writers.zeek import CONN_FIELDS, LABEL_FIELDS, with_zeek_columns

_UNSET = "-"

_TYPES = {
    "ts": "time",
    "uid": "string",
    "id.orig_h": "addr",
    "id.orig_p": "port",
    "id.resp_h": "addr",
    "id.resp_p": "port",
    "proto": "enum",
    "duration": "interval",
    "local_orig": "bool",
    "local_resp": "bool",
    "tunnel_parents": "set[string]",
}
_COUNTS = ("orig_bytes", "resp_bytes", "missed_bytes", "orig_pkts", "orig_ip_bytes", "resp_pkts", "resp_ip_bytes")

_FIELDS: dict[str, tuple[str, Kind]] = {**CONN_FIELDS, "tunnel_parents": ("_unset", Kind.TEXT)}


def _tsv_fields(names: dict[str, tuple[str, Kind]]) -> list[Field]:
    return [
        Field("\t" if place else "", column, kind, "", ("\t" if place else "") + _UNSET)
        for place, (column, kind) in enumerate(names.values())
    ]


_PLAIN = LineWriter(_tsv_fields(_FIELDS))
_LABELLED = LineWriter(_tsv_fields(_FIELDS | LABEL_FIELDS))


def write(frame: pl.DataFrame, *, labels: bool = False) -> Lines:
    """One line of tab-separated values per flow."""
    unset = pl.lit(_UNSET).alias("_unset")
    wide = with_zeek_columns(frame, flags=("T", "F"), labels=labels).with_columns(unset)
    return (_LABELLED if labels else _PLAIN).write(wide)


def header(start: float, *, labels: bool = False) -> list[bytes]:
    """The lines before the first flow; ``start`` (seconds since 1970) is when the log was opened."""
    names = list(_FIELDS | LABEL_FIELDS if labels else _FIELDS)
    types = ["count" if name in _COUNTS else _TYPES.get(name, "string") for name in names]
    lines = (
        "#separator \\x09",
        "#set_separator\t,",
        "#empty_field\t(empty)",
        f"#unset_field\t{_UNSET}",
        "#path\tconn",
        f"#open\t{_stamp(start)}",
        "\t".join(["#fields", *names]),
        "\t".join(["#types", *types]),
    )
    return [line.encode() for line in lines]


def footer(end: float) -> list[bytes]:
    """The line behind the last flow."""
    return [f"#close\t{_stamp(end)}".encode()]


def _stamp(ts: float) -> str:
    return time.strftime("%Y-%m-%d-%H-%M-%S", time.gmtime(ts))
