"""UNSW-NB15's raw flows: 49 columns without a header, the first record after a byte-order mark. For evaluation.

Only nearly in order of time; times are whole seconds. ``attack_cat`` names the attack where ``label`` is 1.
"""

from __future__ import annotations

import polars as pl

from detector.net.protocols import name_argus_protocol
from detector.net.states import pick
from detector.records.decoder import Options, RecordDecoder
from detector.records.flow import BENIGN, LABEL
from detector.records.formats.argus import name_argus_states
from detector.records.sheet import Sheet
from detector.records.syntax.headers import HEADER_STARTS, name_line
from detector.records.syntax.split_spans import Dialect, Layout, SplitReader

_COLUMNS = [
    "srcip",
    "sport",
    "dstip",
    "dsport",
    "proto",
    "state",
    "dur",
    "sbytes",
    "dbytes",
    "sttl",
    "dttl",
    "sloss",
    "dloss",
    "service",
    "Sload",
    "Dload",
    "Spkts",
    "Dpkts",
    "swin",
    "dwin",
    "stcpb",
    "dtcpb",
    "smeansz",
    "dmeansz",
    "trans_depth",
    "res_bdy_len",
    "Sjit",
    "Djit",
    "Stime",
    "Ltime",
    "Sintpkt",
    "Dintpkt",
    "tcprtt",
    "synack",
    "ackdat",
    "is_sm_ips_ports",
    "ct_state_ttl",
    "ct_flw_http_mthd",
    "is_ftp_login",
    "ct_ftp_cmd",
    "ct_srv_src",
    "ct_srv_dst",
    "ct_dst_ltm",
    "ct_src_ltm",
    "ct_src_dport_ltm",
    "ct_dst_sport_ltm",
    "ct_dst_src_ltm",
    "attack_cat",
    "label",
]
WANTED = [
    "srcip",
    "sport",
    "dstip",
    "dsport",
    "proto",
    "state",
    "dur",
    "sbytes",
    "dbytes",
    "service",
    "Spkts",
    "Dpkts",
    "Stime",
    "attack_cat",
    "label",
]

SOURCES = {
    "ts": "`Stime`",
    "duration_s": "`dur`",
    "src_ip": "`srcip`",
    "src_port": "`sport`",
    "dst_ip": "`dstip`",
    "dst_port": "`dsport`",
    "proto": "`proto`",
    "service": "`service`",
    "state": "`state`",
    "src_bytes": "`sbytes`",
    "dst_bytes": "`dbytes`",
    "src_packets": "`Spkts`",
    "dst_packets": "`Dpkts`",
    "label": "`attack_cat` where `label` is 1",
}
"""What each canonical column is made of, for the page about formats."""

PASSED_OVER = {"header": "lines that name columns"}


def open_unsw_nb15(options: Options) -> RecordDecoder:
    """A decoder of the raw files; labels from ``label`` and ``attack_cat``."""
    dialect = Dialect(
        wanted=dict.fromkeys(WANTED, ()),
        header_starts=HEADER_STARTS,
        read_header=name_line(",", ("srcip", "dstip", "proto", "stime")),
        known=(Layout(tuple(_COLUMNS)),),
        quoted=True,
        required=("srcip", "dstip", "proto", "Stime"),
    )
    return RecordDecoder(options, SplitReader(dialect, options.columns), map_unsw)


def map_unsw(sheet: Sheet, labels: bool) -> dict[str, pl.Series]:
    """The canonical columns of raw flows."""
    columns = {
        "ts": sheet.times("Stime"),
        "src_ip": sheet.addresses("srcip"),
        "dst_ip": sheet.addresses("dstip"),
        "proto": sheet.protocols("proto", name_argus_protocol),
        "src_port": sheet.ports("sport"),
        "dst_port": sheet.ports("dsport"),
        "duration_s": sheet.seconds("dur"),
        "src_bytes": sheet.counts("sbytes"),
        "dst_bytes": sheet.counts("dbytes"),
        "src_packets": sheet.counts("Spkts"),
        "dst_packets": sheet.counts("Dpkts"),
        "service": sheet.words("service", lambda word: word.lower()),
    }
    columns["state"] = name_argus_states(sheet, "state", columns)
    if labels:
        columns[LABEL] = _labels(sheet)
    return columns


def _labels(sheet: Sheet) -> pl.Series:
    said = sheet.words("label", {"0": BENIGN, "1": "attack"}.get)
    attack = (said == "attack").fill_null(value=False)
    return pick(attack, sheet.words("attack_cat", lambda word: word.strip()).fill_null("attack"), said)
