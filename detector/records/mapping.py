"""Any other JSON, flat or nested: the operator names the field of each canonical column in the settings.

``mapping`` is canonical column → path: ``src_ip = "client.ip"`` finds ``{"client": {"ip": …}}`` and
``{"client.ip": …}``. Times and durations may name a unit: ``ts = "started in ms"``; without one, a number is seconds
and a text an ISO 8601 date. ``end_ts`` may stand in for ``duration_s``.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import polars as pl

from detector.errors import ConfigurationError
from detector.records.decoder import Options, RecordDecoder
from detector.records.flow import LABEL, SCHEMA
from detector.records.icmp import split_icmp
from detector.records.json_cells import JsonReader
from detector.records.labels import name_label
from detector.records.sheet import Sheet
from detector.records.suricata import lengths

END = "end_ts"
REQUIRED = ("ts", "src_ip", "dst_ip", "proto")
_OPTIONAL = (*(name for name in SCHEMA if name not in REQUIRED), END, LABEL)
_TIMED = ("ts", END, "duration_s")
_UNITS = {"s": 1.0, "ms": 1e3, "us": 1e6, "µs": 1e6, "ns": 1e9}
_WITH_UNIT = re.compile(r"(.+) in (\S+)")
_DIRECTIONS = frozenset({"outbound", "inbound", "internal", "external"})


@dataclass(frozen=True, slots=True)
class Place:
    """Where a column's values come from."""

    path: str
    per_second: float = 1.0


def open_mapping(options: Options) -> RecordDecoder:
    """A decoder by ``options.mapping``. Raises ConfigurationError if that cannot work, naming the key."""
    places = read_places(options.mapping)
    reader = JsonReader({place.path: () for place in places.values()})
    return RecordDecoder(options, reader, _mapper(places))


def read_places(mapping: Mapping[str, str]) -> dict[str, Place]:
    """Check a mapping. Raises ConfigurationError for a column that there isn't, one missing, or an unknown unit."""
    for column, path in mapping.items():
        if column not in REQUIRED and column not in _OPTIONAL:
            near = difflib.get_close_matches(column, (*REQUIRED, *_OPTIONAL), n=1, cutoff=0.4)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join((*REQUIRED, *_OPTIONAL))}"
            raise ConfigurationError(f"input.mapping.{column}: flows have no such column; {hint}")
        if not path.strip() or any(not part for part in path.split(".")):
            raise ConfigurationError(f"input.mapping.{column}: {path!r} is no path; write it as outer.inner")
    missing = [column for column in REQUIRED if column not in mapping]
    if missing:
        raise ConfigurationError(f"input.mapping: {', '.join(missing)} missing; name the record's field for each")
    return {column: _read_place(column, path) for column, path in mapping.items()}


def _read_place(column: str, path: str) -> Place:
    match = _WITH_UNIT.fullmatch(path) if column in _TIMED else None
    if match is None:
        return Place(path)
    if match[2] not in _UNITS:
        raise ConfigurationError(f"input.mapping.{column}: unknown unit {match[2]!r}; use s, ms, us or ns")
    return Place(match[1], _UNITS[match[2]])


def _mapper(places: Mapping[str, Place]) -> Callable[[Sheet, bool], dict[str, pl.Series]]:
    def map_columns(sheet: Sheet, labels: bool) -> dict[str, pl.Series]:
        columns = {name: _READERS[name](sheet, place) for name, place in places.items() if name in _READERS}
        if END in places and "duration_s" not in columns:
            end = sheet.times(places[END].path, places[END].per_second, required=False)
            columns["duration_s"] = lengths(columns["ts"], end)
        if "dst_port" in columns:
            nothing = pl.repeat(None, len(sheet), dtype=pl.Int32, eager=True)
            ports = split_icmp(columns["proto"], columns.get("src_port", nothing), columns["dst_port"])
            columns["src_port"], columns["dst_port"] = ports
        if labels and LABEL in places:
            columns[LABEL] = sheet.words(places[LABEL].path, name_label)
        return columns

    return map_columns


def _direction(word: str) -> str | None:
    return word.lower() if word.lower() in _DIRECTIONS else None


def _lower(word: str) -> str | None:
    return word.lower() or None


_READERS: dict[str, Callable[[Sheet, Place], pl.Series]] = {
    "uid": lambda sheet, place: sheet.text(place.path),
    "ts": lambda sheet, place: sheet.times(place.path, place.per_second),
    "duration_s": lambda sheet, place: sheet.seconds(place.path, place.per_second),
    "src_ip": lambda sheet, place: sheet.addresses(place.path),
    "src_port": lambda sheet, place: sheet.ports(place.path),
    "dst_ip": lambda sheet, place: sheet.addresses(place.path),
    "dst_port": lambda sheet, place: sheet.ports(place.path),
    "proto": lambda sheet, place: sheet.protocols(place.path),
    "service": lambda sheet, place: sheet.words(place.path, _lower),
    "state": lambda sheet, place: sheet.words(place.path),
    "src_bytes": lambda sheet, place: sheet.counts(place.path),
    "dst_bytes": lambda sheet, place: sheet.counts(place.path),
    "src_packets": lambda sheet, place: sheet.counts(place.path),
    "dst_packets": lambda sheet, place: sheet.counts(place.path),
    "direction": lambda sheet, place: sheet.words(place.path, _direction),
}
