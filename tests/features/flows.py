"""Flows for tests: made by hand or by hypothesis, in the canonical schema."""

from __future__ import annotations

from typing import Any

import polars as pl
from hypothesis import strategies as st

from detector.records.flow import SCHEMA

ONE: dict[str, Any] = {
    "uid": "C1",
    "ts": 1.7e9,
    "duration_s": 2.0,
    "src_ip": "192.168.1.5",
    "src_port": 51000,
    "dst_ip": "93.184.216.34",
    "dst_port": 443,
    "proto": "tcp",
    "service": "ssl",
    "state": "SF",
    "src_bytes": 1000,
    "dst_bytes": 3000,
    "src_packets": 10,
    "dst_packets": 20,
    "direction": None,
}
"""An ordinary flow."""


def flows(*changes: dict[str, Any]) -> pl.DataFrame:
    """A frame with one ordinary flow per argument, changed by it."""
    return pl.DataFrame([ONE | change for change in changes], schema=SCHEMA)


_ADDRESSES = st.one_of(
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(str),
    st.sampled_from(["10.0.0.1", "255.255.255.255", "ff02::fb", "fe80::1%eth0", ""]),
)
_COUNTS = st.none() | st.integers(0, 2**62)
_RECORDS = st.fixed_dictionaries(
    {
        "uid": st.just("C"),
        "ts": st.floats(0, 4e9),
        "duration_s": st.none() | st.floats(),
        "src_ip": _ADDRESSES,
        "src_port": st.none() | st.integers(-1, 70000),
        "dst_ip": _ADDRESSES,
        "dst_port": st.none() | st.integers(-1, 70000),
        "proto": st.sampled_from(["tcp", "udp", "icmp", "gre", "ipv6-icmp"]),
        "service": st.none() | st.sampled_from(["dns", "ssl", ""]) | st.text(max_size=3),
        "state": st.none() | st.sampled_from(["SF", "S0", "REJ", "new"]),
        "src_bytes": _COUNTS,
        "dst_bytes": _COUNTS,
        "src_packets": _COUNTS,
        "dst_packets": _COUNTS,
        "direction": st.none(),
    }
)


def frames(min_size: int = 1, max_size: int = 12) -> st.SearchStrategy[pl.DataFrame]:
    """Frames of flows of every sort, odd ones included."""
    return st.lists(_RECORDS, min_size=min_size, max_size=max_size).map(lambda rows: pl.DataFrame(rows, schema=SCHEMA))
