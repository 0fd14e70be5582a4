"""Messages that hold several records, as the records they hold.

A message may be a JSON list, JSON objects one after the other, or several lines. Each record in it is decoded by
itself, and has its own place in the message, from 0: a broken one costs none of its neighbours. A message that holds
one record is that record, and has no such place.
"""

from __future__ import annotations

import json
import re
from codecs import BOM_UTF8
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import itemgetter

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.records.flow import NO_PART, PART, ROW, FlowBatch, Reject, RejectReason
from detector.records.intake import Intake
from detector.records.syntax.split_scan import find_lines

EMPTY_LIST = "empty_list"
"""Kind under which a message is passed over that is a list of no records."""

SHORTEST_BYTES = 20
"""No flow is shorter, on average, in any format: a message of more records than that allows is none of flows."""

_FEW = 1_000
"""So many records of any length may be in one message."""

_WHITE = b" \t\r\n"
_JSON_OR_WHITE = np.frombuffer(b"[{" + _WHITE, dtype=np.uint8)
_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_BETWEEN = re.compile(r"\s*")


class UnusableMessageError(Exception):
    """A message whose records cannot be told apart: the reason and the detail of the one reject that it becomes."""

    def __init__(self, reason: RejectReason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def too_many(records: int, size: int) -> UnusableMessageError | None:
    """What is wrong with so many records in so many bytes, if anything."""
    if records <= max(_FEW, size // SHORTEST_BYTES):
        return None
    detail = f"record: {records} records in {size} bytes; no flow is so short"
    return UnusableMessageError(RejectReason.TOO_LARGE, detail)


@dataclass(slots=True)
class Pieces:
    """Records, each with the number of its message and its place in it."""

    values: list[bytes | None] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    parts: list[int] = field(default_factory=list)
    single: list[bool] = field(default_factory=list)
    """Which are known to be one record each; the others were not looked at."""
    rejects: list[Reject] = field(default_factory=list)
    """Messages that hold no record that could be told."""
    passed_over: dict[str, int] = field(default_factory=dict)

    def whole(self, row: int, value: bytes | None) -> None:
        """Add a message that is one record."""
        self.values.append(value)
        self.rows.append(row)
        self.parts.append(NO_PART)
        self.single.append(True)

    def unseen(self, rows: Sequence[int], values: Sequence[bytes | None]) -> None:
        """Add messages, of all of which those at ``rows``, that may be one record or not."""
        self.values += [values[row] for row in rows]
        self.rows += rows
        self.parts += [NO_PART] * len(rows)
        self.single += [False] * len(rows)

    def several(self, row: int, size: int, records: Sequence[bytes]) -> None:
        """Add the records of a message of ``size`` bytes."""
        if not records:
            self.skip(EMPTY_LIST)
        elif len(records) == 1:
            self.whole(row, records[0])
        elif (error := too_many(len(records), size)) is not None:
            self.refuse(row, error)
        else:
            self.values += records
            self.rows += [row] * len(records)
            self.parts += range(len(records))
            self.single += [True] * len(records)

    def refuse(self, row: int, error: UnusableMessageError) -> None:
        """Note a message that cannot be used."""
        self.rejects.append(Reject(row, error.reason, error.detail))

    def skip(self, kind: str, count: int = 1) -> None:
        """Note records that are none of flows."""
        if count:
            self.passed_over[kind] = self.passed_over.get(kind, 0) + count

    def told_of_messages(self, batch: FlowBatch) -> FlowBatch:
        """``batch``, decoded from ``values``, by messages and places in them."""
        rows, parts = np.array(self.rows, dtype=np.uint32), np.array(self.parts, dtype=np.int32)
        places = [pl.Series(ROW, rows[batch.rows]), pl.Series(PART, parts[batch.rows])]
        moved = [Reject(self.rows[at], reason, detail, self.parts[at]) for at, reason, detail, _ in batch.rejects]
        rejects = sorted([*self.rejects, *moved], key=itemgetter(0, 3))
        passed_over = dict(self.passed_over)
        for kind, count in batch.passed_over.items():
            passed_over[kind] = passed_over.get(kind, 0) + count
        return FlowBatch(batch.frame.with_columns(places), rejects, passed_over)

    def streams(self, streams: NDArray[np.int32]) -> NDArray[np.int32]:
        """The stream of each record, by those of the messages."""
        return streams[np.array(self.rows, dtype=np.intp)]


def split_messages(values: Sequence[bytes | None], rows: Sequence[int], looks: Sequence[int]) -> Pieces | None:
    """The records of the messages at ``rows``, of which those at ``rows[looks[i]]`` look as if they held several.

    None if none of them does.
    """
    pieces, after = Pieces(), 0
    for index in looks:
        value = values[rows[index]] or b""
        records = several_in(value)
        if records is None:
            continue
        if after < index:
            pieces.unseen(rows[after:index], values)
        pieces.several(rows[index], len(value), records)
        after = index + 1
    if not after:
        return None
    pieces.unseen(rows[after:], values)
    return pieces


def cut_lines(intake: Intake, looks: NDArray[np.intp]) -> tuple[Intake, Pieces] | None:
    """The same as :func:`split_messages` where those that look so are plain text, without touching their bytes.

    None where one of them may be JSON, or has more lines than any number of bytes may have.
    """
    if np.isin(intake.data[intake.begins[looks]], _JSON_OR_WHITE).any():
        return None
    cut = np.zeros(intake.rows.size, dtype=np.bool_)
    cut[looks] = True
    lines, ends, owners = np.empty((3, intake.rows.size + intake.joined.count(b"\n")), dtype=np.int32)
    count = find_lines(intake.data, intake.begins, intake.ends, cut, lines, ends, owners)
    owners = owners[:count]
    counts = np.bincount(owners)
    if counts.max(initial=0) > _FEW:
        return None
    parts = np.arange(count) - (np.cumsum(counts) - counts)[owners]
    parts[counts[owners] == 1] = NO_PART
    pieces = Pieces([], intake.rows[owners].tolist(), parts.tolist(), cut[owners].tolist(), intake.rejects)
    rows = np.arange(count, dtype=np.int32)
    return Intake(intake.joined, intake.data, lines[:count], ends[:count], rows, [], cut[owners]), pieces


def pieces_of(values: Sequence[bytes | None], rows: Sequence[int], several: Sequence[Sequence[bytes]]) -> Pieces:
    """Only the messages at ``rows``, which hold ``several`` records each."""
    pieces = Pieces()
    for row, records in zip(rows, several, strict=True):
        pieces.several(row, len(values[row] or b""), records)
    return pieces


def several_in(value: bytes) -> list[bytes] | None:
    """The records in a message; None where it is one by itself."""
    records = records_of(value)
    return None if len(records) == 1 and records[0] == value else records


def records_of(text: bytes) -> list[bytes]:
    """The records in a message, by its syntax; the text itself where it holds one, or none that can be told.

    A list of JSON gives its elements (of an element that is text, the text), and other JSON its values one after the
    other; else each line that is not blank is a record.
    """
    text = text.removeprefix(BOM_UTF8)
    first = text.lstrip(_WHITE)[:1]
    if first == b"[":
        return _elements(text)
    if first == b"{" and _is_json(text):
        return [text]
    if first != b"{":
        return _lines(text)
    lines = [line for line in map(bytes.strip, text.split(b"\n")) if line]
    if len(lines) > 1 and any(line[:1] == b"{" and line[-1:] == b"}" and _is_json(line) for line in lines):
        return lines
    return _values(text)


def several_despite(value: bytes, error: str) -> list[bytes] | None:
    """The records in a value of which msgspec said ``error``; None where it holds no several JSON values.

    A quick look tells of most that they do not: a broken exporter sends nothing else.
    """
    looks_so = "trailing" in error or "got a list" in error or 0 <= value.find(b"\n") < len(value) - 1
    return several_in(value) if looks_so else None


def _lines(text: bytes) -> list[bytes]:
    lines = [line.removesuffix(b"\r") for line in text.split(b"\n")]
    return [line for line in lines if line.strip()] or [text]


def _elements(text: bytes) -> list[bytes]:
    try:
        return [_text_of(bytes(element)) for element in _LIST.decode(text)]
    except (ValueError, RecursionError):  # msgspec's own errors, and UnicodeDecodeError
        return [text]


def _text_of(element: bytes) -> bytes:
    return msgspec.json.decode(element, type=str).encode() if element[:1] == b'"' else element


def _is_json(text: bytes) -> bool:
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except (ValueError, RecursionError):
        return False
    return True


def _values(text: bytes) -> list[bytes]:
    """JSON values one after the other, such as ``{…}{…}``; from where it is none, all the rest is one.

    Likewise where there are more than can be flows.
    """
    try:
        whole = text.decode().strip()
    except UnicodeDecodeError:
        return [text]
    decoder, found, at = json.JSONDecoder(), list[bytes](), 0
    while at < len(whole):  # by places: cutting off what is left at each value takes the square of their number
        try:
            end = len(whole) if too_many(len(found), len(text)) else decoder.raw_decode(whole, at)[1]
        except (ValueError, RecursionError):
            end = len(whole)
        found.append(whole[at:end].encode())
        at = _BETWEEN.match(whole, end).end()  # type: ignore[union-attr]  # it matches nothing, too
    return found or [text]
