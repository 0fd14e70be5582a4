"""The one decoder of all formats: intake, then cells, then the choice of records, then canonical columns.

A format supplies what differs: a reader (values → cells), optionally a chooser (which records are flows at all), and a
mapper (cells → columns).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.records.cells import Cells
from detector.records.flow import LABEL, NO_PART, PART, FlowBatch, Reject
from detector.records.intake import MAX_RECORD_BYTES, Intake, take_in
from detector.records.pieces import Pieces, split_messages
from detector.records.sheet import Sheet
from detector.records.unpack import Unpacker

_MOST_BYTES = 1 << 30
"""Positions in a buffer are 32 bits wide: more bytes than this are decoded in two halves."""


@dataclass(frozen=True, slots=True)
class Options:
    """What every decoder is opened with."""

    labels: bool = False
    mapping: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    extra: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    """Of the format mapping, the paths of further numbers by their names."""
    columns: tuple[str, ...] = ()
    """Of separated values, the names of the columns until a header line names them."""
    log_paths: tuple[str, ...] = ("conn",)
    """Of Zeek, the names (``_path``, ``#path``) of the logs that hold connections."""
    unpack: tuple[str, ...] = ()
    """Paths to the record within each message; none where messages are records."""
    max_record_bytes: int = MAX_RECORD_BYTES


@dataclass(frozen=True, slots=True)
class Reading:
    """What became of the values of an intake: cells, rejects, or passed over."""

    cells: Cells
    rejects: list[Reject] = field(default_factory=list)
    passed_over: dict[str, int] = field(default_factory=dict)
    several: frozenset[int] = frozenset()
    """Rows of values that hold several records. If there are any, nothing else here counts, nor is remembered: the
    caller reads again, with each of the records by itself."""


class Reader(Protocol):
    """Finds the wanted fields. May remember header lines, per stream."""

    @property
    def names(self) -> Sequence[str]:
        """The wanted fields, as messages name them; ``cells.begins[i]`` is of ``names[i]``."""
        ...

    def read(self, intake: Intake, streams: NDArray[np.int32]) -> Reading:
        """The cells of the values; ``streams`` has the stream of each of ``intake.rows``.

        Where ``intake.single``, each value is one record, however it looks.
        """
        ...


Chooser = Callable[[Cells], tuple[NDArray[np.bool_], dict[str, int]]]
"""Which records are flows, and how many of the others there are by their kind."""

Mapper = Callable[[Sheet, bool], dict[str, pl.Series]]
"""The canonical columns, with :data:`~detector.records.flow.LABEL` if labels are asked for."""


class RecordDecoder:
    """Decodes by the parts of one format."""

    def __init__(self, options: Options, reader: Reader, mapper: Mapper, chooser: Chooser | None = None) -> None:
        self._options = options
        self._reader = reader
        self._mapper = mapper
        self._chooser = chooser
        self._unpacker = Unpacker(options.unpack) if options.unpack else None

    def decode(self, values: Sequence[bytes | None], streams: NDArray[np.int32] | None = None) -> FlowBatch:
        """Decode ``values`` in order; see :class:`~detector.records.flow.Decoder`."""
        if streams is None:
            streams = np.zeros(len(values), dtype=np.int32)
        if len(values) > 1 and sum(map(len, filter(None, values))) > _MOST_BYTES:
            half = len(values) // 2
            parts = [self.decode(values[:half], streams[:half]), self.decode(values[half:], streams[half:])]
            return join_batches(parts, [0, half])
        if self._unpacker is not None:
            return self._decode_pieces(self._unpacker.unpack(values, self._options.max_record_bytes), streams)
        outcome = self._decode(take_in(values, self._options.max_record_bytes), streams)
        if isinstance(outcome, FlowBatch):
            return outcome
        return self._decode_pieces(split_messages(values, outcome), streams)

    def _decode_pieces(self, pieces: Pieces, streams: NDArray[np.int32]) -> FlowBatch:
        intake = replace(take_in(pieces.values, self._options.max_record_bytes), single=True)
        batch = self._decode(intake, pieces.streams(streams))
        assert isinstance(batch, FlowBatch)  # noqa: S101 - what a single value is
        return pieces.told_of_messages(batch)

    def _decode(self, intake: Intake, streams: NDArray[np.int32]) -> FlowBatch | frozenset[int]:
        """What became of the values, or which of them hold several records."""
        reading = self._reader.read(intake, streams[intake.rows])
        if reading.several:
            return reading.several
        cells, passed_over = reading.cells, dict(reading.passed_over)
        if self._chooser is not None and cells.rows.size:
            mask, others = self._chooser(cells)
            cells = cells.keep(mask)
            passed_over.update(others)
        frame, faults = self._map(cells)
        rejects = [*intake.rejects, *reading.rejects, *faults]
        rejects.sort(key=itemgetter(0))
        return FlowBatch(frame, rejects, passed_over)

    def _map(self, cells: Cells) -> tuple[pl.DataFrame, list[Reject]]:
        sheet = Sheet(cells, self._reader.names)
        columns = self._mapper(sheet, self._options.labels)
        if self._options.labels:
            columns.setdefault(LABEL, pl.repeat(None, len(sheet), dtype=pl.String, eager=True))
        return sheet.finish(columns)


def join_batches(batches: Sequence[FlowBatch], starts: Sequence[int]) -> FlowBatch:
    """One batch of several whose values begin at ``starts`` in one list."""
    frames = [
        batch.frame.with_columns(pl.col("row") + pl.lit(start, dtype=pl.UInt32))
        for batch, start in zip(batches, starts, strict=True)
    ]
    rejects = [
        reject._replace(row=reject.row + start)
        for batch, start in zip(batches, starts, strict=True)
        for reject in batch.rejects
    ]
    passed_over: dict[str, int] = {}
    for batch in batches:
        for kind, count in batch.passed_over.items():
            passed_over[kind] = passed_over.get(kind, 0) + count
    return FlowBatch(join_frames(frames), rejects, passed_over)


def join_frames(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Frames of flows one after the other, of which some may have :data:`PART`."""
    if len(frames) == 1:
        return frames[0]
    if any(PART in frame.columns for frame in frames):
        none = pl.lit(NO_PART, pl.Int32).alias(PART)
        frames = [frame if PART in frame.columns else frame.with_columns(none) for frame in frames]
    return pl.concat(frames)
