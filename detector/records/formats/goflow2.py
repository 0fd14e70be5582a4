"""goflow2's JSON: NetFlow v5 and v9, IPFIX and sFlow, numbers as such or as text, times in ns, ms or s.

Each record is one direction of a flow (of sFlow, one sampled packet): the destination's bytes and packets are null.
Bytes and packets are multiplied by the sampling rate, where there is one. Where the exporter told no start, the time
of receipt stands in. Fields are named as in goflow2 2 (``src_addr``) or before it (``SrcAddr``).
https://github.com/netsampler/goflow2/blob/main/docs/protocols.md
"""

from __future__ import annotations

import numpy as np
import polars as pl

from detector.net.states import name_half_states, pick
from detector.records.decoder import Options, RecordDecoder
from detector.records.flow import RejectReason
from detector.records.formats.collectors import first_time
from detector.records.formats.suricata import lengths
from detector.records.icmp import split_icmp
from detector.records.sheet import Sheet
from detector.records.syntax.json_spans import JsonReader

_STARTS = {"time_flow_start_ns": 1e9, "time_flow_start_ms": 1e3, "time_flow_start": 1.0}
_ENDS = {"time_flow_end_ns": 1e9, "time_flow_end_ms": 1e3, "time_flow_end": 1.0}
_RECEIPTS = {"time_received_ns": 1e9, "time_received": 1.0}
_OTHERS = (
    *("src_addr", "dst_addr", "src_port", "dst_port", "proto", "bytes", "packets", "sampling_rate", "tcp_flags"),
    *("icmp_type", "icmp_code"),
)
_ODD = {"tcp_flags": ("TCPFlags", "Flags")}


def _first_version(name: str) -> str:
    """The field as goflow2 before version 2 spells it: ``TimeFlowStartMs``."""
    return "".join(part.capitalize() for part in name.split("_"))


WANTED: dict[str, tuple[str, ...]] = {
    name: (_first_version(name), *_ODD.get(name, ())) for name in (*_STARTS, *_ENDS, *_RECEIPTS, *_OTHERS)
}
"""The wanted fields, each with its other spellings."""

SOURCES = {
    "ts": "`time_flow_start_ns`, `time_flow_start_ms` or `time_flow_start`, else `time_received_ns` or `time_received`",
    "duration_s": "`time_flow_end_ns` (or `time_flow_end_ms`, `time_flow_end`) − start",
    "src_ip": "`src_addr`",
    "src_port": "`src_port`, for ICMP `icmp_type`, or what NetFlow 5 has in `dst_port`: type × 256 + code",
    "dst_ip": "`dst_addr`",
    "dst_port": "`dst_port`, for ICMP `icmp_code`, or as above",
    "proto": "`proto`",
    "state": "of TCP `tcp_flags`",
    "src_bytes": "`bytes` × `sampling_rate`",
    "src_packets": "`packets` × `sampling_rate`",
}
"""What each canonical column is made of, for the page about formats."""

_MOST = 2.0**62


def open_goflow2(options: Options) -> RecordDecoder:
    """A decoder of goflow2 JSON; it has no labels."""
    return RecordDecoder(options, JsonReader(WANTED), map_goflow2)


def map_goflow2(sheet: Sheet, labels: bool) -> dict[str, pl.Series]:  # noqa: ARG001 - there are none
    """The canonical columns of one-sided flows."""
    start = first_time(sheet, _STARTS | _RECEIPTS)
    absent = start.is_null().to_numpy()
    sheet.blame("time_flow_start_ns", absent, RejectReason.MISSING_FIELD, "is missing, as is the time of receipt")
    rate = sheet.counts("sampling_rate").fill_null(1).clip(lower_bound=1)
    columns = {
        "ts": start,
        "src_ip": sheet.addresses("src_addr"),
        "dst_ip": sheet.addresses("dst_addr"),
        "proto": sheet.protocols("proto"),
        "src_port": sheet.ports("src_port"),
        "dst_port": sheet.ports("dst_port"),
        "duration_s": lengths(start, first_time(sheet, _ENDS)),
        "src_bytes": _times(sheet.counts("bytes"), rate),
        "src_packets": _times(sheet.counts("packets"), rate),
    }
    _name_icmp(sheet, columns)
    is_tcp = (columns["proto"] == "tcp").fill_null(value=False)
    flags = name_half_states(sheet.counts("tcp_flags").fill_null(-1).to_numpy())
    columns["state"] = pick(is_tcp, flags, pl.repeat(None, len(sheet), dtype=pl.String, eager=True))
    return columns


def _name_icmp(sheet: Sheet, columns: dict[str, pl.Series]) -> None:
    """ICMP's type and code as ports: goflow2's own fields, or what NetFlow 5 has in the destination port.

    Where the exporter told neither, both fields are 0.
    """
    is_icmp = (columns["proto"] == "icmp").fill_null(value=False)
    kind, code = sheet.ports("icmp_type"), sheet.ports("icmp_code")
    if not is_icmp.any():
        return
    ports = split_icmp(columns["proto"], columns["src_port"], columns["dst_port"])
    told = is_icmp & ((kind.fill_null(0) > 0) | (code.fill_null(0) > 0))
    columns["src_port"], columns["dst_port"] = (
        pick(told, told_port.fill_null(port), port) for told_port, port in zip((kind, code), ports, strict=True)
    )


def _times(counts: pl.Series, rate: pl.Series) -> pl.Series:
    """Sampled counts as estimates of the whole, cut off far below what 63 bits hold."""
    product = counts.cast(pl.Float64).to_numpy() * rate.cast(pl.Float64).to_numpy()
    scaled = pl.Series(np.where(product < _MOST, product, _MOST), nan_to_null=True).cast(pl.Int64)
    return pick((rate > 1) & counts.is_not_null(), scaled, counts)
