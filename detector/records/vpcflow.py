"""AWS VPC flow logs, versions 2 to 5: words between spaces, in the order of the header line, or in AWS's own orders.

Each record is one direction of a flow within one capture window; what came back is a record of its own. So the
destination's bytes and packets are null. Windows without data (``NODATA``, ``SKIPDATA``) are passed over. A packet that
was not let in or out (``REJECT``) is Zeek's ``REJ``; otherwise the state goes by the flags of that direction.
https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.records.cells import Cells, Kind
from detector.records.decoder import Options, RecordDecoder
from detector.records.headers import HEADER_STARTS, name_line
from detector.records.sheet import Sheet
from detector.records.split_cells import Dialect, Layout, SplitReader
from detector.records.states import name_half_states, pick
from detector.records.suricata import lengths
from detector.records.words import ABSENT, build_words, match_words

NO_DATA = "no_data"
"""Kind under which records of windows without data are passed over."""

_V2 = (
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status"
)
_V3 = " vpc-id subnet-id instance-id tcp-flags type pkt-srcaddr pkt-dstaddr"
_V4 = " region az-id sublocation-type sublocation-id"
_V5 = " pkt-src-aws-service pkt-dst-aws-service flow-direction traffic-path"
_KNOWN = tuple(Layout(tuple(names.split()), " ") for names in (_V2, _V2 + _V3, _V2 + _V3 + _V4, _V2 + _V3 + _V4 + _V5))

_WANTED = [
    "srcaddr",
    "dstaddr",
    "srcport",
    "dstport",
    "protocol",
    "packets",
    "bytes",
    "start",
    "end",
    "action",
    "log-status",
    "tcp-flags",
    "flow-direction",
]
_STATUS = _WANTED.index("log-status")
_WITHOUT = build_words({(0, "NODATA"): (0, ABSENT), (0, "SKIPDATA"): (0, ABSENT)})
_DIRECTIONS = {"ingress": "inbound", "egress": "outbound"}


def open_vpcflow(options: Options) -> RecordDecoder:
    """A decoder of VPC flow logs; they have no labels."""
    dialect = Dialect(
        wanted=dict.fromkeys(_WANTED, ()),
        header_starts=HEADER_STARTS + b"$",
        read_header=name_line(("srcaddr", "dstaddr"), " "),
        known=_KNOWN,
    )
    return RecordDecoder(options, SplitReader(dialect), map_vpcflow, choose_data)


def choose_data(cells: Cells) -> tuple[NDArray[np.bool_], dict[str, int]]:
    """All but records of windows without data."""
    kinds = cells.kinds[_STATUS]
    codes = match_words(*_WITHOUT, cells.data, cells.begins[_STATUS], cells.ends[_STATUS], kinds)
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
        "direction": sheet.words("flow-direction", _DIRECTIONS.get),
    }
    flags = sheet.counts("tcp-flags").fill_null(-1).to_numpy()
    refused = sheet.words("action", {"REJECT": "REJ"}.get)
    is_tcp = (columns["proto"] == "tcp").fill_null(value=False)
    nothing = pl.repeat(None, len(sheet), dtype=pl.String, eager=True)
    columns["state"] = refused.fill_null(pick(is_tcp, name_half_states(flags), nothing))
    return columns
