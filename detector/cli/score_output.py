"""Writing a table of scores: a file, or standard output."""

from __future__ import annotations

import sys
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import polars as pl

from detector.cli.whole_file import write_whole
from detector.printable import printable_lines

STDOUT = "-"

SLICE_ROWS = 50_000
"""Rows that are turned into JSON at a time."""


def write_scores(table: pl.DataFrame, output: str) -> None:
    """Write a file, aside at first and renamed when whole, or standard output (``-``). Raises OutputError."""
    if output == STDOUT:
        _write_lines(table, sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return
    write_whole(output, lambda file: _write(table, file, Path(output).suffix == ".parquet"))


def _write(table: pl.DataFrame, file: BinaryIO, parquet: bool) -> None:
    if parquet:
        whole = BytesIO()  # so that a full disk is an OSError of ours, not of the library's
        table.write_parquet(whole)
        file.write(whole.getbuffer())
    else:
        _write_lines(table, file)


def _write_lines(table: pl.DataFrame, file: BinaryIO) -> None:
    for part in table.iter_slices(SLICE_ROWS):
        lines = BytesIO()
        part.write_ndjson(lines)
        file.write(printable_lines(lines.getvalue()))
