"""Zeek's conn log as JSON: one object a record, names with dots (``id.orig_h``) or nested (``{"id": {"orig_h": …}}``).

Where a topic carries all of Zeek's logs and ``_path`` tells them apart, those other than conn are passed over.
``ts`` is seconds since 1970, or ISO 8601 (Zeek's ``LogAscii::json_timestamps``).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detector.records.cells import Cells, Kind
from detector.records.decoder import Options, RecordDecoder
from detector.records.json_cells import JsonReader
from detector.records.words import ABSENT, build_words, match_words
from detector.records.zeek_conn import FIELDS, map_conn, wanted_fields

OTHER_LOG = "other_log"

_PATH_FIELD = list(FIELDS).index("_path")
_CONN_PATHS = build_words({(0, "conn"): (0, ABSENT), (0, "conn_long"): (0, ABSENT)})


def open_zeek_json(options: Options) -> RecordDecoder:
    """A decoder of Zeek conn JSON; labels from ``label`` and ``detailedlabel``."""
    return RecordDecoder(options, JsonReader(wanted_fields(options.labels)), map_conn, choose_conn)


def choose_conn(cells: Cells) -> tuple[NDArray[np.bool_], dict[str, int]]:
    """Records without a ``_path``, or with that of conn."""
    kinds = cells.kinds[_PATH_FIELD]
    others = kinds == Kind.TEXT
    if others.any():
        codes = match_words(*_CONN_PATHS, cells.data, cells.begins[_PATH_FIELD], cells.ends[_PATH_FIELD], kinds)
        others &= codes < 0
    count = int(others.sum())
    return ~others, {OTHER_LOG: count} if count else {}
