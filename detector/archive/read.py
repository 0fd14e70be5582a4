"""Reading an archive: the flows of a time, of the sources that all of its days have, each once.

Raises InputError where there is none, or a file is corrupt.
"""

from __future__ import annotations

import hashlib
import io
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import polars as pl

from detector.archive.archive import OFFSET, PARTITION
from detector.archive.share import of_kept_sources, share
from detector.archive.shelf import FORMAT_KEY, Shelf
from detector.errors import ConfigurationError, InputError
from detector.records.decoder import join_frames
from detector.records.flow import PART
from detector.registry.storage import masked

ATTEMPTS = 5
"""A daemon may halve or remove a file between the look at the folder and its reading."""


@dataclass(frozen=True, slots=True)
class Archived:
    """Flows of an archive."""

    frame: pl.DataFrame
    """Canonical columns, partition and offset; ascending in ``ts``, partition and offset."""
    topic: str
    format: str
    share: float
    """Of the sources: the least of all files, so that each source is there throughout or not at all."""
    sha256: str
    """Over the digests of the files read, in order."""


def read_archive(
    url: str, topic: str | None = None, since: float | None = None, until: float | None = None
) -> Archived:
    """Read flows that began within a time; ``topic`` None: the only one that there is."""
    for _ in range(ATTEMPTS):
        try:
            named = _topic(url, topic)
            return _read(Shelf(url, named), named, masked(url), since, until)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise InputError(f"reading archive {masked(url)}: {error.strerror or error}; may it be read?") from error
    raise InputError(f"reading archive {masked(url)}: its files change faster than they can be read; try again")


def _read(shelf: Shelf, topic: str, url: str, since: float | None, until: float | None) -> Archived:
    frames, halvings, digest, formats = [], 0, hashlib.sha256(), set()
    for day in shelf.days():
        if since is not None and day < _day_before(since):
            continue
        for kept in shelf.files(day):
            data = shelf.read(day, kept)
            try:
                frame = pl.read_parquet(io.BytesIO(data))
                formats.add(pl.read_parquet_metadata(io.BytesIO(data)).get(FORMAT_KEY, ""))
            except (pl.exceptions.PolarsError, OSError) as error:
                why = str(error).splitlines()[0]
                raise InputError(
                    f"reading archive {url}: {topic}/{day}/{kept.name} is corrupt ({why}); remove it"
                ) from error
            digest.update(hashlib.sha256(data).digest())
            began = pl.col("ts")
            frames.append(frame.filter(began >= (since or -math.inf), began < (math.inf if until is None else until)))
            halvings = max(halvings, kept.halvings)
    if not sum(map(len, frames)):
        raise InputError(f"reading archive {url}: there is no flow of {topic} of that time; it has {_told(shelf)}")
    if len(formats) > 1:
        raise InputError(f"reading archive {url}: it has formats {', '.join(sorted(formats))}; choose a time of one")
    frame = of_kept_sources(join_frames(frames), halvings)
    if not len(frame):
        raise InputError(f"reading archive {url}: none of the sources of that time were kept throughout")
    place = [PARTITION, OFFSET, *([PART] if PART in frame.columns else [])]
    frame = frame.unique(subset=[*place, "ts"], keep="first", maintain_order=True).sort("ts", *place)
    return Archived(frame, topic, formats.pop(), share(halvings), digest.hexdigest())


def _topic(url: str, topic: str | None) -> str:
    there = Shelf(url, "").topics()
    if topic in there:
        return str(topic)
    if topic is None and len(there) == 1:
        return there[0]
    if topic is None and there:
        raise ConfigurationError(f"archive {masked(url)} has topics {', '.join(there)}: name one with --topic")
    has = f"it has {', '.join(there)}" if there else "there is none; the daemon writes one with archive.enabled"
    raise InputError(f"reading archive {masked(url)}: no flows of {topic or 'any topic'} are in it ({has})")


def _day_before(seconds: float) -> str:
    """The day before a time: a flow may be logged by a clock that is behind."""
    return f"{datetime.fromtimestamp(seconds, UTC) - timedelta(days=1):%Y-%m-%d}"


def _told(shelf: Shelf) -> str:
    days = shelf.days()
    return f"what arrived from {days[0]} to {days[-1]}" if days else "no day"
