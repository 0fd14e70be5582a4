"""From spans to canonical columns: a :class:`Sheet` is asked for one field after the other, and keeps what was wrong.

A record is turned away for the first thing wrong with it, in the order in which the format asks. An optional field may
be absent, never malformed: a number that cannot be read is a broken record, not a missing number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.net.protocols import name_protocol
from detector.records.flow import ROW, SCHEMA, Reject, RejectReason
from detector.records.syntax.number_spans import (
    GOOD,
    NULL,
    OUT_OF_RANGE,
    UNFINISHED,
    UNREADABLE,
    WRONG_TYPE,
    read_counts,
    read_decimals,
    read_flags,
)
from detector.records.syntax.spans import Kind, Spans
from detector.records.syntax.text_spans import check_addresses, find_distinct, read_repeating, read_unique, spread
from detector.records.syntax.time_spans import read_times

LATEST_S = 2.0**32
"""Times from here on (the year 2106) are taken for another unit, or for nonsense; durations likewise."""

EARLIEST_IN_UNIT_S = 1e8
"""Numbers below this (1973) in a smaller unit are too near to plausible seconds to be taken for it."""

MOST = int(np.iinfo(np.int64).max)
MOST_PORT = 65535

_LONGEST_QUOTE = 60
_QUOTED_BYTES = 4 * (_LONGEST_QUOTE + 1)
"""Enough for a character more than is quoted."""

_ABSENT, _NESTED = int(Kind.ABSENT), int(Kind.NESTED)


class Sheet:
    """The spans of some records under the names that their format uses, and the faults found so far."""

    def __init__(self, spans: Spans, names: Sequence[str]) -> None:
        self.spans = spans
        self._fields = {name: number for number, name in enumerate(names)}
        self._fault = np.zeros(spans.rows.size, dtype=np.int32)
        self._complaints: list[tuple[str, RejectReason, str]] = []

    def __len__(self) -> int:
        return int(self.spans.rows.size)

    def present(self, name: str) -> NDArray[np.bool_]:
        """Where the field has a value."""
        present: NDArray[np.bool_] = self.spans.kinds[self._fields[name]] != Kind.ABSENT
        return present

    def times(
        self,
        name: str,
        per_second: float = 1.0,
        *,
        required: bool = True,
        day_first: bool = False,
        any_unit: bool = False,
    ) -> pl.Series:
        """Seconds since 1970 UTC from a number of ``1 / per_second`` seconds, or from a date.

        With ``day_first``, a date may also be written ``31/12/2017 08:55:58``, ``3/7/2017 8:55`` or with AM and PM.
        With ``any_unit``, a number too large for seconds is milli-, micro- or nanoseconds, as it gives 1973 to 2106.
        """
        values, status = self._new(np.float64)
        read_times(*self._cells(name), per_second, day_first, values, status)
        self._finish(name, values, status, per_second)
        outside = (values < 0) | (values >= LATEST_S)
        if any_unit and outside.any():
            for unit in (1e3, 1e6, 1e9):
                fits = (values >= EARLIEST_IN_UNIT_S * unit) & (values < LATEST_S * unit)
                values[fits] /= unit
            outside = (values < 0) | (values >= LATEST_S)
        status[outside] = OUT_OF_RANGE
        self._blame(name, status == UNREADABLE, RejectReason.BAD_TIMESTAMP, "is not a time")
        phrase = "is not a time in seconds from 1970 to 2106" if per_second == 1 else "is not from 1970 to 2106"
        self._blame(name, status == OUT_OF_RANGE, RejectReason.BAD_TIMESTAMP, phrase)
        self._blame_common(name, status, "a time", required=required)
        return pl.Series(values, nan_to_null=True)

    def seconds(self, name: str, per_second: float = 1.0) -> pl.Series:
        """A length of time in seconds; null where absent or negative, as stepped clocks make it."""
        values, status = self._new(np.float64)
        read_decimals(*self._cells(name), values, status)
        values /= per_second
        self._finish(name, values, status, per_second)
        status[values >= LATEST_S] = OUT_OF_RANGE
        values[values < 0] = np.nan
        self._blame(name, status == OUT_OF_RANGE, RejectReason.BAD_COUNT, "is not a length of time")
        self._blame(name, status == UNREADABLE, RejectReason.WRONG_TYPE, "is not a number")
        self._blame_common(name, status, "a number", required=False)
        return pl.Series(values, nan_to_null=True)

    def numbers(self, name: str) -> pl.Series:
        """Any number; null where absent."""
        values, status = self._new(np.float64)
        read_decimals(*self._cells(name), values, status)
        self._finish(name, values, status, 1.0)
        self._blame(name, status == UNREADABLE, RejectReason.WRONG_TYPE, "is not a number")
        self._blame_common(name, status, "a number", required=False)
        return pl.Series(values, nan_to_null=True)

    def counts(self, name: str) -> pl.Series:
        """A count, from 0 to 2^63 - 1; null where absent."""
        values, status = self._whole(name, MOST)
        if _any_bad(status):
            self._blame(name, status == OUT_OF_RANGE, RejectReason.BAD_COUNT, "is not a count")
            self._blame(name, status == UNREADABLE, RejectReason.WRONG_TYPE, "is not a number")
            self._blame_common(name, status, "a number", required=False)
        return _nullable(pl.Series(values), status == NULL)

    def ports(self, name: str) -> pl.Series:
        """A port, from 0 to 65535, in digits or as ``0x…``; null where absent."""
        values, status = self._whole(name, MOST_PORT)
        if _any_bad(status):
            for index, word in self._texts(name, status == UNREADABLE):
                port = _read_hex_port(word)
                if port is not None:
                    values[index], status[index] = port, GOOD
            bad = (status == OUT_OF_RANGE) | (status == UNREADABLE)
            self._blame(name, bad, RejectReason.BAD_PORT, "is not a port, 0 to 65535")
            self._blame_common(name, status, "a port", required=False)
        return _nullable(pl.Series(values.astype(np.int32)), status == NULL)

    def addresses(self, name: str, unless: str | None = None) -> pl.Series:
        """An IPv4 or IPv6 address as it was spelled; required, or ``unless`` stands for an absent one."""
        data, begins, ends, kinds = self._cells(name)
        codes = np.empty(begins.size, dtype=np.int32)
        firsts = find_distinct(data, begins, ends, kinds, codes)
        good = np.append(True, check_addresses(data, begins[firsts], ends[firsts]))[codes]
        text = kinds == Kind.TEXT
        if unless is None:
            self._blame(name, kinds == Kind.ABSENT, RejectReason.MISSING_FIELD, "is missing")
        self._blame(name, ~text & (kinds != Kind.ABSENT), RejectReason.WRONG_TYPE, "is not a text with an address")
        self._blame(name, ~good, RejectReason.BAD_ADDRESS, "is not an IPv4 or IPv6 address")
        return spread((data, begins[firsts], ends[firsts], kinds[firsts]), codes, unless)

    def protocols(self, name: str, named: Callable[[str], str | None] = name_protocol) -> pl.Series:
        """A transport protocol's name in lower case, from a name or a number, as ``named`` has it; required."""
        kinds = self._cells(name)[3]
        names = read_repeating(*self._cells(name), named)
        self._blame(name, kinds == Kind.ABSENT, RejectReason.MISSING_FIELD, "is missing")
        wrong = (kinds != Kind.TEXT) & (kinds != Kind.NUMBER)
        self._blame(name, wrong, RejectReason.WRONG_TYPE, "is not a protocol's name or number")
        if names.null_count():
            self._blame(name, names.is_null().to_numpy(), RejectReason.BAD_PROTOCOL, "is not a known protocol")
        return names

    def words(self, name: str, adapt: Callable[[str], str | None] | None = None) -> pl.Series:
        """Text of few distinct values; null where absent."""
        self._blame_untext(name)
        return read_repeating(*self._cells(name), adapt)

    def text(self, name: str) -> pl.Series:
        """Text of many distinct values, such as ids; null where absent."""
        self._blame_untext(name)
        return read_unique(*self._cells(name))

    def flags(self, name: str) -> NDArray[np.int8]:
        """1 for true, 0 for false, -1 where absent."""
        values, status = self._new(np.int8)
        read_flags(*self._cells(name), values, status)
        self._blame_common(name, status, "true or false", required=False)
        return values

    def bits(self, name: str) -> NDArray[np.int64]:
        """Flags of TCP as hexadecimal digits, such as ``1b``; -1 where absent."""
        words = self.words(name, _read_hex)
        return words.cast(pl.Int64).fill_null(-1).to_numpy()

    def require(self, name: str) -> None:
        """Turn away the records that lack a field, or have something else than text in it."""
        self._blame(name, ~self.present(name), RejectReason.MISSING_FIELD, "is missing")
        self._blame(name, self._cells(name)[3] != Kind.TEXT, RejectReason.WRONG_TYPE, "is not text")

    def blame(self, name: str, mask: NDArray[np.bool_], reason: RejectReason, phrase: str) -> None:
        """Turn away the records where ``mask`` is true, unless something was wrong with them before."""
        self._blame(name, mask, reason, phrase)

    def finish(self, columns: Mapping[str, pl.Series]) -> tuple[pl.DataFrame, list[Reject]]:
        """The canonical frame of the good records, and a reject for each of the others.

        Columns of the schema that are not given are null; others than the schema's come last.
        """
        size = len(self)
        nothing = {
            name: pl.repeat(None, size, dtype=dtype, eager=True)
            for name, dtype in SCHEMA.items()
            if name not in columns
        }
        ordered = [(columns.get(name, nothing.get(name)), name) for name in SCHEMA]
        ordered.append((pl.Series(self.spans.rows.astype(np.uint32)), ROW))
        ordered.extend((series, name) for name, series in columns.items() if name not in SCHEMA)
        frame = pl.DataFrame([series.alias(name) for series, name in ordered if series is not None])
        bad = self._fault != 0
        if not bad.any():
            return frame, []
        return frame.filter(pl.Series(~bad)), self._rejects(np.flatnonzero(bad))

    def _cells(self, name: str) -> tuple[NDArray[np.uint8], NDArray[np.int32], NDArray[np.int32], NDArray[np.uint8]]:
        field = self._fields[name]
        return self.spans.data, self.spans.begins[field], self.spans.ends[field], self.spans.kinds[field]

    def _new(self, dtype: type) -> tuple[NDArray[Any], NDArray[np.uint8]]:
        return np.empty(len(self), dtype=dtype), np.empty(len(self), dtype=np.uint8)

    def _whole(self, name: str, most: int) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        values, status = self._new(np.int64)
        read_counts(*self._cells(name), most, values, status)
        for index, text in self._texts(name, status == UNFINISHED) if _any_bad(status) else ():
            number = float(text)
            whole = number.is_integer() and 0 <= number <= min(most, 2**53)
            status[index] = GOOD if whole else OUT_OF_RANGE
            values[index] = int(number) if whole else 0
        return values, status

    def _finish(self, name: str, values: NDArray[np.float64], status: NDArray[np.uint8], per_second: float) -> None:
        for index, text in self._texts(name, status == UNFINISHED):
            try:
                values[index] = float(text) / per_second
                status[index] = GOOD
            except ValueError:
                status[index] = UNREADABLE

    def _texts(self, name: str, mask: NDArray[np.bool_]) -> Iterator[tuple[int, str]]:
        """The places and texts of a field's spans where ``mask`` is true: what a kernel has not read."""
        indices = np.flatnonzero(mask)
        return zip(indices.tolist(), self.spans.texts(self._fields[name], indices), strict=True)

    def _blame_common(self, name: str, status: NDArray[np.uint8], expected: str, *, required: bool) -> None:
        self._blame(name, status == WRONG_TYPE, RejectReason.WRONG_TYPE, f"is not {expected}")
        if required:
            self._blame(name, status == NULL, RejectReason.MISSING_FIELD, "is missing")

    def _blame_untext(self, name: str) -> None:
        kinds = self._cells(name)[3]
        wrong = kinds > Kind.NUMBER
        self._blame(name, wrong, RejectReason.WRONG_TYPE, "is not text")

    def _blame(self, name: str, mask: NDArray[np.bool_], reason: RejectReason, phrase: str) -> None:
        if mask.any():
            self._complaints.append((name, reason, phrase))
            self._fault[mask & (self._fault == 0)] = len(self._complaints)

    def _rejects(self, indices: NDArray[np.intp]) -> list[Reject]:
        """What was wrong first with each of these records; all at once, since it may be every record."""
        faults = self._fault[indices] - 1
        fields = np.array([self._fields.get(name, 0) for name, _, _ in self._complaints])[faults]
        named = np.array([name in self._fields for name, _, _ in self._complaints])[faults]
        kinds = np.where(named, self.spans.kinds[fields, indices], Kind.ABSENT)
        begins = self.spans.begins[fields, indices]
        ends = np.minimum(self.spans.ends[fields, indices], begins + _QUOTED_BYTES)
        data = self.spans.data.data
        rejects: list[Reject] = []
        for row, fault, kind, begin, end in zip(
            *(column.tolist() for column in (self.spans.rows[indices], faults, kinds, begins, ends)), strict=True
        ):
            name, reason, phrase = self._complaints[fault]
            if kind == _ABSENT:
                quote = ""
            else:
                quote = "an object or list " if kind == _NESTED else _quote(str(data[begin:end], "utf-8", "ignore"))
            rejects.append(Reject(row, reason, f"{name}: {quote}{phrase}"))
        return rejects


def _quote(text: str) -> str:
    return f"{text!r} " if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE] + '…'!r} "


def _any_bad(status: NDArray[np.uint8]) -> bool:
    """Whether any is worse than absent: mostly none is, and one look tells."""
    return int(status.max(initial=GOOD)) > NULL


def _read_hex_port(word: str) -> int | None:
    if not word.startswith(("0x", "0X")):
        return None
    try:
        return port if (port := int(word, 16)) <= MOST_PORT else None
    except ValueError:
        return None


def _read_hex(word: str) -> str | None:
    try:
        return str(int(word, 16) & 0xFF)
    except ValueError:
        return None


def _nullable(series: pl.Series, absent: NDArray[np.bool_]) -> pl.Series:
    return series.set(pl.Series(absent), None) if absent.any() else series
