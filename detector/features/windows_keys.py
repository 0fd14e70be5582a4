"""Frames into the arrays that the kernel takes: text hashed to 64 bits, the same on every machine and version.

FNV-1a over the UTF-8 bytes (an Internet-Draft, draft-eastlake-fnv), then spread by the kernel's finaliser. Neither
Python's nor polars' own hash would do: the one is salted per process, the other changes between versions, and state
that was stored has to be found again.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.features.windows_kernel import mixed
from detector.kernels.clock import within_reach
from detector.kernels.compiled import njit
from detector.kernels.texts import text_of, whole_numbers
from detector.net.states import FAILED_STATES
from detector.records.syntax.keywords import ABSENT, build_keywords, match_keywords

_FAILED = build_keywords({(0, state): (0, ABSENT) for state in FAILED_STATES})

_OFFSET, _PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)


class Arrivals(NamedTuple):
    """A batch of flows as the kernel takes it; row ``i`` of each array is flow ``i``."""

    ts: NDArray[np.float64]
    sources: NDArray[np.uint64]
    destinations: NDArray[np.uint64]
    ports: NDArray[np.int64]
    services: NDArray[np.uint64]
    values: NDArray[np.float32]
    """Log bytes sent, log bytes received, failed (0 or 1), no packet back (0 or 1)."""


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
    sent, received, packets = (_numbers(frame[name]) for name in ("src_bytes", "dst_bytes", "dst_packets"))
    _fill_values(sent, received, packets, _failed(frame), values)
    return Arrivals(
        ts=within_reach(frame["ts"].to_numpy()),
        sources=hashes_of(frame["src_ip"]),
        destinations=hashes_of(frame["dst_ip"]),
        ports=whole_numbers(frame["dst_port"], -1),
        services=_service_hashes(frame["proto"], frame["service"]),
        values=values,
    )


def failures_of(frame: pl.DataFrame) -> NDArray[np.float32]:
    """Which flows were tried and never stood, by their states: 1 or 0; (rows,)."""
    return (_failed(frame) >= 0).astype(np.float32)


def logs_of_sent(frame: pl.DataFrame) -> NDArray[np.float32]:
    """ln(1 + bytes sent), 0 where that is unknown; (rows,)."""
    sent = np.nan_to_num(_numbers(frame["src_bytes"]))
    return np.log1p(np.maximum(sent, 0.0)).astype(np.float32)


def _failed(frame: pl.DataFrame) -> NDArray[np.int64]:
    states = text_of(frame["state"])
    return np.asarray(match_keywords(*_FAILED, states.data, states.offsets[:-1], states.offsets[1:], states.present))


def _numbers(column: pl.Series) -> NDArray[np.float64]:
    return column.cast(pl.Float64).to_numpy()


@njit(nogil=True, cache=True)
def _fill_values(src_bytes: Any, dst_bytes: Any, dst_packets: Any, failed: Any, values: Any) -> None:
    """Fill the columns of ``Arrivals.values``; what is unknown (NaN) counts as none."""
    for i in range(len(values)):
        values[i, 0] = math.log1p(src_bytes[i]) if src_bytes[i] > 0.0 else 0.0
        values[i, 1] = math.log1p(dst_bytes[i]) if dst_bytes[i] > 0.0 else 0.0
        values[i, 2] = 1.0 if failed[i] >= 0 else 0.0
        values[i, 3] = 0.0 if dst_packets[i] > 0.0 else 1.0


def _service_hashes(proto: pl.Series, service: pl.Series) -> NDArray[np.uint64]:
    with np.errstate(over="ignore"):
        return hashes_of(proto) * np.uint64(0x9E3779B97F4A7C15) + hashes_of(service)
