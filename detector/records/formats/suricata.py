"""Suricata's EVE log: its ``flow`` events; all other event types are passed over.

A flow's time is ``flow.start``: the event's own ``timestamp`` is when it was logged, and in a replayed capture all
events may share it. Suricata's ``failed`` as an application protocol means that it recognised none.
The state is Zeek's word for the TCP flags of both sides, where they are logged, else by which sides sent packets.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.net.states import name_exchanges, name_tcp_states, pick
from detector.records.decoder import Options, RecordDecoder
from detector.records.flow import BENIGN, LABEL
from detector.records.sheet import Sheet
from detector.records.syntax.json_spans import JsonReader
from detector.records.syntax.keywords import ABSENT, build_keywords, match_keywords
from detector.records.syntax.spans import Kind, Spans

OTHER_EVENT = "other_event"
"""Kind under which events of other types are passed over."""

ALERTED = "alerted"
"""The label of flows that raised one of Suricata's own alerts: a weak truth."""

FIELDS = (
    "event_type",
    "flow_id",
    "src_ip",
    "src_port",
    "dest_ip",
    "dest_port",
    "proto",
    "app_proto",
    "icmp_type",
    "icmp_code",
    "flow.start",
    "flow.end",
    "flow.state",
    "flow.alerted",
    "flow.pkts_toserver",
    "flow.pkts_toclient",
    "flow.bytes_toserver",
    "flow.bytes_toclient",
    "tcp.tcp_flags_ts",
    "tcp.tcp_flags_tc",
)
SOURCES = {
    "ts": "`flow.start`, never the event's `timestamp`, which is the time of logging",
    "duration_s": "`flow.end` − `flow.start`",
    "src_ip": "`src_ip`",
    "src_port": "`src_port`, for ICMP `icmp_type`",
    "dst_ip": "`dest_ip`",
    "dst_port": "`dest_port`, for ICMP `icmp_code`",
    "proto": "`proto`",
    "service": "`app_proto`, unless it is `failed` or `unknown`",
    "state": "of TCP `tcp.tcp_flags_ts` and `tcp.tcp_flags_tc`, else `flow.state`; of others who sent packets",
    "src_bytes": "`flow.bytes_toserver`",
    "dst_bytes": "`flow.bytes_toclient`",
    "src_packets": "`flow.pkts_toserver`",
    "dst_packets": "`flow.pkts_toclient`",
    "uid": "`flow_id`",
    "label": "`flow.alerted`: a weak truth",
}
"""What each canonical column is made of, for the page about formats."""

PASSED_OVER = {"other_event": "events whose `event_type` is not `flow`"}

_TYPE = FIELDS.index("event_type")
_FLOW = build_keywords({(0, "flow"): (0, ABSENT)})
_BY_STATE = {"new": "S0", "established": "S1", "closed": "SF"}


def open_suricata(options: Options) -> RecordDecoder:
    """A decoder of EVE flow events; the weak label ``alerted`` from ``flow.alerted``."""
    return RecordDecoder(options, JsonReader(dict.fromkeys(FIELDS, ())), map_flow, choose_flows)


def choose_flows(spans: Spans) -> tuple[NDArray[np.bool_], dict[str, int]]:
    """Flow events, and whatever does not say what it is (which is rejected later)."""
    kinds = spans.kinds[_TYPE]
    codes = match_keywords(*_FLOW, spans.data, spans.begins[_TYPE], spans.ends[_TYPE], kinds)
    others: NDArray[np.bool_] = (kinds == Kind.TEXT) & (codes < 0)
    count = int(others.sum())
    return ~others, {OTHER_EVENT: count} if count else {}


def map_flow(sheet: Sheet, labels: bool) -> dict[str, pl.Series]:
    """The canonical columns of flow events."""
    sheet.require("event_type")
    start = sheet.times("flow.start")
    columns = {
        "ts": start,
        "src_ip": sheet.addresses("src_ip"),
        "dst_ip": sheet.addresses("dest_ip"),
        "proto": sheet.protocols("proto"),
        "src_port": sheet.ports("src_port").fill_null(sheet.ports("icmp_type")),
        "dst_port": sheet.ports("dest_port").fill_null(sheet.ports("icmp_code")),
        "duration_s": lengths(start, sheet.times("flow.end", required=False)),
        "src_bytes": sheet.counts("flow.bytes_toserver"),
        "dst_bytes": sheet.counts("flow.bytes_toclient"),
        "src_packets": sheet.counts("flow.pkts_toserver"),
        "dst_packets": sheet.counts("flow.pkts_toclient"),
        "uid": sheet.text("flow_id"),
        "service": sheet.words("app_proto", _name_service),
    }
    columns["state"] = _states(sheet, columns)
    if labels:
        alerted = sheet.flags("flow.alerted")
        columns[LABEL] = pl.Series([None, BENIGN, ALERTED], dtype=pl.String)[alerted.astype(np.int64) + 1]
    return columns


def lengths(start: pl.Series, end: pl.Series) -> pl.Series:
    """Seconds from start to end; null where there is no end, or it comes first, as stepped clocks make it."""
    seconds = (end - start).to_numpy()
    return pl.Series(np.where(seconds >= 0, seconds, np.nan), nan_to_null=True)


def _states(sheet: Sheet, columns: dict[str, pl.Series]) -> pl.Series:
    by_flags = name_tcp_states(sheet.bits("tcp.tcp_flags_ts"), sheet.bits("tcp.tcp_flags_tc"))
    by_word = sheet.words("flow.state", lambda word: _BY_STATE.get(word.lower(), "OTH"))
    by_packets = name_exchanges(columns["src_packets"], columns["dst_packets"])
    is_tcp = (columns["proto"] == "tcp").fill_null(value=False)
    return pick(is_tcp, by_flags.fill_null(by_word), by_packets)


def _name_service(word: str) -> str | None:
    return None if word in ("", "failed", "unknown") else word.lower()
