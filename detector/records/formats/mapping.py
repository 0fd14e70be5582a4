"""Any other JSON, flat or nested: the operator names the field of each canonical column in the settings.

``mapping`` is canonical column → path: ``src_ip = "client.ip"`` finds ``{"client": {"ip": …}}`` and
``{"client.ip": …}``. Of several paths for one column, the first that a record has counts. Times and durations may name
a unit: ``ts = "started in ms"``; without one, a number is seconds and a text an ISO 8601 date. ``end_ts`` may stand in
for ``duration_s``. ``extra`` names further numbers in the same way: they become columns ``extra.NAME``.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.errors import ConfigurationError
from detector.records.decoder import Options, Reading, RecordDecoder
from detector.records.flow import DIRECTIONS, LABEL, SCHEMA, RejectReason
from detector.records.formats.suricata import lengths
from detector.records.icmp import split_icmp
from detector.records.intake import Intake
from detector.records.labels import name_label
from detector.records.sheet import Sheet
from detector.records.syntax.json_spans import JsonReader
from detector.records.syntax.spans import Kind, Spans

END = "end_ts"
EXTRA = "extra."
"""What the names of further columns begin with: no canonical column, nor any feature, is named so."""

EITHER = " or "
"""Between the paths of a column in messages."""

REQUIRED = ("ts", "src_ip", "dst_ip", "proto")
_OPTIONAL = (*(name for name in SCHEMA if name not in REQUIRED), END, LABEL)
_TIMED = ("ts", END, "duration_s")
_UNITS = {"s": 1.0, "ms": 1e3, "us": 1e6, "µs": 1e6, "ns": 1e9}
_WITH_UNIT = re.compile(r"(.+) in (\S+)")


Paths = str | Sequence[str]
"""A path, or several of which the first that a record has counts."""


@dataclass(frozen=True, slots=True)
class FieldPlace:
    """Where a column's values may come from: paths, each with how many of its units make a second."""

    paths: tuple[str, ...]
    per_second: tuple[float, ...]

    @property
    def name(self) -> str:
        """The field as messages name it."""
        return EITHER.join(self.paths)


def open_mapping(options: Options) -> RecordDecoder:
    """A decoder by ``options.mapping``. Raises ConfigurationError if that cannot work, naming the key."""
    places, extra = read_places(options.mapping), read_extra(options.extra)
    every = [*places.values(), *extra.values()]
    reader = FirstPresentReader(
        JsonReader({path: () for place in every for path in place.paths}),
        [place.paths for place in every if len(place.paths) > 1],
    )
    return RecordDecoder(options, reader, _mapper(places, extra))


def read_places(mapping: Mapping[str, Paths]) -> dict[str, FieldPlace]:
    """Check a mapping. Raises ConfigurationError for a column that there isn't, one missing, or an unknown unit."""
    for column in mapping:
        if column not in REQUIRED and column not in _OPTIONAL:
            near = difflib.get_close_matches(column, (*REQUIRED, *_OPTIONAL), n=1, cutoff=0.4)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join((*REQUIRED, *_OPTIONAL))}"
            raise ConfigurationError(f"input.mapping.{column}: flows have no such column; {hint}")
    missing = [column for column in REQUIRED if column not in mapping]
    if missing:
        raise ConfigurationError(f"input.mapping: {', '.join(missing)} missing; name the record's field for each")
    return {
        column: _read_place(f"input.mapping.{column}", paths, timed=column in _TIMED)
        for column, paths in mapping.items()
    }


def read_extra(extra: Mapping[str, Paths]) -> dict[str, FieldPlace]:
    """Check the further columns. Raises ConfigurationError for what cannot be one."""
    for name in extra:
        if not name.isidentifier():
            raise ConfigurationError(f"input.extra.{name}: name it with letters, digits and underscores")
    return {EXTRA + name: _read_place(f"input.extra.{name}", paths, timed=False) for name, paths in extra.items()}


def _read_place(key: str, paths: Paths, *, timed: bool) -> FieldPlace:
    found = [_read_path(key, path, timed) for path in ([paths] if isinstance(paths, str) else paths)]
    if not found:
        raise ConfigurationError(f"{key}: it names no field; leave it out, or write a path")
    if len({path for path, _ in found}) < len(found):
        raise ConfigurationError(f"{key}: a path is there twice; leave one out")
    return FieldPlace(tuple(path for path, _ in found), tuple(unit for _, unit in found))


def _read_path(key: str, path: str, timed: bool) -> tuple[str, float]:
    if not path.strip() or any(not part for part in path.split(".")):
        raise ConfigurationError(f"{key}: {path!r} is no path; write it as outer.inner")
    match = _WITH_UNIT.fullmatch(path) if timed else None
    if match is None:
        return path, 1.0
    if match[2] not in _UNITS:
        raise ConfigurationError(f"{key}: unknown unit {match[2]!r}; use s, ms, us or ns")
    return match[1], _UNITS[match[2]]


class FirstPresentReader:
    """Adds, to the fields of a reader of JSON, one for each of ``several``: the first of these that a record has."""

    def __init__(self, reader: JsonReader, several: Sequence[Sequence[str]]) -> None:
        self._reader = reader
        self._groups = [[reader.names.index(path) for path in paths] for paths in several]
        self.names = (*reader.names, *(EITHER.join(paths) for paths in several))

    def several(self, intake: Intake) -> NDArray[np.intp]:
        """The values that are lists."""
        return self._reader.several(intake)

    def read(self, intake: Intake, streams: NDArray[np.int32]) -> Reading:
        """The spans of the reader, and those of the groups after them."""
        reading = self._reader.read(intake, streams)
        if not self._groups:
            return reading
        spans = reading.spans
        columns = np.arange(spans.rows.size)
        # Of each group and record, the field that is there, or the last one.
        chosen = np.array([_first(spans.kinds, group) for group in self._groups])
        begins, ends, kinds = (
            np.concatenate((each, each[chosen, columns])) for each in (spans.begins, spans.ends, spans.kinds)
        )
        return replace(reading, spans=Spans(spans.data, begins, ends, kinds, spans.rows))


def _first(kinds: NDArray[np.uint8], group: Sequence[int]) -> NDArray[np.intp]:
    places: NDArray[np.intp] = np.argmax(kinds[group] != Kind.ABSENT, axis=0)
    return np.array(group, dtype=np.intp)[places]


def _mapper(
    places: Mapping[str, FieldPlace], extra: Mapping[str, FieldPlace]
) -> Callable[[Sheet, bool], dict[str, pl.Series]]:
    def map_columns(sheet: Sheet, labels: bool) -> dict[str, pl.Series]:
        columns = {name: _READERS[name](sheet, place) for name, place in places.items() if name in _READERS}
        if END in places:
            length = lengths(columns["ts"], _times(sheet, places[END]))
            columns["duration_s"] = columns["duration_s"].fill_null(length) if "duration_s" in columns else length
        if "dst_port" in columns:
            nothing = pl.repeat(None, len(sheet), dtype=pl.Int32, eager=True)
            ports = split_icmp(columns["proto"], columns.get("src_port", nothing), columns["dst_port"])
            columns["src_port"], columns["dst_port"] = ports
        if labels and LABEL in places:
            columns[LABEL] = sheet.words(places[LABEL].name, name_label)
        columns.update((name, sheet.numbers(place.name)) for name, place in extra.items())
        return columns

    return map_columns


def _times(sheet: Sheet, place: FieldPlace) -> pl.Series:
    """The first time that a record has; each path has its own unit."""
    return _filled([sheet.times(*one, required=False) for one in zip(place.paths, place.per_second, strict=True)])


def _start(sheet: Sheet, place: FieldPlace) -> pl.Series:
    times = _times(sheet, place)
    sheet.blame(place.name, times.is_null().to_numpy(), RejectReason.MISSING_FIELD, "is missing")
    return times


def _seconds(sheet: Sheet, place: FieldPlace) -> pl.Series:
    return _filled([sheet.seconds(*one) for one in zip(place.paths, place.per_second, strict=True)])


def _filled(columns: Sequence[pl.Series]) -> pl.Series:
    first = columns[0]
    for column in columns[1:]:
        first = first.fill_null(column)
    return first


def _direction(word: str) -> str | None:
    return word.lower() if word.lower() in DIRECTIONS else None


def _lower(word: str) -> str | None:
    return word.lower() or None


_READERS: dict[str, Callable[[Sheet, FieldPlace], pl.Series]] = {
    "uid": lambda sheet, place: sheet.text(place.name),
    "ts": _start,
    "duration_s": _seconds,
    "src_ip": lambda sheet, place: sheet.addresses(place.name),
    "src_port": lambda sheet, place: sheet.ports(place.name),
    "dst_ip": lambda sheet, place: sheet.addresses(place.name),
    "dst_port": lambda sheet, place: sheet.ports(place.name),
    "proto": lambda sheet, place: sheet.protocols(place.name),
    "service": lambda sheet, place: sheet.words(place.name, _lower),
    "state": lambda sheet, place: sheet.words(place.name),
    "src_bytes": lambda sheet, place: sheet.counts(place.name),
    "dst_bytes": lambda sheet, place: sheet.counts(place.name),
    "src_packets": lambda sheet, place: sheet.counts(place.name),
    "dst_packets": lambda sheet, place: sheet.counts(place.name),
    "direction": lambda sheet, place: sheet.words(place.name, _direction),
}
