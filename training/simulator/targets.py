"""Where simulated records go: a file, standard output, or (in :mod:`training.simulator.kafka_target`) a Kafka topic.

A file is written aside and gets its name when it is whole; whatever ends the run early leaves nothing behind.
"""

from __future__ import annotations

import gzip
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Protocol

import polars as pl

from detector.errors import OutputError
from training.simulator.writers.lines import Lines

STDOUT = "-"
_GZIP_LEVEL = 1  # half of the time of level 6, and a tenth larger


class Target(Protocol):
    """Takes records in order. One of ``finish`` and ``abandon`` ends it."""

    name: str

    def head(self, lines: Sequence[bytes]) -> None:
        """Lines that precede the first record."""
        ...

    def write(self, lines: Lines, keys: pl.Series) -> None:
        """Records, one line and one key (the source address) each."""
        ...

    def tail(self, lines: Sequence[bytes]) -> None:
        """Lines that follow the last record."""
        ...

    def flush(self) -> None:
        """Let a reader see all that was written."""
        ...

    def finish(self) -> None:
        """Make the output whole."""
        ...

    def abandon(self) -> None:
        """Leave nothing half-written."""
        ...


class FileTarget:
    """A file, gzipped if its name ends in ``.gz``; ``-`` is standard output.

    Everything but ``abandon`` raises OutputError where the disk or the folder does not play along.
    """

    def __init__(self, path: str) -> None:
        self.name = "standard output" if path == STDOUT else path
        self._path = Path(path)
        # A pipe or a device has no place beside it, and is not replaced.
        in_place = path == STDOUT or (self._path.exists() and not self._path.is_file())
        self._aside = None if in_place else self._path.with_name(f".{self._path.name}.{os.getpid()}.part")
        self._raw: IO[bytes]
        if not in_place and not self._path.absolute().parent.is_dir():
            raise OutputError(
                f"writing simulated records to {path}: there is no folder {self._path.parent}; make it first, or give"
                " another file"
            )
        if path == STDOUT:
            self._raw = sys.stdout.buffer
        else:
            with _told(self.name):
                self._raw = (self._aside or self._path).open("wb")
        zipped = path.endswith(".gz")
        # Without a name and a time inside, the same records give the same bytes.
        self._file = gzip.GzipFile("", "wb", _GZIP_LEVEL, self._raw, mtime=0) if zipped else self._raw

    def head(self, lines: Sequence[bytes]) -> None:
        """See Target."""
        with _told(self.name):
            self._file.write(b"".join(line + b"\n" for line in lines))

    def write(self, lines: Lines, keys: pl.Series) -> None:  # noqa: ARG002 - a file has no keys
        """See Target."""
        with _told(self.name):
            self._file.write(lines.data.data)

    def tail(self, lines: Sequence[bytes]) -> None:
        """See Target."""
        self.head(lines)

    def flush(self) -> None:
        """See Target."""
        with _told(self.name):
            self._file.flush()
            self._raw.flush()

    def finish(self) -> None:
        """See Target."""
        with _told(self.name):
            if self._file is not self._raw:
                self._file.close()
            self._raw.flush()
            if self._raw is not sys.stdout.buffer:
                self._raw.close()
            if self._aside:
                self._aside.replace(self._path)

    def abandon(self) -> None:
        """See Target."""
        if self._raw is not sys.stdout.buffer:
            with suppress(OSError, ValueError):
                self._raw.close()
        if self._aside:
            self._aside.unlink(missing_ok=True)


class Places:
    """Where a run's records go, and the file for the truth about them, if any: both whole in the end, or neither.

    Both are opened on entering; ``open_target`` and the file raise what they raise.
    """

    def __init__(self, open_target: Callable[[], Target], truth: str | None) -> None:
        self._open_target = open_target
        self._truth_path = truth
        self._opened: list[Target] = []

    def __enter__(self) -> Target:
        try:
            self._opened.append(self._open_target())
            if self._truth_path is not None:
                self._opened.append(FileTarget(self._truth_path))
        except BaseException:
            self._end(whole=False)
            raise
        return self._opened[0]

    def tell(self, truth: Sequence[bytes]) -> None:
        """Write the truth."""
        for place in self._opened[1:]:
            place.head(truth)

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._end(whole=error is None)

    def _end(self, *, whole: bool) -> None:
        while self._opened:
            place = self._opened.pop(0)
            if whole:
                place.finish()
            else:
                place.abandon()


class _told:  # noqa: N801 - reads as words where it is used
    """Turns an operating system's complaint into an OutputError naming the output; a reader that left is not one."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
            why = error.strerror or str(error)
            raise OutputError(f"writing simulated records to {self._name}: {why}; give another --output") from error
