"""The values in a file or on standard input: its lines, or the rows of a Parquet file as JSON objects.

What a file is, is seen from its first bytes, not from its name: gzip, Parquet, or text lines (JSON lines, TSV, CSV).
A value never ends in a newline. What is in a value is for the decoders to judge; blank lines are values too.
"""

from __future__ import annotations

import gzip
import io
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol, cast

import polars as pl

from detector.errors import InputError

STDIN = "-"

CHUNK_BYTES = 1 << 20
MAX_LINE_BYTES = 64 << 20
"""A line that is longer than this means that the file is not made of lines."""
PARQUET_ROWS = 20_000

_GZIP = b"\x1f\x8b"
_PARQUET = b"PAR1"


class _Bytes(Protocol):
    def read1(self, size: int, /) -> bytes: ...


def read_values(path: str | Path) -> Iterator[list[bytes]]:
    """Give the values of ``path`` (``-`` for standard input) in order, some thousands at a time.

    Raises InputError for a file that is missing, unreadable, empty, cut off in its compression, or damaged.
    """
    name = "standard input" if str(path) == STDIN else str(path)
    some = False
    with _errors(name), _opened(path) as file:
        for values in _values(file):
            some = some or bool(values)
            if values:
                yield values
    if not some:
        raise InputError(f"reading {name}: it is empty; give a file with flow records")


def check_readable(path: str | Path) -> None:
    """Look whether ``path`` can be opened and has anything in it. Raises InputError; reads no standard input."""
    if str(path) == STDIN:
        return
    with _errors(str(path)), _opened(path) as file:
        if not file.peek(1):
            raise InputError(f"reading {path}: it is empty; give a file with flow records")


@contextmanager
def _opened(path: str | Path) -> Iterator[io.BufferedReader]:
    if str(path) == STDIN:
        yield cast("io.BufferedReader", sys.stdin.buffer)
    else:
        with Path(path).open("rb", buffering=CHUNK_BYTES) as file:
            yield cast("io.BufferedReader", file)


@contextmanager
def _errors(name: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise InputError(f"reading {name}: there is no such file") from None
    except EOFError:
        raise InputError(f"reading {name}: its gzip data is cut off; fetch the file again") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"reading {name}: its gzip data is damaged ({error}); fetch the file again") from error
    except pl.exceptions.PolarsError as error:
        why = " ".join(str(error).split())
        raise InputError(f"reading {name}: its Parquet data is damaged or cut off ({why})") from error
    except OSError as error:
        raise InputError(f"reading {name}: {error.strerror or error}") from error


def _values(file: io.BufferedReader) -> Iterator[list[bytes]]:
    start = file.peek(len(_PARQUET))
    if start.startswith(_PARQUET):
        return _parquet_rows(file)
    if start.startswith(_GZIP):
        return _lines(cast("_Bytes", gzip.GzipFile(fileobj=cast("BinaryIO", file))))
    return _lines(file)


def _lines(file: _Bytes) -> Iterator[list[bytes]]:
    rest = b""
    while chunk := file.read1(CHUNK_BYTES):
        if b"\r" in chunk or rest.endswith(b"\r"):
            chunk, rest = _newlines(rest + chunk), b""
        lines = chunk.split(b"\n")
        lines[0] = rest + lines[0]
        rest = lines.pop()
        if len(rest) > MAX_LINE_BYTES:
            raise OSError(f"a line is longer than {MAX_LINE_BYTES >> 20} MiB; is this a file of lines?")
        yield lines
    if rest:
        yield [rest]


def _newlines(data: bytes) -> bytes:
    """Take the carriage return off each end of line; one at the very end may be half of an end of line."""
    return data.replace(b"\r\n", b"\n")


def _parquet_rows(file: io.BufferedReader) -> Iterator[list[bytes]]:
    source = io.BytesIO(file.read()) if file is sys.stdin.buffer else Path(file.name)
    rows = pl.scan_parquet(source)
    count = rows.select(pl.len()).collect().item()
    for start in range(0, count, PARQUET_ROWS):
        text = io.BytesIO()
        rows.slice(start, PARQUET_ROWS).collect().write_ndjson(text)
        yield text.getvalue().splitlines()
