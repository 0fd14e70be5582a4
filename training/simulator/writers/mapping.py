"""JSON of no tool in particular, for the format *mapping*: flat, or nested with some names of ECS and OpenTelemetry.

:data:`FLAT` and :data:`NESTED` are the settings (canonical field → path in the record) that read them back.
"""

from __future__ import annotations

import polars as pl

from detector.records.flow import LABEL
from training.simulator.writers.lines import Field, Kind, Lines, LineWriter

FLAT: dict[str, str] = {
    "uid": "id",
    "ts": "start",
    "duration_s": "seconds",
    "src_ip": "source",
    "src_port": "source_port",
    "dst_ip": "destination",
    "dst_port": "destination_port",
    "proto": "transport",
    "service": "application",
    "state": "outcome",
    "src_bytes": "bytes_out",
    "dst_bytes": "bytes_in",
    "src_packets": "packets_out",
    "dst_packets": "packets_in",
    "direction": "direction",
}
"""The mapping that reads the flat form."""

NESTED: dict[str, str] = {
    "uid": "event.id",
    "ts": "event.start",
    "duration_s": "event.seconds",
    "direction": "network.direction",
    "proto": "network.transport",
    "service": "network.protocol",
    "state": "network.state",
    "src_ip": "source.ip",
    "src_port": "source.port",
    "src_bytes": "source.bytes",
    "src_packets": "source.packets",
    "dst_ip": "destination.ip",
    "dst_port": "destination.port",
    "dst_bytes": "destination.bytes",
    "dst_packets": "destination.packets",
}
"""The mapping that reads the nested form."""

LABEL_PATH = "label"
"""Where the truth is, in both."""

_TEXTS = {"uid", "src_ip", "dst_ip", "proto", "service", "state", "direction", LABEL}
_SECONDS = {"ts", "duration_s"}


def _kind(column: str) -> Kind:
    if column in _TEXTS:
        return Kind.TEXT
    return Kind.MICROSECONDS if column in _SECONDS else Kind.INTEGER


def _fields(mapping: dict[str, str]) -> list[Field]:
    """Fields in the mapping's order, which names the fields of an object one after the other; unset ones are null."""
    fields = []
    inside = ""
    opening = "{"
    for column, path in mapping.items():
        parent, _, name = path.rpartition(".")
        if parent != inside:
            opening = ("}" if inside else "") + opening + (f'"{parent}":{{' if parent else "")
            inside = parent
        before = f'{opening}"{name}":'
        quote = '"' if _kind(column) == Kind.TEXT else ""
        fields.append(Field(before + quote, column, _kind(column), quote, before + "null"))
        opening = ","
    return [*fields, Field(("}" if inside else "") + "}", "_nothing", Kind.TEXT)]


def _writers(mapping: dict[str, str]) -> dict[bool, LineWriter]:
    return {labels: LineWriter(_fields(mapping | ({LABEL: LABEL_PATH} if labels else {}))) for labels in (False, True)}


_FLAT, _NESTED = _writers(FLAT), _writers(NESTED)


def write_flat(frame: pl.DataFrame, *, labels: bool = False) -> Lines:
    """One JSON object per flow, all names at its top."""
    return _FLAT[labels].write(frame.with_columns(pl.lit("").alias("_nothing")))


def write_nested(frame: pl.DataFrame, *, labels: bool = False) -> Lines:
    """One JSON object per flow, with objects in it."""
    return _NESTED[labels].write(frame.with_columns(pl.lit("").alias("_nothing")))
