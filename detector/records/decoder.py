"""The one decoder of all formats: intake, then spans, then the choice of records, then canonical columns.

A format supplies what differs: a reader (values → spans), optionally a chooser (which records are flows at all), and a
mapper (spans → columns).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.records.envelopes.pieces import Pieces, cut_lines, pieces_of, split_messages
from detector.records.envelopes.unpack import Unpacker
from detector.records.flow import LABEL, NO_PART, PART, ROW, FlowBatch, Reject
from detector.records.intake import MAX_RECORD_BYTES, Intake, take_in
from detector.records.sheet import Sheet
from detector.records.syntax.spans import Spans

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
    """What became of the values of an intake: spans, rejects, or passed over."""

    spans: Spans
    rejects: list[Reject] = field(default_factory=list)
    passed_over: dict[str, int] = field(default_factory=dict)
    several: Mapping[int, Sequence[bytes]] = field(default_factory=dict)
    """By row, the records of values that hold several: the caller reads these again, each by itself."""
    again: bool = False
    """Whether those must be read in their order among the others: then nothing else here counts, nor is remembered."""


class Reader(Protocol):
    """Finds the wanted fields. May remember header lines, per stream."""

    @property
    def names(self) -> Sequence[str]:
        """The wanted fields, as messages name them; ``spans.begins[i]`` is of ``names[i]``."""
        ...

    def several(self, intake: Intake) -> NDArray[np.intp]:
        """Which of ``intake.rows``, ascending, look as if they held several records, as far as a quick look tells."""
        ...

    def read(self, intake: Intake, streams: NDArray[np.int32]) -> Reading:
        """The spans of the values; ``streams`` has the stream of each of ``intake.rows``."""
        ...


Chooser = Callable[[Spans], tuple[NDArray[np.bool_], dict[str, int]]]
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
        intake = take_in(values, self._options.max_record_bytes)
        looks = self._reader.several(intake)
        while True:
            taken, pieces = self._split(values, intake, looks) if looks.size else (intake, None)
            reading = self._reader.read(taken, (streams if pieces is None else pieces.streams(streams))[taken.rows])
            rows = [row if pieces is None else pieces.rows[row] for row in reading.several]
            if not reading.again:
                break
            looks = np.union1d(looks, np.searchsorted(intake.rows, rows))
        batch = self._finish(taken, reading)
        batch = batch if pieces is None else pieces.told_of_messages(batch)
        if not rows:
            return batch
        late = pieces_of(values, rows, list(reading.several.values()))
        return _merge(batch, self._decode_pieces(late, streams))

    def _split(
        self, values: Sequence[bytes | None], intake: Intake, looks: NDArray[np.intp]
    ) -> tuple[Intake, Pieces | None]:
        """The records to read; None where they are the values themselves."""
        cut = cut_lines(intake, looks)
        if cut is not None:
            return cut
        pieces = split_messages(values, intake.rows.tolist(), looks.tolist())
        if pieces is None:
            return intake, None
        pieces.rejects += intake.rejects
        return self._take_in(pieces), pieces

    def _decode_pieces(self, pieces: Pieces, streams: NDArray[np.int32]) -> FlowBatch:
        intake = self._take_in(pieces)
        reading = self._reader.read(intake, pieces.streams(streams)[intake.rows])
        return pieces.told_of_messages(self._finish(intake, reading))

    def _take_in(self, pieces: Pieces) -> Intake:
        intake = take_in(pieces.values, self._options.max_record_bytes)
        return replace(intake, single=np.array(pieces.single, dtype=np.bool_)[intake.rows])

    def _finish(self, intake: Intake, reading: Reading) -> FlowBatch:
        """What became of the values, but for those that hold several records."""
        spans, passed_over = reading.spans, dict(reading.passed_over)
        if self._chooser is not None and spans.rows.size:
            mask, others = self._chooser(spans)
            spans = spans.keep(mask)
            passed_over.update(others)
        frame, faults = self._map(spans)
        rejects = [*intake.rejects, *reading.rejects, *faults]
        rejects.sort(key=itemgetter(0))
        return FlowBatch(frame, rejects, passed_over)

    def _map(self, spans: Spans) -> tuple[pl.DataFrame, list[Reject]]:
        sheet = Sheet(spans, self._reader.names)
        columns = self._mapper(sheet, self._options.labels)
        if self._options.labels:
            columns.setdefault(LABEL, pl.repeat(None, len(sheet), dtype=pl.String, eager=True))
        return sheet.finish(columns)


def _merge(one: FlowBatch, other: FlowBatch) -> FlowBatch:
    """One batch of two whose values are of one list, in its order."""
    both = join_batches([one, other], [0, 0])
    rejects = sorted(both.rejects, key=itemgetter(0, 3))
    return FlowBatch(both.frame.sort(ROW, PART, maintain_order=True), rejects, both.passed_over)


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
