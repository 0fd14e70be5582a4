"""Zeek's conn log as JSON: one object a record, names with dots (``id.orig_h``), with another sign instead of the dot
(``Log::default_scope_sep``), or nested (``{"id": {"orig_h": …}}``).

Where a topic carries all of Zeek's logs, those other than conn are passed over: ``_path`` tells them apart, or, where
there is none, the names of their fields. ``ts`` is seconds since 1970, milliseconds, or ISO 8601 (Zeek's
``LogAscii::json_timestamps``). https://docs.zeek.org/en/master/scripts/base/frameworks/logging/writers/ascii.zeek.html
"""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
from numpy.typing import NDArray

from detector.records.decoder import Options, Reading, RecordDecoder
from detector.records.flow import OTHER_LOG
from detector.records.formats.zeek_conn import FIELDS, MARK, MEASURES, map_conn, tells_conn, wanted_fields
from detector.records.intake import Intake
from detector.records.syntax.json_spans import JsonReader
from detector.records.syntax.keywords import ABSENT, build_keywords, match_keywords
from detector.records.syntax.spans import Kind, Spans

_NAMES = list(FIELDS)
_PATH, _TIME, _PROTO, _STATE, _MARK = (_NAMES.index(name) for name in ("_path", "ts", "proto", "conn_state", MARK))
_NAMES_OF = msgspec.json.Decoder(dict[str, msgspec.Raw])
_MEASURES = [_NAMES.index(name) for name in sorted(MEASURES)]


def open_zeek_json(options: Options) -> RecordDecoder:
    """A decoder of Zeek conn JSON; labels from ``label`` and ``detailedlabel``."""
    return RecordDecoder(options, ZeekJsonReader(options), map_conn)


class ZeekJsonReader:
    """Reads the fields of conn records, and passes over those of other logs."""

    def __init__(self, options: Options) -> None:
        self._json = JsonReader(wanted_fields(options.labels))
        self.names = self._json.names
        self._paths = build_keywords({(0, name): (0, ABSENT) for name in options.log_paths})

    def several(self, intake: Intake) -> NDArray[np.intp]:
        """The values that are lists."""
        return self._json.several(intake)

    def read(self, intake: Intake, streams: NDArray[np.int32]) -> Reading:
        """The spans of conn records, a reject for what is no JSON object."""
        reading = self._json.read(intake, streams)
        others = self._others(reading.spans, intake)
        count = int(others.sum())
        if not count:
            return reading
        return replace(reading, spans=reading.spans.keep(~others), passed_over={OTHER_LOG: count})

    def _others(self, spans: Spans, intake: Intake) -> NDArray[np.bool_]:
        """Which records are of logs that are not wanted; of those without a ``_path``, which measure no connection.

        What lacks even a time is left to be rejected: it is broken, or not Zeek's.
        """
        named = spans.kinds[_PATH] == Kind.TEXT
        others: NDArray[np.bool_] = named
        if named.any():
            paths = spans.begins[_PATH], spans.ends[_PATH], spans.kinds[_PATH]
            others = named & (match_keywords(*self._paths, spans.data, *paths) < 0)
        unsure = ~named & (spans.kinds[_STATE] == Kind.ABSENT)
        if unsure.any():
            present = spans.kinds != Kind.ABSENT
            unsure &= ~present[_MEASURES].any(axis=0) & present[_TIME]
            marked = present[_MARK] | ~present[_PROTO]
            others |= unsure & marked
            places = np.flatnonzero(unsure & ~marked)
            whole = intake.values(np.searchsorted(intake.rows, spans.rows[places]))
            others[places] = [not tells_conn(tuple(_NAMES_OF.decode(value))) for value in whole]
        return others
