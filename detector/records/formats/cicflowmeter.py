"""CICFlowMeter's CSV, with the header spellings of 2017 (``Source IP``), 2018 (``Src IP``) and the Python port.

Its successor NTLFlowLyzer (https://github.com/ahlashkari/NTLFlowLyzer) is read as well: ``duration`` in seconds, where
CICFlowMeter has microseconds, and ``fwd_packets_count``.

Times are written day first, without a zone, and are taken for UTC; the files of 2017 count twelve hours without saying
AM or PM. Files of 2018 without addresses get the unspecified ``0.0.0.0`` for both ends. Files without a timestamp
(MachineLearningCVE) hold no usable record. Header lines in mid-file are passed over.
"""

from __future__ import annotations

import polars as pl

from detector.net.states import name_exchanges, pick
from detector.records.decoder import Options, RecordDecoder
from detector.records.flow import LABEL
from detector.records.formats.nsl_kdd import NO_ADDRESS
from detector.records.labels import name_label
from detector.records.sheet import Sheet
from detector.records.syntax.headers import HEADER_STARTS, name_line
from detector.records.syntax.split_spans import Dialect, Layout, SplitReader

WANTED: dict[str, tuple[str, ...]] = {
    "Flow ID": ("flow_id",),
    "Src IP": ("Source IP", "src_ip"),
    "Src Port": ("Source Port", "src_port"),
    "Dst IP": ("Destination IP", "dst_ip"),
    "Dst Port": ("Destination Port", "dst_port"),
    "Protocol": (),
    "Timestamp": (),
    "Flow Duration": ("flow_duration",),
    "duration": (),
    "Tot Fwd Pkts": ("Total Fwd Packets", "Total Fwd Packet", "tot_fwd_pkts", "fwd_packets_count"),
    "Tot Bwd Pkts": ("Total Backward Packets", "Total Bwd packets", "tot_bwd_pkts", "bwd_packets_count"),
    "TotLen Fwd Pkts": (
        *("Total Length of Fwd Packets", "Total Length of Fwd Packet", "totlen_fwd_pkts"),
        "fwd_total_payload_bytes",
    ),
    "TotLen Bwd Pkts": (
        *("Total Length of Bwd Packets", "Total Length of Bwd Packet", "totlen_bwd_pkts"),
        "bwd_total_payload_bytes",
    ),
    "Label": (),
}
SOURCES = {
    "ts": "`Timestamp`: day first, or ISO 8601",
    "duration_s": "`Flow Duration`, in µs; `duration` of NTLFlowLyzer, in s",
    "src_ip": "`Src IP`, else `0.0.0.0`",
    "src_port": "`Src Port`",
    "dst_ip": "`Dst IP`, else `0.0.0.0`",
    "dst_port": "`Dst Port`",
    "proto": "`Protocol`",
    "state": "of other protocols than TCP, who sent packets",
    "src_bytes": "`TotLen Fwd Pkts`",
    "dst_bytes": "`TotLen Bwd Pkts`",
    "src_packets": "`Tot Fwd Pkts`",
    "dst_packets": "`Tot Bwd Pkts`",
    "uid": "`Flow ID`",
    "label": "`Label`",
}
"""What each canonical column is made of, for the page about formats."""

PASSED_OVER = {"header": "lines that name columns"}

_TAIL = ("Protocol", "Timestamp", "Flow Duration", "Tot Fwd Pkts", "Tot Bwd Pkts", "TotLen Fwd Pkts", "TotLen Bwd Pkts")
_IDS = ("Flow ID", "Src IP", "Src Port", "Dst IP", "Dst Port")


def _layout(first: tuple[str, ...], width: int) -> Layout:
    return Layout((*first, *_TAIL, *[""] * (width - len(first) - len(_TAIL) - 1), "Label"))


_KNOWN = (_layout(_IDS, 85), _layout(_IDS, 84), _layout(("Dst Port",), 80))
"""Of CIC-IDS2017 with ids, of CSE-CIC-IDS2018 with ids and without."""


def open_cicflowmeter(options: Options) -> RecordDecoder:
    """A decoder of CICFlowMeter CSV; labels from ``Label``."""
    dialect = Dialect(
        wanted=WANTED,
        header_starts=HEADER_STARTS + b" ",
        read_header=name_line(",", ("protocol", "timestamp")),
        known=_KNOWN,
        nothings=(),
        quoted=True,
        required=("Protocol", "Timestamp"),
    )
    return RecordDecoder(options, SplitReader(dialect, options.columns), map_cic)


def map_cic(sheet: Sheet, labels: bool) -> dict[str, pl.Series]:
    """The canonical columns of bidirectional flows."""
    columns = {
        "ts": sheet.times("Timestamp", day_first=True),
        "src_ip": sheet.addresses("Src IP", unless=NO_ADDRESS),
        "dst_ip": sheet.addresses("Dst IP", unless=NO_ADDRESS),
        "proto": sheet.protocols("Protocol"),
        "src_port": sheet.ports("Src Port"),
        "dst_port": sheet.ports("Dst Port"),
        "duration_s": sheet.seconds("Flow Duration", 1e6),
        "src_bytes": sheet.counts("TotLen Fwd Pkts"),
        "dst_bytes": sheet.counts("TotLen Bwd Pkts"),
        "src_packets": sheet.counts("Tot Fwd Pkts"),
        "dst_packets": sheet.counts("Tot Bwd Pkts"),
        "uid": sheet.text("Flow ID"),
    }
    if sheet.present("duration").any():
        columns["duration_s"] = columns["duration_s"].fill_null(sheet.seconds("duration"))
    is_tcp = (columns["proto"] == "tcp").fill_null(value=False)
    nothing = pl.repeat(None, len(sheet), dtype=pl.String, eager=True)
    columns["state"] = pick(is_tcp, nothing, name_exchanges(columns["src_packets"], columns["dst_packets"]))
    if labels:
        columns[LABEL] = sheet.words("Label", name_label)
    return columns
