"""Zeek's conn log as tab-separated text, with its header lines (``#fields`` and others) anywhere in the stream.

The columns are those of the latest ``#fields`` line of the same stream (a partition or a file), else those that the
settings name. Where neither is known, such as in the middle of a topic, records of 21 to 23 columns are read as Zeek
writes them by itself. Header lines are passed over, as are all records under a ``#path`` that is not wanted, or, where
there is no ``#path``, under columns that measure no connection.

``#unset_field`` and ``#empty_field`` say how absent values are written (Zeek's ``LogAscii::unset_field``).
https://docs.zeek.org/en/master/log-formats.html
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from detector.records.decoder import Options, RecordDecoder
from detector.records.formats.zeek_conn import map_conn, name_unscoped, names_in, tells_conn, wanted_fields
from detector.records.intake import Intake
from detector.records.labels import KNOWN_LABELS
from detector.records.syntax.keywords import ABSENT
from detector.records.syntax.split_spans import Before, Dialect, Layout, ReadHeader, SplitReader

_DEFAULT = (
    "ts uid id.orig_h id.orig_p id.resp_h id.resp_p proto service duration orig_bytes resp_bytes conn_state local_orig"
    " local_resp missed_bytes history orig_pkts orig_ip_bytes resp_pkts resp_ip_bytes tunnel_parents"
)
_COLUMNS = tuple(_DEFAULT.split())
_NOTHINGS = ("-", "(empty)")

_PLAIN, _LABELLED = (*_COLUMNS, "", ""), (*_COLUMNS, "label", "detailedlabel")
KNOWN = (
    Layout(_COLUMNS, "\t"),
    Layout((*_COLUMNS, ""), "\t"),  # ip_proto since Zeek 7.1, community_id, …
    Layout(("_node_name", *_COLUMNS), "\t"),
    Layout(_PLAIN, "\t"),
    Layout(("_node_name", *_COLUMNS, ""), "\t"),
    Layout(_LABELLED, "\t"),
)
"""What Zeek writes unless told otherwise, with columns that its packages add (without a name here: they are not
wanted), and the labelled captures of Stratosphere."""

_UNNAMED = Layout((), "\t")
_THREE_SPACES = re.compile(" {3,}")


def open_zeek_tsv(options: Options) -> RecordDecoder:
    """A decoder of Zeek conn TSV; labels from ``label`` and ``detailedlabel``."""
    return RecordDecoder(options, zeek_tsv_reader(options), map_conn)


def zeek_tsv_reader(options: Options) -> SplitReader:
    """The reader of it, by itself."""
    dialect = Dialect(
        wanted=wanted_fields(options.labels),
        header_starts=b"#\t ",
        read_header=header_reader(options.log_paths),
        known=KNOWN if options.labels else tuple(layout for layout in KNOWN if layout.names != _LABELLED),
        nothings=_NOTHINGS,
        choose=_choose,
        required=("ts", "id.orig_h", "id.resp_h", "proto"),
    )
    return SplitReader(dialect, [name_unscoped(name) for name in options.columns])


def header_reader(log_paths: Collection[str]) -> ReadHeader:
    """A reader of header lines; ``log_paths`` are the logs that hold connections."""

    def read(line: str, before: Before) -> Layout | None:
        line = line.strip()
        if not line.startswith("#"):
            return None
        layout = before or _UNNAMED
        name, _, rest = line[1:].partition(layout.separator)
        if name == "fields":
            return _read_fields(rest, layout)
        if name == "path":
            return layout._replace(log=rest.strip(), flows=rest.strip() in log_paths)
        if name in ("unset_field", "empty_field"):
            unset, empty = layout.nothings or _NOTHINGS
            return layout._replace(nothings=(rest, empty) if name == "unset_field" else (unset, rest))
        if name.startswith("separator"):
            return layout._replace(separator=_read_separator(name), log=None, flows=True, nothings=None)
        return layout

    return read


def _read_fields(rest: str, layout: Layout) -> Layout:
    """In IoT-23 the last column is three: ``tunnel_parents   label   detailed-label``."""
    columns = names_in(rest, layout.separator)
    last = ABSENT
    if "   " in columns[-1]:
        last = len(columns) - 1
        columns[last:] = _THREE_SPACES.split(columns[last])
    names = tuple(columns)
    flows = layout.flows if layout.log is not None else tells_conn(names)
    return Layout(names, layout.separator, last, flows, layout.log, layout.nothings)


def _read_separator(name: str) -> str:
    """``separator \\x09`` or the sign itself; anything odd is taken for a tab."""
    sign = name.removeprefix("separator").strip(" ")
    if sign.startswith("\\x"):
        try:
            sign = bytes.fromhex(sign[2:]).decode()
        except ValueError:
            return "\t"
    return sign if len(sign) == 1 and sign.isascii() and sign not in "\0\n\r" else "\t"


def _choose(
    intake: Intake, ends: NDArray[np.int32], indices: NDArray[np.intp], known: Sequence[Layout]
) -> NDArray[np.intp]:
    """Of layouts of one width: a worker's name or a time comes first, and a label or something else near the end."""
    by_name = {layout.names: number for number, layout in enumerate(known)}
    node = next(number for names, number in by_name.items() if names[0] == "_node_name")
    first = intake.data[intake.begins[indices]]
    first = np.where(first == ord("\t"), intake.data[intake.begins[indices] + 1], first)
    is_time = (first >= ord("0")) & (first <= ord("9"))
    chosen = np.where(is_time, 0, node)
    if _LABELLED in by_name:
        for place in np.flatnonzero(is_time).tolist():
            index = indices[place]
            record = intake.data[intake.begins[index] : ends[index]].tobytes()
            label = record.rsplit(b"\t", 2)[1].decode().strip().lower()
            if label in KNOWN_LABELS:
                chosen[place] = by_name[_LABELLED]
    return chosen
