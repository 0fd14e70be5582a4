"""Zeek's conn log as tab-separated text, with its header lines (``#fields`` and others) anywhere in the stream.

The columns are those of the latest ``#fields`` line of the same stream (a partition or a file). Where none came
before, such as in the middle of a topic, records of 21 to 23 columns are read as Zeek writes them by itself. Header
lines are passed over, as are all records under a ``#path`` other than conn.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from detector.records.decoder import Options, RecordDecoder
from detector.records.split_cells import Dialect, Layout, SplitReader
from detector.records.words import ABSENT
from detector.records.zeek_conn import map_conn, wanted_fields

_DEFAULT = (
    "ts uid id.orig_h id.orig_p id.resp_h id.resp_p proto service duration orig_bytes resp_bytes conn_state local_orig"
    " local_resp missed_bytes history orig_pkts orig_ip_bytes resp_pkts resp_ip_bytes tunnel_parents"
)
_COLUMNS = tuple(_DEFAULT.split())

KNOWN = (
    Layout(_COLUMNS, "\t"),
    Layout((*_COLUMNS, "ip_proto"), "\t"),  # since Zeek 7.1
    Layout(("_node_name", *_COLUMNS), "\t"),
    Layout((*_COLUMNS, "label", "detailedlabel"), "\t"),
)
"""What Zeek writes unless told otherwise, and the labelled captures of Stratosphere."""

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
        read_header=read_zeek_header,
        known=KNOWN,
        nothings=("-", "(empty)"),
        choose=_choose,
    )
    return SplitReader(dialect)


def read_zeek_header(line: str, before: Layout | None) -> Layout | None:
    """The layout after a line of a header; None if the line is no such line."""
    line = line.strip()
    if not line.startswith("#"):
        return None
    layout = before or _UNNAMED
    name, _, rest = line[1:].partition(layout.separator)
    if name == "fields":
        return _read_fields(rest, layout)
    if name == "path":
        return layout._replace(flows=rest.strip() in ("conn", "conn_long"))
    if name.startswith("separator"):
        return layout._replace(separator=_read_separator(name), flows=True)
    return layout


def _read_fields(rest: str, layout: Layout) -> Layout:
    """In IoT-23 the last column is three: ``tunnel_parents   label   detailed-label``."""
    columns = rest.split(layout.separator)
    tail = _THREE_SPACES.split(columns[-1]) if "   " in columns[-1] else columns[-1:]
    names = (*columns[:-1], *tail)
    return Layout(names, layout.separator, len(columns) - 1 if len(tail) > 1 else ABSENT, layout.flows)


def _read_separator(name: str) -> str:
    """``separator \\x09`` or the sign itself; anything odd is taken for a tab."""
    sign = name.removeprefix("separator").strip(" ")
    if sign.startswith("\\x"):
        try:
            sign = bytes.fromhex(sign[2:]).decode()
        except ValueError:
            return "\t"
    return sign if len(sign) == 1 and sign.isascii() and sign not in "\0\n\r" else "\t"


def _choose(record: bytes, known: Sequence[Layout]) -> Layout:
    """Of two layouts of one width: a worker's name or a time comes first."""
    first = record.lstrip().partition(b"\t")[0]
    try:
        float(first)
    except ValueError:
        return known[1]
    return known[0]
