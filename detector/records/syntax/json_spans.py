"""Spans of JSON records: the scanner for all that are plain, msgspec for those that it finds doubtful.

Both give the same spans for the same record. One broken record costs its own few microseconds and nothing else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from detector.kernels.bytes import PADDING
from detector.records.decoder import Reading
from detector.records.envelopes.pieces import several_despite
from detector.records.flow import Reject, RejectReason
from detector.records.intake import Intake
from detector.records.syntax.json_scan import build_paths, groupings, scan_records, unwrap_lists
from detector.records.syntax.spans import Kind, Spans

_BEYOND_ANY_COUNT = 10**39
_BRACKET = ord("[")

Cell = tuple[int, Kind, bytes]


@dataclass(slots=True)
class _Names:
    """What is wanted inside one object, by name."""

    fields: dict[str, int] = field(default_factory=dict)
    objects: dict[str, _Names] = field(default_factory=dict)


class JsonReader:
    """Reads the wanted fields: names, each with its other spellings.

    A name is a dotted path, whose names may be grouped in any way: ``a.b`` is found as a flat name and as ``b`` inside
    the object ``a``. A field given twice in one record takes the last value. A list of one value is that value.
    """

    def __init__(self, wanted: Mapping[str, Sequence[str]]) -> None:
        self.names = tuple(wanted)
        spelt = tuple((name, *others) for name, others in wanted.items())
        self._paths = build_paths(spelt)
        objects: defaultdict[tuple[str, ...], _Names] = defaultdict(_Names)
        self._names = objects[()]
        for number, spellings in enumerate(spelt):
            for path in spellings:
                for before, name, after in groupings(path):
                    if after is None:
                        objects[before].fields.setdefault(name, number)
                    else:
                        objects[before].objects[name] = objects[after]

    def several(self, intake: Intake) -> NDArray[np.intp]:
        """The values that are lists; what else holds several is told by its error."""
        return np.flatnonzero(intake.data[intake.begins] == _BRACKET)

    def read(self, intake: Intake, streams: NDArray[np.int32]) -> Reading:  # noqa: ARG002 - JSON needs no header
        """The spans of every record that is a JSON object, and a reject for every other; see the protocol."""
        shape = (len(self.names), intake.rows.size)
        begins = np.zeros(shape, dtype=np.int32)
        ends = np.zeros(shape, dtype=np.int32)
        kinds = np.zeros(shape, dtype=np.uint8)
        doubtful = scan_records(intake.data, intake.begins, intake.ends, *self._paths, begins, ends, kinds)
        spans = Spans(intake.data, begins, ends, kinds, intake.rows)
        if kinds.max(initial=0) == Kind.NESTED:
            doubtful |= unwrap_lists(intake.data, begins, ends, kinds)
        if not doubtful.any():
            return Reading(spans)
        return self._resolve(spans, intake, doubtful)

    def _resolve(self, spans: Spans, intake: Intake, doubtful: NDArray[np.bool_]) -> Reading:
        rejects: list[Reject] = []
        several: dict[int, list[bytes]] = {}
        aside: list[bytes] = []
        position = spans.data.size
        indices = np.flatnonzero(doubtful)
        spans.kinds[:, indices] = Kind.ABSENT
        rows = intake.rows[indices].tolist()
        for index, row, value in zip(indices.tolist(), rows, intake.values(indices), strict=True):
            outcome = self.parse(value)
            if not isinstance(outcome, list):
                records = None if intake.single[index] else several_despite(value, outcome[1])
                if records is None:
                    rejects.append(Reject(row, *outcome))
                else:
                    several[row] = records
                continue
            doubtful[index] = False
            for number, kind, text in outcome:
                spans.kinds[number, index] = kind
                spans.begins[number, index] = position
                position += len(text)
                spans.ends[number, index] = position
                aside.append(text)
        if aside:
            data = np.concatenate((spans.data, np.frombuffer(b"".join(aside) + bytes(PADDING), dtype=np.uint8)))
            data.flags.writeable = False  # as the buffer was: kernels are compiled for each kind of array
            spans = Spans(data, spans.begins, spans.ends, spans.kinds, spans.rows)
        return Reading(spans.keep(~doubtful), rejects, several=several)

    def parse(self, value: bytes) -> list[Cell] | tuple[RejectReason, str]:
        """The spans of one record by the complete parser, or why it is none."""
        try:
            record = msgspec.json.decode(value)
        except RecursionError:
            return RejectReason.NOT_JSON, "record: nested too deep"
        except ValueError as error:  # msgspec's own errors, and UnicodeDecodeError
            if not value.strip():
                return RejectReason.EMPTY, "record: nothing but white space"
            return RejectReason.NOT_JSON, f"record: {error}"
        if not isinstance(record, dict):
            return RejectReason.WRONG_TYPE, f"record: expected a JSON object, got {_name_type(record)}"
        return list(_walk(record, self._names))


def _walk(record: dict[str, Any], names: _Names) -> Iterator[Cell]:
    for name, value in record.items():
        number = names.fields.get(name)
        if number is not None:
            yield (number, *_cell(value))
        inside = names.objects.get(name)
        if inside is not None and isinstance(value, dict):
            yield from _walk(value, inside)


def _cell(value: Any) -> tuple[Kind, bytes]:
    if isinstance(value, list) and len(value) == 1 and not isinstance(value[0], list):
        value = value[0]
    if isinstance(value, str):
        return Kind.TEXT, value.encode()
    if value is None:
        return Kind.ABSENT, b""
    if isinstance(value, bool):
        return (Kind.TRUE, b"true") if value else (Kind.FALSE, b"false")
    if isinstance(value, int):
        # Python refuses to write out integers of thousands of digits; all beyond the bound are rejected alike.
        return Kind.NUMBER, str(max(-_BEYOND_ANY_COUNT, min(value, _BEYOND_ANY_COUNT))).encode()
    if isinstance(value, float):
        return Kind.NUMBER, repr(value).encode()
    return Kind.NESTED, b""


def _name_type(value: Any) -> str:
    names = {list: "a list", str: "a string", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
