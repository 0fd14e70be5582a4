"""Writing a file, such as a table of scores: whole under its name, or not at all."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO

import polars as pl

from detector.errors import OutputError
from detector.printable import printable_lines

STDOUT = "-"

SLICE_ROWS = 50_000
"""Rows that are turned into JSON at a time."""

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def write_scores(table: pl.DataFrame, output: str) -> None:
    """Write a file, aside at first and renamed when whole, or standard output (``-``). Raises OutputError."""
    if output == STDOUT:
        _write_lines(table, sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return
    write_whole(output, lambda file: _write(table, file, Path(output).suffix == ".parquet"))


def write_whole(output: str, write: Callable[[BinaryIO], object], *, option: str = "--output") -> None:
    """Have ``write`` fill a file that lies aside until it is whole. Raises OutputError; nothing is written then.

    What is there and no file, such as ``/dev/null`` or a pipe, is written to and never replaced.
    """
    path = Path(output)
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            with path.open("wb") as there:
                write(there)
            return
        with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as aside:
            try:
                write(aside)  # type: ignore[arg-type]  # it is one
                aside.flush()
                os.fsync(aside.fileno())
                Path(aside.name).chmod(0o666 & ~_umask())
                Path(aside.name).replace(path)
            except BaseException:
                Path(aside.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        fix = "make room" if error.errno in _FULL else f"choose another {option}"
        raise OutputError(f"writing {output}: {error.strerror or error}; {fix}; nothing was written") from error


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


def _umask() -> int:
    """What files are usually made without; asking sets it, so it is set back."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
