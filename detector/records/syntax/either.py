"""Records that are JSON objects or lines of text, as each value tells by itself."""

from __future__ import annotations

from codecs import BOM_UTF8
from dataclasses import replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from detector.kernels.bytes import byte_at
from detector.kernels.compiled import njit
from detector.records.decoder import Reader, Reading
from detector.records.intake import Intake
from detector.records.syntax.spans import Spans
from detector.records.syntax.split_spans import SplitReader

_BRACE, _BRACKET = ord("{"), ord("[")
_WHITE = bytes(range(33))


class EitherReader:
    """Gives each value to the reader of JSON or of lines, and puts the spans in order again.

    Both must want the same fields.
    """

    def __init__(self, objects: Reader, lines: SplitReader) -> None:
        self._json = objects
        self._lines = lines
        self.names = objects.names

    def several(self, intake: Intake) -> NDArray[np.intp]:
        """The values that are lists of JSON, or text with a line break inside."""
        braced = _begins_with(intake.data, intake.begins, intake.ends, _BRACE, _BRACKET)
        found = np.zeros(intake.rows.size, dtype=np.bool_)
        for reader, mask in ((self._json, braced), (self._lines, ~braced)):
            found[np.flatnonzero(mask)[reader.several(intake.choose(mask))]] = True
        return np.flatnonzero(found)

    def read(self, intake: Intake, streams: NDArray[np.int32]) -> Reading:
        """The spans of all usable records; a value that begins with a brace or a bracket is JSON."""
        braced = _begins_with(intake.data, intake.begins, intake.ends, _BRACE, _BRACKET)
        if braced.all():
            return self._json.read(intake, streams)
        if not braced.any():
            return self._lines.read(intake, streams)
        objects = self._json.read(intake.choose(braced), streams[braced])
        if any(map(_is_line, chain.from_iterable(objects.several.values()))):
            return replace(objects, again=True)  # one may be a header line, for lines that come after it
        lines = self._lines.read(intake.choose(~braced), streams[~braced])
        passed_over = dict(lines.passed_over)
        for kind, count in objects.passed_over.items():
            passed_over[kind] = passed_over.get(kind, 0) + count
        return Reading(
            _merge(objects.spans, lines.spans), objects.rejects + lines.rejects, passed_over, objects.several
        )


def _is_line(record: bytes) -> bool:
    return record.removeprefix(BOM_UTF8).lstrip(_WHITE)[:1] not in (b"{", b"[")


@njit(cache=True, nogil=True)
def _begins_with(
    data: NDArray[np.uint8], begins: NDArray[np.int32], ends: NDArray[np.int32], sign: int, other: int
) -> NDArray[np.bool_]:
    """Whether one of two signs is the first after white space."""
    found = np.zeros(begins.size, dtype=np.bool_)
    for row in range(begins.size):
        at = begins[row]
        while at < ends[row] and byte_at(data, at) <= 32:
            at += 1
        first = byte_at(data, at)
        found[row] = first == sign or first == other  # noqa: PLR1714 - faster
    return found


def _merge(objects: Spans, lines: Spans) -> Spans:
    """Both in the order of rows. The reader of JSON may have added to the buffer, that of lines never does."""
    rows = np.concatenate((objects.rows, lines.rows))
    order = np.argsort(rows, kind="stable")
    begins, ends, kinds = (
        np.take(np.concatenate(parts, axis=1), order, axis=1)
        for parts in (
            (objects.begins, lines.begins),
            (objects.ends, lines.ends),
            (objects.kinds, lines.kinds),
        )
    )
    return Spans(objects.data, begins, ends, kinds, rows[order])
