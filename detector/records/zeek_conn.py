"""Zeek's conn log, whichever way it is written: the names of its fields and what they mean.

Labelled captures add ``label`` and ``detailedlabel`` (in IoT-23 ``detailed-label``).
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.records.flow import LABEL
from detector.records.labels import join_labels, name_label
from detector.records.sheet import Sheet
from detector.records.text_cells import spread_words

FIELDS: dict[str, tuple[str, ...]] = {
    "ts": (),
    "uid": (),
    "id.orig_h": (),
    "id.orig_p": (),
    "id.resp_h": (),
    "id.resp_p": (),
    "proto": (),
    "service": (),
    "duration": (),
    "orig_bytes": (),
    "resp_bytes": (),
    "conn_state": (),
    "local_orig": (),
    "local_resp": (),
    "orig_pkts": (),
    "resp_pkts": (),
    "_path": (),
}
"""The wanted fields, each with its other spellings."""

LABEL_FIELDS: dict[str, tuple[str, ...]] = {"label": (), "detailedlabel": ("detailed-label",)}

_DIRECTIONS = (None, "external", "inbound", "outbound", "internal")


def wanted_fields(labels: bool) -> dict[str, tuple[str, ...]]:
    """The wanted fields, with the labels' if asked for."""
    return FIELDS | LABEL_FIELDS if labels else FIELDS


def map_conn(sheet: Sheet, labels: bool) -> dict[str, pl.Series]:
    """The canonical columns of conn records."""
    columns = {
        "ts": sheet.times("ts"),
        "src_ip": sheet.addresses("id.orig_h"),
        "dst_ip": sheet.addresses("id.resp_h"),
        "proto": sheet.protocols("proto"),
        "src_port": sheet.ports("id.orig_p"),
        "dst_port": sheet.ports("id.resp_p"),
        "duration_s": sheet.seconds("duration"),
        "src_bytes": sheet.counts("orig_bytes"),
        "dst_bytes": sheet.counts("resp_bytes"),
        "src_packets": sheet.counts("orig_pkts"),
        "dst_packets": sheet.counts("resp_pkts"),
        "uid": sheet.text("uid"),
        "service": sheet.words("service", _name_service),
        "state": sheet.words("conn_state"),
        "direction": name_directions(sheet.flags("local_orig"), sheet.flags("local_resp")),
    }
    if labels:
        columns[LABEL] = join_labels(sheet.words("label", name_label), sheet.words("detailedlabel", name_label))
    return columns


def name_directions(source_is_local: NDArray[np.int8], destination_is_local: NDArray[np.int8]) -> pl.Series:
    """The direction of a flow from whether its two ends are local (1, 0, or -1 for unknown)."""
    known = (source_is_local >= 0) & (destination_is_local >= 0)
    return spread_words(
        _DIRECTIONS, np.where(known, 1 + 2 * source_is_local + destination_is_local, 0).astype(np.int32)
    )


def _name_service(word: str) -> str | None:
    return word.lower() or None
