"""NSL-KDD: 41 features, the attack's name, and a difficulty; no addresses, no times. For evaluation only.

Its windows are in the data: most features count earlier connections. They become the :data:`EXTRA` columns, which
canonical flows do not have. Addresses are the unspecified ``0.0.0.0``, and a record's time is its number, one a second,
since there is nothing else; neither may be used as a feature.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.records.decoder import Options, RecordDecoder
from detector.records.flow import LABEL, ROW, FlowBatch
from detector.records.labels import name_label
from detector.records.sheet import Sheet
from detector.records.syntax.headers import HEADER_STARTS, name_line
from detector.records.syntax.split_spans import Dialect, Layout, SplitReader

_COLUMNS = [
    "duration",
    "protocol_type",
    "service",
    "flag",
    "src_bytes",
    "dst_bytes",
    "land",
    "wrong_fragment",
    "urgent",
    "hot",
    "num_failed_logins",
    "logged_in",
    "num_compromised",
    "root_shell",
    "su_attempted",
    "num_root",
    "num_file_creations",
    "num_shells",
    "num_access_files",
    "num_outbound_cmds",
    "is_host_login",
    "is_guest_login",
    "count",
    "srv_count",
    "serror_rate",
    "srv_serror_rate",
    "rerror_rate",
    "srv_rerror_rate",
    "same_srv_rate",
    "diff_srv_rate",
    "srv_diff_host_rate",
    "dst_host_count",
    "dst_host_srv_count",
    "dst_host_same_srv_rate",
    "dst_host_diff_srv_rate",
    "dst_host_same_src_port_rate",
    "dst_host_srv_diff_host_rate",
    "dst_host_serror_rate",
    "dst_host_srv_serror_rate",
    "dst_host_rerror_rate",
    "dst_host_srv_rerror_rate",
]
_CANONICAL = 6
"""So many of its columns, from the first, are canonical ones."""

EXTRA: tuple[str, ...] = tuple(f"kdd_{name}" for name in _COLUMNS[_CANONICAL:])
"""The columns beyond the canonical ones: Float64, never null, in the order of the file."""

NO_ADDRESS = "0.0.0.0"  # noqa: S104 - it means none, and nothing listens on it


def open_nsl_kdd(options: Options) -> NslDecoder:
    """A decoder of NSL-KDD and KDD Cup 99; labels from the attack's name."""
    names = (*_COLUMNS, "label")
    dialect = Dialect(
        wanted={name: ("class",) if name == "label" else () for name in names},
        header_starts=HEADER_STARTS,
        read_header=name_line(",", ("duration", "protocol_type", "flag")),
        known=(Layout((*names, "difficulty")), Layout(names), Layout(tuple(_COLUMNS))),
    )
    return NslDecoder(RecordDecoder(options, SplitReader(dialect, options.columns), map_nsl))


class NslDecoder:
    """Numbers the records, over all batches, and takes the number for a time."""

    def __init__(self, decoder: RecordDecoder) -> None:
        self._decoder = decoder
        self._seen = 0

    def decode(self, values: Sequence[bytes | None], streams: NDArray[np.int32] | None = None) -> FlowBatch:
        """Decode ``values`` in order; see :class:`~detector.records.flow.Decoder`."""
        batch = self._decoder.decode(values, streams)
        times = (pl.col(ROW).cast(pl.Float64) + self._seen).alias("ts")
        self._seen += len(values)
        return FlowBatch(batch.frame.with_columns(times), batch.rejects, batch.passed_over)


def map_nsl(sheet: Sheet, labels: bool) -> dict[str, pl.Series]:
    """The canonical columns of connections, and the extra ones."""
    address = pl.repeat(NO_ADDRESS, len(sheet), dtype=pl.String, eager=True)
    for name in ("duration", "service", "flag"):
        sheet.require(name)
    columns = {
        "ts": pl.repeat(0.0, len(sheet), dtype=pl.Float64, eager=True),
        "src_ip": address,
        "dst_ip": address,
        "proto": sheet.protocols("protocol_type"),
        "duration_s": sheet.seconds("duration"),
        "service": sheet.words("service"),
        "state": sheet.words("flag"),
        "src_bytes": sheet.counts("src_bytes"),
        "dst_bytes": sheet.counts("dst_bytes"),
    }
    for name in _COLUMNS[_CANONICAL:]:
        sheet.require(name)
        columns[f"kdd_{name}"] = sheet.numbers(name)
    if labels:
        columns[LABEL] = sheet.words("label", lambda word: name_label(word.rstrip(".")))
    return columns
