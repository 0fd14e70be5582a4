"""AWS VPC flow logs, versions 2 to 10, and those of transit gateways: words between spaces, or JSON.

Lines are in the order of their header line, else of the columns that the settings name, else in one of AWS's own
orders: that of its table of fields up to some version, the same by the alphabet, or a transit gateway's default. JSON
is what Parquet files become, and what Vector and the like write: names with underscores or hyphens.

Each record is one direction of a flow within one capture window; what came back is a record of its own. So the
destination's bytes and packets are null. Windows without data (``NODATA``, ``SKIPDATA``) are passed over. A packet that
was not let in or out (``REJECT``) is Zeek's ``REJ``; otherwise the state goes by the flags of that direction.

https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html
https://docs.aws.amazon.com/vpc/latest/tgw/tgw-flow-logs.html
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.net.states import name_half_states, pick
from detector.records.decoder import Options, Reading, RecordDecoder
from detector.records.formats.suricata import lengths
from detector.records.intake import Intake
from detector.records.sheet import Sheet
from detector.records.syntax.either import EitherReader
from detector.records.syntax.headers import HEADER_STARTS, clean_name, name_line
from detector.records.syntax.json_spans import JsonReader
from detector.records.syntax.keywords import ABSENT, build_keywords, match_keywords
from detector.records.syntax.spans import Kind, Spans
from detector.records.syntax.split_spans import Dialect, Layout, SplitReader

NO_DATA = "no_data"
"""Kind under which records of windows without data are passed over."""

_BY_VERSION = (
    (
        "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end"
        " action log-status"
    ),
    "vpc-id subnet-id instance-id tcp-flags type pkt-srcaddr pkt-dstaddr",  # 3
    "region az-id sublocation-type sublocation-id",  # 4
    "pkt-src-aws-service pkt-dst-aws-service flow-direction traffic-path",  # 5
    (
        "ecs-cluster-arn ecs-cluster-name ecs-container-instance-arn ecs-container-instance-id ecs-container-id"
        " ecs-second-container-id ecs-service-name ecs-task-definition-arn ecs-task-arn ecs-task-id"  # 7
    ),
    "reject-reason",  # 8
    "resource-id",  # 9
    "encryption-status",  # 10
)
"""AWS's fields, by the version that brought them, in the order of its table."""

_TRANSIT_GATEWAY = (
    "version resource-type account-id tgw-id tgw-attachment-id tgw-src-vpc-account-id tgw-dst-vpc-account-id"
    " tgw-src-vpc-id tgw-dst-vpc-id tgw-src-subnet-id tgw-dst-subnet-id tgw-src-eni tgw-dst-eni tgw-src-az-id"
    " tgw-dst-az-id tgw-pair-attachment-id srcaddr dstaddr srcport dstport protocol packets bytes start end log-status"
    " type packets-lost-no-route packets-lost-blackhole packets-lost-mtu-exceeded packets-lost-ttl-expired tcp-flags"
    " region flow-direction pkt-src-aws-service pkt-dst-aws-service"
)
_ORDERS = tuple(accumulate((tuple(names.split()) for names in _BY_VERSION), lambda before, more: before + more))
KNOWN = (
    *(Layout(names, " ") for names in _ORDERS),
    *(Layout(tuple(sorted(names)), " ") for names in _ORDERS),
    Layout(tuple(_TRANSIT_GATEWAY.split()), " "),
)
"""Of each width, AWS's own order first, the alphabet's second."""

_NAMES = (
    *("srcaddr", "dstaddr", "srcport", "dstport", "protocol", "packets", "bytes", "start", "end", "action"),
    *("log-status", "tcp-flags", "flow-direction", "resource-type"),
)
_CAMEL = {"srcaddr": "srcAddr", "dstaddr": "dstAddr", "srcport": "srcPort", "dstport": "dstPort"}


def _spellings(name: str) -> tuple[str, ...]:
    first, *others = name.split("-")
    camel = _CAMEL.get(name, first + "".join(word.capitalize() for word in others))
    return tuple(dict.fromkeys(one for one in (name.replace("-", "_"), camel) if one != name))


WANTED: dict[str, tuple[str, ...]] = {name: _spellings(name) for name in _NAMES}
"""The wanted fields, each with its other spellings."""

SOURCES = {
    "ts": "`start`",
    "duration_s": "`end` − `start`: of the capture window, not of the connection",
    "src_ip": "`srcaddr`",
    "src_port": "`srcport`",
    "dst_ip": "`dstaddr`",
    "dst_port": "`dstport`",
    "proto": "`protocol`",
    "state": "`REJ` where `action` is `REJECT`; else, of TCP, `tcp-flags`",
    "src_bytes": "`bytes`",
    "src_packets": "`packets`",
    "direction": "`flow-direction`, unless `resource-type` says that a transit gateway saw it",
}
"""What each canonical column is made of, for the page about formats."""

PASSED_OVER = {
    "header": "lines that name columns",
    "no_data": "windows whose `log-status` is `NODATA` or `SKIPDATA`",
}

_STATUS = _NAMES.index("log-status")
_WITHOUT = build_keywords({(0, "NODATA"): (0, ABSENT), (0, "SKIPDATA"): (0, ABSENT)})
_NOTHING = build_keywords({(0, "-"): (0, ABSENT), (0, ""): (0, ABSENT)})
_DIRECTIONS = {"ingress": "inbound", "egress": "outbound"}


def open_vpcflow(options: Options) -> RecordDecoder:
    """A decoder of VPC flow logs; they have no labels."""
    dialect = Dialect(
        wanted=WANTED,
        header_starts=HEADER_STARTS + b"$",
        read_header=name_line(" ", ("srcaddr", "dstaddr")),
        known=KNOWN,
        choose=_choose,
        required=("srcaddr", "dstaddr", "protocol", "start"),
    )
    lines = SplitReader(dialect, [clean_name(name) for name in options.columns])
    return RecordDecoder(options, EitherReader(ObjectReader(), lines), map_vpcflow, choose_data)


class ObjectReader:
    """Reads records that are JSON objects, where a text that is a hyphen means that there is none."""

    def __init__(self) -> None:
        self._json = JsonReader(WANTED)
        self.names = self._json.names

    def several(self, intake: Intake) -> NDArray[np.intp]:
        """The values that are lists."""
        return self._json.several(intake)

    def read(self, intake: Intake, streams: NDArray[np.int32]) -> Reading:
        """The spans of the values; see the protocol."""
        reading = self._json.read(intake, streams)
        spans = reading.spans
        for begins, ends, kinds in zip(spans.begins, spans.ends, spans.kinds, strict=True):
            kinds[(match_keywords(*_NOTHING, spans.data, begins, ends, kinds) >= 0) & (kinds == Kind.TEXT)] = (
                Kind.ABSENT
            )
        return replace(reading, spans=spans)


def _choose(
    intake: Intake,
    ends: NDArray[np.int32],  # noqa: ARG001 - a line's beginning tells
    indices: NDArray[np.intp],
    known: Sequence[Layout],  # noqa: ARG001 - see KNOWN
) -> NDArray[np.intp]:
    """Of two orders of one width: AWS's own begins with the version, one or two digits, the other with the account."""
    begins = intake.begins[indices]
    first, second, third = (intake.data[begins + step] for step in range(3))
    space, zero, nine = (ord(sign) for sign in " 09")
    is_version = (first >= zero) & (first <= nine) & ((second == space) | (third == space))
    return np.where(is_version, 0, 1)


def choose_data(spans: Spans) -> tuple[NDArray[np.bool_], dict[str, int]]:
    """All but records of windows without data."""
    kinds = spans.kinds[_STATUS]
    codes = match_keywords(*_WITHOUT, spans.data, spans.begins[_STATUS], spans.ends[_STATUS], kinds)
    others: NDArray[np.bool_] = (kinds == Kind.TEXT) & (codes >= 0)
    count = int(others.sum())
    return ~others, {NO_DATA: count} if count else {}


def map_vpcflow(sheet: Sheet, labels: bool) -> dict[str, pl.Series]:  # noqa: ARG001 - there are none
    """The canonical columns of one-sided flows."""
    start = sheet.times("start")
    columns = {
        "ts": start,
        "src_ip": sheet.addresses("srcaddr"),
        "dst_ip": sheet.addresses("dstaddr"),
        "proto": sheet.protocols("protocol"),
        "src_port": sheet.ports("srcport"),
        "dst_port": sheet.ports("dstport"),
        "duration_s": lengths(start, sheet.times("end", required=False)),
        "src_bytes": sheet.counts("bytes"),
        "src_packets": sheet.counts("packets"),
        "direction": _directions(sheet),
    }
    flags = sheet.counts("tcp-flags").fill_null(-1).to_numpy()
    refused = sheet.words("action", {"REJECT": "REJ"}.get)
    is_tcp = (columns["proto"] == "tcp").fill_null(value=False)
    nothing = pl.repeat(None, len(sheet), dtype=pl.String, eager=True)
    columns["state"] = refused.fill_null(pick(is_tcp, name_half_states(flags), nothing))
    return columns


def _directions(sheet: Sheet) -> pl.Series:
    """In or out, as the network interface sees it; a transit gateway's own ingress and egress say nothing of that."""
    direction = sheet.words("flow-direction", _DIRECTIONS.get)
    if not sheet.present("resource-type").any():
        return direction
    gateway = sheet.words("resource-type").str.starts_with("TransitGateway").fill_null(value=False)
    return pick(gateway, pl.repeat(None, len(sheet), dtype=pl.String, eager=True), direction)
