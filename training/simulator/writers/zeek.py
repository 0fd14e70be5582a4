"""What Zeek's conn log tells beyond the canonical record: history, IP bytes, missed bytes, local ends.

All of it follows from the canonical columns, so any frame can be written, and the same frame gives the same lines.
"""

from __future__ import annotations

import polars as pl

from training.simulator.flows import STATES

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


def with_zeek_columns(frame: pl.DataFrame) -> pl.DataFrame:
    """Add ``history``, ``missed_bytes``, ``orig_ip_bytes``, ``resp_ip_bytes``, ``local_orig`` and ``local_resp``."""
    tcp = pl.col("proto") == "tcp"
    network = pl.when(pl.col("src_ip").str.contains(":", literal=True)).then(_HEADER_V6).otherwise(_HEADER_V4)
    stamped = (pl.col("src_ip").str.len_bytes() % 2).cast(pl.Int64) * _TIMESTAMPS  # as good a coin as any, per host
    transport = pl.when(tcp).then(_TCP + stamped).otherwise(_UDP)
    # A gap in what the sensor saw: rare, and only long transfers have them.
    gap = pl.when((pl.col("dst_bytes") > 200_000) & (pl.col("src_port") % 61 == 0)).then(pl.col("dst_bytes") // 80)
    return frame.with_columns(
        (network + transport).cast(pl.Int64).alias("_per_packet"),
        gap.fill_null(0).alias("missed_bytes"),
        history(frame).alias("history"),
        pl.col("direction").is_in(["outbound", "internal"]).alias("local_orig"),
        pl.col("direction").is_in(["inbound", "internal"]).alias("local_resp"),
    ).with_columns(
        _ip_bytes("src").alias("orig_ip_bytes"),
        _ip_bytes("dst").alias("resp_ip_bytes"),
    )


def _ip_bytes(side: str) -> pl.Expr:
    packets = pl.col(f"{side}_packets")
    opening = pl.when((pl.col("proto") == "tcp") & (packets > 1)).then(_SYN_OPTIONS).otherwise(0)
    return pl.col(f"{side}_bytes").fill_null(0) + packets * pl.col("_per_packet") + opening
