"""The values in a file or on standard input: its lines, or the rows of a Parquet file as JSON objects.

What a file is, is seen from its first bytes, not from its name: gzip, bzip2, xz, Zstandard, Parquet, or text lines
(JSON lines, TSV, CSV). JSON that is written over several lines is a value as a whole; of a list, each element is one.
A path is opened once and read from there on, so that it may be a pipe, which gives nothing twice.
A value never ends in a newline. What is in a value is for the decoders to judge; blank lines are values too.
"""

from __future__ import annotations

import gzip
import io
import stat
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol, cast

import polars as pl

from detector.errors import InputError
from detector.transport.compressed import DamagedError, open_bzip2, open_xz, open_zstandard
from detector.transport.whole_json import whole_json

STDIN = "-"

CHUNK_BYTES = 1 << 20
MAX_LINE_BYTES = 64 << 20
"""A line that is longer than this means that the file is not made of lines."""
PARQUET_ROWS = 20_000

_PARQUET = b"PAR1"


class _Bytes(Protocol):
    def read1(self, size: int, /) -> bytes: ...


_COMPRESSED: dict[bytes, Callable[[BinaryIO], _Bytes]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"BZh": open_bzip2,
    b"\xfd7zXZ\x00": open_xz,
    b"\x28\xb5\x2f\xfd": open_zstandard,
}
"""By the first bytes of a file."""


class _Stream:
    """A file or pipe, read once: its first bytes can be looked at, and are given all the same.

    Unbuffered below: a pipe's bytes are given as they come, and no lock is held while there are none. Python would
    abort at its end if a thread that waits for input held the one of ``sys.stdin``.
    """

    def __init__(self, raw: io.RawIOBase) -> None:
        self._raw = raw
        self._ahead = memoryview(b"")

    def starts_with(self, sign: bytes) -> bool:
        """Whether these are the next bytes; waits for no more of them than it takes to tell."""
        while len(self._ahead) < len(sign) and sign.startswith(self._ahead):
            more = self._raw.read(CHUNK_BYTES)
            if not more:
                return False
            self._ahead = memoryview(bytes(self._ahead) + more)
        return self._ahead[: len(sign)] == sign

    def read(self, size: int = -1, /) -> bytes:
        """Up to ``size`` bytes, as they come; all where it is negative; none at the end."""
        if size < 0:
            return bytes(self._ahead) + (self._raw.read() or b"")
        if not self._ahead:
            self._ahead = memoryview(self._raw.read(max(size, CHUNK_BYTES)) or b"")
        data, self._ahead = bytes(self._ahead[:size]), self._ahead[size:]
        return data

    read1 = read


def read_values(path: str | Path, *, may_be_empty: bool = False) -> Iterator[list[bytes]]:
    """Give the values of ``path`` (``-`` for standard input) in order, some thousands at a time.

    Raises InputError for a file that is missing, unreadable, empty (unless it ``may_be_empty``), cut off in its
    compression, or damaged.
    """
    name = "standard input" if str(path) == STDIN else str(path)
    some = False
    with _errors(name), _opened(path) as file:
        for values in _values(path, file):
            some = some or bool(values)
            if values:
                yield values
    if not some and not may_be_empty:
        raise nothing_in(name)


def check_readable(path: str | Path) -> None:
    """Look whether ``path`` can be opened and has anything in it. Raises InputError; opens no pipe."""
    if str(path) == STDIN:
        return
    with _errors(str(path)):
        if _is_stream(path):
            return
        with io.FileIO(path) as file:
            empty = not file.read(1)
        if empty:
            raise nothing_in(str(path))


def nothing_in(name: str, *, blank: bool = False) -> InputError:
    """The error for a file, or several, of no bytes; or for ``blank`` ones, in which there are blank lines alone."""
    what = "there are blank lines alone in it" if blank else "it is empty"
    return InputError(f"reading {name}: {what}; give a file with flow records")


def _is_stream(path: str | Path) -> bool:
    """Whether it is a pipe or the like, whose bytes are gone once they are read; a folder is none."""
    mode = Path(path).stat().st_mode
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


@contextmanager
def _opened(path: str | Path) -> Iterator[_Stream]:
    if str(path) != STDIN:
        with io.FileIO(path) as raw:
            yield _Stream(raw)
    elif sys.stdin is None:  # as where a shell was told <&-
        raise OSError("it is closed")
    else:
        with io.FileIO(sys.stdin.buffer.fileno(), closefd=False) as raw:
            yield _Stream(raw)


@contextmanager
def _errors(name: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise InputError(f"reading {name}: there is no such file") from None
    except EOFError:
        raise InputError(f"reading {name}: its compressed data is cut off; fetch the file again") from None
    except (gzip.BadGzipFile, zlib.error, DamagedError) as error:
        raise InputError(f"reading {name}: its compressed data is damaged ({error}); fetch the file again") from error
    except pl.exceptions.PolarsError as error:
        why = " ".join(str(error).split())
        raise InputError(f"reading {name}: its Parquet data is damaged or cut off ({why})") from error
    except OSError as error:
        raise InputError(f"reading {name}: {error.strerror or error}") from error


def _values(path: str | Path, file: _Stream) -> Iterator[list[bytes]]:
    if file.starts_with(_PARQUET):
        return _parquet_rows(io.BytesIO(file.read()) if str(path) == STDIN or _is_stream(path) else Path(path))
    for sign, opened in _COMPRESSED.items():
        if file.starts_with(sign):
            return whole_json(_lines(opened(cast("BinaryIO", file))))
    return whole_json(_lines(file))


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


def _parquet_rows(source: io.BytesIO | Path) -> Iterator[list[bytes]]:
    rows = pl.scan_parquet(source)
    count = rows.select(pl.len()).collect().item()
    for start in range(0, count, PARQUET_ROWS):
        text = io.BytesIO()
        _with_text(rows.slice(start, PARQUET_ROWS).collect()).write_ndjson(text)
        yield text.getvalue().splitlines()


def _with_text(frame: pl.DataFrame) -> pl.DataFrame:
    """Bytes as text, which some writers do not mark as such; null where they are none, gone where they are nested."""
    nested = [name for name, dtype in frame.schema.items() if dtype != pl.Binary and "Binary" in str(dtype)]
    texts = [
        pl.Series(column.name, [_text_of(value) for value in column], dtype=pl.String)
        for column in frame.iter_columns()
        if column.dtype == pl.Binary
    ]
    return frame.drop(nested).with_columns(texts)


def _text_of(value: bytes | None) -> str | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return None
