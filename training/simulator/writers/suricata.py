"""Suricata's EVE log: flow events, and at choice the events of other types that come between them.

Suricata sees the same connections in its own way: bytes are those of whole packets, a lone packet's flow ends when it
starts, applications and states have other names, and there is no direction. :func:`seen` gives a frame in that view.
Its flow events are logged when a flow is over; here they come in the order of their starts.

Real EVE has no labels. Where they are asked for, ``flow.alerted`` is true for attacks, which is what our decoder reads,
and a field ``label`` of the event's own says ``benign`` or the kind of attack.
"""

from __future__ import annotations

import ipaddress

import numpy as np
import polars as pl

from detector.records.flow import BENIGN, LABEL
from training.simulator.writers.lines import Field, Kind, Lines, LineWriter
from training.simulator.writers.suricata_tcp import tcp_part
from training.simulator.writers.zeek import packet_overhead

_ETHERNET = 14
_SHORTEST_FRAME = 60  # Ethernet pads

_APPLICATIONS = {
    "dns": "dns",
    "ntp": "ntp",
    "dhcp": "dhcp",
    "ssl": "tls",
    "quic,ssl": "quic",
    "http": "http",
    "krb_tcp": "krb5",
    "gssapi,ldap": "ldap",
    "dce_rpc": "dcerpc",
    "gssapi,dce_rpc": "dcerpc",
    "gssapi,smb": "smb",
    "ssh": "ssh",
    "rdp": "rdp",
    "smtp,ssl": "smtp",
    "postgresql": "pgsql",
    "snmp": "snmp",
    "sip": "sip",
}
"""Suricata's names of what Zeek calls otherwise; what is not here it does not recognise."""

_EVENT = (
    Field('{"timestamp":"', "_logged", Kind.CLOCK, '+0000"'),
    Field(',"flow_id":', "_flow_id", Kind.INTEGER),
    Field(',"in_iface":"', "_interface", Kind.TEXT, '"'),
    Field(',"event_type":"', "_type", Kind.TEXT, '"'),
    Field(',"src_ip":"', "_src_ip", Kind.TEXT, '"'),
    Field(',"src_port":', "_src_port", Kind.INTEGER),
    Field(',"dest_ip":"', "_dst_ip", Kind.TEXT, '"'),
    Field(',"dest_port":', "_dst_port", Kind.INTEGER),
    Field(',"proto":"', "_proto", Kind.TEXT, '"'),
    Field(',"icmp_type":', "_icmp_type", Kind.INTEGER),
    Field(',"icmp_code":', "_icmp_code", Kind.INTEGER),
    Field(',"app_proto":"', "_app_proto", Kind.TEXT, '"'),
)
_FLOW = (
    Field(',"flow":{"pkts_toserver":', "_up_packets", Kind.INTEGER),
    Field(',"pkts_toclient":', "_down_packets", Kind.INTEGER),
    Field(',"bytes_toserver":', "_up_bytes", Kind.INTEGER),
    Field(',"bytes_toclient":', "_down_bytes", Kind.INTEGER),
    Field(',"start":"', "_start", Kind.CLOCK, '+0000"'),
    Field(',"end":"', "_end", Kind.CLOCK, '+0000"'),
    Field(',"age":', "_age", Kind.INTEGER),
    Field(',"state":"', "_state", Kind.TEXT, '"'),
    Field(',"reason":"', "_reason", Kind.TEXT, '","alerted":'),
    Field("", "_alerted", Kind.TEXT, "}"),
    Field(',"tcp":', "_tcp", Kind.TEXT),
)
_OTHER = Field("", "_body", Kind.TEXT)
_END = Field("}", "_nothing", Kind.TEXT)
_LABEL = Field(',"label":"', LABEL, Kind.TEXT, '"')

_PLAIN = LineWriter([*_EVENT, *_FLOW, _END])
_LABELLED = LineWriter([*_EVENT, *_FLOW, _LABEL, _END])
_MIXED = LineWriter([*_EVENT, *_FLOW, _OTHER, _END])
_MIXED_LABELLED = LineWriter([*_EVENT, *_FLOW, _OTHER, _LABEL, _END])


def write(frame: pl.DataFrame, *, labels: bool = False) -> Lines:
    """One flow event per flow."""
    return (_LABELLED if labels else _PLAIN).write(_events(frame, labels=labels))


def write_mixed(frame: pl.DataFrame, *, labels: bool = False) -> Lines:
    """Flow events, and before some of them the DNS, TLS or HTTP event of the same flow."""
    events = _events(frame, labels=labels).with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias("_row"))
    others = _others(events)
    both = pl.concat([others, events.with_columns(pl.lit(None, pl.String).alias("_body"))], how="diagonal_relaxed")
    both = both.sort("_row", maintain_order=True)
    lines = (_MIXED_LABELLED if labels else _MIXED).write(both)
    return Lines(lines.data, lines.ends, both["_row"].to_numpy())


def seen(frame: pl.DataFrame) -> pl.DataFrame:
    """The canonical frame as Suricata knows it, but for ``state``, which is the decoder's to name."""
    events = _events(frame, labels=False)
    return frame.with_columns(
        events["_flow_id"].cast(pl.String).alias("uid"),
        events["_src_ip"].alias("src_ip"),
        events["_dst_ip"].alias("dst_ip"),
        events["_span"].alias("duration_s"),
        events["_app_proto"].replace("failed", None).alias("service"),
        events["_up_bytes"].alias("src_bytes"),
        events["_down_bytes"].alias("dst_bytes"),
        pl.lit(None, pl.String).alias("direction"),
    )


def _events(frame: pl.DataFrame, *, labels: bool) -> pl.DataFrame:
    """The columns that the fields name."""
    icmp = pl.col("proto") == "icmp"
    span = pl.col("duration_s").fill_null(0.0)
    carried = pl.col("src_bytes").fill_null(0) + pl.col("dst_bytes").fill_null(0) > 0
    known = pl.col("service").replace_strict(_APPLICATIONS, default=None, return_dtype=pl.String)
    unknown = pl.when(carried & ~icmp).then(pl.lit("failed"))
    end = (pl.col("ts") + span).round(6)
    attack = (pl.col(LABEL) != BENIGN).fill_null(value=False) & labels
    return frame.select(
        LABEL,
        "service",
        flow_ids(frame["uid"]).alias("_flow_id"),
        pl.lit("eth0").alias("_interface"),
        pl.lit("flow").alias("_type"),
        full_addresses(frame["src_ip"]).alias("_src_ip"),
        full_addresses(frame["dst_ip"]).alias("_dst_ip"),
        pl.when(~icmp).then(pl.col("src_port")).alias("_src_port"),
        pl.when(~icmp).then(pl.col("dst_port")).alias("_dst_port"),
        pl.when(icmp).then(pl.col("src_port")).alias("_icmp_type"),
        pl.when(icmp).then(pl.col("dst_port")).alias("_icmp_code"),
        pl.col("proto").str.to_uppercase().alias("_proto"),
        pl.coalesce(known, unknown).alias("_app_proto"),
        pl.col("src_packets").alias("_up_packets"),
        pl.col("dst_packets").alias("_down_packets"),
        _wire_bytes("src").alias("_up_bytes"),
        _wire_bytes("dst").alias("_down_bytes"),
        pl.col("ts").alias("_start"),
        end.alias("_end"),
        end.alias("_logged"),
        (end.floor() - pl.col("ts").floor()).cast(pl.Int64).alias("_age"),
        (end - pl.col("ts")).round(6).alias("_span"),
        tcp_part(frame).alias("_tcp"),
        _flow_state().alias("_state"),
        pl.lit("timeout").alias("_reason"),
        pl.when(attack).then(pl.lit("true")).otherwise(pl.lit("false")).alias("_alerted"),
        pl.lit("").alias("_nothing"),
    )


def _wire_bytes(side: str) -> pl.Expr:
    packets = pl.col(f"{side}_packets")
    told = pl.col(f"{side}_bytes").fill_null(0) + packets * (packet_overhead() + _ETHERNET)
    return pl.max_horizontal(told, packets * _SHORTEST_FRAME)


def _flow_state() -> pl.Expr:
    """Suricata's state of the flow: whether both sides have spoken, and for TCP whether it is over."""
    word = pl.col("state")
    both = (pl.col("src_packets") > 0) & (pl.col("dst_packets") > 0)
    tcp = pl.col("proto") == "tcp"
    return (
        pl.when(tcp & word.is_in(["SF", "REJ", "RSTO", "RSTR", "RSTOS0", "RSTRH"]))
        .then(pl.lit("closed"))
        .when(both & ~(tcp & word.is_in(["S0", "SH", "SHR"])))
        .then(pl.lit("established"))
        .otherwise(pl.lit("new"))
    )


def flow_ids(uids: pl.Series) -> pl.Series:
    """A number below 2⁵³ for each id, as Suricata's: FNV-1a over its letters (Fowler, Noll and Vo, 1991)."""
    lengths = uids.str.len_bytes().to_numpy()
    width = int(lengths.max()) if len(uids) else 0
    letters = np.frombuffer(uids.str.pad_end(width, "\0").str.join("").item().encode(), np.uint8)
    table = letters.reshape(len(uids), width) if len(uids) else np.empty((0, 0), np.uint8)
    number = np.full(len(uids), 0xCBF29CE484222325, dtype=np.uint64)
    with np.errstate(over="ignore"):
        for column in range(width):
            number = (number ^ table[:, column]) * np.uint64(0x100000001B3)
    return pl.Series((number >> np.uint64(11)).astype(np.int64))


def full_addresses(addresses: pl.Series) -> pl.Series:
    """Suricata writes IPv6 addresses in full, with all zeros."""
    short = addresses.filter(addresses.str.contains(":", literal=True)).unique().to_list()
    if not short:
        return addresses
    return addresses.replace(short, [ipaddress.IPv6Address(address).exploded for address in short])


_TLS = "ssl"


def _others(events: pl.DataFrame) -> pl.DataFrame:
    """Events of other types: of every third flow whose application Suricata logs."""
    chosen = events.filter((pl.col("_flow_id") % 3 == 0) & pl.col("service").is_in(["dns", "http", _TLS]))
    host = pl.concat_str([pl.lit("h"), pl.col("_flow_id") % 4096, pl.lit(".example.net")])
    question = pl.concat_str(
        [
            pl.lit(',"dns":{"type":"query","id":'),
            pl.col("_flow_id") % 65536,
            pl.lit(',"rrname":"'),
            host,
            pl.lit('","rrtype":"A","tx_id":0,"opcode":0}'),
        ]
    )
    request = pl.concat_str(
        [
            pl.lit(',"http":{"hostname":"'),
            host,
            pl.lit('","url":"/","http_method":"GET","protocol":"HTTP/1.1","status":200,"length":1024}'),
        ]
    )
    greeting = pl.concat_str([pl.lit(',"tls":{"sni":"'), host, pl.lit('","version":"TLS 1.3"}')])
    service = pl.col("service")
    return chosen.select(
        "_row",
        "_flow_id",
        "_interface",
        "_src_ip",
        "_src_port",
        "_dst_ip",
        "_dst_port",
        "_proto",
        "_nothing",
        pl.col("_start").alias("_logged"),
        pl.when(service == _TLS).then(pl.lit("tls")).otherwise(service).alias("_type"),
        pl.when(service == "dns").then(question).when(service == _TLS).then(greeting).otherwise(request).alias("_body"),
    )
