"""JSON of three collectors of NetFlow, IPFIX and sFlow: nProbe, pmacct and nfdump. One table says what differs.

* nProbe's names of fields (``--json-labels``) or their numbers, without labels; both directions in one record.
  https://www.ntop.org/guides/nprobe/flow_information_elements.html
* pmacct's primitives, each record one direction, aggregated as its configuration says.
  https://github.com/pmacct/pmacct/blob/master/CONFIG-KEYS
* nfdump's ``-o json`` (one object a line: ``-o ndjson``). https://github.com/phaag/nfdump

pmacct and nfdump write dates in their host's own zone unless told otherwise; here they are taken for UTC.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.net.states import ACK, FIN, PSH, RST, SYN, name_exchanges, name_half_states, name_tcp_states, pick
from detector.records.decoder import Chooser, Mapper, Options, RecordDecoder
from detector.records.flow import RejectReason
from detector.records.formats.suricata import OTHER_EVENT, lengths
from detector.records.icmp import split_icmp
from detector.records.sheet import Sheet
from detector.records.syntax.json_spans import JsonReader
from detector.records.syntax.keywords import ABSENT, build_keywords, match_keywords
from detector.records.syntax.spans import Kind, Spans

_S, _MS, _US = 1.0, 1e3, 1e6
_NUMBER = re.compile(r"(?:(0x)[0-9a-fA-F]{1,8}|[0-9]{1,10})")
_LETTERS = {"F": FIN, "S": SYN, "R": RST, "P": PSH, "A": ACK}
_NO_ADDRESS = ("", "::", "0.0.0.0")  # noqa: S104 - what stands where the record is of the other version of IP


@dataclass(frozen=True, slots=True)
class Collector:
    """What a collector calls its fields; "" where it has none."""

    starts: Mapping[str, float]
    """Fields with the time of the first packet, the first present wins, and how many of their units are a second."""
    ends: Mapping[str, float]
    src_ip: tuple[str, ...]
    """Of IPv4 and of IPv6, where these are two fields."""
    dst_ip: tuple[str, ...]
    src_port: str
    dst_port: str
    proto: str
    src_bytes: str
    src_packets: str
    tcp_flags: str
    dst_bytes: str = ""
    dst_packets: str = ""
    both_flags: tuple[str, ...] = ()
    """TCP's flags of the source and of the destination."""
    icmp: str = ""
    """ICMP's type × 256 + code, in a field of its own."""
    service: str = ""
    uid: str = ""
    event: str = ""
    """The field that says which kind of record it is, if there are others than flows."""
    others: tuple[str, ...] = ()
    """Kinds that are no flows."""
    numbers: Mapping[str, str] = field(default_factory=dict)
    """Other spellings."""

    def wanted(self) -> dict[str, tuple[str, ...]]:
        """The wanted fields, each with its other spellings."""
        names = (
            *(*self.starts, *self.ends, *self.src_ip, *self.dst_ip, self.src_port, self.dst_port, self.proto),
            *(self.src_bytes, self.src_packets, self.dst_bytes, self.dst_packets, self.tcp_flags, *self.both_flags),
            *(self.icmp, self.service, self.uid, self.event),
        )
        return {name: tuple(filter(None, (self.numbers.get(name),))) for name in names if name}

    def sources(self) -> dict[str, str]:
        """What each canonical column is made of, for the page about formats."""
        icmp = f"for ICMP `{self.icmp}` or `{self.dst_port}`" if self.icmp else f"for ICMP `{self.dst_port}`"
        both = f"`{self.both_flags[0]}` and `{self.both_flags[1]}`, else " if self.both_flags else ""
        others = "; of others who sent packets" if self.dst_packets else ""
        made = {
            "ts": ", else ".join(f"`{name}`" for name in self.starts),
            "duration_s": f"{', else '.join(f'`{name}`' for name in self.ends)}, less the start",
            "src_ip": " or ".join(f"`{name}`" for name in self.src_ip),
            "src_port": f"`{self.src_port}`; {icmp} // 256",
            "dst_ip": " or ".join(f"`{name}`" for name in self.dst_ip),
            "dst_port": f"`{self.dst_port}`; {icmp} % 256",
            "proto": f"`{self.proto}`",
            "service": f"`{self.service}`, unless it is `Unknown`" if self.service else "",
            "state": f"of TCP {both}`{self.tcp_flags}`{others}",
            "src_bytes": f"`{self.src_bytes}`",
            "dst_bytes": f"`{self.dst_bytes}`" if self.dst_bytes else "",
            "src_packets": f"`{self.src_packets}`",
            "dst_packets": f"`{self.dst_packets}`" if self.dst_packets else "",
            "uid": f"`{self.uid}`" if self.uid else "",
        }
        return {column: how for column, how in made.items() if how}

    def passed_over(self) -> dict[str, str]:
        """What is no flow, for the page about formats."""
        kinds = " or ".join(f"`{kind}`" for kind in self.others)
        return {"other_event": f"records whose `{self.event}` is {kinds}"} if self.event else {}


_NUMBERS = {
    "IN_BYTES": "1", "IN_PKTS": "2", "PROTOCOL": "4", "TCP_FLAGS": "6", "L4_SRC_PORT": "7", "L4_DST_PORT": "11",
    "IPV4_SRC_ADDR": "8", "IPV4_DST_ADDR": "12", "IPV6_SRC_ADDR": "27", "IPV6_DST_ADDR": "28", "LAST_SWITCHED": "21",
    "FIRST_SWITCHED": "22", "OUT_BYTES": "23", "OUT_PKTS": "24", "ICMP_TYPE": "32", "FLOW_ID": "148",
    "FLOW_START_SEC": "150", "FLOW_END_SEC": "151", "FLOW_START_MILLISECONDS": "152", "FLOW_END_MILLISECONDS": "153",
    "FLOW_START_MICROSECONDS": "154", "FLOW_END_MICROSECONDS": "155",
}  # fmt: skip
"""Of NetFlow 9 and IPFIX, as nProbe writes fields without labels."""

NPROBE = Collector(
    starts={"FLOW_START_MICROSECONDS": _US, "FLOW_START_MILLISECONDS": _MS, "FLOW_START_SEC": _S, "FIRST_SWITCHED": _S},
    ends={"FLOW_END_MICROSECONDS": _US, "FLOW_END_MILLISECONDS": _MS, "FLOW_END_SEC": _S, "LAST_SWITCHED": _S},
    src_ip=("IPV4_SRC_ADDR", "IPV6_SRC_ADDR"),
    dst_ip=("IPV4_DST_ADDR", "IPV6_DST_ADDR"),
    src_port="L4_SRC_PORT",
    dst_port="L4_DST_PORT",
    proto="PROTOCOL",
    src_bytes="IN_BYTES",
    src_packets="IN_PKTS",
    dst_bytes="OUT_BYTES",
    dst_packets="OUT_PKTS",
    tcp_flags="TCP_FLAGS",
    both_flags=("CLIENT_TCP_FLAGS", "SERVER_TCP_FLAGS"),
    icmp="ICMP_TYPE",
    service="L7_PROTO_NAME",
    uid="FLOW_ID",
    numbers=_NUMBERS,
)
PMACCT = Collector(
    starts=dict.fromkeys(("timestamp_start", "timestamp_min", "timestamp_arrival", "stamp_inserted"), _S),
    ends=dict.fromkeys(("timestamp_end", "timestamp_max"), _S),
    src_ip=("ip_src",),
    dst_ip=("ip_dst",),
    src_port="port_src",
    dst_port="port_dst",
    proto="ip_proto",
    src_bytes="bytes",
    src_packets="packets",
    tcp_flags="tcp_flags",
    event="event_type",
    others=("purge_init", "purge_close"),
)
NFDUMP = Collector(
    starts={"first": _S, "t_first": _S, "received": _S},
    ends={"last": _S, "t_last": _S},
    src_ip=("src4_addr", "src6_addr"),
    dst_ip=("dst4_addr", "dst6_addr"),
    src_port="src_port",
    dst_port="dst_port",
    proto="proto",
    src_bytes="in_bytes",
    src_packets="in_packets",
    dst_bytes="out_bytes",
    dst_packets="out_packets",
    tcp_flags="tcp_flags",
)


def open_nprobe(options: Options) -> RecordDecoder:
    """A decoder of nProbe's JSON; it has no labels."""
    return _open(NPROBE, options)


def open_pmacct(options: Options) -> RecordDecoder:
    """A decoder of pmacct's JSON; it has no labels."""
    return _open(PMACCT, options)


def open_nfdump(options: Options) -> RecordDecoder:
    """A decoder of nfdump's JSON; it has no labels."""
    return _open(NFDUMP, options)


def _open(collector: Collector, options: Options) -> RecordDecoder:
    wanted = collector.wanted()
    chooser = _chooser(list(wanted).index(collector.event), collector.others) if collector.event else None
    return RecordDecoder(options, JsonReader(wanted), _mapper(collector), chooser)


def _chooser(event: int, others: tuple[str, ...]) -> Chooser:
    words = build_keywords({(0, name): (0, ABSENT) for name in others})

    def choose(spans: Spans) -> tuple[NDArray[np.bool_], dict[str, int]]:
        kinds = spans.kinds[event]
        found = match_keywords(*words, spans.data, spans.begins[event], spans.ends[event], kinds) >= 0
        found &= kinds == Kind.TEXT
        count = int(found.sum())
        return ~found, {OTHER_EVENT: count} if count else {}

    return choose


def _mapper(collector: Collector) -> Mapper:
    def map_columns(sheet: Sheet, labels: bool) -> dict[str, pl.Series]:  # noqa: ARG001 - there are none
        start = first_time(sheet, collector.starts)
        earliest = next(iter(collector.starts))
        sheet.blame(earliest, start.is_null().to_numpy(), RejectReason.MISSING_FIELD, "is missing, as are other times")
        columns = {
            "ts": start,
            "src_ip": _address(sheet, collector.src_ip),
            "dst_ip": _address(sheet, collector.dst_ip),
            "proto": sheet.protocols(collector.proto),
            "duration_s": lengths(start, first_time(sheet, collector.ends)),
        }
        for name in ("src_bytes", "src_packets", "dst_bytes", "dst_packets"):
            if getattr(collector, name):
                columns[name] = sheet.counts(getattr(collector, name))
        columns["src_port"], columns["dst_port"] = _ports(sheet, collector, columns["proto"])
        if collector.service:
            columns["service"] = sheet.words(collector.service, _name_service)
        if collector.uid:
            columns["uid"] = sheet.text(collector.uid)
        columns["state"] = _states(sheet, collector, columns)
        return columns

    return map_columns


def first_time(sheet: Sheet, fields: Mapping[str, float]) -> pl.Series:
    """The first of some times that a record has, in seconds since 1970; 0 is how collectors say that there is none."""
    found = pl.repeat(None, len(sheet), dtype=pl.Float64, eager=True)
    for name, per_second in fields.items():
        if sheet.present(name).any():
            times = sheet.times(name, per_second, required=False)
            found = found.fill_null(pick((times > 0).fill_null(value=False), times, found))
    return found


def _address(sheet: Sheet, names: tuple[str, ...]) -> pl.Series:
    """The address in the one field, or in whichever of two fields has one."""
    if len(names) == 1:
        return sheet.addresses(names[0])
    four, six = (sheet.addresses(name, unless="") for name in names)
    address = pick(~six.is_in(_NO_ADDRESS), six, four)
    sheet.blame(names[0], (address == "").to_numpy(), RejectReason.MISSING_FIELD, f"is missing, as is {names[1]}")
    return address


def _ports(sheet: Sheet, collector: Collector, proto: pl.Series) -> tuple[pl.Series, pl.Series]:
    ports = sheet.ports(collector.src_port), sheet.ports(collector.dst_port)
    if collector.icmp and sheet.present(collector.icmp).any():
        kinds = sheet.ports(collector.icmp)
        told = (proto == "icmp").fill_null(value=False) & (kinds > 0).fill_null(value=False)
        ports = pick(told, pl.repeat(0, len(sheet), dtype=pl.Int32, eager=True), ports[0]), pick(told, kinds, ports[1])
    return split_icmp(proto, *ports)


def _states(sheet: Sheet, collector: Collector, columns: dict[str, pl.Series]) -> pl.Series:
    """Zeek's words for TCP's flags, of both sides where they are told apart; of other protocols, for who sent."""
    nothing = pl.repeat(None, len(sheet), dtype=pl.String, eager=True)
    state = name_half_states(_flags(sheet, collector.tcp_flags))
    if collector.both_flags and sheet.present(collector.both_flags[0]).any():
        state = name_tcp_states(*(_flags(sheet, name) for name in collector.both_flags)).fill_null(state)
    others = nothing
    if "dst_packets" in columns:
        others = name_exchanges(columns["src_packets"], columns["dst_packets"])
    return pick((columns["proto"] == "tcp").fill_null(value=False), state, others)


def _flags(sheet: Sheet, name: str) -> NDArray[np.int64]:
    """TCP's flags as a number, or as nfdump's letters (``...AP.SF``); -1 where absent."""
    return sheet.words(name, _read_flags).cast(pl.Int64).fill_null(-1).to_numpy()


def _read_flags(word: str) -> str | None:
    number = _NUMBER.fullmatch(word)
    if number:
        return str(int(word, 16 if number[1] else 10) & 0xFF)
    return str(sum(bit for letter, bit in _LETTERS.items() if letter in word))


def _name_service(word: str) -> str | None:
    return None if word.lower() in {"", "unknown"} else word.lower()
