"""Measures that no flow of a stream has: a header that names them otherwise leaves them unknown, without an error."""

from __future__ import annotations

import polars as pl

MEASURES = {
    "durations": ("duration_s",),
    "bytes": ("src_bytes", "dst_bytes"),
    "packets": ("src_packets", "dst_packets"),
}
"""What a person calls it: the canonical columns that hold it."""


def lacking_measures(frame: pl.DataFrame) -> tuple[str, ...]:
    """Names of the measures that no flow of ``frame`` (canonical columns, one row or more) has."""
    rows = len(frame)
    return tuple(
        name for name, columns in MEASURES.items() if all(frame[column].null_count() == rows for column in columns)
    )


def told_without(missing: tuple[str, ...], flows: int) -> str:
    """In words, with what to look at; empty where nothing is missing."""
    if not missing:
        return ""
    return (
        f"none of {flows:,} flows has {' or '.join(missing)}: the model cannot use what is not there; where the records"
        " have it, its field is named in another way than docs/reference/exporters.md lists: rename it, use --columns,"
        " or the format mapping"
    )
