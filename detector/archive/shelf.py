"""The files of an archive: which there are, adding one, and keeping them within their bounds.

::

    <archive>/<topic>/<day of arrival, UTC>/<member>-<number>.h<halvings>.r<rows>.parquet

A file appears whole or not at all. Any number of daemons write to one folder: names are by member, and whoever finds a
day too large halves the sources of all its files. That is the same work with the same result whoever does it, and the
file with more halvings takes the place of that with fewer. Raises ``OSError`` where the place cannot do something.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from detector.archive.share import MOST_HALVINGS, of_kept_sources
from detector.registry.storage import Storage, open_storage

DAY = re.compile(r"\d{4}-\d{2}-\d{2}")

_FILE = re.compile(r"(?P<base>[A-Za-z0-9-]+)\.h(?P<halvings>\d{1,2})\.r(?P<rows>\d{1,12})\.parquet")

MAX_FILE_BYTES = 4 << 30

FORMAT_KEY = "oddflow.format"
"""Of a file's metadata: the format that its records had."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is kept."""

    rows_per_day: int
    days: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Kept:
    """A file."""

    name: str
    base: str
    halvings: int
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Found:
    """How much there is, after it was kept within its bounds."""

    halvings: int
    """Of today's sources."""
    bytes: int
    """Of all days."""


class Shelf:
    """The days of one topic in an archive. Not safe for two threads at once."""

    def __init__(self, url: str, topic: str) -> None:
        self._storage: Storage = open_storage(url)
        self._topic = topic

    def topics(self) -> list[str]:
        """Every topic that has days."""
        return [name for name in self._storage.folders("") if self._days(name)]

    def days(self) -> list[str]:
        """Days that have flows, the earliest first."""
        return self._days(self._topic)

    def files(self, day: str) -> list[Kept]:
        """Files of a day by name, each in its latest form."""
        return sorted(self._latest(self._all(day)).values(), key=lambda kept: kept.base)

    def read(self, day: str, kept: Kept) -> bytes:
        """The bytes of a file."""
        return self._storage.read(self._at(day, kept.name), MAX_FILE_BYTES)

    def add(self, day: str, base: str, frame: pl.DataFrame, halvings: int, format: str) -> None:  # noqa: A002
        """Add a file."""
        name = f"{base}.h{halvings}.r{len(frame)}.parquet"
        self._storage.replace(self._at(day, name), packed(frame, format))

    def keep_within(self, bounds: Bounds, today: str, halvings: int) -> Found:
        """Remove the oldest days that are too many or too large, and halve today's sources until they fit."""
        days = self.days()
        sizes = {day: sum(kept.bytes for kept in self.files(day)) for day in days}
        while len(days) > 1 and (len(days) > bounds.days or sum(sizes.values()) > bounds.bytes):
            oldest = days.pop(0)
            self._storage.remove(f"{self._topic}/{oldest}")
            del sizes[oldest]
        while True:
            halvings = max([halvings, *(kept.halvings for kept in self.files(today))])
            self._halve(today, halvings)
            files = self.files(today)
            sizes[today] = sum(kept.bytes for kept in files)
            fits = sum(kept.rows for kept in files) <= bounds.rows_per_day and sum(sizes.values()) <= bounds.bytes
            if fits or halvings >= MOST_HALVINGS:
                return Found(halvings, sum(sizes.values()))
            halvings += 1

    def _halve(self, day: str, halvings: int) -> None:
        """Bring a day's files to so many halvings, and remove forms that another has taken the place of."""
        every = self._all(day)
        latest = self._latest(every)
        for kept in latest.values():
            if kept.halvings < halvings:
                data = self.read(day, kept)
                named = pl.read_parquet_metadata(io.BytesIO(data)).get(FORMAT_KEY, "")
                frame = of_kept_sources(pl.read_parquet(io.BytesIO(data)), halvings)
                self.add(day, kept.base, frame, halvings, named)
                self._storage.remove(self._at(day, kept.name))
        for kept in every:
            if kept not in latest.values():
                self._storage.remove(self._at(day, kept.name))

    def _days(self, topic: str) -> list[str]:
        return [name for name in self._storage.folders(topic) if DAY.fullmatch(name)]

    def _all(self, day: str) -> list[Kept]:
        found = self._storage.files(f"{self._topic}/{day}")
        named = ((_FILE.fullmatch(name), size) for name, size in found.items())
        return [Kept(m[0], m["base"], int(m["halvings"]), int(m["rows"]), size) for m, size in named if m]

    @staticmethod
    def _latest(files: list[Kept]) -> Mapping[str, Kept]:
        return {kept.base: kept for kept in sorted(files, key=lambda kept: kept.halvings)}

    def _at(self, day: str, name: str) -> str:
        return f"{self._topic}/{day}/{name}"


def packed(frame: pl.DataFrame, format: str) -> bytes:  # noqa: A002
    """The bytes of a Parquet file."""
    file = io.BytesIO()
    frame.write_parquet(file, compression="zstd", compression_level=1, statistics=False, metadata={FORMAT_KEY: format})
    return file.getvalue()
