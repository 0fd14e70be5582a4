"""Zeek's conn log as JSON lines, as ``LogAscii::use_json=T`` writes it: unset fields are left out.

Labels are two more fields, as in labelled captures: ``label`` (Benign or Malicious) and ``detailedlabel``.
"""

from __future__ import annotations

import polars as pl

from training.simulator.writers.lines import Field, Kind, Lines, LineWriter
from training.simulator.writers.zeek import CONN_FIELDS, LABEL_FIELDS, with_zeek_columns


def _json_fields(names: dict[str, tuple[str, Kind]]) -> list[Field]:
    return [_json_field(name, column, kind) for name, (column, kind) in names.items()]


def _json_field(name: str, column: str, kind: Kind) -> Field:
    quote = '"' if kind == Kind.TEXT and not column.startswith("local_") else ""
    opening = "{" if name == "ts" else ","
    return Field(f'{opening}"{name}":{quote}', column, kind, quote)


_END = Field("}", "_nothing", Kind.TEXT)
_PLAIN = LineWriter([*_json_fields(CONN_FIELDS), _END])
_LABELLED = LineWriter([*_json_fields(CONN_FIELDS | LABEL_FIELDS), _END])


def write(frame: pl.DataFrame, *, labels: bool = False) -> Lines:
    """One JSON object per flow."""
    wide = with_zeek_columns(frame, flags=("true", "false"), labels=labels).with_columns(pl.lit("").alias("_nothing"))
    return (_LABELLED if labels else _PLAIN).write(wide)
