"""Zeek's conn log, whichever way it is written: the names of its fields and what they mean.

Labelled captures add ``label`` and ``detailedlabel`` (in IoT-23 ``detailed-label``).
"""

from __future__ import annotations

import re
from functools import lru_cache

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.net.protocols import name_protocol
from detector.net.states import pick
from detector.records.flow import DIRECTIONS, LABEL
from detector.records.labels import join_labels, name_label
from detector.records.sheet import Sheet
from detector.records.syntax.text_spans import spread_words

MARK = "trans_id"
"""A field of dns that no conn record has; its other spellings are of notice, dpd and syslog: all have ``proto``."""

SCOPES = ("_", "-", ":", "::", "/", "$", "__")
"""What may stand in place of the dot in ``id.orig_h``: ``Log::default_scope_sep``."""


def _scoped(name: str) -> tuple[str, ...]:
    return tuple(f"id{scope}{name}" for scope in SCOPES)


FIELDS: dict[str, tuple[str, ...]] = {
    "ts": (),
    "uid": (),
    "id.orig_h": _scoped("orig_h"),
    "id.orig_p": _scoped("orig_p"),
    "id.resp_h": _scoped("resp_h"),
    "id.resp_p": _scoped("resp_p"),
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
    "ip_proto": (),
    "_path": (),
    MARK: ("note", "failure_reason", "facility"),
}
"""The wanted fields, each with its other spellings."""

MEASURES = frozenset({"conn_state", "duration", "orig_bytes", "resp_bytes", "orig_pkts", "resp_pkts"})
"""Fields that tell a conn record from one of Zeek's other logs: each has some of them, and no other log with ``proto``
has any."""

_OWN = frozenset(FIELDS) - {MARK} | {
    *("id", "uid", "missed_bytes", "history", "orig_ip_bytes", "resp_ip_bytes", "tunnel_parents"),
    *("community_id", "vlan", "inner_vlan", "orig_l2_addr", "resp_l2_addr", "orig_cc", "resp_cc", "label"),
    *("detailedlabel", "detailed-label"),
}
"""Names that a conn record may have; so may any that begin with a sign, such as ``_node_name`` and ``@timestamp``."""

_LONGEST_NAMES = 2_000
"""So many letters of names, and not more, are kept in memory with what they tell: no log of Zeek's has so many."""

_SCOPED = re.compile(r"id[^0-9A-Za-z]+((?:orig|resp)_[hp])")
_ENDS = ("id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p")

LABEL_FIELDS: dict[str, tuple[str, ...]] = {"label": (), "detailedlabel": ("detailed-label",)}

SOURCES = {
    "ts": "`ts`",
    "duration_s": "`duration`",
    "src_ip": "`id.orig_h`",
    "src_port": "`id.orig_p`",
    "dst_ip": "`id.resp_h`",
    "dst_port": "`id.resp_p`",
    "proto": "`proto`; `ip_proto` where that is `unknown_transport`",
    "service": "`service`",
    "state": "`conn_state`",
    "src_bytes": "`orig_bytes`",
    "dst_bytes": "`resp_bytes`",
    "src_packets": "`orig_pkts`",
    "dst_packets": "`resp_pkts`",
    "direction": "`local_orig`, `local_resp`",
    "uid": "`uid`",
    "label": "`detailedlabel` of an attack, else `label`",
}
"""What each canonical column is made of, for the page about formats."""

PASSED_OVER = {
    "header": "header lines, which begin with `#`",
    "other_log": f"records whose `_path` (or `#path`) is not in `input.log_paths`; without one, those that have none of"
    f" conn's measures, but fields that conn has not, such as `{MARK}`",
}

_DIRECTIONS = (None, *DIRECTIONS)


def wanted_fields(labels: bool) -> dict[str, tuple[str, ...]]:
    """The wanted fields, with the labels' if asked for."""
    return FIELDS | LABEL_FIELDS if labels else FIELDS


def tells_conn(names: tuple[str, ...]) -> bool:
    """Whether a record or a header line with these names is of conn: it measures something, or has nothing else."""
    if not MEASURES.isdisjoint(names):
        return True
    return _tells_conn(names) if sum(map(len, names)) < _LONGEST_NAMES else _tells_conn.__wrapped__(names)


@lru_cache(256)
def _tells_conn(names: tuple[str, ...]) -> bool:
    unscoped = {name_unscoped(name) for name in names}
    return all(name in _OWN or not name[:1].isalnum() for name in unscoped)


@lru_cache(4_096)  # header lines say the same names over and over
def name_unscoped(name: str) -> str:
    """A column's name with the dot that ``Log::default_scope_sep`` replaced."""
    return _SCOPED.sub(r"id.\1", name)


def names_in(line: str, separator: str) -> list[str]:
    """The columns' names in a header line, each as :func:`name_unscoped` has it."""
    names = line.split(separator)
    for end in _ENDS:  # mostly all are there as they are, and that is all
        if end not in names:
            return [name_unscoped(name) for name in names]
    return names


def map_conn(sheet: Sheet, labels: bool) -> dict[str, pl.Series]:
    """The canonical columns of conn records."""
    columns = {
        "ts": sheet.times("ts", any_unit=True),
        "src_ip": sheet.addresses("id.orig_h"),
        "dst_ip": sheet.addresses("id.resp_h"),
        "proto": _protocols(sheet),
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


def _protocols(sheet: Sheet) -> pl.Series:
    """``proto``, and where that is ``unknown_transport`` the protocol of ``ip_proto``, which Zeek has since 7.1."""
    proto = sheet.protocols("proto")
    if not sheet.present("ip_proto").any():
        return proto
    unknown = (proto == "unknown_transport").fill_null(value=False)
    return pick(unknown, sheet.words("ip_proto", name_protocol).fill_null(proto), proto) if unknown.any() else proto


def name_directions(source_is_local: NDArray[np.int8], destination_is_local: NDArray[np.int8]) -> pl.Series:
    """The direction of a flow from whether its two ends are local (1, 0, or -1 for unknown)."""
    known = (source_is_local >= 0) & (destination_is_local >= 0)
    return spread_words(
        _DIRECTIONS, np.where(known, 1 + source_is_local + 2 * destination_is_local, 0).astype(np.int32)
    )


def _name_service(word: str) -> str | None:
    return word.lower() or None
