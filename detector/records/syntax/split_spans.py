"""Spans of records of separated values, whose columns are named by header lines in the stream, or known beforehand.

What a format supplies is a :class:`Dialect`. What a header line says holds for its stream (a partition or a file) from
then on, until the next. Before any header a record is read by the number of its columns, if the dialect knows a layout
of so many; that is how a consumer lives that joins in the middle of a stream.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.errors import ConfigurationError
from detector.records.decoder import Reading
from detector.records.flow import OTHER_LOG, Reject, RejectReason
from detector.records.intake import Intake
from detector.records.syntax.keywords import ABSENT, build_keywords, match_keywords
from detector.records.syntax.spans import Kind, Spans
from detector.records.syntax.split_scan import (
    BLANK,
    FINE,
    LINE_BREAK,
    assign_layouts,
    count_columns,
    find_breaks,
    split_records,
    trim_lines,
)

HEADER = "header"
"""Kind under which header lines are passed over."""

_HEADER_NAMES = 3
"""A line that holds so many known names names columns; a record may have one as a value."""

_WORD_BYTES = 8
_NEVER = np.iinfo(np.uint64).max  # no UTF-8 has such bytes

_UNKNOWN, _OTHER = 0, 1
"""Numbers of two layouts in every table: no header yet; a stream of something else."""


class Layout(NamedTuple):
    """The columns of a stream's records, by the names of its header."""

    names: tuple[str, ...]
    separator: str = ","
    tail: int = ABSENT
    """From this column on, three spaces separate as well."""
    flows: bool = True
    """False: the stream is of something else, and its records are passed over."""
    log: str | None = None
    """Which log the header says that it is of."""
    nothings: tuple[str, ...] | None = None
    """Spellings of an absent value beside the empty one; None: the dialect's."""


Before = Layout | None
ReadHeader = Callable[[str, Before], Layout | None]
"""What a header line (and the stream's layout before it) makes of the stream's layout; None if it is none."""


Choose = Callable[[Intake, NDArray[np.int32], NDArray[np.intp], Sequence[Layout]], NDArray[np.intp]]
"""Which of some layouts of one width fits each record: (intake, where its values end, indices, layouts) → numbers."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a format of separated values is written."""

    wanted: Mapping[str, Sequence[str]]
    """The wanted fields, each with its other spellings; all are compared without regard to case."""
    header_starts: bytes
    """Signs that a header line may begin with, after white space: only such lines are shown to ``read_header``."""
    read_header: ReadHeader
    known: tuple[Layout, ...] = ()
    """Layouts that records are read by where no header came before, told apart by their width."""
    nothings: tuple[str, ...] = ("-",)
    """Spellings of an absent value beside the empty one."""
    quoted: bool = False
    choose: Choose | None = None
    """Chooses among several known layouts of one width; None: the first."""
    required: tuple[str, ...] = ()
    """Wanted fields without which no record can be used: columns that the settings name must hold them."""


class SplitReader:
    """Reads the wanted fields of a dialect; remembers each stream's layout.

    ``columns`` are their names in order, for streams that no header line came by yet. Raises ConfigurationError where
    one that is required is not among them.
    """

    def __init__(self, dialect: Dialect, columns: Sequence[str] = ()) -> None:
        self.names = tuple(dialect.wanted)
        self._dialect = dialect
        self._spellings = {
            spelling.lower(): number
            for number, (name, others) in enumerate(dialect.wanted.items())
            for spelling in (name, *others)
        }
        self._streams: dict[int, Layout] = {}
        self._headers = _Headers(dialect.read_header)
        self._first = Layout(tuple(columns), dialect.known[0].separator) if columns else None
        self._check(columns)
        self._starts = np.zeros(256, dtype=np.bool_)
        self._starts[list(dialect.header_starts)] = True

    def several(self, intake: Intake) -> NDArray[np.intp]:
        """The values that have a line break inside."""
        if b"\n" not in intake.joined:
            return np.zeros(0, dtype=np.intp)
        ends = intake.ends.copy()
        trim_lines(intake.data, intake.begins, ends)
        return np.flatnonzero(find_breaks(intake.data, intake.begins, ends))

    def read(self, intake: Intake, streams: NDArray[np.int32]) -> Reading:
        """The spans of all records that have their layout's columns; see the protocol."""
        ends = intake.ends.copy()
        trim_lines(intake.data, intake.begins, ends)
        candidates = np.flatnonzero(self._starts[intake.data[intake.begins]])
        table = _Table([Layout(()), Layout((), flows=False)])
        layouts, headers, latest = self._lay_out(intake, ends, streams, table, candidates)
        rejects: list[Reject] = []
        passed_over = {HEADER: int(headers.sum())} if headers.any() else {}
        unknown = (layouts == _UNKNOWN) & ~headers
        if unknown.any():
            self._guess(intake, ends, np.flatnonzero(unknown), layouts, table)
        others = ~headers & table.is_other(layouts)
        if others.any():
            passed_over[OTHER_LOG] = int(others.sum())
        keep = ~(headers | others)
        spans, faults = self._split(intake, ends, layouts, table, keep)
        self._streams.update(latest)
        good = faults == FINE
        if not good.all():
            bad = ~good
            kinds = list(zip(faults[bad].tolist(), layouts[keep][bad].tolist(), strict=True))
            complaints = {kind: _complain(kind[0], table.layouts[kind[1]]) for kind in set(kinds)}
            rejects.extend(
                Reject(row, *complaints[kind]) for row, kind in zip(spans.rows[bad].tolist(), kinds, strict=True)
            )
            self._explain_first(intake, ends, rejects)
            spans = spans.keep(good)
        return Reading(spans, rejects, passed_over)

    def _explain_first(self, intake: Intake, ends: NDArray[np.int32], rejects: list[Reject]) -> None:
        """Where the first reject is a header line that was not known as one, say which names it lacks.

        Only that one is looked at: a file without such a column begins with it, and the rest must cost nothing.
        """
        index = int(np.searchsorted(intake.rows, rejects[0].row))
        lacking = self._lacking(intake.joined[intake.begins[index] : ends[index]])
        if lacking:
            detail = f"record: a header line, it seems, but no column is named {', '.join(lacking)}"
            rejects[0] = rejects[0]._replace(detail=detail)

    def _lacking(self, line: bytes) -> list[str]:
        """The required fields that a line names none of, if it names others; none if it is no header line."""
        separator = max(
            (layout.separator for layout in self._dialect.known), key=lambda sign: line.count(sign.encode())
        )
        names = {cell.strip().strip('"').lower() for cell in line.decode(errors="replace").split(separator)}
        found = {self._spellings[name] for name in names if name in self._spellings}
        if len(found) < _HEADER_NAMES:
            return []
        return [name for name in self._dialect.required if self._spellings[name.lower()] not in found]

    def _lay_out(
        self,
        intake: Intake,
        ends: NDArray[np.int32],
        streams: NDArray[np.int32],
        table: _Table,
        candidates: NDArray[np.intp],
    ) -> tuple[NDArray[np.int32], NDArray[np.bool_], dict[int, Layout]]:
        """The number of each record's layout, which records are header lines, and each stream's layout afterwards."""
        size = intake.rows.size
        headers = np.zeros(size, dtype=np.bool_)
        numbers, places = np.unique(streams, return_inverse=True)
        latest = {int(stream): self._streams.get(int(stream), self._first) for stream in numbers}
        current = np.array([table.number(layout) for layout in latest.values()], dtype=np.int32)
        changes = np.full(size, ABSENT, dtype=np.int32)
        columns = (candidates, streams[candidates], intake.begins[candidates], ends[candidates])
        before, before_stream = ABSENT, ABSENT
        for index, stream, begin, end in zip(*(column.tolist() for column in columns), strict=True):
            layout = self._headers.read(intake.joined[begin:end], latest[stream])
            if layout is not None:
                # Of header lines that follow at once on each other, only the last gives records their layout.
                if before >= 0 and (before + 1, before_stream) != (index, stream):
                    changes[before] = table.number(latest[before_stream])
                headers[index] = True
                latest[stream] = layout
                before, before_stream = index, stream
        if before >= 0:
            changes[before] = table.number(latest[before_stream])
        layouts = np.empty(size, dtype=np.int32)
        assign_layouts(places.astype(np.int32), changes, layouts, current)
        return layouts, headers, {stream: layout for stream, layout in latest.items() if layout is not None}

    def _guess(
        self,
        intake: Intake,
        ends: NDArray[np.int32],
        indices: NDArray[np.intp],
        layouts: NDArray[np.int32],
        table: _Table,
    ) -> None:
        """Give records without a header before them the known layout of as many columns."""
        begins, chosen_ends = intake.begins[indices], ends[indices]
        shapes = {(layout.separator, len(layout.names)): None for layout in self._dialect.known}
        signs = {separator for separator, _ in shapes}
        counts = {sign: count_columns(intake.data, begins, chosen_ends, ord(sign)) for sign in signs}
        for separator, width in shapes:
            matching = indices[counts[separator] == width]
            if not matching.size:
                continue
            known = [one for one in self._dialect.known if (one.separator, len(one.names)) == (separator, width)]
            if len(known) == 1 or self._dialect.choose is None:
                layouts[matching] = table.number(known[0])
                continue
            numbers = np.array([table.number(one) for one in known], dtype=np.int32)
            layouts[matching] = numbers[self._dialect.choose(intake, ends, matching, known)]

    def _split(
        self,
        intake: Intake,
        ends: NDArray[np.int32],
        layouts: NDArray[np.int32],
        table: _Table,
        keep: NDArray[np.bool_],
    ) -> tuple[Spans, NDArray[np.int32]]:
        kept = layouts[keep]
        used = np.unique(kept).tolist()
        shape = (len(self.names), kept.size)
        cell_begins = np.zeros(shape, dtype=np.int32)
        cell_ends = np.zeros(shape, dtype=np.int32)
        kinds = np.zeros(shape, dtype=np.uint8)
        faults = split_records(
            intake.data,
            intake.begins[keep],
            ends[keep],
            kept,
            *table.arrays(self._spellings, self._dialect.nothings, used),
            self._dialect.quoted,
            cell_begins,
            cell_ends,
            kinds,
        )
        spans = Spans(intake.data, cell_begins, cell_ends, kinds, intake.rows[keep])
        table.clear_long_nothings(spans, kept, used)
        return spans, faults

    def _check(self, columns: Sequence[str]) -> None:
        found = {self._spellings.get(name.lower()) for name in columns}
        missing = [name for name in self._dialect.required if self._spellings[name.lower()] not in found]
        if columns and missing:
            raise ConfigurationError(f"input.columns: {', '.join(missing)} missing; name every column, in order")


class _Headers:
    """Reads header lines, each but once: where something sends the same ones over and over, they cost little."""

    _MOST = 256
    _LONGEST_BYTES = 1 << 12

    def __init__(self, read: ReadHeader) -> None:
        self._read = read
        self._known: dict[bytes, tuple[Before, Layout]] = {}

    def read(self, line: bytes, before: Before) -> Before:
        """What the dialect makes of a line."""
        known = self._known.get(line)
        if known is not None and known[0] == before:
            return known[1]
        layout = self._read(line.decode(), before)
        if layout is None or len(line) > self._LONGEST_BYTES:
            return layout
        if len(self._known) >= self._MOST:
            self._known.clear()
        self._known[line] = before, layout
        return layout


class _Table:
    """The layouts that one batch meets, numbered."""

    def __init__(self, layouts: Sequence[Layout]) -> None:
        self.layouts = list(layouts)
        self._numbers: dict[Layout, int] = {}

    def number(self, layout: Layout | None) -> int:
        """The number of a layout; of None, that of the unknown one."""
        if layout is not None and not layout.flows:
            return _OTHER
        if layout is None or not layout.names:
            return _UNKNOWN
        if layout not in self._numbers:
            self._numbers[layout] = len(self.layouts)
            self.layouts.append(layout)
        return self._numbers[layout]

    def is_other(self, layouts: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Which records belong to a stream of something else."""
        other: NDArray[np.bool_] = layouts == _OTHER
        return other

    def arrays(
        self, spellings: Mapping[str, int], nothings: Sequence[str], used: Sequence[int]
    ) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.uint64]]:
        """The layouts that are used, as the scanner takes them: shapes, each column's wanted field, short nothings."""
        widest = max((len(self.layouts[number].names) for number in used), default=1)
        shapes = np.zeros((len(self.layouts), 3), dtype=np.int32)
        fields = np.full((len(self.layouts), max(widest, 1)), ABSENT, dtype=np.int32)
        for number in used:
            layout = self.layouts[number]
            shapes[number] = len(layout.names), ord(layout.separator), layout.tail
            taken: set[int] = set()
            for column, name in enumerate(layout.names):
                field = spellings.get(name.lower(), ABSENT)
                if field not in taken:
                    fields[number, column] = field
                    taken.add(field)
        return shapes, fields, self._short_nothings(nothings, used)

    def _short_nothings(self, default: Sequence[str], used: Sequence[int]) -> NDArray[np.uint64]:
        words = {}
        for number in used:
            chosen = self.layouts[number].nothings
            spelt = [word.encode() for word in (default if chosen is None else chosen)]
            words[number] = [int.from_bytes(word, "little") for word in spelt if len(word) <= _WORD_BYTES]
        table = np.full((len(self.layouts), max(map(len, words.values()), default=0)), _NEVER, dtype=np.uint64)
        for number, codes in words.items():
            table[number, : len(codes)] = codes
        return table

    def clear_long_nothings(self, spans: Spans, layouts: NDArray[np.int32], used: Sequence[int]) -> None:
        """Make spans absent whose layout says so by a word that is too long for the scanner."""
        for number in used:
            words = [word for word in self.layouts[number].nothings or () if len(word.encode()) > _WORD_BYTES]
            if words:
                table = build_keywords({(0, word): (0, ABSENT) for word in words})
                for begins, ends, kinds in zip(spans.begins, spans.ends, spans.kinds, strict=True):
                    found = match_keywords(*table, spans.data, begins, ends, kinds) >= 0
                    kinds[found & (layouts == number)] = Kind.ABSENT


def _complain(columns: int, layout: Layout) -> tuple[RejectReason, str]:
    """What is wrong with a record, by what :func:`split_records` says of it."""
    if columns == BLANK:
        return RejectReason.EMPTY, "record: nothing but a line's end"
    if columns == LINE_BREAK:
        return RejectReason.FIELD_COUNT, "record: line breaks, but no line of separated values"
    if not layout.names:
        detail = f"record: {columns} columns, and no header line came before it that names them"
    else:
        detail = f"record: {columns} columns, expected {len(layout.names)} as its header line (or input.columns) says"
    return RejectReason.FIELD_COUNT, detail
