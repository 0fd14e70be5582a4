"""Flow records of files, or of a range of a topic, as one frame in event-time order: what training and scoring read.

The daemon reads the same by ``transport`` and never gathers it; here everything is held in memory, about
200 bytes a flow, because it is sorted by time and read more than once.
"""

from __future__ import annotations

import builtins
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.errors import InputError
from detector.records.decoder import join_frames
from detector.records.every_format import open_decoder
from detector.records.flow import NO_PART, ROW, Decoder, FlowBatch, RejectReason
from detector.records.guess import Sample
from detector.transport.kafka.topic_range import TopicRange
from detector.transport.lines import nothing_in, read_values

SOURCE = "source"
"""Column with the place of each flow's file (or partition) in :attr:`Dataset.sources`, Int32."""

OFFSET = "offset"
"""Column with the number of each flow's record in its file, from 0, or its offset in the partition; Int64."""


PARQUET_NAMES = (".parquet", ".pq")

STEP_RECORDS, STEP_BYTES = 20_000, 16 << 20
"""Decoded at once, whichever comes first: what a file gives by itself may be a hundred lines, which costs five times as
much a record."""

_FORMAT = "give the --format that the records are in"


@dataclass(frozen=True, slots=True)
class Dataset:
    """Flows and where they came from."""

    frame: pl.DataFrame
    """Canonical columns, the label if asked for, :data:`SOURCE` and :data:`OFFSET`, the place in the message where one
    held several records; ascending in ``ts``, stably."""
    format: str
    sources: tuple[str, ...]
    """Paths of the files, or ``topic/partition``, in the order read."""
    sha256: str
    """Over every record as read, in order, each with a newline."""
    rejected: Mapping[str, int]
    passed_over: Mapping[str, int]
    samples: Mapping[str, str] = field(default_factory=dict)
    """By reason: place and detail of the first record that could not be used for it."""
    topic: str | None = None
    """The topic that it was read from: then :data:`SOURCE` is the partition."""
    dataset: str | None = None
    """Name and version of the data set that it was read from."""
    dataset_sha256: str | None = None
    """Digest of that set's manifest."""

    @property
    def partitions(self) -> NDArray[np.int32] | None:
        """The topic's partition of each flow; None for files, which have none."""
        return None if self.topic is None else self.frame[SOURCE].to_numpy()

    @property
    def start(self) -> float:
        """Event time of the first flow, seconds since 1970."""
        return float(self.frame["ts"][0])

    @property
    def end(self) -> float:
        """Event time at which the last flow began."""
        return float(self.frame["ts"][-1])

    @property
    def rejects(self) -> int:
        """How many records could not be used."""
        return sum(self.rejected.values())

    @property
    def records(self) -> int:
        """How many records there were, usable or not; header lines and what else is no flow are none."""
        return len(self.frame) + self.rejects

    def place(self, row: int) -> str:
        """Where the record of a flow stands, and in what."""
        source = self.sources[self.frame[SOURCE][row]]
        return f"{source} {place_of(self.topic, source, self.frame[OFFSET][row])}"


@dataclass(slots=True)
class Gathering:
    """Decodes values as they are read and keeps the flows; ``finish`` sorts them."""

    decoder: Decoder
    format: str
    sources: list[str] = field(default_factory=list)
    _frames: list[pl.DataFrame] = field(default_factory=list)
    _rejected: Counter[str] = field(default_factory=Counter)
    _passed_over: Counter[str] = field(default_factory=Counter)
    topic: str | None = None
    first_rejects: dict[str, str] = field(default_factory=dict)
    """By source: reason and detail of its first record that could not be used."""
    _samples: dict[str, str] = field(default_factory=dict)
    _digest: hashlib._Hash = field(default_factory=hashlib.sha256)
    _sample: Sample = field(default_factory=Sample)
    _fits: bool = False
    """Whether there was a flow since the sample began."""

    def add(self, values: Sequence[bytes | None], source: str, offsets: NDArray[np.int64]) -> FlowBatch:
        """Decode ``values`` of one file or partition, whose numbers in it are ``offsets``."""
        if source not in self.sources:
            self.sources.append(source)
        number = self.sources.index(source)
        self._digest.update(b"\n".join(value or b"" for value in values) + b"\n")
        batch = self.decoder.decode(values, np.full(len(values), number, dtype=np.int32))
        self._note(batch, source, offsets)
        if len(batch.frame):
            self._fits = True
            places = [pl.lit(number, pl.Int32).alias(SOURCE), pl.Series(OFFSET, offsets[batch.rows])]
            self._frames.append(batch.frame.drop(ROW).with_columns(places))
        elif not self._fits:
            self._sample.add(values)
        return batch

    def begin_file(self) -> None:
        """What follows is of another file, which may be of another format."""
        self._sample, self._fits = Sample(), False

    def _note(self, batch: FlowBatch, source: str, offsets: NDArray[np.int64]) -> None:
        self._passed_over.update(batch.passed_over)
        self._rejected.update(reject.reason.value for reject in batch.rejects)
        if batch.rejects and source not in self.first_rejects:
            first = batch.rejects[0]
            place = place_of(self.topic, source, offsets[first.row], first.part)
            self.first_rejects[source] = f"{place}: {first.reason.value}: {first.detail}"
        for reject in batch.rejects if len(self._samples) < len(self._rejected) else ():
            if reject.reason.value not in self._samples:
                place = place_of(self.topic, source, offsets[reject.row], reject.part)
                self._samples[reject.reason.value] = f"{source} {place}: {reject.detail}"

    def finish(self) -> Dataset:
        """Sort what was gathered. Raises InputError if there is no flow at all."""
        if not self._frames:
            raise InputError(f"reading {', '.join(self.sources)} as {self.format}: {self._why_none()}")
        frame = join_frames(self._frames)
        self._frames.clear()
        frame = frame.sort("ts", maintain_order=True)
        return Dataset(
            frame=frame,
            format=self.format,
            sources=tuple(self.sources),
            sha256=self._digest.hexdigest(),
            rejected=dict(self._rejected),
            passed_over=dict(self._passed_over),
            samples=dict(self._samples),
            topic=self.topic,
        )

    def hint(self) -> str:
        """What to do where no record is a flow: the format that they look like, if there is one."""
        return self._sample.hint(self.format) or _FORMAT

    def _why_none(self) -> str:
        if self._rejected:
            total = sum(self._rejected.values())
            first = next(iter(self.first_rejects.values()))
            return f"none of {total:,} records can be used ({commonest(self._rejected)}); {first}; {self.hint()}"
        passed = ", ".join(f"{count:,} {name}" for name, count in self._passed_over.items())
        return f"there is no flow in it, only {passed or 'nothing'}; give a file with flow records"


def read_dataset(
    paths: Iterable[str | Path],
    format: str,  # noqa: A002  (what it is called everywhere)
    *,
    labels: bool = False,
    mapping: Mapping[str, str | Sequence[str]] | None = None,
    decoder: Decoder | None = None,
    tell: Callable[[int], None] | None = None,
) -> Dataset:
    """Read files (``-``: standard input) of a format; ``tell`` is called with the number of records of each step.

    ``decoder`` takes the place of the format's own, as :func:`detector.pipeline.decoding.open_format` opens it by the
    settings.

    Raises InputError for a file that is missing, empty or cut off, or of which no record can be used;
    ConfigurationError for a format that there isn't.
    """
    gathering = Gathering(decoder or open_decoder(format, labels=labels, mapping=mapping), format)
    for path in paths:
        name = "standard input" if str(path) == "-" else str(path)
        _read_file(gathering, path, name, tell or (lambda _: None))
    return gathering.finish()


def read_topic(
    range: TopicRange,  # noqa: A002  (what it is)
    format: str,  # noqa: A002
    *,
    labels: bool = False,
    mapping: Mapping[str, str | Sequence[str]] | None = None,
    decoder: Decoder | None = None,
    tell: Callable[[int], None] | None = None,
) -> Dataset:
    """Read a range of a topic, as :func:`read_dataset` reads files. Raises BrokerError, too.

    ``decoder`` takes the place of the format's own, such as one for values that are encoded.
    """
    decoder = decoder or open_decoder(format, labels=labels, mapping=mapping)
    sources = [f"{range.topic}/{number}" for number in builtins.range(range.partitions())]
    gathering = Gathering(decoder, format, sources, topic=range.topic)
    for partition, values, offsets in range.read():
        batch = gathering.add(values, sources[partition], offsets)
        if tell:
            tell(records_in(batch))
    return gathering.finish()


def _read_file(gathering: Gathering, path: str | Path, name: str, tell: Callable[[int], None]) -> None:
    """Read one file. A file whose every record is refused is an error even beside good ones: it is the wrong file."""
    read = accepted = 0
    rejected: Counter[str] = Counter()
    gathering.begin_file()
    for values in in_steps(read_values(path)):
        batch = gathering.add(values, name, np.arange(read, read + len(values), dtype=np.int64))
        read, accepted = read + len(values), accepted + len(batch.frame)
        rejected.update(reject.reason.value for reject in batch.rejects)
        tell(records_in(batch))
    if rejected and not accepted:
        if rejected[RejectReason.EMPTY] == read:
            raise nothing_in(name, blank=True)
        raise InputError(
            f"reading {name} as {gathering.format}: none of {rejected.total():,} records can be used"
            f" ({commonest(rejected)}); {gathering.first_rejects[name]}; {gathering.hint()}"
        )


def in_steps(parts: Iterable[list[bytes]]) -> Iterator[list[bytes]]:
    """The same values in the same order, in lists of about :data:`STEP_RECORDS`, or of :data:`STEP_BYTES`."""
    step: list[bytes] = []
    held = 0
    for part in parts:
        step += part
        held += sum(map(len, part))
        if len(step) >= STEP_RECORDS or held >= STEP_BYTES:
            yield step
            step, held = [], 0
    if step:
        yield step


def place_of(topic: str | None, source: str, offset: int, part: int = NO_PART) -> str:
    """Where a record stands, as people and their editors count."""
    within = "" if part == NO_PART else f", the {_ordinal(part + 1)} in it"
    if topic is not None:
        return f"offset {offset}{within}"
    return f"{'row' if source.endswith(PARQUET_NAMES) else 'line'} {offset + 1}{within}"


def records_in(batch: FlowBatch) -> int:
    """How many records a batch holds: header lines, and what else is no flow, are none."""
    return len(batch.frame) + len(batch.rejects)


def _ordinal(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th") if number % 100 not in (11, 12, 13) else "th"
    return f"{number}{ending}"


def commonest(counts: Counter[str]) -> str:
    """The three commonest reasons with their counts, for a message."""
    return ", ".join(f"{count:,} {reason}" for reason, count in counts.most_common(3))
