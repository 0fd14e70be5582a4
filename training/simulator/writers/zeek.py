"""What Zeek's conn log tells beyond the canonical record: history, IP bytes, missed bytes, local ends.

All of it follows from the canonical columns, so any frame can be written, and the same frame gives the same lines.
"""

from __future__ import annotations

import polars as pl

from detector.records.flow import BENIGN, LABEL
from training.simulator.flows import STATES
from training.simulator.writers.lines import Kind

CONN_FIELDS: dict[str, tuple[str, Kind]] = {
    "ts": ("ts", Kind.MICROSECONDS),
    "uid": ("uid", Kind.TEXT),
    "id.orig_h": ("src_ip", Kind.TEXT),
    "id.orig_p": ("src_port", Kind.INTEGER),
    "id.resp_h": ("dst_ip", Kind.TEXT),
    "id.resp_p": ("dst_port", Kind.INTEGER),
    "proto": ("proto", Kind.TEXT),
    "service": ("service", Kind.TEXT),
    "duration": ("duration_s", Kind.MICROSECONDS),
    "orig_bytes": ("src_bytes", Kind.INTEGER),
    "resp_bytes": ("dst_bytes", Kind.INTEGER),
    "conn_state": ("state", Kind.TEXT),
    "local_orig": ("local_orig", Kind.TEXT),
    "local_resp": ("local_resp", Kind.TEXT),
    "missed_bytes": ("missed_bytes", Kind.INTEGER),
    "history": ("history", Kind.TEXT),
    "orig_pkts": ("src_packets", Kind.INTEGER),
    "orig_ip_bytes": ("orig_ip_bytes", Kind.INTEGER),
    "resp_pkts": ("dst_packets", Kind.INTEGER),
    "resp_ip_bytes": ("resp_ip_bytes", Kind.INTEGER),
}
"""Zeek's fields in Zeek's order: the column that each comes from, and how it is spelt."""

LABEL_FIELDS: dict[str, tuple[str, Kind]] = {"label": ("_verdict", Kind.TEXT), "detailedlabel": ("_detail", Kind.TEXT)}
"""What labelled captures add."""

_HEADER_V4, _HEADER_V6, _UDP, _TCP = 20, 40, 8, 20
_TIMESTAMPS = 12  # TCP's option (RFC 7323), which some systems send and others don't
_SYN_OPTIONS = 20

_VARIANTS = 4
# By protocol and state: histories of connections that carried data, and of those that carried none. Capital letters
# are the originator's packets: S SYN, h SYN-ACK, A ACK, D data, F FIN, R reset, T retransmission, C bad checksum.
_TCP_HISTORIES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "SF": (("ShADadFf", "ShADadfF", "ShADadFf", "ShADadtFf"), ("ShAFf", "ShAfFa", "ShAFf", "ShAFaf")),
    "S0": (("S",), ("S",)),
    "REJ": (("Sr",), ("Sr", "Sr", "Sr", "SrR")),
    "RSTO": (("ShADadR", "ShADadfR", "ShADadFR", "ShADadR"), ("ShR", "ShAR", "ShR", "ShAdR")),
    "RSTR": (("ShADadr", "ShADadFr", "ShADdar", "ShADadr"), ("ShAr",)),
    "S1": (("ShADad", "ShADad", "ShADadT", "ShADadt"), ("Sh", "ShA", "Sh", "ShA")),
    "S2": (("ShADadF",), ("ShAF",)),
    "S3": (("ShADadf", "ShADadf", "ShAdDaf", "ShADadtf"), ("ShAf",)),
    "SH": (("SF",), ("SF",)),
    "SHR": (("^hdf",), ("^hf",)),
    "OTH": (("DdA", "Dd", "DadA", "^aAd"), ("C", "A", "R", "C")),
    "RSTOS0": (("SR",), ("SR",)),
    "RSTRH": (("^har",), ("^hr",)),
}
_UDP_HISTORIES = {"SF": "Dd", "S0": "D", "SHR": "^d", "OTH": "D"}


def _histories() -> pl.Series:
    """Histories by (protocol is UDP, state, data, variant), as one column to look up in."""
    tcp = [
        choices[variant % len(choices)]
        for state in STATES
        for choices in reversed(_TCP_HISTORIES[state])
        for variant in range(_VARIANTS)
    ]
    udp = [_UDP_HISTORIES.get(state, "Dd") for state in STATES for _ in range(2 * _VARIANTS)]
    return pl.Series(tcp + udp)


_HISTORIES = _histories()
_STATE = pl.Enum(STATES)


def history(frame: pl.DataFrame) -> pl.Series:
    """Zeek's ``history`` of each flow; null for ICMP, and for states that Zeek does not know."""
    place = frame.select(
        pl.when(pl.col("proto") != "icmp").then(
            (
                (
                    (pl.col("proto") == "udp").cast(pl.UInt32) * len(STATES)
                    + pl.col("state").cast(_STATE, strict=False).to_physical().cast(pl.UInt32)
                )
                * 2
                + (pl.col("src_bytes").fill_null(0) + pl.col("dst_bytes").fill_null(0) > 0).cast(pl.UInt32)
            )
            * _VARIANTS
            + (pl.col("src_port").fill_null(0) % _VARIANTS).cast(pl.UInt32)
        )
    ).to_series()
    return _HISTORIES.gather(place)


def packet_overhead() -> pl.Expr:
    """Bytes of IP and transport header in a usual packet of the flow."""
    tcp = pl.col("proto") == "tcp"
    network = pl.when(pl.col("src_ip").str.contains(":", literal=True)).then(_HEADER_V6).otherwise(_HEADER_V4)
    stamped = (pl.col("src_ip").str.len_bytes() % 2).cast(pl.Int64) * _TIMESTAMPS  # as good a coin as any, per host
    transport = pl.when(tcp).then(_TCP + stamped).otherwise(_UDP)
    return (network + transport).cast(pl.Int64)


def with_zeek_columns(frame: pl.DataFrame, *, flags: tuple[str, str], labels: bool) -> pl.DataFrame:
    """Add what CONN_FIELDS names, flags in the words for yes and no, and what LABEL_FIELDS names if ``labels``."""
    # A gap in what the sensor saw: rare, and only long transfers have them.
    gap = pl.when((pl.col("dst_bytes") > 200_000) & (pl.col("src_port") % 61 == 0)).then(pl.col("dst_bytes") // 80)
    wide = frame.with_columns(
        packet_overhead().alias("_per_packet"),
        gap.fill_null(0).alias("missed_bytes"),
        history(frame).alias("history"),
        _flag(["outbound", "internal"], flags).alias("local_orig"),
        _flag(["inbound", "internal"], flags).alias("local_resp"),
    ).with_columns(
        _ip_bytes("src").alias("orig_ip_bytes"),
        _ip_bytes("dst").alias("resp_ip_bytes"),
    )
    if not labels:
        return wide
    benign = pl.col(LABEL) == BENIGN
    return wide.with_columns(
        pl.when(benign).then(pl.lit("Benign")).when(~benign).then(pl.lit("Malicious")).alias("_verdict"),
        pl.when(~benign).then(pl.col(LABEL)).alias("_detail"),
    )


def _flag(directions: list[str], flags: tuple[str, str]) -> pl.Expr:
    local = pl.col("direction").is_in(directions)
    return pl.when(local).then(pl.lit(flags[0])).when(~local).then(pl.lit(flags[1]))


def _ip_bytes(side: str) -> pl.Expr:
    packets = pl.col(f"{side}_packets")
    opening = pl.when((pl.col("proto") == "tcp") & (packets > 1)).then(_SYN_OPTIONS).otherwise(0)
    return pl.col(f"{side}_bytes").fill_null(0) + packets * pl.col("_per_packet") + opening
