"""Frames into the arrays that the kernel takes: text hashed to 64 bits, the same on every machine and version.

FNV-1a over the UTF-8 bytes (an Internet-Draft, draft-eastlake-fnv), then spread by the kernel's finaliser. Neither
Python's nor polars' own hash would do: the one is salted per process, the other changes between versions, and state
that was stored has to be found again.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.features.windows_kernel import mixed
from detector.models.compiled import njit

FAILED_STATES = ("S0", "REJ", "RSTOS0", "RSTRH", "SH", "SHR")
"""Zeek's words for a connection that was tried and never stood."""

_OFFSET, _PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)

FARTHEST_S = 1e11
"""Timestamps are cut to ± this many seconds, year 5138, so that ticks stay exact; no clock follows such."""


class Text(NamedTuple):
    """A column of text as one run of bytes: row ``i`` is ``data[offsets[i]:offsets[i+1]]``."""

    data: NDArray[np.uint8]
    offsets: NDArray[np.int64]


class Arrivals(NamedTuple):
    """A batch of flows as the kernel takes it; row ``i`` of each array is flow ``i``."""

    ts: NDArray[np.float64]
    sources: NDArray[np.uint64]
    destinations: NDArray[np.uint64]
    ports: NDArray[np.int64]
    services: NDArray[np.uint64]
    values: NDArray[np.float32]
    """Log bytes sent, log bytes received, failed (0 or 1), no packet back (0 or 1)."""


def text_of(column: pl.Series) -> Text:
    """Lay a String column out as bytes; null is the empty text."""
    column = column.fill_null("")
    lengths = column.str.len_bytes().to_numpy()
    offsets = np.zeros(len(column) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    joined = column.str.join("").item() if len(column) else ""
    return Text(np.frombuffer(joined.encode(), np.uint8), offsets)


def hashes_of(column: pl.Series) -> NDArray[np.uint64]:
    """Hash each text of a String column to 64 bits; null counts as the empty text."""
    text = text_of(column)
    return np.asarray(_hash_texts(text.data, text.offsets))


@njit(nogil=True, cache=True)
def _hash_texts(data: Any, offsets: Any) -> Any:
    hashes = np.empty(len(offsets) - 1, np.uint64)
    for i in range(len(hashes)):
        h = _OFFSET
        for at in range(offsets[i], offsets[i + 1]):
            h = (h ^ np.uint64(data[at])) * _PRIME
        hashes[i] = mixed(h)
    return hashes


def arrivals_of(frame: pl.DataFrame) -> Arrivals:
    """Take the columns of canonical flows that windows are about."""
    values = np.empty((len(frame), 4), np.float32)
    numbers = frame.select(
        pl.col("src_bytes", "dst_bytes").fill_null(0).clip(lower_bound=0).cast(pl.Float64).log1p(),
        failed=pl.col("state").is_in(FAILED_STATES).fill_null(value=False).cast(pl.Float64),
        unanswered=(pl.col("dst_packets").fill_null(0) <= 0).cast(pl.Float64),
    )
    for place, column in enumerate(numbers.iter_columns()):
        values[:, place] = column.to_numpy()
    return Arrivals(
        ts=np.clip(np.nan_to_num(frame["ts"].to_numpy()), -FARTHEST_S, FARTHEST_S),
        sources=hashes_of(frame["src_ip"]),
        destinations=hashes_of(frame["dst_ip"]),
        ports=frame["dst_port"].fill_null(-1).to_numpy().astype(np.int64),
        services=_service_hashes(frame["proto"], frame["service"]),
        values=values,
    )


def _service_hashes(proto: pl.Series, service: pl.Series) -> NDArray[np.uint64]:
    with np.errstate(over="ignore"):
        return hashes_of(proto) * np.uint64(0x9E3779B97F4A7C15) + hashes_of(service)
